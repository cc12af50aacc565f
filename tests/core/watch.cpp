// Watching descriptors of the user's own: pipes and the like, on any Unix.
#ifndef _WIN32

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/loop.h"
#include "tests/core/probe.h"

namespace {

using core::Interest;
using core::Loop;
using core::Result;
using core::Watch;
using platform::Code;
using namespace std::chrono_literals;

constexpr Interest readable{true, false};
constexpr Interest writable{false, true};
constexpr Interest both{true, true};

// Two ends that are connected in both directions.
struct Pair {
    Pair() {
        CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) == 0);
        for (const int end : ends) CHECK(fcntl(end, F_SETFL, O_NONBLOCK) == 0);
    }
    ~Pair() {
        for (const int end : ends) {
            if (end >= 0) close(end);
        }
    }
    Pair(const Pair&) = delete;
    Pair& operator=(const Pair&) = delete;

    int ours() const { return ends[0]; }
    void tell() const { CHECK(write(ends[1], "x", 1) == 1); }
    void hang_up() { close(std::exchange(ends[1], -1)); }
    void hear() const {
        char byte;
        while (read(ends[0], &byte, 1) == 1) {
        }
    }

    std::array<int, 2> ends{-1, -1};
};

Watch watch(Loop& loop, int descriptor, Interest interest, core::Callback<void(Interest)> call) {
    Result<Watch> result = loop.watch(descriptor, interest, std::move(call));
    CHECK(result);
    return result ? std::move(*result) : Watch();
}

Code code_of(const Result<Watch>& result) {
    return result ? Code::ok : result.error().code;
}

}  // namespace

TEST_CASE("a watch is level-triggered: it tells until nothing is left to read") {
    Loop loop;
    const Pair pair;
    int told = 0;
    const Watch watched = watch(loop, pair.ours(), readable, [&](Interest ready) {
        CHECK(ready == readable);
        if (++told == 3) pair.hear();
    });
    CHECK_FALSE(loop.turn());
    CHECK(told == 0);
    pair.tell();
    for (int i = 0; i < 5; i++) CHECK_FALSE(loop.turn());
    CHECK(told == 3);
}

TEST_CASE("a watch tells what was asked for, and can be asked for something else") {
    Loop loop;
    const Pair pair;
    std::vector<Interest> seen;
    Watch watched = watch(loop, pair.ours(), writable, [&](Interest ready) {
        seen.push_back(ready);
    });
    pair.tell();
    for (const Interest interest : {readable, both, Interest{}, writable}) {
        CHECK_FALSE(loop.turn());
        CHECK_FALSE(watched.change(interest));
    }
    CHECK_FALSE(loop.turn());
    CHECK(seen == std::vector<Interest>{writable, readable, both, writable});
}

TEST_CASE("a hangup counts as what was asked for; a paused watch does not even hear of it") {
    for (const Interest interest : {readable, writable, both}) {
        Loop loop;
        Pair pair;
        int told = 0;
        Watch watched = watch(loop, pair.ours(), interest, [&](Interest ready) {
            told++;
            CHECK(ready == interest);
            CHECK_FALSE(watched.change({}));
        });
        pair.hang_up();
        CHECK_FALSE(loop.turn());
        CHECK(told == 1);
        const core::Instant before = loop.now();
        CHECK_FALSE(loop.turn({before.nanoseconds + 20'000'000}));
        CHECK(loop.now().nanoseconds - before.nanoseconds >= 20'000'000);  // It slept.
        CHECK(told == 1);
    }
}

TEST_CASE("[6] a watch keeps the loop going, unless it is unreferenced or stopped") {
    Loop loop;
    const Pair pair;
    int told = 0;
    Watch watched = watch(loop, pair.ours(), readable, [&](Interest) {
        pair.hear();
        if (++told == 2) watched.stop();
        if (told == 1) loop.after(1ms, [&] { pair.tell(); });
    });
    pair.tell();
    CHECK_FALSE(loop.run());
    CHECK(told == 2);

    Watch other = watch(loop, pair.ours(), readable, [](Interest) {});
    CHECK(&other.unref() == &other);
    other.unref();
    CHECK_FALSE(loop.run());
    CHECK(&other.ref() == &other);
    other.ref();
    loop.after(1ms, [&] { other.unref(); });
    CHECK_FALSE(loop.run());
    other.stop();
    other.ref().unref();
    CHECK_FALSE(loop.run());
    Watch().ref().unref().stop();

    { const Watch gone = watch(loop, pair.ours(), readable, [](Interest) {}); }
    CHECK_FALSE(loop.run());

    Watch paused = watch(loop, pair.ours(), {}, [](Interest) {});  // It may be changed later.
    loop.after(1ms, [&] { loop.stop(); }).unref();
    CHECK_FALSE(loop.run());
    CHECK(loop.now().nanoseconds > 0);
}

TEST_CASE("[1] what is ready comes after the timers and before the posts") {
    std::string order;
    Loop loop;
    const Pair pair;
    test::Probe& probe = test::Probe::make(loop, order, "p");
    const Watch watched = watch(loop, pair.ours(), readable, [&](Interest) {
        order += "ready ";
        loop.owe(probe);  // In time for this tick's outcomes.
        CHECK(loop.post([&] { order += "posted "; }));
    });
    pair.tell();
    CHECK(loop.post([&] { order += "post "; }));
    loop.after(0ms, [&] { order += "timer "; });
    CHECK_FALSE(loop.turn());
    CHECK(order == "timer ready post posted  p.conclude");
}

