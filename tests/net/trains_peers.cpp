// Trains and those who share a loop with them: a peer that closes in the middle of one, a peer that
// has gone, and listeners so slow that a train outlasts many turns.
#ifdef __linux__

#include "tests/net/faults.h"
#include "tests/net/trains.h"

namespace {

using net::Datagram;
using net::Message;
using net::Type;
using test::Audit;
using test::kernel_has_trains;
using test::Receiver;
using test::run_until;
using test::settle;
using namespace std::chrono_literals;

void spend(std::chrono::milliseconds time) {
    const auto end = std::chrono::steady_clock::now() + time;
    while (std::chrono::steady_clock::now() < end) {
    }
}

// Each of its datagrams takes 2 ms.
struct Slow {
    // With room for its trains also where each of their datagrams takes its own.
    explicit Slow(core::Loop& loop)
        : socket(loop, {.type = Type::udp4, .recv_buffer_size = 4 << 20}),
          to(test::bind_loopback(socket)) {
        test::teach_trains(loop, socket, to);
        socket.on_message([this](const Message& message) {
            CHECK(message.text() == std::to_string(1000 + heard));
            heard++;
            spend(2ms);
        });
    }
    Datagram socket;
    net::Address to;
    int heard = 0;
};

// Trains of 128 that wait for a receiver before its loop turns.
void queue_trains(const net::Address& to, int trains) {
    core::Loop loop;
    Datagram sender(loop, Type::udp4);
    sender.unref();
    for (int i = 0; i < trains * 128; i++) {
        sender.send(std::to_string(1000 + i), to);
        if (i % 128 == 127) CHECK(test::runs_out(loop));
    }
}

}  // namespace

TEST_CASE("[40] a receiver that closes in the middle of a train is nobody else's business") {
    for (const std::size_t after : {1u, 7u, 20u}) {
        CAPTURE(after);
        const Audit audit;
        core::Loop loop;
        Receiver leaving(loop), staying(loop);
        Datagram sender(loop, Type::udp4);
        test::Told told;
        std::size_t heard = 0;
        bool closed = false;
        leaving.socket.on_close([&] { closed = true; });
        leaving.socket.on_message([&] {
            if (++heard == after) leaving.socket.close();
        });
        for (int i = 0; i < 20; i++) {
            sender.send("leave", leaving.address, told.sent());
            sender.send("stay", staying.address, told.sent());
        }
        CHECK(staying.hears(20));
        CHECK(run_until(loop, [&] { return closed && told.count() == 40; }));
        for (int i = 0; i < 20; i++) sender.send("nobody", leaving.address, told.sent());
        CHECK(run_until(loop, [&] { return told.count() == 60; }));
        settle(loop);
        CHECK(heard == after);
        for (std::size_t i = 0; i < 40; i++) CHECK(told.lines[i] == (i % 2 == 0 ? "5" : "4"));
        for (std::size_t i = 40; i < 60; i++) CHECK(told.lines[i] == "6");
    }
}

TEST_CASE("[27] a connected peer has gone: trains succeed, one 'error' a tick, and it lives on") {
    for (const Type type : {Type::udp4, Type::udp6}) {
        const Audit audit;
        core::Loop loop;
        int port = 0;
        {
            Datagram gone(loop, type);
            port = test::bind_loopback(gone, type).port;
        }
        Datagram sender(loop, type);
        CHECK(sender.connect_sync(port, test::loopback(type)));
        std::vector<int> errors;  // Of each tick.
        sender.on_error([&](const net::Failure& failure) {
            CHECK(failure.text() == "recvmsg ECONNREFUSED");
            errors.back()++;
        });
        int told = 0;
        for (int tick = 0; tick < 20; tick++) {
            for (int i = 0; i < 20; i++) {
                sender.send("anybody?", [&](const net::Failure& failure, std::size_t bytes) {
                    told++;
                    CHECK_FALSE(failure);
                    CHECK(bytes == 8);
                });
            }
            errors.push_back(0);
            CHECK_FALSE(loop.turn({loop.now().nanoseconds + 1'000'000}));
            CHECK(errors.back() <= 1);
        }
        CHECK(told == 400);
        CHECK(std::count(errors.begin(), errors.end(), 1) > 0);
        for (int i = 0; i < 3; i++) {
            errors.push_back(0);
            CHECK_FALSE(loop.turn({loop.now().nanoseconds + 1'000'000}));
        }

        Datagram back(loop, type);
        CHECK(back.bind_sync(port, test::loopback(type)));
        int heard = 0;
        back.on_message([&] { heard++; });
        test::traffic = {};
        errors.push_back(0);
        for (int i = 0; i < 20; i++) sender.send("you again");
        CHECK(run_until(loop, [&] { return heard == 20; }));
        CHECK(errors.back() == 0);
        CHECK((test::traffic.trains == 1 || !kernel_has_trains()));
    }
}

