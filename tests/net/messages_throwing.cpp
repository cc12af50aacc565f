// Listeners that throw in the middle of a train: each datagram is told once, the rest in the next
// turn, unless its socket has gone meanwhile, or the loop.
#ifdef __linux__

#include <optional>

#include "tests/net/trains.h"

namespace {

using net::Address;
using net::Datagram;
using net::Message;
using net::Messages;
using net::Type;
using test::Audit;
using test::Log;

struct Thrown {};

// Datagrams "1000", "1001"... that wait for a receiver before its loop turns, as trains of ten.
void queue_trains(const Address& to, int count) {
    core::Loop loop;
    Datagram sender(loop, Type::udp4);
    sender.unref();
    for (int i = 0; i < count; i++) {
        sender.send(std::to_string(1000 + i), to);
        if (i % 10 == 9) CHECK(test::runs_out(loop));
    }
    CHECK(test::runs_out(loop));
}

// How often something was thrown until the condition held; -1: it never did.
template <class F>
int throws_until(core::Loop& loop, F condition) {
    int thrown = 0;
    const std::int64_t end = loop.now().nanoseconds + 5'000'000'000;
    while (!condition() && loop.now().nanoseconds < end) {
        try {
            if (loop.turn({loop.now().nanoseconds + 20'000'000})) return -1;
        } catch (const Thrown&) {
            thrown++;
        }
    }
    return condition() ? thrown : -1;
}

void turn_once(core::Loop& loop) {
    CHECK_THROWS_AS((void)loop.turn({loop.now().nanoseconds + 1'000'000'000}), Thrown);
}

std::string numbered(int begin, int end) {
    std::string all;
    for (int i = begin; i < end; i++) all += (all.empty() ? "" : " ") + std::to_string(1000 + i);
    return all;
}

struct Fixture {
    Fixture() { test::teach_trains(loop, *socket, to); }

    Audit audit;
    core::Loop loop;
    std::optional<Datagram> socket{std::in_place, loop, Type::udp4};
    Address to = test::bind_loopback(*socket);
    Log log;
};

}  // namespace

TEST_CASE("[7] 'message' throws, at any one of a train or at all: each is told once, in order") {
    for (int at = -1; at < 20; at++) {
        CAPTURE(at);
        Fixture f;
        f.socket->on_message([&](const Message& message) {
            f.log.add(std::string(message.text()));
            if (at < 0 || message.text() == std::to_string(1000 + at)) throw Thrown();
        });
        queue_trains(f.to, 20);
        const int thrown = throws_until(f.loop, [&] { return f.log.lines.size() == 20; });
        CHECK(thrown == (at < 0 ? 20 : 1));
        test::settle(f.loop);
        CHECK(f.log.text() == numbered(0, 20));
    }
}

TEST_CASE("[7] what an exception has left needs no new datagram, and no deadline, to come") {
    // A train is read as a whole; of datagrams the rest would still lie in the kernel.
    if (!test::kernel_has_trains()) return;
    Fixture f;
    f.socket->unref();
    f.socket->on_message([&](const Message& message) {
        f.log.add(std::string(message.text()));
        if (f.log.lines.size() == 1) throw Thrown();
    });
    queue_trains(f.to, 10);
    turn_once(f.loop);
    CHECK(f.log.text() == numbered(0, 1));
    CHECK(test::runs_out(f.loop));  // Though nothing else holds it.
    CHECK(f.log.text() == numbered(0, 10));
}

TEST_CASE("[7] 'messages' throws: what it was given is told, the next trains come once each") {
    Fixture f;
    f.socket->on_messages([&](Messages messages) {
        for (const Message& message : messages) f.log.add(std::string(message.text()));
        throw Thrown();
    });
    queue_trains(f.to, 40);
    CHECK(throws_until(f.loop, [&] { return f.log.lines.size() >= 40; }) > 1);
    test::settle(f.loop);
    CHECK(f.log.text() == numbered(0, 40));
}

TEST_CASE("[7] beside 'message', what 'messages' throws at is not told again") {
    Fixture f;
    f.socket->on_messages([&](Messages messages) {
        for (const Message& message : messages) f.log.add("+" + std::string(message.text()));
        if (f.log.lines.size() == 1) throw Thrown();
    });
    f.socket->on_message([&](const Message& message) { f.log.add(std::string(message.text())); });
    queue_trains(f.to, 3);
    CHECK(throws_until(f.loop, [&] { return f.log.lines.size() == 5; }) == 1);
    test::settle(f.loop);
    CHECK(f.log.text() == "+1000 +1001 1001 +1002 1002");
}

TEST_CASE("[7][40] closed, destroyed or connected elsewhere before the rest: it is not told") {
    enum class End { close, destroy, connect };
    for (const End end : {End::close, End::destroy, End::connect}) {
        CAPTURE(static_cast<int>(end));
        Fixture f;
        test::Receiver other(f.loop);
        f.socket->on_message([&](const Message& message) {
            f.log.add(std::string(message.text()));
            throw Thrown();
        });
        queue_trains(f.to, 10);
        turn_once(f.loop);
        if (end == End::close) f.socket->close();
        if (end == End::destroy) f.socket.reset();
        if (end == End::connect) CHECK(f.socket->connect_sync(other.port()));
        queue_trains(other.address, 10);
        CHECK(other.hears(10));
        CHECK(other.text() == numbered(0, 10));
        test::settle(f.loop);
        CHECK(f.log.text() == numbered(0, 1));
        if (end == End::connect) CHECK(f.socket->counters().strangers == 9);
    }
}

TEST_CASE("[7][42] the loop may end with the rest of a train, and a pinned echo of it, untold") {
    const Audit audit;
    const std::shared_ptr<int> captured = std::make_shared<int>(0);
    std::optional<Datagram> outlives;
    {
        core::Loop loop;
        outlives.emplace(loop, Type::udp4);
        const Address to = test::bind_loopback(*outlives);
        test::settle(loop, 1);
        int heard = 0;
        outlives->on_message([&, captured](const Message& message) {
            outlives->send(message.bytes, message.sender, [captured] { CHECK(false); });
            heard++;
            throw Thrown();  // At once: a slow machine has time for one datagram a turn.
        });
        queue_trains(to, 10);
        turn_once(loop);
        CHECK(heard == 1);
        CHECK(captured.use_count() == 3);
    }
    CHECK(captured.use_count() == 2);
    outlives.reset();
    CHECK(captured.use_count() == 1);
}

TEST_CASE("[7] a listener pauses and throws: the rest of the train waits for resume") {
    Fixture f;
    f.socket->on_message([&](const Message& message) {
        f.log.add(std::string(message.text()));
        if (message.text() != "1003") return;
        f.socket->pause();
        throw Thrown();
    });
    queue_trains(f.to, 20);
    CHECK(throws_until(f.loop, [&] { return f.socket->paused(); }) == 1);
    test::settle(f.loop);
    CHECK(f.log.text() == numbered(0, 4));
    f.socket->resume();
    CHECK(throws_until(f.loop, [&] { return f.log.lines.size() == 20; }) == 0);
    CHECK(f.log.text() == numbered(0, 20));
}

#endif
