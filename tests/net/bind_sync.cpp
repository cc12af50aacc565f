// bind_sync and connect_sync: the answer at once, the event on the next tick, no 'error' event.
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/net/outcomes.h"

namespace {

using net::Address;
using net::Datagram;
using net::Event;
using net::Failure;
using net::Family;
using net::LookupAnswer;
using net::Type;
using platform::Code;
using test::Audit;
using test::Log;
using test::local_of;

}  // namespace

TEST_CASE("[18] bind_sync answers with the address, and 'listening' follows") {
    const Audit audit;
    core::Loop loop;
    for (const Type type : {Type::udp4, Type::udp6}) {
        const std::string own = type == Type::udp4 ? "127.0.0.1" : "::1";
        for (const std::string& host : {std::string(), own}) {
            CAPTURE(host);
            Datagram socket(loop, type);
            Log log;
            test::record(socket, log);
            const auto bound = socket.bind_sync(0, host);
            REQUIRE(bound);
            if (!bound) return;
            CHECK(bound->host() == (!host.empty() ? host : type == Type::udp4 ? "0.0.0.0" : "::"));
            CHECK(bound->port > 0);
            CHECK(socket.address());
            CHECK(local_of(socket) == *bound);
            CHECK(log.text() == "");
            test::settle(loop, 1);
            CHECK(log.text() == "listening");
            test::settle(loop);
            CHECK(log.text() == "listening");
        }
    }
    if (test::lacks_unix_sockets(loop)) return;
    const test::Path path("sync");
    Datagram local(loop, Type::unix_dgram);
    Log log;
    test::record(local, log);
    const auto bound = local.bind_sync(path.text());
    REQUIRE(bound);
    if (!bound) return;
    CHECK(bound->host() == path.text());
    CHECK(log.text() == "");
    test::settle(loop, 1);
    CHECK(log.text() == "listening");
}

TEST_CASE("[18] a socket bound at once is bound: it sends, connects and receives in this tick") {
    const Audit audit;
    core::Loop loop;
    Datagram socket(loop, Type::udp4);
    Log log;
    test::record(socket, log);
    const auto bound = socket.bind_sync(0, "127.0.0.1");
    REQUIRE(bound);
    if (!bound) return;
    socket.send("to myself", *bound);
    CHECK_FALSE(socket.set_ttl(7));
    CHECK(test::run_until(loop, [&] { return log.lines.size() == 2; }));
    CHECK(log.text() == "listening message(to myself)");
}

TEST_CASE("[18] bind_sync answers with the error, and no 'error' follows") {
    const Audit audit;
    core::Loop loop;
    Datagram taken(loop, Type::udp4);
    const auto held = taken.bind_sync(0, "127.0.0.1");
    REQUIRE(held);
    if (!held) return;
    Datagram socket(loop, Type::udp4);
    Log log;
    test::record(socket, log);
    const auto refused = [&](int port, std::string_view host) {
        return net::text(socket.bind_sync(port, host).error());
    };
    CHECK(refused(held->port, "127.0.0.1") == "bind EADDRINUSE");
    CHECK(refused(0, "1.1.1.1") == "bind EADDRNOTAVAIL");
    CHECK(refused(0, "::1") == "bind EINVAL");
    CHECK(refused(0, "localhost") == "bind EINVAL");  // No look-up is waited for.
    CHECK(refused(0, "127.1") == "bind EINVAL");
    CHECK(refused(0, std::string_view("127.0.0.1\0", 10)) == "bind EINVAL");
    CHECK(net::text(socket.bind_sync("/nowhere").error()) == "bind EINVAL");
    CHECK(socket.bind_sync(65536).error().code == Code::bad_port);
    CHECK_FALSE(socket.address());
    CHECK(net::text(socket.address().error()) == "getsockname EBADF");
    test::settle(loop);
    CHECK(log.text() == "");
    CHECK(socket.bind_sync(0, "127.0.0.1"));  // All of that has left it usable.
    CHECK(socket.bind_sync().error().code == Code::already_bound);
    test::settle(loop);
    CHECK(log.text() == "listening");
}

