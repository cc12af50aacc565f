// Listeners of bind that throw: the exception leaves run(), and everything else comes in the next.
#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "tests/net/outcomes.h"
#include "tests/net/throwing.h"

namespace {

using net::Address;
using net::Datagram;
using net::Event;
using net::Failure;
using net::Family;
using net::LookupAnswer;
using net::Type;
using test::Audit;
using test::Log;
using test::local_of;
using namespace std::chrono_literals;

}  // namespace

TEST_CASE("[7][15] a throwing 'listening' leaves run(), and the socket is bound") {
    const Audit audit;
    core::Loop loop;
    Datagram socket(loop, Type::udp4);
    Datagram other(loop, Type::udp4);
    Log log;
    socket.bind(0, "127.0.0.1", [&] {
        log.add("first");
        throw 1;
    });
    other.bind(0, "127.0.0.1", [&] {
        log.add("second");
        throw 2;
    });
    CHECK_THROWS_AS((void)loop.run(), int);
    CHECK(log.text() == "first");
    CHECK(socket.address());
    CHECK_THROWS_AS((void)loop.run(), int);
    CHECK(log.text() == "first second");
    CHECK(socket.listener_count(Event::listening) == 0);
    int received = 0;
    socket.on_message([&](const net::Message&) {
        received++;
        socket.close();
        other.close();
    });
    other.send("x", local_of(socket));
    CHECK(test::runs_that_throw<int>(loop) == 0);
    CHECK(received == 1);
    CHECK(log.text() == "first second");
}

TEST_CASE("[7][15] throwing in 'error', after it was bound again there") {
    const Audit audit;
    core::Loop loop;
    Datagram taken(loop, Type::udp4);
    taken.unref();
    const auto held = taken.bind_sync(0, "127.0.0.1");
    REQUIRE(held);
    if (!held) return;
    Datagram socket(loop, Type::udp4);
    int failures = 0;
    int listening = 0;
    socket.on_error([&](const Failure& failure) {
        CHECK(failure.code() == "EADDRINUSE");
        CHECK(socket.listener_count(Event::listening) == 0);
        failures++;
        socket.bind(failures < 20 ? held->port : 0, "127.0.0.1", [&] {
            listening++;
            socket.close();
        });
        throw failures;
    });
    socket.bind(held->port, "127.0.0.1");
    CHECK(test::runs_that_throw<int>(loop) == 20);
    CHECK(failures == 20);
    CHECK(listening == 1);
}

TEST_CASE("[7][41] a bind's error that nobody listens to may be thrown by the loop's hook") {
    const Audit audit;
    core::Loop loop;
    std::vector<std::string> texts;
    loop.on_unhandled_error([&](platform::Error, std::string_view text) {
        texts.emplace_back(text);
        throw 1;
    });
    Datagram socket(loop, Type::udp4);
    socket.bind(-1);
    socket.bind(0, "1.1.1.1");
    socket.bind(0, [&] { FAIL_CHECK("it was refused"); });
    CHECK(test::runs_that_throw<int>(loop) == 3);
    CHECK(texts == std::vector<std::string>{"Port should be >= 0 and < 65536. Received -1.",
                                            "bind EADDRNOTAVAIL 1.1.1.1",
                                            "Socket is already bound"});
    socket.bind(0, "127.0.0.1", [&] { socket.close(); });
    CHECK(test::runs_that_throw<int>(loop) == 0);
}

TEST_CASE("[7][17] throwing in 'close' is the last that is heard of a socket") {
    const Audit audit;
    core::Loop loop;
    Datagram one(loop, Type::udp4);
    Datagram two(loop, Type::udp4);
    int closed = 0;
    for (Datagram* socket : {&one, &two}) {
        socket->on_close([&] {
            closed++;
            throw 1;
        });
        socket->bind();
        socket->close();
    }
    CHECK(test::runs_that_throw<int>(loop) == 2);
    CHECK(closed == 2);
}

TEST_CASE("[7][11] a look-up that throws cancels its bind alone") {
    const Audit audit;
    core::Loop loop;
    Log log;
    const auto lookup = [&](std::string_view host, Family family, LookupAnswer answer) {
        log.add(std::string(host));
        if (host.starts_with("bad")) throw 1;
        answer(Address::loopback(family));
    };
    std::vector<std::unique_ptr<Datagram>> sockets;
    for (const std::string_view host : {"bad.one", "good.one", "bad.two", "good.two"}) {
        sockets.push_back(std::make_unique<Datagram>(loop, net::Options{.lookup = lookup}));
        Datagram& socket = *sockets.back();
        socket.on_error([&](const Failure& failure) { log.add(failure.text()); });
        socket.bind(0, host, [&] {
            log.add("listening");
            socket.close();
        });
    }
    CHECK(test::runs_that_throw<int>(loop) == 2);
    std::vector<std::string> lines = log.lines;
    std::sort(lines.begin(), lines.end());
    CHECK(lines == std::vector<std::string>{"bad.one", "bad.two", "getaddrinfo ECANCELED bad.one",
                                            "getaddrinfo ECANCELED bad.two", "good.one",
                                            "good.two", "listening", "listening"});
}

TEST_CASE("[7][18] throwing in the events of the synchronous calls") {
    const Audit audit;
    core::Loop loop;
    Datagram socket(loop, Type::udp4);
    Log log;
    socket.on_listening([&] {
        log.add("listening");
        throw 1;
    });
    socket.on_connect([&] {
        log.add("connect");
        socket.close();
        throw 2;
    });
    socket.on_close([&] { log.add("close"); });
    CHECK(socket.bind_sync());
    CHECK(socket.connect_sync(9));
    CHECK(test::runs_that_throw<int>(loop) == 2);
    CHECK(log.text() == "listening connect close");
}

TEST_CASE("[7][15] destroyed in a callback that then throws") {
    const Audit audit;
    core::Loop loop;
    auto socket = std::make_unique<Datagram>(loop, Type::udp4);
    socket->bind(0, "127.0.0.1", [&] {
        socket.reset();
        throw 1;
    });
    socket->on_listening([&] { FAIL_CHECK("it has been destroyed"); });
    CHECK(test::runs_that_throw<int>(loop) == 1);
    CHECK_FALSE(socket);
}
