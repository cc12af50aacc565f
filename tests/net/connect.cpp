// connect, disconnect and remote_address: the events and their order, refusals and failures, whose
// datagrams are delivered, and what stays when the peer has gone.
#include <doctest/doctest.h>

#include <functional>
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
using net::LookupAnswer;
using net::Message;
using net::Type;
using platform::Code;
using platform::Error;
using platform::Operation;
using test::Audit;
using test::Log;
using test::Names;
using test::local_of;
using test::outcome;
using test::sent;

std::string loopback_of(Type type) { return type == Type::udp4 ? "127.0.0.1" : "::1"; }

// A bound socket that writes down what it hears.
struct Server {
    explicit Server(core::Loop& loop, Type type = Type::udp4, std::string_view host = {},
                    int port = 0)
        : socket(loop, type) {
        test::record(socket, log);
        const auto bound = socket.bind_sync(port, host.empty() ? loopback_of(type) : host);
        CHECK(bound);
        if (bound) address = *bound;
    }
    Datagram socket;
    Log log;
    Address address = Address::any(Family::ipv4);
};

std::string peer_of(const Datagram& socket) {
    const auto remote = socket.remote_address();
    return remote ? remote->text() : net::text(remote.error());
}

}  // namespace

// ---- Success ---------------------------------------------------------------------------------

TEST_CASE("[23] connect binds implicitly and means loopback: 'listening', then 'connect'") {
    const Audit audit;
    core::Loop loop;
    for (const Type type : {Type::udp4, Type::udp6}) {
        Server server(loop, type);
        Datagram client(loop, type);
        Log log;
        test::record(client, log);
        client.connect(server.address.port, outcome(log, "callback"));
        CHECK(log.text() == "");  // Not inside the call.
        CHECK(peer_of(client) == "Not connected");
        test::settle(loop, 1);
        CHECK(log.text() == "listening connect callback(ok)");
        CHECK(peer_of(client) == server.address.text());
        CHECK(local_of(client).host() == loopback_of(type));
        client.send("hello", sent(log, "send"));
        server.socket.on_message([&](const Message& message) {
            server.socket.send("back", message.sender);
        });
        CHECK(test::run_until(loop, [&] { return log.lines.size() == 5; }));
        CHECK(log.text() == "listening connect callback(ok) send(5) message(back)");
    }
}

TEST_CASE("[23] every form of connect says the same, also on a bound socket") {
    const Audit audit;
    core::Loop loop;
    Server server(loop);
    const int port = server.address.port;
    Names names;
    for (int form = 0; form < 5; form++) {
        CAPTURE(form);
        Datagram client(loop, {.lookup = names.lookup()});
        Log log;
        test::record(client, log);
        CHECK(client.bind_sync(0, "127.0.0.1"));
        const auto before = client.address();
        switch (form) {
            case 0: client.connect(port, outcome(log, "callback")); break;
            case 1: client.connect(port, "127.0.0.1", outcome(log, "callback")); break;
            case 2: client.connect(server.address, outcome(log, "callback")); break;
            case 3: client.connect(port, "here", outcome(log, "callback")); break;
            case 4: client.connect(port, "", outcome(log, "callback")); break;
        }
        test::settle(loop);
        CHECK(log.text() == "listening connect callback(ok)");
        CHECK(peer_of(client) == server.address.text());
        CHECK(local_of(client) == *before);
    }
}

TEST_CASE("[23] connect waits for an asynchronous bind") {
    const Audit audit;
    core::Loop loop;
    Server server(loop);
    Names names;
    Datagram client(loop, {.lookup = names.lookup()});
    Log log;
    test::record(client, log);
    client.bind(0, "later", [&] { log.add("bound"); });
    client.connect(server.address.port, "127.0.0.1", outcome(log, "callback"));
    client.send("hello", sent(log, "send"));
    test::settle(loop);
    CHECK(log.text() == "");
    CHECK(peer_of(client) == "Not connected");
    names.answer();
    test::settle(loop);
    CHECK(log.text() == "listening bound connect callback(ok) send(5)");
    CHECK(server.log.text() == "listening message(hello)");
}