TEST_CASE("[18] connect_sync binds where needed, and both events follow in order") {
    const Audit audit;
    core::Loop loop;
    Datagram server(loop, Type::udp4);
    Log heard;
    test::record(server, heard);
    const auto to = server.bind_sync(0, "127.0.0.1");
    REQUIRE(to);
    if (!to) return;
    Datagram client(loop, Type::udp4);
    Log log;
    test::record(client, log);
    const auto remote = client.connect_sync(to->port);
    REQUIRE(remote);
    if (!remote) return;
    CHECK(remote->host() == "127.0.0.1");
    CHECK(remote->port == to->port);
    CHECK(client.remote_address());
    CHECK(client.address());
    CHECK(local_of(client).host() == "127.0.0.1");
    CHECK(log.text() == "");
    client.send("hello", [&](const Failure& failure, std::size_t bytes) {
        log.add(failure ? failure.text() : std::to_string(bytes));
    });
    test::settle(loop);
    CHECK(log.text() == "listening connect 5");
    CHECK(heard.text() == "listening message(hello)");
}

TEST_CASE("[18] connect_sync after bind_sync, after bind, and on unix sockets") {
    const Audit audit;
    core::Loop loop;
    Datagram server(loop, Type::udp6);
    const auto to = server.bind_sync(0, "::1");
    REQUIRE(to);
    if (!to) return;
    Log log;
    Datagram one(loop, Type::udp6);
    test::record(one, log);
    CHECK(one.bind_sync(0, "::1"));
    CHECK(one.connect_sync(to->port, "::1"));
    test::settle(loop);
    CHECK(log.text() == "listening connect");

    log.lines.clear();
    Datagram two(loop, Type::udp6);
    test::record(two, log);
    two.bind(0, "::1", [&] { log.add("callback"); });
    CHECK(two.connect_sync(to->port));  // What was asked for is done first.
    CHECK(two.address());
    CHECK(log.text() == "");
    test::settle(loop);
    CHECK(log.text() == "listening callback connect");

    if (test::lacks_unix_sockets(loop)) return;
    log.lines.clear();
    const test::Path path("sync");
    Datagram receiver(loop, Type::unix_dgram);
    Datagram sender(loop, Type::unix_dgram);
    test::record(receiver, log);
    CHECK(receiver.bind_sync(path.text()));
    const auto remote = sender.connect_sync(path.text());
    REQUIRE(remote);
    if (!remote) return;
    CHECK(remote->host() == path.text());
    sender.send("hello");
    CHECK(test::run_until(loop, [&] { return log.lines.size() == 2; }));
    CHECK(log.text() == "listening message(hello)");
}

