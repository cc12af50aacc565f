// A loop among others: driven by poll(2), woken by threads and signals, asleep when there is
// nothing to do, and honest when the system has nothing left to give.
#ifndef _WIN32

#include <doctest/doctest.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/loop.h"

namespace {

using core::Loop;
using platform::Code;
using platform::Instant;
using namespace std::chrono_literals;

// poll(2) has no descriptor that stands for all, and says so.
bool has_handle(const Loop& loop) {
    const core::Result<std::intptr_t> handle = loop.poll_handle();
    if (!handle) CHECK(handle.error().code == Code::not_supported);
    return static_cast<bool>(handle);
}

int handle_of(const Loop& loop) {
    const core::Result<std::intptr_t> handle = loop.poll_handle();
    CHECK(handle);
    return handle ? static_cast<int>(*handle) : -1;
}

// What another program's loop does with ours: sleeps on its handle, as long as it may.
bool poll_handle(const Loop& loop, int milliseconds_max) {
    pollfd descriptor{handle_of(loop), POLLIN, 0};
    return poll(&descriptor, 1, milliseconds_max) == 1;
}

int milliseconds_until(const Loop& loop, Instant deadline) {
    if (deadline == Instant::never()) return -1;
    const std::int64_t left = deadline.nanoseconds - loop.now().nanoseconds;
    return left <= 0 ? 0 : static_cast<int>((left + 999'999) / 1'000'000);
}

std::chrono::microseconds processor_time() {
    rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return std::chrono::seconds(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           std::chrono::microseconds(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

// Runs it in a child process; its exit status as waitpid has it.
template <class F>
int status_of_child(F f) {
    const pid_t child = fork();
    if (child == 0) {
        f();
        _exit(0);
    }
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    return status;
}

}  // namespace

// ---- Inside another loop ------------------------------------------------------------------------

TEST_CASE("another loop polls the handle, and turns ours when it is ready or due") {
    Loop loop;
    if (!has_handle(loop)) return;
    std::string order;
    loop.after(0ms, [&] { order += '0'; });
    loop.after(10ms, [&] { order += '1'; });
    core::Timer later = loop.after(1h, [&] { order += '2'; });
    CHECK(milliseconds_until(loop, loop.next_deadline()) == 0);
    std::thread poster;
    int turns = 0;
    while (order.size() < 3) {
        const Instant deadline = loop.next_deadline();
        const int sleep = milliseconds_until(loop, deadline);
        CHECK(sleep >= 0);
        if (poll_handle(loop, sleep) || loop.now() >= deadline) {
            turns++;
            CHECK_FALSE(loop.turn());
        }
        if (order == "01" && !poster.joinable()) {
            poster = std::thread([&] {
                if (!loop.post([&] { order += 'p'; })) platform::abandon("out of memory");
            });
        }
    }
    poster.join();
    CHECK(order == "01p");
    CHECK(turns < 20);
    later.cancel();
    CHECK(loop.next_deadline() == Instant::never());
    CHECK_FALSE(poll_handle(loop, 0));
}

TEST_CASE("the handle is readable until what woke it has been dealt with") {
    Loop loop;
    if (!has_handle(loop)) return;
    CHECK_FALSE(poll_handle(loop, 0));
    int calls = 0;
    for (int i = 0; i < 3; i++) CHECK(loop.post([&] { calls++; }));
    CHECK(poll_handle(loop, 0));
    CHECK(poll_handle(loop, 0));
    CHECK_FALSE(loop.turn());
    CHECK(calls == 3);
    CHECK_FALSE(poll_handle(loop, 0));
    CHECK(loop.post([&] { calls++; }));
    CHECK(poll_handle(loop, 0));
}

TEST_CASE("what was posted before the handle was asked for makes it readable, between turns too") {
    if (!has_handle(Loop())) return;
    Loop loop;
    int calls = 0;
    CHECK_FALSE(loop.turn());
    CHECK(loop.post([&] { calls++; }));
    CHECK(poll_handle(loop, 0));
    CHECK_FALSE(loop.turn());
    CHECK(calls == 1);
    CHECK(loop.post([&] { CHECK(loop.post([&] { calls++; })); }));
    CHECK_FALSE(loop.turn());
    CHECK(poll_handle(loop, 0));
    CHECK_FALSE(loop.turn());
    CHECK(calls == 2);
    CHECK_FALSE(poll_handle(loop, 0));
}

TEST_CASE("a loop may watch another loop's handle") {
    Loop inner;
    if (!has_handle(inner)) return;
    Loop outer;
    int calls = 0;
    core::Result<core::Watch> watch =
        outer.watch(handle_of(inner), {true, false}, [&](core::Interest) {
            CHECK_FALSE(inner.turn());
            if (calls == 2) outer.stop();
        });
    CHECK(watch);
    CHECK(inner.post([&] {
        calls++;
        CHECK(inner.post([&] { calls++; }));
    }));
    CHECK_FALSE(outer.run());
    CHECK(calls == 2);
}

// ---- Threads ------------------------------------------------------------------------------------

TEST_CASE("[6] posts of four threads all arrive, each thread's in order, in the loop's thread") {
    constexpr int threads = 4;
    constexpr int posts = 5000;
    Loop loop;
    std::array<int, threads> next{};  // Not atomic: only the loop's thread touches it.
    int arrived = 0;
    bool ordered = true;
    const std::thread::id home = std::this_thread::get_id();
    loop.hold();
    std::vector<std::thread> posters;
    for (std::size_t i = 0; i < threads; i++) {
        posters.emplace_back([&, i] {
            for (int k = 0; k < posts; k++) {
                const bool posted = loop.post([&, i, k] {
                    ordered = ordered && next[i] == k && std::this_thread::get_id() == home;
                    next[i]++;
                    if (++arrived == threads * posts) loop.release();
                });
                if (!posted) platform::abandon("out of memory");
            }
        });
    }
    CHECK_FALSE(loop.run());
    for (std::thread& each : posters) each.join();
    CHECK(arrived == threads * posts);
    CHECK(ordered);
}

TEST_CASE("[6] a post wakes a loop that sleeps, every time") {
    Loop loop;
    std::atomic<int> seen{0};
    loop.hold();
    std::thread poster([&] {
        for (int i = 0; i < 200; i++) {
            if (!loop.post([&] { seen++; })) platform::abandon("out of memory");
            while (seen <= i) std::this_thread::yield();  // For ever, if a wake-up were lost.
        }
        if (!loop.post([&] { loop.release(); })) platform::abandon("out of memory");
    });
    CHECK_FALSE(loop.run());
    poster.join();
    CHECK(seen == 200);
}

TEST_CASE("[6] what threads posted to a loop that ends is destroyed unrun, after run() as well") {
    const auto held = std::make_shared<int>();
    bool ran = false;
    {
        Loop loop;
        std::thread poster([&] {
            for (int i = 0; i < 100; i++) {
                if (!loop.post([&ran, held] { ran = true; })) platform::abandon("out of memory");
            }
        });
        poster.join();
    }
    CHECK(held.use_count() == 1);
    CHECK_FALSE(ran);
}

// ---- Signals ------------------------------------------------------------------------------------

TEST_CASE("an interrupt is a callback of the next turn, once for each request") {
    Loop loop;
    int calls = 0;
    CHECK_FALSE(loop.on_interrupt([&] {
        calls++;
        CHECK_FALSE(loop.on_interrupt([&] {
            calls++;
            loop.stop();
        }));
        CHECK(raise(SIGTERM) == 0);
    }));
    CHECK_FALSE(loop.run());  // It does not keep run() going.
    CHECK(calls == 0);
    loop.after(1h, [] {});
    CHECK(raise(SIGINT) == 0);
    CHECK(calls == 0);  // Not inside the signal.
    CHECK_FALSE(loop.run());
    CHECK(calls == 2);
}

TEST_CASE("what waits for an interrupt can be replaced") {
    Loop loop;
    std::string heard;
    const auto held = std::make_shared<int>();
    CHECK_FALSE(loop.on_interrupt([&, held] { heard += '1'; }));
    CHECK_FALSE(loop.on_interrupt([&] { heard += '2'; }));
    CHECK(held.use_count() == 1);
    CHECK(raise(SIGINT) == 0);
    CHECK_FALSE(loop.turn());
    CHECK(heard == "2");
}

TEST_CASE("a loop may end with an interrupt waited for, or told and not taken yet") {
    for (const bool told : {false, true}) {
        CAPTURE(told);
        const auto held = std::make_shared<int>();
        Loop other;  // Else the signal's own reaction would end this program.
        CHECK_FALSE(other.on_interrupt([] {}));
        std::optional<Loop> loop(std::in_place);
        CHECK_FALSE(loop->on_interrupt([held] { CHECK(false); }));
        if (told) CHECK(raise(SIGINT) == 0);
        loop.reset();
        CHECK(held.use_count() == 1);
        if (!told) CHECK(raise(SIGINT) == 0);
        CHECK_FALSE(other.turn());
    }
}

TEST_CASE("eight loops can wait for an interrupt, and all hear of one; a ninth is told EBUSY") {
    std::vector<std::unique_ptr<Loop>> loops;
    int calls = 0;
    for (int i = 0; i < 8; i++) {
        loops.push_back(std::make_unique<Loop>());
        CHECK_FALSE(loops.back()->on_interrupt([&] { calls++; }));
    }
    Loop ninth;
    const platform::Error error = ninth.on_interrupt([] { CHECK(false); });
    CHECK(error.code == Code::busy);
    CHECK(error.operation == platform::Operation::interrupt);
    CHECK(raise(SIGINT) == 0);
    for (const auto& loop : loops) CHECK_FALSE(loop->turn());
    CHECK(calls == 8);
    CHECK_FALSE(ninth.on_interrupt([&] { calls++; }));
    CHECK(raise(SIGINT) == 0);
    CHECK_FALSE(ninth.turn());
    CHECK(calls == 9);
}

TEST_CASE("a second interrupt ends a program that has not asked again") {
    const int status = status_of_child([] {
        signal(SIGINT, SIG_DFL);  // Which doctest has changed.
        Loop loop;
        int calls = 0;
        if (loop.on_interrupt([&] { calls++; })) _exit(1);
        raise(SIGINT);
        if (loop.turn() || calls != 1) _exit(2);
        raise(SIGINT);
        _exit(3);
    });
    CHECK(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == SIGINT);
}

TEST_CASE("an error nobody listens to ends the program with one line, unless there is a hook") {
    int channel[2];
    CHECK(pipe(channel) == 0);
    const int status = status_of_child([&] {
        const rlimit no_core{0, 0};
        setrlimit(RLIMIT_CORE, &no_core);
        dup2(channel[1], STDERR_FILENO);
        signal(SIGABRT, SIG_DFL);
        Loop loop;
        loop.on_unhandled_error([](platform::Error, std::string_view) {});
        loop.unhandled_error({Code::connection_refused}, "not told");
        loop.on_unhandled_error({});
        loop.unhandled_error({Code::connection_refused}, "recvmsg ECONNREFUSED");
    });
    close(channel[1]);
    std::string said(1000, '\0');
    const ssize_t size = read(channel[0], said.data(), said.size());
    close(channel[0]);
    said.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
    CHECK(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == SIGABRT);
    CHECK(said.find("recvmsg ECONNREFUSED\n") != std::string::npos);
    CHECK(said.find("not told") == std::string::npos);
    CHECK(said.find('\n') == said.size() - 1);
}

// ---- Nothing to do, nothing left ----------------------------------------------------------------

TEST_CASE("an idle loop uses no CPU") {
    Loop loop;
    Loop inner;
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    const int silent = has_handle(inner) ? handle_of(inner) : ends[0];
    core::Result<core::Watch> idle = loop.watch(silent, {true, false}, {});
    core::Result<core::Watch> paused = loop.watch(STDIN_FILENO, {}, {});
    CHECK(idle);
    CHECK(paused);
    CHECK_FALSE(loop.on_interrupt([] {}));
    loop.after(1h, [] {}).unref();
    loop.after(200ms, [&] { loop.stop(); });
    const std::uint64_t ticks = loop.tick();
    const std::chrono::microseconds before = processor_time();
    CHECK_FALSE(loop.run());
    CHECK(loop.tick() - ticks <= 3);
    CHECK(processor_time() - before < 20ms);
}

TEST_CASE("[12] a loop that got no descriptors says so through run(), and harms nobody") {
    rlimit limit;
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    const rlimit none{0, limit.rlim_max};
    CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
    Loop loop;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);

    bool called = false;
    const auto call = [&] { called = true; };
    CHECK(loop.open_error().code == Code::too_many_handles);
    CHECK_FALSE(loop.post(call));
    loop.after(0ms, call);
    core::Timer timer = loop.every(1ms, call);
    timer.unref().ref();
    CHECK(loop.on_interrupt(call).code == Code::too_many_handles);
    CHECK(loop.watch(0, {true, false}, {}).error().code == Code::too_many_handles);
    CHECK(loop.poll_handle().error().code == Code::too_many_handles);
    loop.stop();
    CHECK(loop.now() == loop.now());
    for (int i = 0; i < 2; i++) {
        CHECK(loop.run().code == Code::too_many_handles);
        CHECK(platform::name(loop.turn().code) == "EMFILE");
    }
    timer.cancel();
    CHECK_FALSE(called);
}

#endif