TEST_CASE("[24][29] what is sent while connecting goes to the peer, also behind a look-up") {
    const Audit audit;
    core::Loop loop;
    Server server(loop);
    for (const std::string_view host : {"127.0.0.1", "here", "later"}) {
        CAPTURE(host);
        Names names;
        Datagram client(loop, {.lookup = names.lookup()});
        Log log;
        test::record(client, log);
        server.log.lines.clear();
        client.connect(server.address.port, host);
        client.send("one", sent(log, "1"));
        client.send("two", sent(log, "2"));
        test::settle(loop);
        if (names.kept) names.answer();
        CHECK(test::run_until(loop, [&] { return log.lines.size() >= 4; }));
        CHECK(log.text() == "listening connect 1(3) 2(3)");
        CHECK(test::run_until(loop, [&] { return server.log.lines.size() >= 2; }));
        CHECK(server.log.lines[server.log.lines.size() - 2] == "message(one)");
        CHECK(server.log.lines.back() == "message(two)");
    }
}

TEST_CASE("[24] what was asked for before the connect leaves before, to its own destination") {
    const Audit audit;
    core::Loop loop;
    Server server(loop);
    Server other(loop);
    Datagram client(loop, Type::udp4);
    Log log;
    client.send("before", other.address, sent(log, "before"));
    client.connect(server.address, outcome(log, "connect"));
    client.send("after", sent(log, "after"));
    test::settle(loop);
    CHECK(log.text() == "before(6) connect(ok) after(5)");
    CHECK(other.log.text() == "listening message(before)");
    CHECK(server.log.text() == "listening message(after)");
}

// ---- Refusals and failures -------------------------------------------------------------------

TEST_CASE("[23] a bad port is refused first, whatever else is wrong") {
    const Audit audit;
    core::Loop loop;
    Server server(loop);
    Datagram fresh(loop, Type::udp4);
    Datagram connected(loop, Type::udp4);
    Datagram closed(loop, Type::udp4);
    CHECK(connected.connect_sync(server.address.port));
    closed.close();
    test::settle(loop);
    for (Datagram* socket : {&fresh, &connected, &closed}) {
        for (const int port : {0, -1, 65536, INT32_MAX, INT32_MIN}) {
            CAPTURE(port);
            Log log;
            const auto id = socket->on_error([&](const Failure& failure) {
                CHECK(failure.code() == "ERR_SOCKET_BAD_PORT");
                log.add("error");
            });
            const std::string refusal = "callback(Port should be > 0 and < 65536. Received " +
                                        std::to_string(port) + ".)";
            socket->connect(port, outcome(log, "callback"));
            socket->connect(port, "1.2.3", outcome(log, "callback"));
            socket->connect(port, "::1");
            CHECK(log.text() == "");
            test::settle(loop, 2);
            CHECK(log.lines == std::vector<std::string>{refusal, refusal, "error"});
            CHECK(socket->off(id));
        }
        Log log;
        socket->connect(Address::loopback(Family::ipv4), outcome(log, "callback"));
        test::settle(loop, 2);
        CHECK(log.text() == "callback(Port should be > 0 and < 65536. Received 0.)");
    }
    CHECK_FALSE(fresh.address());  // A refusal binds nothing.
    CHECK(peer_of(connected) == server.address.text());
}

TEST_CASE("[23] connecting or connected: refused, and the first goes on") {
    const Audit audit;
    core::Loop loop;
    Server server(loop);
    Datagram client(loop, Type::udp4);
    Log log;
    test::record(client, log);
    client.connect(server.address, outcome(log, "first"));
    client.connect(9, outcome(log, "second"));
    client.connect(9, "127.0.0.1");
    test::settle(loop);
    CHECK(log.text() ==
          "listening connect first(ok) second(Already connected) error(Already connected)");
    log.lines.clear();
    std::string code;
    client.connect(9, [&](const Failure& failure) { code = failure.code(); });
    test::settle(loop);
    CHECK(code == "ERR_SOCKET_DGRAM_IS_CONNECTED");
    CHECK(log.text() == "");
    CHECK(peer_of(client) == server.address.text());
    client.send("still");
    CHECK(test::run_until(loop, [&] { return server.log.lines.size() == 2; }));
}

