// What ICMP says of datagrams that nobody took: one 'error' on a connected socket, silence on any
// other, and never a loop that spins or a send that pays for another.
#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/net/outcomes.h"

namespace {

using net::Address;
using net::Datagram;
using net::Event;
using net::Failure;
using net::Family;
using net::Type;
using test::Audit;
using test::Dead;
using test::Log;
using test::local_of;
using test::sent;
using test::ticks_in;
using namespace std::chrono_literals;

}  // namespace

TEST_CASE("[27] a refusal is one 'error', and the socket lives on") {
    const Audit audit;
    core::Loop loop;
    for (const Type type : {Type::udp4, Type::udp6}) {
        Dead dead(loop, type);
        Datagram socket(loop, type);
        Log log;
        test::record(socket, log);
        std::optional<Failure> told;
        socket.once_error([&](const Failure& failure) { told = failure; });
        socket.connect(dead.address);
        socket.send("x", sent(log, "send"));
        CHECK(test::run_until(loop, [&] { return told.has_value(); }));
        CHECK(ticks_in(loop, 50ms) < 10);
        CHECK(log.text() == "listening connect send(1) error(recvmsg ECONNREFUSED)");
        CHECK(told->code() == "ECONNREFUSED");
        CHECK(told->syscall() == "recvmsg");
        CHECK(told->native() != 0);
        CHECK(told->text() == "recvmsg ECONNREFUSED");
        // Somebody listens there from here on.
        dead.socket.on_message([&](const net::Message& message) {
            dead.socket.send(message.bytes, message.sender);
        });
        CHECK_FALSE(dead.socket.disconnect());
        log.lines.clear();
        socket.send("again", sent(log, "send"));
        CHECK(test::run_until(loop, [&] { return log.lines.size() == 2; }));
        CHECK(log.text() == "send(5) message(again)");
    }
}

TEST_CASE("[27] of many refusals at most one a tick is told, and each send keeps its own result") {
    const Audit audit;
    core::Loop loop;
    const Dead dead(loop);
    Datagram socket(loop, Type::udp4);
    std::vector<std::uint64_t> ticks;
    socket.on_error([&](const Failure& failure) {
        CHECK(failure.text() == "recvmsg ECONNREFUSED");
        ticks.push_back(loop.tick());
    });
    CHECK(socket.connect_sync(dead.address.port));
    int well = 0;
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 50; i++) {
            socket.send("x", [&](const Failure& failure, std::size_t bytes) {
                CHECK_FALSE(failure);
                CHECK(bytes == 1);
                well++;
            });
        }
        test::settle(loop, 1);
    }
    CHECK(test::run_until(loop, [&] { return well == 1000; }));
    CHECK(ticks_in(loop, 50ms) < 10);
    CHECK(ticks.size() >= 1);
    for (std::size_t i = 1; i < ticks.size(); i++) CHECK(ticks[i] > ticks[i - 1]);
}

TEST_CASE("[27] a send that trips over a pending refusal is sent once more") {
    const Audit audit;
    core::Loop loop;
    Dead dead(loop);
    Log heard;
    test::record(dead.socket, heard);
    Datagram socket(loop, Type::udp4);
    Log log;
    test::record(socket, log);
    CHECK(socket.connect_sync(dead.address.port));
    test::settle(loop);
    heard.lines.clear();
    log.lines.clear();
    socket.send("refused", sent(log, "1"));
    CHECK_FALSE(socket.set_ttl(64));  // It leaves here, and is refused before the next one leaves.
    CHECK_FALSE(dead.socket.disconnect());
    socket.send("taken", sent(log, "2"));
    CHECK_FALSE(socket.set_ttl(64));
    CHECK(test::run_until(loop, [&] { return log.lines.size() == 3 && !heard.lines.empty(); }));
    test::settle(loop);
    std::sort(log.lines.begin(), log.lines.end());
    CHECK(log.text() == "1(7) 2(5) error(recvmsg ECONNREFUSED)");
    CHECK(heard.text() == "message(taken)");
}

TEST_CASE("[27] what can be read behind a refusal is read in the same tick") {
    const Audit audit;
    core::Loop loop;
    core::Loop elsewhere;
    Dead dead(elsewhere);
    Datagram socket(loop, Type::udp4);
    Log log;
    test::record(socket, log);
    CHECK(socket.connect_sync(dead.address.port));
    test::settle(loop);
    socket.send("x");
    CHECK_FALSE(socket.set_ttl(64));
    CHECK_FALSE(dead.socket.disconnect());
    dead.socket.send("hello", local_of(socket));
    test::settle(elsewhere);
    log.lines.clear();
    test::settle(loop, 1);
    CHECK(log.text() == "error(recvmsg ECONNREFUSED) message(hello)");
}

