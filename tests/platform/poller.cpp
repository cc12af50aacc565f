// Readiness and time, as every implementation of the seam owes them.
#include <doctest/doctest.h>

#include <atomic>

#include "tests/platform/support.h"

using namespace platform;

namespace {

// Wakes the poller a great many times from a worker's thread.
struct Waker : Job {
    Poller* poller = nullptr;
    int rounds = 0;
    std::atomic<int> done{0};

    Waker(Poller& target, int count) : poller(&target), rounds(count) {
        run = [](Job& job) {
            Waker& self = static_cast<Waker&>(job);
            for (int i = 1; i <= self.rounds; i++) {
                self.done.store(i, std::memory_order_relaxed);
                self.poller->wake();
            }
        };
        discard = [](Job&) {};
    }
};

const std::string_view hello = "hello";

}  // namespace

TEST_CASE("wait sleeps until its deadline and never wakes early") {
    const auto poller = open_poller();
    for (const std::int64_t nanoseconds : {1, 300'000, 999'999, 1'000'001, 4'600'000}) {
        const Instant deadline{poller->now().nanoseconds + nanoseconds};
        const auto events = must(poller->wait(deadline), "wait");
        CHECK(events.empty());
        CHECK(poller->now() >= deadline);
        CHECK(poller->now().nanoseconds < deadline.nanoseconds + 1'000'000'000);
    }
}

TEST_CASE("a deadline that has passed does not sleep, however long ago it was") {
    const auto poller = open_poller();
    const Instant before = poller->now();
    for (const std::int64_t deadline : {before.nanoseconds, std::int64_t{0}, INT64_MIN}) {
        CHECK(must(poller->wait({deadline}), "wait").empty());
    }
    CHECK(poller->now().nanoseconds - before.nanoseconds < 500'000'000);
}

TEST_CASE("a deadline centuries away is no overflow") {
    const auto poller = open_poller();
    poller->wake();
    CHECK(must(poller->wait({INT64_MAX - 1}), "wait").empty());
    poller->wake();
    CHECK(must(poller->wait(Instant::never()), "wait").empty());
}

TEST_CASE("a deadline beyond 2^32 milliseconds is not cut to a short one") {
    const auto poller = open_poller();
    struct Later : Job {
        Poller* poller = nullptr;
    } later;
    later.poller = poller.get();
    later.run = [](Job& job) {
        Poller& target = *static_cast<Later&>(job).poller;
        const Instant start = target.now();
        while (target.now().nanoseconds - start.nanoseconds < 30'000'000) {
        }
    };
    later.discard = [](Job&) {};
    for (const std::int64_t milliseconds : {std::int64_t{1} << 31, std::int64_t{1} << 32}) {
        Workers workers(*poller, 1);
        const Instant start = poller->now();
        const Instant deadline = in_milliseconds(*poller, milliseconds);
        must(workers.submit(later), "submit");
        (void)must(poller->wait(deadline), "wait");  // Until the job is finished.
        CHECK(poller->now().nanoseconds - start.nanoseconds >= 30'000'000);
        CHECK(workers.finished() == &later);
    }
}

TEST_CASE("the clock does not go back") {
    const auto poller = open_poller();
    Instant last = poller->now();
    for (int i = 0; i < 1000; i++) {
        const Instant now = poller->now();
        CHECK(now >= last);
        last = now;
    }
}

TEST_CASE("readiness is reported with the token, again and again until it is dealt with") {
    const auto poller = open_poller();
    const Owned receiver(*poller, loopback(Family::ipv4));
    const Owned sender(*poller, Family::ipv4);
    const Endpoint address = receiver.address();

    CHECK(count_reports(*poller, receiver, {true, false}, 3) == 0);
    CHECK(!send_text(sender, hello, &address));
    CHECK(becomes_readable(*poller, receiver));
    CHECK(count_reports(*poller, receiver, {true, false}, 5) == 5);
    Inbox inbox(1);
    CHECK(receive(receiver, inbox.incoming));
    CHECK(count_reports(*poller, receiver, {true, false}, 3) == 0);
}

TEST_CASE("only what is of interest is reported, and the interest can be replaced") {
    const auto poller = open_poller();
    const Owned socket(*poller, loopback(Family::ipv4));
    const Token first{1};
    const Token second{0xfffffffe};

    CHECK(!poller->watch(socket, first, {true, false}));
    CHECK(must(poller->wait(in_milliseconds(*poller, 5)), "wait").empty());
    CHECK(!poller->watch(socket, second, {true, true}));
    const auto events = must(poller->wait(in_milliseconds(*poller, 1000)), "wait");
    CHECK(events.size() == 1);
    for (const Event& event : events) {
        CHECK(event.token == second);
        CHECK(event.writable);
        CHECK(!event.readable);
    }
    CHECK(!poller->watch(socket, first, {true, false}));
    CHECK(must(poller->wait(in_milliseconds(*poller, 5)), "wait").empty());
    poller->forget(socket, first);
}

TEST_CASE("what is forgotten is not reported, and may be watched again") {
    const auto poller = open_poller();
    const Owned receiver(*poller, loopback(Family::ipv4));
    const Endpoint address = receiver.address();
    CHECK(!send_text(receiver, hello, &address));
    CHECK(becomes_readable(*poller, receiver));  // Forgets it at the end.
    CHECK(must(poller->wait(in_milliseconds(*poller, 5)), "wait").empty());
    poller->forget(receiver, test_token);  // Twice does no harm.
    CHECK(becomes_readable(*poller, receiver));
}

TEST_CASE("without any interest nothing is reported, until there is some again") {
    const auto poller = open_poller();
    const Owned socket(*poller, loopback(Family::ipv4));
    const Endpoint address = socket.address();
    must(poller->watch(socket, test_token, {true, true}), "watch");
    CHECK(must(poller->wait(in_milliseconds(*poller, 1000)), "wait").size() == 1);
    must(poller->watch(socket, test_token, {}), "watch");
    CHECK(!send_text(socket, hello, &address));
    CHECK(must(poller->wait(in_milliseconds(*poller, 20)), "wait").empty());
    CHECK(becomes_readable(*poller, socket));
}

TEST_CASE("what was forgotten does not speak for another socket in the same place") {
    const auto poller = open_poller();
    const Owned sender(*poller, Family::ipv4);
    int same = 0;
    for (std::uint32_t round = 0; round < 50; round++) {
        Socket before;
        {
            const Owned socket(*poller, loopback(Family::ipv4));
            before = socket;
            const Endpoint address = socket.address();
            must(poller->watch(socket, {round * 2}, {true, false}), "watch");
            if (round % 2 == 0) (void)must(poller->wait(in_milliseconds(*poller, 1)), "wait");
            CHECK(!send_text(sender, hello, &address));
            poller->forget(socket, {round * 2});
        }
        const Owned socket(*poller, loopback(Family::ipv4));
        const Endpoint address = socket.address();
        same += before == socket;
        must(poller->watch(socket, {round * 2 + 1}, {true, false}), "watch");
        CHECK(must(poller->wait(in_milliseconds(*poller, 2)), "wait").empty());
        CHECK(!send_text(sender, hello, &address));
        const auto events = must(poller->wait(in_milliseconds(*poller, 2000)), "wait");
        CHECK(events.size() == 1);
        for (const Event& event : events) CHECK(event.token == Token{round * 2 + 1});
        poller->forget(socket, {round * 2 + 1});
    }
    MESSAGE("in the same place: ", same, " of 50");
}

TEST_CASE("a poller may go while its sockets are watched") {
    for (int round = 0; round < 20; round++) {
        auto poller = open_poller();
        std::vector<Owned> sockets;
        for (std::uint32_t i = 0; i < 10; i++) {
            sockets.emplace_back(*poller, loopback(Family::ipv4));
            must(poller->watch(sockets[i], {i}, {true, false}), "watch");
        }
        (void)must(poller->wait(in_milliseconds(*poller, 1)), "wait");
        poller->forget(sockets[3], {3});
        must(poller->watch(sockets[4], {4}, {true, true}), "watch");
        poller.reset();
        const Endpoint address = sockets[0].address();
        CHECK(!send_text(sockets[0], hello, &address));
    }
}

TEST_CASE("watching what is no socket is an error") {
    const auto poller = open_poller();
    const Error error = poller->watch(Socket{}, test_token, {true, false});
    CHECK(error.code == Code::bad_descriptor);
    CHECK(error.operation == Operation::watch);
}

TEST_CASE("more sockets than a batch holds all get their turn") {
    const auto poller = open_poller();
    constexpr std::uint32_t count = 300;
    std::vector<Owned> sockets;
    for (std::uint32_t i = 0; i < count; i++) {
        sockets.emplace_back(*poller, loopback(Family::ipv4));
        must(poller->watch(sockets[i], {i}, {false, true}), "watch");
    }
    std::vector<bool> seen(count);
    std::uint32_t missing = count;
    for (int round = 0; round < 20 && missing > 0; round++) {
        const auto events = must(poller->wait(in_milliseconds(*poller, 1000)), "wait");
        for (const Event& event : events) {
            if (event.token.value >= count || seen[event.token.value]) continue;
            seen[event.token.value] = true;
            missing--;
        }
    }
    CHECK(missing == 0);
    for (std::uint32_t i = 0; i < count; i++) poller->forget(sockets[i], {i});
}

TEST_CASE("a wake-up ends the next wait, and only that one") {
    const auto poller = open_poller();
    for (int round = 0; round < 3; round++) {
        poller->wake();
        poller->wake();
        const Instant before = poller->now();
        CHECK(must(poller->wait({before.nanoseconds + 5'000'000'000}), "wait").empty());
        CHECK(poller->now().nanoseconds - before.nanoseconds < 2'000'000'000);
        const Instant deadline = in_milliseconds(*poller, 5);
        CHECK(must(poller->wait(deadline), "wait").empty());
        CHECK(poller->now() >= deadline);
    }
}

TEST_CASE("of a million wake-ups from another thread none is lost") {
    const auto poller = open_poller();
    Workers workers(*poller, 1);
    Waker waker(*poller, 1'000'000);
    must(workers.submit(waker), "submit");
    // A lost wake-up would leave this loop asleep although there is something to see. Each wait
    // may last long, but all together they do not.
    const Instant start = poller->now();
    const Instant end = in_milliseconds(*poller, 60'000);
    int seen = 0;
    int naps = 0;
    while (seen < waker.rounds && poller->now() < end) {
        const Instant before = poller->now();
        (void)must(poller->wait(in_milliseconds(*poller, 10'000)), "wait");
        if (poller->now().nanoseconds - before.nanoseconds > 9'000'000'000) naps++;
        seen = waker.done.load(std::memory_order_relaxed);
    }
    CHECK(seen == waker.rounds);
    CHECK(naps == 0);
    MESSAGE("milliseconds: ", (poller->now().nanoseconds - start.nanoseconds) / 1'000'000);
    while (!workers.finished()) (void)must(poller->wait(in_milliseconds(*poller, 100)), "wait");
}

TEST_CASE("sockets are still served while wake-ups rain down") {
    const auto poller = open_poller();
    Workers workers(*poller, 1);
    const Owned receiver(*poller, loopback(Family::ipv4));
    const Endpoint address = receiver.address();
    Waker waker(*poller, 50'000);
    must(workers.submit(waker), "submit");
    Inbox inbox(1);
    int received = 0;
    for (int i = 0; i < 100; i++) {
        CHECK(!send_text(receiver, hello, &address));
        received += receive_next(*poller, receiver, inbox);
    }
    CHECK(received == 100);
    while (!workers.finished()) (void)must(poller->wait(in_milliseconds(*poller, 100)), "wait");
}