TEST_CASE("[23] a closed socket, and one without ports") {
    const Audit audit;
    core::Loop loop;
    Datagram closed(loop, Type::udp4);
    Log log;
    test::record(closed, log);
    closed.close();
    closed.connect(9, outcome(log, "callback"));
    test::settle(loop);
    closed.connect(9);
    test::settle(loop);
    CHECK(log.text() == "callback(Not running) close error(Not running)");
    Datagram local(loop, Type::unix_dgram);
    log.lines.clear();
    local.connect(9, outcome(log, "callback"));
    local.connect(9, "127.0.0.1", outcome(log, "callback"));
    local.connect("", outcome(log, "callback"));
    test::settle(loop);
    CHECK(log.text() == "callback(The \"path\" argument must be specified) "
                        "callback(connect EINVAL 127.0.0.1) callback(connect EINVAL)");
}

TEST_CASE("[24] a failure goes to the callback, or to 'error', and connect may be tried again") {
    const Audit audit;
    core::Loop loop;
    Server server(loop);
    auto list = std::make_shared<net::BlockList>();
    CHECK_FALSE(list->add_address("127.0.0.66"));
    const std::vector<std::pair<std::string, std::string>> failing{
        {"::1", "connect EINVAL ::1:4711"},
        {"127.1", "connect EINVAL 127.1:4711"},
        {"nowhere", "getaddrinfo ENOTFOUND nowhere"},
        {"127.0.0.66", "IP(127.0.0.66) is blocked by net.BlockList"},
    };
    for (const auto& each : failing) {
        const std::string& host = each.first;
        const std::string& text = each.second;
        CAPTURE(host);
        Names names;
        Datagram client(loop, {.lookup = names.lookup(), .send_block_list = list});
        Log log;
        client.on_error([&](const Failure& failure) { log.add("error(" + failure.text() + ")"); });
        client.on_connect([&] { log.add("connect"); });
        client.connect(4711, host, outcome(log, "callback"));
        test::settle(loop);
        CHECK(log.text() == "callback(" + text + ")");
        CHECK(peer_of(client) == "Not connected");
        client.connect(4711, host);
        test::settle(loop);
        CHECK(log.lines.back() == "error(" + text + ")");
        CHECK(log.lines.size() == 2);
        client.connect(server.address, outcome(log, "again"));
        test::settle(loop);
        CHECK(log.lines.size() == 4);
        CHECK(log.lines.back() == "again(ok)");
        CHECK(peer_of(client) == server.address.text());
    }
}

TEST_CASE("[24] a connect that fails fails the sends that wait for it, and no others") {
    const Audit audit;
    core::Loop loop;
    Server server(loop);
    Names names;
    Datagram client(loop, {.lookup = names.lookup()});
    Log log;
    test::record(client, log);
    client.send("mine", server.address, sent(log, "before"));
    client.connect(4711, "nowhere");
    client.send("one", sent(log, "1"));
    client.send("two");
    CHECK(test::run_until(loop, [&] { return log.lines.size() >= 4; }));
    test::settle(loop);
    CHECK(log.text() == "listening before(4) error(getaddrinfo ENOTFOUND nowhere) "
                        "1(getaddrinfo ENOTFOUND nowhere)");
    CHECK(client.get_send_queue_count() == 0);
    CHECK(server.log.text() == "listening message(mine)");
}

TEST_CASE("[24][36] a connect that fails to make room leaves no send behind without a peer") {
    const Audit audit;
    core::Loop loop;
    Log log;
    Server server(loop);
    Datagram client(loop, net::Options{.type = Type::udp4, .send_queue_datagrams_max = 1});
    test::record(client, log);
    client.connect(server.address.port, "::1", outcome(log, "connect"));
    client.send("a", server.address, sent(log, "a"));
    client.send("b", sent(log, "b"));  // To let "a" leave, the connect is done now, and fails.
    test::settle(loop);
    CHECK(client.get_send_queue_count() == 0);
    CHECK(log.text() == "listening connect(connect EINVAL ::1:" +
                            std::to_string(server.address.port) +
                            ") a(1) b(Port should be > 0 and < 65536. Received no destination.)");
}

