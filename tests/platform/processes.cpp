// What a seam owes to programs that fork, execute others, and give up.
#ifndef _WIN32

#include <doctest/doctest.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <set>

#include "tests/platform/support.h"

using namespace platform;

namespace {

int wait_for(pid_t child) {
    int status = -1;
    if (waitpid(child, &status, 0) != child) return -1;
    return status;
}

std::set<int> open_descriptors() {
    std::set<int> found;
    for (int descriptor = 0; descriptor < 1024; descriptor++) {
        if (fcntl(descriptor, F_GETFD) >= 0) found.insert(descriptor);
    }
    return found;
}

bool all_private(const std::set<int>& before) {
    for (const int descriptor : open_descriptors()) {
        if (before.count(descriptor)) continue;
        if (!(fcntl(descriptor, F_GETFD) & FD_CLOEXEC)) return false;
    }
    return true;
}

struct Idle : Job {
    std::atomic<bool> open{false};
    bool discarded = false;
    Idle() {
        run = [](Job& job) {
            while (!static_cast<Idle&>(job).open.load()) usleep(1000);
        };
        discard = [](Job& job) { static_cast<Idle&>(job).discarded = true; };
    }
};

struct Folder {
    std::string path;
    Folder() {
        char name[] = "/tmp/volley-XXXXXX";
        if (!mkdtemp(name)) abandon("mkdtemp");
        path = name;
    }
    ~Folder() { rmdir(path.c_str()); }
};

}  // namespace

TEST_CASE("every descriptor is closed in programs that are executed, and gone afterwards") {
    const std::set<int> before = open_descriptors();
    {
        const auto poller = open_poller();
        const std::set<int> with_poller = open_descriptors();
        Workers workers(*poller, 2);
        const Owned four(*poller, loopback(Family::ipv4));
        const Owned six(*poller, loopback(Family::ipv6));
        const Owned unix_socket(*poller, Family::local);
        const Folder folder;
        const Endpoint path = local(folder.path + "/socket");
        const PathClaim claim = must(bind_path(unix_socket, path, 0600), "bind_path");
        const Owned second(*poller, Family::local);
        CHECK(bind_path(second, path, 0600).error().code == Code::address_in_use);
        Idle job;
        job.open = true;
        must(workers.submit(job), "submit");
        while (!workers.finished()) (void)must(poller->wait(in_milliseconds(*poller, 50)), "wait");
        Endpoint found[2];
        CHECK(resolve(job, "localhost", Family::none, found));
        std::uint32_t indexes[16];
        CHECK(interface_indexes(*poller, indexes));
        const auto during = open_descriptors();
        CHECK(with_poller.size() <= before.size() + 3);
        CHECK(during.size() == with_poller.size() + 4);
        CHECK(all_private(before));
        release_path(path, claim);
    }
    CHECK(open_descriptors() == before);
}

TEST_CASE("running out of descriptors is an error at any point, and nothing leaks") {
    const std::set<int> before = open_descriptors();
    rlimit original{};
    getrlimit(RLIMIT_NOFILE, &original);
    const int lowest = dup(0);
    ::close(lowest);
    int failures = 0;
    // Those that are open already may lie anywhere; in between there is room for 0, 1, 2 ... more.
    for (int limit_now = lowest; limit_now < lowest + int(before.size()) + 8; limit_now++) {
        const auto limit = static_cast<rlim_t>(limit_now);
        const rlimit reduced{limit, original.rlim_max};
        setrlimit(RLIMIT_NOFILE, &reduced);
        auto poller = Poller::open();
        if (poller) {
            for (const Family family : {Family::ipv4, Family::ipv6, Family::local}) {
                const auto socket = open_datagram(**poller, family);
                if (socket) close(*socket);
                if (socket) continue;
                CHECK(socket.error().code == Code::too_many_handles);
                CHECK(socket.error().operation == Operation::open);
                failures++;
            }
        } else {
            CHECK(poller.error().code == Code::too_many_handles);
            CHECK(poller.error().operation == Operation::open);
            failures++;
        }
        setrlimit(RLIMIT_NOFILE, &original);
    }
    CHECK(failures >= 5);
    CHECK(open_descriptors() == before);
}

TEST_CASE("adopting: datagram sockets of the three families, with what they were made for") {
    const auto poller = open_poller();
    for (const auto& [domain, family] : {std::pair{AF_INET, Family::ipv4},
                                         std::pair{AF_INET6, Family::ipv6},
                                         std::pair{AF_UNIX, Family::local}}) {
        const int descriptor = socket(domain, SOCK_DGRAM, 0);  // Blocking, and inheritable.
        const Owned owned(Socket{descriptor});
        CHECK(must(adopt(*poller, owned), "adopt") == family);
        CHECK((fcntl(descriptor, F_GETFL) & O_NONBLOCK) != 0);
        CHECK((fcntl(descriptor, F_GETFD) & FD_CLOEXEC) != 0);
        CHECK(must(adopt(*poller, owned), "adopt") == family);
    }
}

