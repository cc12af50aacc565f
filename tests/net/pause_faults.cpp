// pause() and resume() where memory or the system fail, and in the middle of a train: what cannot
// be kept is told and counted.
#ifdef __linux__

#include "tests/core/scarce_memory.h"
#include "tests/net/faults.h"
#include "tests/net/trains.h"

namespace {

using net::Datagram;
using net::Message;
using net::Type;
using test::Audit;
using test::Call;
using test::Fault;
using test::Log;
using test::run_until;
using test::settle;

std::string numbers(int begin, int end) {
    std::string all;
    for (int i = begin; i < end; i++) all += (all.empty() ? "" : " ") + std::to_string(i);
    return all;
}

// Sends "100 101 ..." as one train, where there are any, before the receiver looks.
struct Train {
    Train() : receiver(loop, Type::udp4), to(test::bind_loopback(receiver)) {
        test::kernel_has_trains();
        test::teach_trains(loop, receiver, to);
        before = receiver.counters();
    }
    void send(int begin, int end) {
        core::Loop other;
        Datagram sender(other, Type::udp4);
        for (int i = begin; i < end; i++) sender.send(std::to_string(i), to);
        sender.close();
        CHECK(test::runs_out(other));
    }

    Audit audit;
    core::Loop loop;
    Datagram receiver;
    net::Address to;
    net::Counters before;
    Log log;
};

}  // namespace

TEST_CASE("paused in the middle of a train: after resume its rest, and then what came later") {
    for (const int at : {100, 101, 120, 138, 139}) {
        CAPTURE(at);
        Train f;
        f.receiver.on_message([&](const Message& message) {
            f.log.add(std::string(message.text()));
            if (message.text() == std::to_string(at)) f.receiver.pause();
        });
        f.send(100, 140);
        CHECK(run_until(f.loop, [&] { return f.receiver.paused(); }));
        f.send(140, 160);
        settle(f.loop);
        CHECK(f.log.text() == numbers(100, at + 1));
        f.receiver.resume();
        const std::string all = numbers(100, 160);
        CHECK(run_until(f.loop, [&] { return f.log.text().size() >= all.size(); }));
        CHECK(f.log.text() == all);
        CHECK(f.receiver.counters().received - f.before.received == 60);
        CHECK(f.receiver.counters().unheard == f.before.unheard);
    }
}

TEST_CASE("no memory to keep what was read: 'error', and it is counted as unheard") {
    Train f;
    int errors = 0;
    f.receiver.on_error([&](const net::Failure& failure) {
        CHECK(failure.code() == "ENOMEM");
        errors++;
    });
    f.receiver.on_message([&](const Message& message) {
        f.log.add(std::string(message.text()));
        if (message.text() != "105") return;
        f.receiver.pause();
        test::allocations_left = 0;
        test::lasting = true;
    });
    f.send(100, 130);
    CHECK(run_until(f.loop, [&] { return f.receiver.paused(); }));
    test::allocations_left = -1;
    test::lasting = false;
    settle(f.loop);
    CHECK(f.log.text() == numbers(100, 106));
    const std::uint64_t read = f.receiver.counters().received - f.before.received;
    CHECK((errors > 0) == (read > 6));  // Nothing, where datagrams are read one at a time.
    CHECK(f.receiver.counters().unheard - f.before.unheard == read - 6);
    f.receiver.resume();
    f.send(130, 131);
    CHECK(run_until(f.loop, [&] { return f.log.lines.back() == "130"; }));
}

TEST_CASE("a system that cannot resume: 'error', and the socket stays paused until it can") {
    Train f;
    f.receiver.on_error([&](const net::Failure& failure) {
        f.log.add(std::string(failure.code()));
    });
    f.receiver.on_message([&](const Message& message) { f.log.add(std::string(message.text())); });
    f.receiver.pause();
    f.send(100, 101);
    {
        const Fault fault(Call::watch, ENOMEM);
        f.receiver.resume();
        CHECK(fault.hits() == 1);
    }
    CHECK(f.receiver.paused());
    settle(f.loop);
    CHECK(f.log.text() == "ENOMEM");
    f.receiver.resume();
    CHECK(run_until(f.loop, [&] { return f.log.text() == "ENOMEM 100"; }));
}

TEST_CASE("Linux tells what found the receive buffer full, also of a socket that read nothing") {
    const Audit audit;
    core::Loop loop;
    Datagram sender(loop, net::Options{.type = Type::udp4, .segmentation = false});
    {
        Datagram receiver(loop, Type::udp4);
        const net::Address to = test::bind_loopback(receiver);
        CHECK_FALSE(receiver.set_recv_buffer_size(4096));
        receiver.pause();
        for (int i = 0; i < 100; i++) sender.send("x", to);
        settle(loop);
        CHECK(receiver.counters().overflowed > 0);
        CHECK(receiver.counters().overflowed < 100);
    }
    CHECK(net::counters(loop).overflowed > 0);
}

#endif