TEST_CASE("a train whose listener takes 2 ms each does not hold up a timer of 20 ms") {
    kernel_has_trains();
    const Audit audit;
    core::Loop loop;
    Slow slow(loop);
    queue_trains(slow.to, 1);
    int ticks = 0;
    int before = 0;
    core::Timer timer = loop.every(20ms, [&] {
        ticks++;
        CHECK(slow.heard - before <= 15);  // 20 ms, and what a turn takes.
        before = slow.heard;
    });
    CHECK(run_until(loop, [&] { return slow.heard == 128; }));
    CHECK(ticks >= 8);
    settle(loop);
    CHECK(slow.heard == 128);
    timer.cancel();
}

TEST_CASE("nor do many others that are ready: a turn has one share of a slow socket's train") {
    kernel_has_trains();
    const Audit audit;
    core::Loop loop;
    Slow slow(loop);
    std::vector<std::unique_ptr<Receiver>> others;
    for (int i = 0; i < 20; i++) others.push_back(std::make_unique<Receiver>(loop));
    queue_trains(slow.to, 1);
    CHECK(run_until(loop, [&] { return slow.heard > 0; }));
    Datagram sender(loop, Type::udp4);
    for (const auto& other : others) sender.send("ready", other->address);
    std::uint64_t tick = 0;
    int before = 0;
    int most = 0;
    CHECK(run_until(loop, [&] {
        if (std::exchange(tick, loop.tick()) != loop.tick()) {
            most = std::max(most, slow.heard - std::exchange(before, slow.heard));
        }
        return slow.heard == 128;
    }));
    CHECK(most <= 2);
    for (const auto& other : others) CHECK(other->hears(1));
}

TEST_CASE("one slow socket with trains without end does not keep the others from theirs") {
    kernel_has_trains();
    for (const int when : {-1, 0, 20}) {  // Before the trains, behind them, in the middle of one.
        CAPTURE(when);
        const Audit audit;
        core::Loop loop;
        Slow slow(loop);
        Receiver quick(loop), other(loop);
        Datagram sender(loop, Type::udp4);
        if (when >= 0) queue_trains(slow.to, 4);
        CHECK(run_until(loop, [&] { return slow.heard >= when; }));
        for (int i = 0; i < 5; i++) {
            sender.send("quick", quick.address);
            sender.send("quick", other.address);
        }
        if (when < 0) queue_trains(slow.to, 4);
        CHECK(run_until(loop, [&] { return quick.texts.size() == 5 && other.texts.size() == 5; }));
        CHECK(slow.heard <= 256);  // What it had read when they came, and no more.
        CHECK(run_until(loop, [&] { return slow.heard == 512; }));
    }
}

TEST_CASE("slow sockets with trains take turns") {
    kernel_has_trains();
    const Audit audit;
    core::Loop loop;
    Slow a(loop), b(loop), c(loop);
    for (const Slow* slow : {&a, &b, &c}) queue_trains(slow->to, 3);
    const auto least = [&] { return std::min({a.heard, b.heard, c.heard}); };
    const auto most = [&] { return std::max({a.heard, b.heard, c.heard}); };
    CHECK(run_until(loop, [&] { return most() > 256; }));
    CHECK(least() >= 128);
    CHECK(run_until(loop, [&] { return least() == 384; }));
}

#endif