TEST_CASE("adopting: anything else is of the wrong type, and stays the caller's") {
    const auto poller = open_poller();
    int pipe_ends[2];
    REQUIRE(pipe(pipe_ends) == 0);
    const int others[] = {socket(AF_INET, SOCK_STREAM, 0), socket(AF_UNIX, SOCK_STREAM, 0),
                          socket(AF_UNIX, SOCK_SEQPACKET, 0), open("/dev/null", O_RDWR),
                          open("/", O_RDONLY), pipe_ends[0], pipe_ends[1]};
    for (const int descriptor : others) {
        const auto result = adopt(*poller, Socket{descriptor});
        CHECK(result.error().code == Code::invalid_descriptor_type);
        CHECK(result.error().operation == Operation::adopt);
        CHECK((fcntl(descriptor, F_GETFL) & O_NONBLOCK) == 0);
        CHECK(::close(descriptor) == 0);
    }
    for (const std::intptr_t nothing : {std::intptr_t{-1}, std::intptr_t{others[0]},
                                        std::intptr_t{INTPTR_MIN}, std::intptr_t{INT32_MIN}}) {
        CHECK(adopt(*poller, Socket{nothing}).error().code == Code::bad_descriptor);
    }
}

TEST_CASE("another loop can wait for ours by its handle") {
    const auto poller = open_poller();
    const auto handle = poller->handle();
    if (!handle) {
        CHECK(handle.error().code == Code::not_supported);
        return;
    }
    pollfd other{static_cast<int>(*handle), POLLIN, 0};
    CHECK(poll(&other, 1, 0) == 0);
    poller->wake();
    CHECK(poll(&other, 1, 1000) == 1);
    CHECK(must(poller->wait({0}), "wait").empty());
    CHECK(poll(&other, 1, 0) == 0);
    const Owned socket(*poller, loopback(Family::ipv4));
    const Endpoint to = socket.address();
    must(poller->watch(socket, test_token, {true, false}), "watch");
    CHECK(!send_text(socket, "x", &to));
    CHECK(poll(&other, 1, 1000) == 1);
    CHECK(must(poller->wait({0}), "wait").size() == 1);
    poller->forget(socket, test_token);
}

TEST_CASE("forgetting before closing leaves no ghost when a duplicate lives on") {
    const auto poller = open_poller();
    const Endpoint address = loopback(Family::ipv4);
    const Socket socket = must(open_datagram(*poller, Family::ipv4), "open_datagram");
    must(bind(socket, address), "bind");
    const Endpoint to = must(local_endpoint(socket), "local_endpoint");
    const Owned twin(Socket{dup(static_cast<int>(socket.handle))});
    must(poller->watch(socket, test_token, {true, false}), "watch");
    poller->forget(socket, test_token);
    close(socket);
    CHECK(!send_text(twin, "x", &to));
    CHECK(must(poller->wait(in_milliseconds(*poller, 10)), "wait").empty());
}

TEST_CASE("a pool used after fork refuses, and neither hangs nor crashes") {
    const auto poller = open_poller();
    Workers workers(*poller, 1);
    Idle running;
    Idle waiting;
    must(workers.submit(running), "submit");
    must(workers.submit(waiting), "submit");
    const pid_t child = fork();
    if (child == 0) {
        alarm(20);
        {
            Idle job;
            const Error error = workers.submit(job);
            if (error.code != Code::not_supported) _exit(1);
            if (error.operation != Operation::start_worker) _exit(2);
            if (workers.finished()) _exit(3);
        }
        workers.~Workers();  // The jobs are the parent's.
        _exit(running.discarded || waiting.discarded ? 4 : 0);
    }
    CHECK(wait_for(child) == 0);
    running.open = true;
    waiting.open = true;
    for (int finished = 0; finished < 2;) {
        if (workers.finished()) {
            finished++;
        } else {
            (void)must(poller->wait(in_milliseconds(*poller, 1000)), "wait");
        }
    }
}

TEST_CASE("workers block every signal, and leave the caller's mask alone") {
    const auto poller = open_poller();
    Workers workers(*poller, 1);
    struct Masked : Job {
        int blocked = 0;
    } job;
    job.run = [](Job& self) {
        sigset_t mask;
        pthread_sigmask(SIG_SETMASK, nullptr, &mask);
        for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGCHLD, SIGUSR1, SIGALRM}) {
            static_cast<Masked&>(self).blocked += sigismember(&mask, number);
        }
    };
    job.discard = [](Job&) {};
    must(workers.submit(job), "submit");
    while (!workers.finished()) (void)must(poller->wait(in_milliseconds(*poller, 1000)), "wait");
    CHECK(job.blocked == 6);
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    CHECK(sigismember(&mask, SIGINT) == 0);
}

TEST_CASE("abandon prints one line and aborts") {
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    const pid_t child = fork();
    if (child == 0) {
        const rlimit no_core{0, 0};
        setrlimit(RLIMIT_CORE, &no_core);
        signal(SIGABRT, SIG_DFL);  // Doctest has a handler of its own.
        dup2(ends[1], STDERR_FILENO);
        abandon("send ECONNREFUSED 127.0.0.1:9");
    }
    ::close(ends[1]);
    char text[100];
    ssize_t size = 0;
    for (ssize_t more; (more = read(ends[0], text + size, sizeof text - size_t(size))) > 0;) {
        size += more;
    }
    ::close(ends[0]);
    CHECK(std::string(text, static_cast<std::size_t>(size)) == "send ECONNREFUSED 127.0.0.1:9\n");
    const int status = wait_for(child);
    CHECK(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == SIGABRT);
}

#endif