TEST_CASE("[27] an unconnected socket never hears of a refusal") {
    const Audit audit;
    core::Loop loop;
    for (const Type type : {Type::udp4, Type::udp6}) {
        const Dead dead(loop, type);
        Datagram socket(loop, type);
        Datagram friendly(loop, type);
        Log log;
        test::record(socket, log);
        Log heard;
        test::record(friendly, heard);
        const auto to = friendly.bind_sync(0, type == Type::udp4 ? "127.0.0.1" : "::1");
        REQUIRE(to);
        if (!to) return;
        int well = 0;
        for (int round = 0; round < 10; round++) {
            for (int i = 0; i < 10; i++) {
                const Address& destination = i % 2 ? dead.address : *to;
                socket.send("x", destination, [&](const Failure& failure, std::size_t) {
                    CHECK_FALSE(failure);
                    well++;
                });
            }
            test::settle(loop, 1);
        }
        CHECK(test::run_until(loop, [&] { return heard.lines.size() == 51; }));
        CHECK(ticks_in(loop, 50ms) < 10);
        CHECK(well == 100);
        CHECK(log.text() == "listening");
    }
}

TEST_CASE("[27] a refusal that was on its way at the disconnect is nobody's any more") {
    const Audit audit;
    core::Loop loop;
    const Dead dead(loop);
    Datagram friendly(loop, Type::udp4);
    Log heard;
    test::record(friendly, heard);
    const auto to = friendly.bind_sync(0, "127.0.0.1");
    REQUIRE(to);
    if (!to) return;
    for (const bool sends : {false, true}) {
        Datagram socket(loop, Type::udp4);
        Log log;
        test::record(socket, log);
        CHECK(socket.connect_sync(dead.address.port));
        test::settle(loop);
        socket.send("x");
        CHECK_FALSE(socket.disconnect());
        heard.lines.clear();
        if (sends) {
            socket.send("y", *to, sent(log, "send"));
            CHECK_FALSE(socket.set_ttl(64));  // Before anything could be read.
        }
        CHECK(ticks_in(loop, 50ms) < 10);
        CHECK(log.text() == (sends ? "listening connect send(1)" : "listening connect"));
        CHECK(heard.text() == (sends ? "message(y)" : ""));
    }
}

TEST_CASE("[27] nobody listens to 'error': the loop's hook hears of it, once") {
    const Audit audit;
    core::Loop loop;
    std::vector<std::string> texts;
    loop.on_unhandled_error([&](platform::Error, std::string_view text) {
        texts.emplace_back(text);
    });
    const Dead dead(loop);
    Datagram socket(loop, Type::udp4);
    CHECK(socket.connect_sync(dead.address.port));
    socket.send("x");
    CHECK(test::run_until(loop, [&] { return !texts.empty(); }));
    test::settle(loop);
    CHECK(texts == std::vector<std::string>{"recvmsg ECONNREFUSED"});
}

TEST_CASE("[27] the loop sleeps while a refused socket waits, also when it is idle or closing") {
    const Audit audit;
    core::Loop loop;
    const Dead dead(loop);
    Datagram socket(loop, Type::udp4);
    int errors = 0;
    socket.on_error([&](const Failure&) { errors++; });
    CHECK(socket.connect_sync(dead.address.port));
    for (int i = 0; i < 100; i++) socket.send("x");
    const auto before = loop.now();
    CHECK(ticks_in(loop, 200ms) < 20);
    CHECK(loop.now().nanoseconds - before.nanoseconds >= 200'000'000);
    CHECK(errors >= 1);
    CHECK(errors < 20);
    socket.send("x");
    CHECK_FALSE(socket.set_ttl(64));
    const int told = errors;
    socket.close();
    CHECK(ticks_in(loop, 50ms) < 10);
    CHECK(errors == told);  // Not after close.
}

TEST_CASE("[27] the 'error' of a refusal may close, destroy, disconnect, or send") {
    const Audit audit;
    core::Loop loop;
    enum class Deed { close, destroy, disconnect, reconnect, send };
    for (const Deed deed :
         {Deed::close, Deed::destroy, Deed::disconnect, Deed::reconnect, Deed::send}) {
        CAPTURE(static_cast<int>(deed));
        const Dead dead(loop);
        const Dead other(loop);
        auto socket = std::make_unique<Datagram>(loop, Type::udp4);
        Log log;
        socket->on_close([&] { log.add("close"); });
        socket->on_error([&](const Failure& failure) {
            log.add(std::string(failure.code()));
            if (log.lines.size() > 1) return;
            switch (deed) {
                case Deed::close: return socket->close();
                case Deed::destroy: return socket.reset();
                case Deed::reconnect:
                    CHECK_FALSE(socket->disconnect());
                    socket->connect(other.address);
                    return socket->send("x");
                case Deed::disconnect: CHECK_FALSE(socket->disconnect()); return;
                case Deed::send: return socket->send("x");
            }
        });
        CHECK(socket->connect_sync(dead.address.port));
        socket->send("x");
        CHECK(test::run_until(loop, [&] { return !log.lines.empty(); }));
        CHECK(ticks_in(loop, 50ms) < 15);
        const bool twice = deed == Deed::reconnect || deed == Deed::send;
        const std::string after = deed == Deed::close ? " close" : twice ? " ECONNREFUSED" : "";
        CHECK(log.text() == "ECONNREFUSED" + after);
    }
}
