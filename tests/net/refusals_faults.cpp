// Refusals where the kernel tells of them in other ways: by the calls themselves instead of a queue
// of errors, and again and again.
#if defined(__linux__)

#include <netinet/in.h>

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/net/faults.h"
#include "tests/net/outcomes.h"

namespace {

using net::Address;
using net::Datagram;
using net::Failure;
using net::Family;
using net::Type;
using test::Audit;
using test::Call;
using test::Fault;
using test::Log;
using test::local_of;
using test::make_dead;
using test::sent;

// Asked by trying, before the one that fails.
bool has_error_queue(core::Loop& loop) {
    const auto socket = platform::open_datagram(loop.poller(), platform::Family::ipv4);
    CHECK(socket);
    if (!socket) return false;
    const auto error = platform::set_option(*socket, platform::Option::icmp_errors, 1);
    platform::close(*socket);
    return !error;
}

}  // namespace

TEST_CASE("[27] without a queue of errors a refusal is still one 'error'") {
    const Audit audit;
    core::Loop loop;
    Datagram holder(loop, Type::udp4);
    const Address dead = make_dead(holder);
    test::settle(loop);
    Datagram socket(loop, Type::udp4);
    Log log;
    test::record(socket, log);
    CHECK(socket.bind_sync(0, "127.0.0.1"));
    {
        const Fault unknown(Call::setsockopt, ENOPROTOOPT);
        CHECK(socket.connect_sync(dead.port));
        CHECK(unknown.hits() == (has_error_queue(loop) ? 1 : 0));
    }
    test::settle(loop);
    socket.send("one", sent(log, "1"));
    test::settle(loop);
    CHECK(log.text() == "listening connect 1(3) error(recvmsg ECONNREFUSED)");  // By a receive.
    log.lines.clear();
    for (int i = 2; i < 8; i++) socket.send("x", sent(log, std::to_string(i)));
    CHECK_FALSE(socket.set_ttl(64));  // By the sends, each over the one before.
    test::settle(loop);
    const auto errors = std::count(log.lines.begin(), log.lines.end(),
                                   "error(recvmsg ECONNREFUSED)");
    CHECK(errors >= 1);
    CHECK(errors <= 2);  // The last refusal comes in the next tick.
    std::erase(log.lines, "error(recvmsg ECONNREFUSED)");
    CHECK(log.text() == "2(1) 3(1) 4(1) 5(1) 6(1) 7(1)");
}

TEST_CASE("[27] one 'error' a tick for each code") {
    const Audit audit;
    core::Loop loop;
    Datagram peer(loop, Type::udp4);
    Datagram socket(loop, Type::udp4);
    Log log;
    test::record(socket, log);
    const auto to = peer.bind_sync(0, "127.0.0.1");
    REQUIRE(to);
    if (!to) return;
    CHECK(socket.bind_sync(0, "127.0.0.1"));
    {
        const Fault unknown(Call::setsockopt, ENOPROTOOPT);
        CHECK(socket.connect_sync(to->port));
    }
    test::settle(loop);
    log.lines.clear();
    peer.send("behind them", local_of(socket));
    test::settle(loop, 1);
    {
        // The newest comes first; each of them three times.
        const Fault refused(Call::any_receive, ECONNREFUSED, 3);
        const Fault unreachable(Call::any_receive, EHOSTUNREACH, 3);
        const Fault network(Call::any_receive, ENETUNREACH, 3);
        test::settle(loop, 1);
        CHECK(refused.hits() + unreachable.hits() + network.hits() == 9);
    }
    CHECK(log.text() == "error(recvmsg ENETUNREACH) error(recvmsg EHOSTUNREACH) "
                        "error(recvmsg ECONNREFUSED) message(behind them)");
}

TEST_CASE("[27][41] a receive that fails for other reasons is one 'error' a tick") {
    const Audit audit;
    core::Loop loop;
    Datagram socket(loop, Type::udp4);
    Datagram sender(loop, Type::udp4);
    Log log;
    test::record(socket, log);
    const auto to = socket.bind_sync(0, "127.0.0.1");
    REQUIRE(to);
    if (!to) return;
    test::settle(loop);
    sender.send("x", *to);
    test::settle(loop, 1);
    {
        const Fault fault(Call::any_receive, ENOMEM, 2);
        test::settle(loop, 1);
        CHECK(fault.hits() == 1);
        test::settle(loop, 1);
        CHECK(fault.hits() == 2);
    }
    test::settle(loop);
    CHECK(log.text() == "listening error(recvmsg ENOMEM) error(recvmsg ENOMEM) message(x)");
}

TEST_CASE("[27] a send that is refused again and again has been refused itself, and no other") {
    const Audit audit;
    core::Loop loop;
    Datagram peer(loop, Type::udp4);
    Log heard;
    test::record(peer, heard);
    const auto to = peer.bind_sync(0, "127.0.0.1");
    REQUIRE(to);
    if (!to) return;
    for (const bool connected : {true, false}) {
        CAPTURE(connected);
        Datagram socket(loop, {.segmentation = false});
        Log log;
        socket.on_error([&](const Failure& failure) { log.add(failure.text()); });
        CHECK(socket.bind_sync());
        if (connected) CHECK(socket.connect_sync(to->port));
        test::settle(loop);
        heard.lines.clear();
        const auto send = [&](const char* name) {
            if (connected) socket.send("x", sent(log, name));
            if (!connected) socket.send("x", *to, sent(log, name));
        };
        send("1");
        {
            const Fault fault(Call::sendmsg, EHOSTUNREACH, 1000);
            CHECK_FALSE(socket.set_ttl(64));  // The first leaves here, or does not.
            CHECK(fault.hits() >= 2);
            CHECK(fault.hits() < 100);
        }
        {
            const Fault pending(Call::any_send, EHOSTUNREACH);
            send("2");
            send("3");
            test::settle(loop);
            CHECK(pending.hits() == 1);
        }
        // Without a queue of errors the calls tell of what left earlier, too.
        const auto told = std::erase(log.lines, "recvmsg EHOSTUNREACH");
        CHECK((told > 0) == (connected && !has_error_queue(loop)));
        CHECK(log.text() ==
              "1(send EHOSTUNREACH 127.0.0.1:" + std::to_string(to->port) + ") 2(1) 3(1)");
        CHECK(heard.text() == "message(x) message(x)");
    }
}

#endif