TEST_CASE("what cannot be watched says why") {
    Loop loop;
    const Pair pair;
    const auto ignore = [](Interest) {};
    const int file = open("/bin/sh", O_RDONLY | O_CLOEXEC);
    const Code code = code_of(loop.watch(file, readable, ignore));
    CHECK((code == Code::not_permitted || code == Code::ok));  // To others it is always readable.
    close(file);
    CHECK(code_of(loop.watch(file, readable, ignore)) == Code::bad_descriptor);
    CHECK(code_of(loop.watch(-1, readable, ignore)) == Code::bad_descriptor);

    Watch watched = watch(loop, pair.ours(), readable, ignore);
    const Result<Watch> twice = loop.watch(pair.ours(), writable, ignore);
    CHECK(code_of(twice) == Code::exists);
    CHECK(twice.error().operation == platform::Operation::watch);
    watched.stop();
    watched.stop();
    CHECK(watched.change(readable).code == Code::bad_descriptor);
    CHECK(Watch().change(readable).code == Code::bad_descriptor);
    CHECK(code_of(loop.watch(pair.ours(), writable, ignore)) == Code::ok);
    CHECK_FALSE(loop.run());  // None of them is left.
}

TEST_CASE("a watch without a callback tells nobody") {
    Loop loop;
    const Pair pair;
    const Watch watched = watch(loop, pair.ours(), readable, {});
    pair.tell();
    CHECK_FALSE(loop.turn());
}

TEST_CASE("[7] a watch may be stopped, destroyed, moved or replaced inside its callback") {
    for (int what = 0; what < 4; what++) {
        CAPTURE(what);
        Loop loop;
        const Pair pair;
        const auto held = std::make_shared<int>();
        std::optional<Watch> watched;
        Watch elsewhere;
        int told = 0;
        int replacement = 0;
        watched = watch(loop, pair.ours(), readable, [&, held](Interest) {
            told++;
            if (what == 0) watched->stop();
            if (what == 1) watched.reset();
            if (what == 2 && told == 1) elsewhere = std::move(*watched);
            if (what == 3) {
                watched->stop();
                *watched = watch(loop, pair.ours(), readable, [&](Interest) { replacement++; });
            }
            CHECK(held.use_count() == 2);  // What runs is alive.
        });
        pair.tell();
        for (int i = 0; i < 3; i++) CHECK_FALSE(loop.turn());
        CHECK(told == (what == 2 ? 3 : 1));
        CHECK(replacement == (what == 3 ? 2 : 0));
        CHECK(held.use_count() == (what == 2 ? 2 : 1));
    }
}

TEST_CASE("[7] an event that was fetched already does not reach a watch that was stopped since") {
    for (const bool stop : {true, false}) {
        CAPTURE(stop);
        Loop loop;
        const Pair pairs[2];
        Watch watches[2];
        int told = 0;
        for (int i = 0; i < 2; i++) {
            watches[i] = watch(loop, pairs[i].ours(), readable, [&, i](Interest) {
                told++;
                Watch& other = watches[1 - i];
                if (stop) {
                    other.stop();
                } else {
                    CHECK_FALSE(other.change({}));
                }
                pairs[i].hear();
            });
            pairs[i].tell();
        }
        CHECK_FALSE(loop.turn());
        CHECK_FALSE(loop.turn());
        CHECK(told == 1);  // Whoever came first has silenced the other.
    }
}

TEST_CASE("[7] an event that was fetched already does not reach the next owner of the descriptor") {
    Loop loop;
    const Pair first;
    Pair second;
    Pair reused;
    Watch watches[2];
    Watch successor;
    int told = 0;
    const auto replace = [&](int other) {
        told++;
        watches[other].stop();
        // The same number stands for another socket from here, on which nothing has arrived.
        const int number = other == 1 ? second.ours() : first.ours();
        CHECK(dup2(reused.ours(), number) == number);
        successor = watch(loop, number, readable, [&](Interest) { CHECK(false); });
    };
    watches[0] = watch(loop, first.ours(), readable, [&](Interest) { replace(1); });
    watches[1] = watch(loop, second.ours(), readable, [&](Interest) { replace(0); });
    first.tell();
    second.tell();
    CHECK_FALSE(loop.turn());
    CHECK(told == 1);
    for (Watch& each : watches) each.stop();
    CHECK_FALSE(loop.turn());
    successor.stop();
}

TEST_CASE("[6] a watch may outlive its loop") {
    const Pair pair;
    const auto held = std::make_shared<int>();
    std::optional<Loop> loop(std::in_place);
    Watch watched = watch(*loop, pair.ours(), readable, [held](Interest) {});
    const Watch paused = watch(*loop, pair.ends[1], {}, [held](Interest) {});
    loop.reset();
    CHECK(watched.change(writable).code == Code::bad_descriptor);
    watched.ref().unref();
    watched.stop();
    CHECK(held.use_count() == 2);
    CHECK(fcntl(pair.ours(), F_GETFD) >= 0);  // It is the user's, and open.
}

TEST_CASE("many watches: each hears of its own descriptor only") {
    constexpr int count = 300;  // More than the system tells at once.
    Loop loop;
    std::vector<std::unique_ptr<Pair>> pairs;
    std::vector<Watch> watches;
    std::vector<int> told(count);
    for (int i = 0; i < count; i++) {
        pairs.push_back(std::make_unique<Pair>());
        watches.push_back(watch(loop, pairs.back()->ours(), readable, [&, i](Interest) {
            told[static_cast<std::size_t>(i)]++;
            pairs[static_cast<std::size_t>(i)]->hear();
        }));
    }
    for (int i = 0; i < count; i += 3) pairs[static_cast<std::size_t>(i)]->tell();
    for (int i = 0; i < 3; i++) CHECK_FALSE(loop.turn());
    for (int i = 0; i < count; i++) {
        CAPTURE(i);
        CHECK(told[static_cast<std::size_t>(i)] == (i % 3 == 0 ? 1 : 0));
    }
}

#endif