TEST_CASE("[24] connected again from inside the callback of a failure, twenty times over") {
    const Audit audit;
    core::Loop loop;
    Server server(loop);
    Names names;
    Datagram client(loop, {.lookup = names.lookup()});
    int failures = 0;
    int connected = 0;
    const auto held = std::make_shared<int>();
    std::function<void(const Failure&)> again = [&](const Failure& failure) {
        if (!failure) {
            connected++;
            return;
        }
        failures++;
        const auto callback = [&again, held](const Failure& later) { again(later); };
        if (failures == 20) {
            client.connect(server.address, callback);
        } else {
            client.connect(9, failures % 2 ? "nowhere" : "::1", callback);
        }
    };
    client.connect(9, "::1", [&again, held](const Failure& failure) { again(failure); });
    CHECK(test::run_until(loop, [&] { return connected == 1; }));
    test::settle(loop);
    CHECK(failures == 20);
    CHECK(connected == 1);
    CHECK(held.use_count() == 1);
    CHECK(client.listener_count(Event::connect) == 0);
    CHECK(peer_of(client) == server.address.text());
}

TEST_CASE("[24] closed meanwhile: only 'close'") {
    const Audit audit;
    core::Loop loop;
    for (const std::string_view host : {"127.0.0.1", "here", "later", "nowhere", "::1"}) {
        for (const bool aborts : {false, true}) {
            CAPTURE(host);
            Names names;
            Datagram client(loop, {.lookup = names.lookup()});
            Log log;
            test::record(client, log);
            client.connect(9, host, outcome(log, "callback"));
            if (host == "later") test::settle(loop, 1);
            log.lines.clear();  // It has been bound by then.
            if (aborts) client.abort();
            if (!aborts) client.close();
            CHECK(test::run_until(loop, [&] { return !log.lines.empty(); }));
            if (names.kept) names.answer();
            test::settle(loop);
            CHECK(log.text() == "close");
        }
    }
}

TEST_CASE("[24][34] closed meanwhile, with a send for the peer: it is delivered first") {
    const Audit audit;
    core::Loop loop;
    Server server(loop);
    Datagram client(loop, Type::udp4);
    Log log;
    test::record(client, log);
    client.connect(server.address, outcome(log, "callback"));
    client.send("parting", sent(log, "send"));
    client.close();
    test::settle(loop);
    CHECK(log.text() == "send(7) close");
    CHECK(server.log.text() == "listening message(parting)");
}

TEST_CASE("[24] each callback of connect may close, destroy or connect the socket") {
    const Audit audit;
    core::Loop loop;
    Server server(loop);
    enum class Deed { close, destroy, connect, disconnect };
    for (const Deed deed : {Deed::close, Deed::destroy, Deed::connect, Deed::disconnect}) {
        for (const std::string_view where : {"connect", "callback", "failed", "error"}) {
            CAPTURE(where);
            CAPTURE(static_cast<int>(deed));
            auto client = std::make_unique<Datagram>(loop, Type::udp4);
            Log log;
            const auto act = [&](std::string_view here) {
                log.add(std::string(here));
                if (here != where || log.lines.size() > 2) return;
                switch (deed) {
                    case Deed::close: return client->close();
                    case Deed::destroy: return client.reset();
                    case Deed::connect: return client->connect(server.address);
                    case Deed::disconnect:
                        return log.add(client->disconnect() ? "refused" : "disconnected");
                }
            };
            const bool fails = where == "failed" || where == "error";
            const std::string host = fails ? "::1" : "127.0.0.1";
            client->on_close([&] { log.add("close"); });
            client->on_error([&](const Failure&) { act("error"); });
            client->on_connect([&] { act("connect"); });
            const auto callback = [&](const Failure& failure) {
                act(failure ? "failed" : "callback");
            };
            if (where == "error") client->connect(9, host);
            if (where != "error") client->connect(server.address.port, host, callback);
            test::settle(loop);
            std::string expected = where == "callback" ? "connect callback" : std::string(where);
            const bool first = where == "connect" && deed != Deed::destroy;
            if (deed == Deed::disconnect) expected += fails ? " refused" : " disconnected";
            if (first) expected += " callback";
            if (deed == Deed::close) expected += " close";
            if (deed == Deed::connect) expected += fails ? " connect" : " error";
            CHECK(log.text() == expected);
        }
    }
}

// ---- Whose datagrams are delivered -----------------------------------------------------------

