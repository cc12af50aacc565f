// Look-ups when the system has no thread or no descriptor left: by resource limits, which are the
// kernel's own way of saying so. Memory is in resolver_memory.cpp.
#if defined(__linux__)

#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "net/resolver.h"

namespace {

using net::Failure;
using net::Family;
using net::LookupWaiter;
using net::Resolver;
using platform::Code;
using platform::Error;
using platform::Operation;

struct Told {
    unsigned times = 0;
    std::string failure{};
};

auto tell(Told& told) {
    return [&told](const Failure& failure) {
        told.times++;
        told.failure = failure.text();
    };
}

struct Waiter : LookupWaiter {
    Waiter()
        : LookupWaiter([](LookupWaiter& waiter, net::Result<net::Address> result) {
              Waiter& self = static_cast<Waiter&>(waiter);
              self.times++;
              self.error = result.error();
          }) {}
    unsigned times = 0;
    Error error{};
};

constexpr int cannot_try = 77;

// In a process that may not have one more thread. Its exit status tells.
int look_up_without_threads() {
    if (geteuid() == 0 && setuid(65534) != 0) return cannot_try;  // Root may have any number.
    const rlimit none{0, 0};
    if (setrlimit(RLIMIT_NPROC, &none) != 0) return cannot_try;
    pthread_t thread;
    const auto nothing = [](void* argument) { return argument; };
    if (pthread_create(&thread, nullptr, nothing, nullptr) == 0) return cannot_try;

    core::Loop loop;
    Resolver resolver(loop);
    Told told[2];
    Waiter waiter;
    resolver.lookup("localhost", Family::ipv4, tell(told[0]));
    resolver.lookup("::1", Family::none, tell(told[1]));
    net::resolve(loop, waiter, "localhost", Family::ipv4);
    if (told[0].times + waiter.times != 0) return 1;
    if (loop.run()) return 2;
    if (told[0].times != 1 || told[0].failure != "startWorker EAGAIN localhost") return 3;
    if (told[1].times != 1 || told[1].failure != "") return 4;
    if (waiter.times != 1 || waiter.error.operation != Operation::start_worker) return 5;
    if (waiter.error.code != Code::would_block) return 6;
    resolver.lookup("localhost", Family::ipv4, tell(told[0]));  // The next one is told as well.
    return !loop.run() && told[0].times == 2 ? 0 : 7;
}

}  // namespace

TEST_CASE("a thread that cannot be had is that look-up's error") {
    std::fflush(nullptr);  // Or the child may say it again.
    const pid_t child = fork();
    if (child == 0) _exit(look_up_without_threads());
    CHECK(child > 0);
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    const int code = WEXITSTATUS(status);
    WARN_MESSAGE(code != cannot_try, "threads cannot be forbidden here");
    CHECK((code == 0 || code == cannot_try));
}

TEST_CASE("[12] a loop that could not be made takes look-ups, and run() says why none is told") {
    rlimit before{};
    CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
    const rlimit none{0, before.rlim_max};
    CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
    std::optional<core::Loop> loop(std::in_place);
    CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);

    const auto held = std::make_shared<int>();
    Waiter waiter;
    Resolver resolver(*loop);
    for (const char* host : {"localhost", "::1", "127.1"}) {
        resolver.lookup(host, Family::none, [held] { FAIL("there is no loop"); });
    }
    const Resolver::Id id = resolver.lookup("::1", Family::none, [held] {});
    net::resolve(*loop, waiter, "localhost", Family::none);
    CHECK(loop->run().code == Code::too_many_handles);
    CHECK(resolver.cancel(id));
    CHECK(held.use_count() == 4);
    loop.reset();
    CHECK(held.use_count() == 1);
    CHECK_FALSE(waiter.waiting());
    CHECK(waiter.times == 0);
}

#endif