TEST_CASE("[18] connect_sync answers with the error, and leaves the socket as it was") {
    const Audit audit;
    core::Loop loop;
    auto list = std::make_shared<net::BlockList>();
    CHECK_FALSE(list->add_address("127.0.0.66"));
    Datagram socket(loop, {.type = Type::udp4, .send_block_list = list});
    Log log;
    test::record(socket, log);
    const auto refused = [&](int port, std::string_view host) {
        return std::string(platform::name(socket.connect_sync(port, host).error().code));
    };
    CHECK(refused(0, "127.0.0.1") == "ERR_SOCKET_BAD_PORT");
    CHECK(refused(65536, "127.0.0.1") == "ERR_SOCKET_BAD_PORT");
    CHECK(refused(-1, "") == "ERR_SOCKET_BAD_PORT");
    CHECK(refused(9, "::1") == "EINVAL");
    CHECK(refused(9, "localhost") == "EINVAL");
    CHECK(refused(9, "1.2.3") == "EINVAL");
    CHECK(refused(9, "127.0.0.66") == "ERR_IP_BLOCKED");
    CHECK(platform::name(socket.connect_sync("/x").error().code) == "EINVAL");
    CHECK_FALSE(socket.address());
    CHECK_FALSE(socket.remote_address());
    test::settle(loop);
    CHECK(log.text() == "");
    CHECK(socket.connect_sync(9, "127.0.0.1"));
    CHECK(refused(9, "127.0.0.1") == "ERR_SOCKET_DGRAM_IS_CONNECTED");
    CHECK(refused(0, "127.0.0.1") == "ERR_SOCKET_BAD_PORT");
    test::settle(loop);
    CHECK(log.text() == "listening connect");

    if (test::lacks_unix_sockets(loop)) return;
    Datagram local(loop, Type::unix_dgram);
    test::record(local, log);
    const test::Path path("nobody");
    CHECK(net::text(local.connect_sync(path.text()).error()) == "connect ENOENT");
    CHECK(net::text(local.connect_sync("").error()) == "connect EINVAL");
    test::settle(loop);
    CHECK(log.text() == "listening connect");
}

TEST_CASE("[18] while an asynchronous request is going on, the other one is refused") {
    const Audit audit;
    core::Loop loop;
    std::unique_ptr<LookupAnswer> answer;
    Datagram socket(loop, {.lookup = [&](std::string_view, Family, LookupAnswer kept) {
                        answer = std::make_unique<LookupAnswer>(std::move(kept));
                    }});
    Log log;
    test::record(socket, log);
    socket.bind(0, "somewhere");
    CHECK(socket.bind_sync().error().code == Code::already_bound);
    CHECK(socket.connect_sync(9).error().code == Code::already_in_progress);
    test::settle(loop);
    CHECK(socket.connect_sync(9).error().code == Code::already_in_progress);
    REQUIRE(answer);
    if (!answer) return;
    (*answer)(Address::loopback(Family::ipv4));
    test::settle(loop);
    CHECK(log.text() == "listening");
    socket.connect(9, "somewhere");
    CHECK(socket.connect_sync(9).error().code == Code::already_connected);
    test::settle(loop);
    (*answer)(Address::loopback(Family::ipv4));
    test::settle(loop);
    CHECK(log.text() == "listening connect");
}

TEST_CASE("[18] a socket closed before the event emits only 'close'") {
    const Audit audit;
    core::Loop loop;
    Datagram socket(loop, Type::udp4);
    Log log;
    test::record(socket, log);
    CHECK(socket.bind_sync());
    CHECK(socket.connect_sync(9));
    socket.close();
    test::settle(loop);
    CHECK(log.text() == "close");
    CHECK(socket.bind_sync().error().code == Code::not_running);
    CHECK(socket.connect_sync(9).error().code == Code::not_running);
    test::settle(loop);
    CHECK(log.text() == "close");
}

TEST_CASE("[18] the events of the synchronous calls may close or destroy the socket") {
    const Audit audit;
    core::Loop loop;
    for (const Event where : {Event::listening, Event::connect}) {
        for (const bool destroys : {false, true}) {
            CAPTURE(destroys);
            auto socket = std::make_unique<Datagram>(loop, Type::udp4);
            Log log;
            const auto act = [&](Event here, const char* name) {
                log.add(name);
                if (here != where) return;
                if (destroys) socket.reset();
                if (!destroys) socket->close();
            };
            socket->on_listening([&] { act(Event::listening, "listening"); });
            socket->on_connect([&] { act(Event::connect, "connect"); });
            socket->on_close([&] { log.add("close"); });
            CHECK(socket->bind_sync());
            CHECK(socket->connect_sync(9));
            test::settle(loop);
            std::string expected = where == Event::listening ? "listening" : "listening connect";
            if (!destroys) expected += " close";
            CHECK(log.text() == expected);
        }
    }
}