TEST_CASE("[25] strangers' datagrams that lay in the queue before the connect are dropped") {
    const Audit audit;
    for (const Type type : {Type::udp4, Type::udp6}) {
        core::Loop loop;
        core::Loop elsewhere;
        Server server(loop, type, type == Type::udp4 ? "0.0.0.0" : "::");
        Server peer(elsewhere, type);
        Server neighbour(elsewhere, type);  // The same host, another port.
        Server twin(elsewhere, Type::udp4, "127.0.0.2", peer.address.port);  // The other way round.
        const Address to = Address::loopback(type == Type::udp4 ? Family::ipv4 : Family::ipv6,
                                             server.address.port);
        neighbour.socket.send("stranger", to);
        peer.socket.send("friend", to);
        twin.socket.send("stranger", to.port, "127.0.0.1");
        peer.socket.send("friend again", to);
        test::settle(elsewhere);
        CHECK(server.socket.connect_sync(peer.address.port));
        test::settle(loop);
        CHECK(server.log.text() ==
              "listening connect message(friend) message(friend again)");
        CHECK(server.socket.counters().strangers == 2);
        neighbour.socket.send("too late", to);  // The kernel's own doing.
        peer.socket.send("later", to);
        test::settle(elsewhere);
        test::settle(loop);
        CHECK(server.log.lines.back() == "message(later)");
        CHECK(server.log.lines.size() == 5);
        CHECK(server.socket.counters().strangers == 2);
    }
}

TEST_CASE("[25] with the peer the strangers change, and without one there are none") {
    const Audit audit;
    core::Loop loop;
    core::Loop elsewhere;
    Server server(loop);
    Server one(elsewhere);
    Server two(elsewhere);
    CHECK(server.socket.connect_sync(one.address.port));
    test::settle(loop);
    one.socket.send("first", server.address);
    test::settle(elsewhere);
    CHECK_FALSE(server.socket.disconnect());
    two.socket.send("second", server.address);
    test::settle(elsewhere);
    CHECK(server.socket.connect_sync(two.address.port));
    server.log.lines.clear();
    test::settle(loop);
    CHECK(server.log.text() == "message(second) connect");  // It was connected at once.
    CHECK(server.socket.counters().strangers == 1);
    CHECK_FALSE(server.socket.disconnect());
    one.socket.send("third", server.address);
    two.socket.send("fourth", server.address);
    test::settle(elsewhere);
    test::settle(loop);
    CHECK(server.log.text() == "message(second) connect message(third) message(fourth)");
    CHECK(server.socket.counters().strangers == 1);
}

// ---- disconnect ------------------------------------------------------------------------------

TEST_CASE("[26] disconnect is refused where there is no peer, as remote_address is") {
    const Audit audit;
    core::Loop loop;
    Names names;
    Datagram socket(loop, {.lookup = names.lookup()});
    Log log;
    test::record(socket, log);
    const auto refused = [&] {
        CHECK(socket.remote_address().error().code == Code::not_connected_to_peer);
        return std::string(platform::name(socket.disconnect().code));
    };
    CHECK(refused() == "ERR_SOCKET_DGRAM_NOT_CONNECTED");
    CHECK(net::text(socket.disconnect()) == "Not connected");
    CHECK(peer_of(socket) == "Not connected");
    socket.connect(9, "later");
    CHECK(refused() == "ERR_SOCKET_DGRAM_NOT_CONNECTED");
    test::settle(loop);
    CHECK(refused() == "ERR_SOCKET_DGRAM_NOT_CONNECTED");
    names.answer();
    test::settle(loop);
    CHECK(log.text() == "listening connect");
    CHECK_FALSE(socket.disconnect());
    CHECK(refused() == "ERR_SOCKET_DGRAM_NOT_CONNECTED");
    socket.close();
    CHECK(refused() == "ERR_SOCKET_DGRAM_NOT_RUNNING");
    test::settle(loop);
    CHECK(refused() == "ERR_SOCKET_DGRAM_NOT_RUNNING");
    CHECK(log.text() == "listening connect close");  // No event of its own, and no error.
}

TEST_CASE("[26] after disconnect the socket keeps its port and hears from everybody") {
    const Audit audit;
    core::Loop loop;
    struct Case {
        Type type;
        std::string_view host;
        bool chosen;  // By us, not by the kernel.
    };
    for (const Case& each : {Case{Type::udp4, "", false}, Case{Type::udp4, "127.0.0.1", false},
                             Case{Type::udp4, "", true}, Case{Type::udp6, "", false},
                             Case{Type::udp6, "::1", false}, Case{Type::udp6, "::1", true}}) {
        CAPTURE(each.host);
        CAPTURE(each.chosen);
        Server peer(loop, each.type);
        Server stranger(loop, each.type);
        int port = 0;
        if (each.chosen) port = Server(loop, each.type, each.host).address.port;
        Datagram socket(loop, each.type);
        Log log;
        test::record(socket, log);
        if (!each.host.empty() || port) CHECK(socket.bind_sync(port, each.host));
        socket.connect(peer.address.port);
        test::settle(loop);
        for (int round = 0; round < 2; round++) {
            CHECK(log.text() == "listening connect");
            const int before = local_of(socket).port;
            CHECK_FALSE(socket.disconnect());
            CHECK(local_of(socket).port == before);
            CHECK(peer_of(socket) == "Not connected");
            log.lines = {"listening"};
            stranger.socket.send("stranger", before);
            CHECK(test::run_until(loop, [&] { return log.lines.size() == 2; }));
            CHECK(log.lines.back() == "message(stranger)");
            peer.log.lines.clear();
            socket.send("hello", peer.address);
            CHECK(test::run_until(loop, [&] { return !peer.log.lines.empty(); }));
            CHECK(peer.log.lines.back() == "message(hello)");
            log.lines = {"listening"};
            socket.connect(peer.address.port);
            test::settle(loop);
        }
    }
}

TEST_CASE("[26] a dual-stack socket keeps its port after an IPv4 peer") {
    const Audit audit;
    core::Loop loop;
    Server four(loop);
    Server another(loop, Type::udp4, "127.0.0.2");
    Datagram socket(loop, Type::udp6);
    Log log;
    test::record(socket, log);
    const auto bound = socket.bind_sync();
    REQUIRE(bound);
    if (!bound) return;
    CHECK(socket.connect_sync(four.address.port, "::ffff:127.0.0.1"));
    CHECK(peer_of(socket) == "[::ffff:127.0.0.1]:" + std::to_string(four.address.port));
    CHECK_FALSE(socket.disconnect());
    CHECK(local_of(socket).port == bound->port);
    four.socket.send("from four", bound->port);
    another.socket.send("from another", bound->port);
    CHECK(test::run_until(loop, [&] { return log.lines.size() == 4; }));
    CHECK(log.text() == "listening connect message(from four) message(from another)");
}

TEST_CASE("[26] what was sent before disconnect leaves first, inside the call, to the old peer") {
    const Audit audit;
    core::Loop loop;
    core::Loop elsewhere;
    Server peer(elsewhere);
    Datagram socket(loop, Type::udp4);
    Log log;
    CHECK(socket.connect_sync(peer.address.port));
    test::settle(loop);
    socket.send("one", sent(log, "1"));
    socket.send("two", sent(log, "2"));
    CHECK(socket.get_send_queue_count() == 2);
    CHECK_FALSE(socket.disconnect());
    CHECK(socket.get_send_queue_count() == 0);
    CHECK(log.text() == "");
    test::settle(elsewhere);
    CHECK(peer.log.text() == "listening message(one) message(two)");
    std::string code;
    socket.send("three", [&](const Failure& failure, std::size_t) { code = failure.code(); });
    test::settle(loop);
    CHECK(log.text() == "1(3) 2(3)");
    CHECK(code == "ERR_SOCKET_BAD_PORT");  // To nobody.
}

TEST_CASE("[26] connect and disconnect in one tick: the sends between them go to their peers") {
    const Audit audit;
    core::Loop loop;
    Server one(loop);
    Server two(loop);
    Datagram socket(loop, Type::udp4);
    for (int round = 0; round < 10; round++) {
        CHECK(socket.connect_sync(one.address.port));
        socket.send("1");
        CHECK_FALSE(socket.disconnect());
        CHECK(socket.connect_sync(two.address.port));
        socket.send("2");
        CHECK_FALSE(socket.disconnect());
        socket.send("1", one.address);
    }
    test::settle(loop);
    CHECK(one.log.lines.size() == 21);
    CHECK(two.log.lines.size() == 11);
    for (std::size_t i = 1; i < 21; i++) CHECK(one.log.lines[i] == "message(1)");
    for (std::size_t i = 1; i < 11; i++) CHECK(two.log.lines[i] == "message(2)");
}
