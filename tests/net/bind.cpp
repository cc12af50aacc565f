// bind and what becomes of it: the address, 'listening', the one outcome of each request, failures
// and what can be done after them. Closing, destroying and binding again from inside each callback.
#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
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
using platform::Error;
using platform::Operation;
using test::Audit;
using test::Log;
using test::Names;
using test::local_of;
using test::sent;
using namespace std::chrono_literals;

std::string host_of(const Datagram& socket) {
    const auto address = socket.address();
    return address ? address->host() : net::text(address.error());
}

int port_of(const Datagram& socket) { return local_of(socket).port; }

// A bound socket and its port: somebody else's, so binding the same one fails.
struct Taken {
    explicit Taken(core::Loop& loop) : socket(loop, Type::udp4) {
        const auto address = socket.bind_sync(0, "127.0.0.1");
        CHECK(address);
        port = address ? address->port : 0;
        in_use = "bind EADDRINUSE 127.0.0.1:" + std::to_string(port);
    }
    Datagram socket;
    int port;
    std::string in_use;
};

}  // namespace

// ---- Addresses and ports ---------------------------------------------------------------------

TEST_CASE("[13] without an address a socket is bound to all of them, at a port of the kernel's") {
    const Audit audit;
    core::Loop loop;
    Datagram four(loop, Type::udp4);
    Datagram six(loop, Type::udp6);
    int listening = 0;
    four.bind();
    six.bind(0, [&] { listening++; });
    CHECK(host_of(four) == "getsockname EBADF");  // Not inside the call.
    CHECK(listening == 0);
    CHECK(test::run_until(loop, [&] { return listening == 1; }));
    CHECK(host_of(four) == "0.0.0.0");
    CHECK(host_of(six) == "::");
    CHECK(port_of(four) > 0);
    CHECK(port_of(six) > 0);
    CHECK(local_of(four).family == Family::ipv4);
    CHECK(local_of(six).family == Family::ipv6);
}

TEST_CASE("[13] every form of bind says the same") {
    const Audit audit;
    core::Loop loop;
    const Taken taken(loop);  // The same port of another address is free.
    Log log;
    const auto bound_by = [&](auto bind) {
        Datagram socket(loop, Type::udp4);
        test::record(socket, log);
        int called = 0;
        bind(socket, [&] { called++; });
        test::settle(loop);
        CHECK(called == 1);
        CHECK(port_of(socket) == taken.port);
        return host_of(socket);
    };
    CHECK(bound_by([&](Datagram& socket, auto callback) {
              socket.bind(taken.port, "127.0.0.2", callback);
          }) == "127.0.0.2");
    CHECK(bound_by([&](Datagram& socket, auto callback) {
              socket.bind({.port = taken.port, .address = "127.0.0.3"}, callback);
          }) == "127.0.0.3");
    CHECK(bound_by([&](Datagram& socket, auto callback) {
              const auto local =
                  net::parse_literal("127.0.0.4", static_cast<std::uint16_t>(taken.port));
              if (local) socket.bind(*local, callback);
          }) == "127.0.0.4");
    CHECK(log.text() == "listening listening listening");
}

TEST_CASE("[13] a name is looked up, then bound") {
    const Audit audit;
    core::Loop loop;
    Log log;
    Names names;
    Datagram real(loop, Type::udp4);
    Datagram six(loop, {.type = Type::udp6, .lookup = names.lookup()});
    test::record(real, log);
    test::record(six, log);
    real.bind(0, "localhost");
    six.bind(0, "here");
    CHECK(test::run_until(loop, [&] { return log.lines.size() == 2; }));
    CHECK(log.text() == "listening listening");
    CHECK(host_of(real) == "127.0.0.1");
    CHECK(host_of(six) == "::1");
    CHECK(names.asked == std::vector<std::string>{"here"});
}

TEST_CASE("[13] port 0 is chosen anew for each socket") {
    const Audit audit;
    core::Loop loop;
    std::vector<std::unique_ptr<Datagram>> sockets;
    for (int i = 0; i < 10; i++) {
        sockets.push_back(std::make_unique<Datagram>(loop, Type::udp4));
        sockets.back()->bind(0, "127.0.0.1");
    }
    test::settle(loop);
    std::vector<int> ports;
    for (const auto& socket : sockets) {
        CHECK(port_of(*socket) > 0);
        CHECK(std::find(ports.begin(), ports.end(), port_of(*socket)) == ports.end());
        ports.push_back(port_of(*socket));
    }
}

TEST_CASE("[13] udp sockets have no paths, and unix sockets no ports") {
    const Audit audit;
    core::Loop loop;
    Log log;
    Datagram udp(loop, Type::udp4);
    Datagram local(loop, Type::unix_dgram);
    test::record(udp, log);
    test::record(local, log);
    udp.bind("/tmp/volley-never");
    local.bind(4711);
    local.bind(0, "a-name");
    test::settle(loop);
    CHECK(log.text() == "error(bind EINVAL /tmp/volley-never) "
                        "error(The \"path\" argument must be specified) "
                        "error(bind EINVAL a-name)");
}

// ---- Refusals --------------------------------------------------------------------------------

TEST_CASE("[14] a second bind is refused, and the first goes on") {
    const Audit audit;
    core::Loop loop;
    Datagram socket(loop, Type::udp4);
    Log log;
    test::record(socket, log);
    socket.bind(0, "127.0.0.1", [&] { log.add("first"); });
    socket.bind(0, "127.0.0.2", [&] { log.add("second"); });
    CHECK(log.text() == "");
    test::settle(loop);
    CHECK(log.text() == "listening first error(Socket is already bound)");
    const int port = port_of(socket);
    socket.bind(0, [&] { log.add("third"); });
    socket.bind(Address::any(Family::ipv4), [&] { log.add("fourth"); });
    socket.bind("/tmp/a", [&] { log.add("fifth"); });
    socket.adopt(1, [&] { log.add("sixth"); });
    const auto sync = socket.bind_sync();
    CHECK(sync.error().code == Code::already_bound);
    CHECK(net::text(sync.error()) == "Socket is already bound");
    log.lines.clear();
    test::settle(loop);
    CHECK(log.lines == std::vector<std::string>(4, "error(Socket is already bound)"));
    CHECK(host_of(socket) == "127.0.0.1");
    CHECK(port_of(socket) == port);
    CHECK(socket.listener_count(Event::listening) == 1);  // The recorder's.
}

TEST_CASE("[14] a refused bind tells its code and operation, and nothing that does not apply") {
    const Audit audit;
    core::Loop loop;
    Datagram socket(loop, Type::udp4);
    std::optional<Failure> told;
    socket.on_error([&](const Failure& failure) { told = failure; });
    socket.bind();
    socket.bind(4711);
    test::settle(loop);
    REQUIRE(told);
    if (!told) return;
    CHECK(told->code() == "ERR_SOCKET_ALREADY_BOUND");
    CHECK(told->native() == 0);
    CHECK(told->address.family == Family::none);
    CHECK(told->host == "");
    CHECK(told->detail == "");
    CHECK(told->value == 0);
}

TEST_CASE("[14] a closed socket is not bound again, in whatever way") {
    const Audit audit;
    core::Loop loop;
    Datagram socket(loop, Type::udp4);
    Log log;
    test::record(socket, log);
    socket.close();
    socket.bind(0, [&] { log.add("callback"); });  // Closing already.
    test::settle(loop);
    CHECK(log.text() == "error(Not running) close");
    log.lines.clear();
    socket.bind(0, "127.0.0.1", [&] { log.add("callback"); });
    socket.bind(Address::any(Family::ipv4), [&] { log.add("callback"); });
    socket.adopt(1, [&] { log.add("callback"); });
    CHECK(socket.bind_sync().error().code == Code::not_running);
    CHECK(socket.connect_sync(9).error().code == Code::not_running);
    CHECK(log.text() == "");
    test::settle(loop);
    CHECK(log.text() == "error(Not running) error(Not running) error(Not running)");
    CHECK(host_of(socket) == "getsockname EBADF");
}

TEST_CASE("[14] a port out of range is refused, always, and harms nothing") {
    const Audit audit;
    core::Loop loop;
    for (const Type type : {Type::udp4, Type::udp6, Type::unix_dgram}) {
        for (const int port : {-1, 65536, 1 << 20, INT32_MIN, INT32_MAX}) {
            CAPTURE(port);
            Datagram socket(loop, type);
            Log log;
            test::record(socket, log);
            const std::string refusal = "error(Port should be >= 0 and < 65536. Received " +
                                        std::to_string(port) + ".)";
            const std::string_view host = type == Type::udp6 ? "::1" : "127.0.0.1";
            socket.bind(port, [&] { log.add("callback"); });
            socket.bind(port, host, [&] { log.add("callback"); });
            socket.bind(port, "localhost", [&] { log.add("callback"); });
            socket.bind({.port = port, .address = host}, [&] { log.add("callback"); });
            CHECK(socket.bind_sync(port).error().code == Code::bad_port);
            CHECK(socket.bind_sync(port, host).error().code == Code::bad_port);
            test::settle(loop, 2);
            CHECK(log.lines == std::vector<std::string>(4, refusal));
            if (type == Type::unix_dgram) continue;
            socket.bind(0, host);
            test::settle(loop, 2);
            CHECK(log.lines.back() == "listening");
            CHECK(port_of(socket) > 0);
        }
    }
}

// ---- The callback, and failures --------------------------------------------------------------

TEST_CASE("[15] the callback is a listener among listeners, and runs once") {
    const Audit audit;
    core::Loop loop;
    const Taken taken(loop);
    Datagram socket(loop, Type::udp4);
    Log log;
    socket.on_error([&](const Failure&) { log.add("error"); });
    socket.on_listening([&] { log.add("before"); });
    socket.bind(taken.port, "127.0.0.1", [&] { log.add("failed"); });
    socket.on_listening([&] { log.add("between"); });
    CHECK(socket.listener_count(Event::listening) == 3);
    test::settle(loop);
    CHECK(log.text() == "error");
    CHECK(socket.listener_count(Event::listening) == 2);
    socket.bind(0, "127.0.0.1", [&] { log.add("callback"); });
    socket.on_listening([&] { log.add("after"); });
    test::settle(loop);
    CHECK(log.text() == "error before between callback after");
    CHECK(socket.listener_count(Event::listening) == 3);
}

TEST_CASE("[15] bound again from inside 'error', twenty times over") {
    const Audit audit;
    core::Loop loop;
    const Taken taken(loop);
    Names names;
    Datagram socket(loop, {.type = Type::udp4, .lookup = names.lookup()});
    int failures = 0;
    int listening = 0;
    const auto held = std::make_shared<int>();  // By every callback that is still there.
    socket.on_error([&](const Failure& failure) {
        CHECK(failure.text() ==
              (failures % 2 == 0 ? taken.in_use : "getaddrinfo ENOTFOUND nowhere"));
        CHECK(socket.listener_count(Event::listening) == 0);
        CHECK(held.use_count() == 1);
        CHECK(host_of(socket) == "getsockname EBADF");
        failures++;
        auto callback = [&, held] { listening++; };
        if (failures == 20) {
            socket.bind(0, "127.0.0.1", callback);
        } else if (failures % 2 == 0) {
            socket.bind(taken.port, "127.0.0.1", callback);
        } else {
            socket.bind(0, "nowhere", callback);
        }
    });
    socket.bind(taken.port, "127.0.0.1", [&, held] { listening++; });
    CHECK(test::run_until(loop, [&] { return listening > 0; }));
    test::settle(loop);
    CHECK(failures == 20);
    CHECK(listening == 1);
    CHECK(held.use_count() == 1);
    CHECK(socket.listener_count(Event::listening) == 0);
    CHECK(socket.listener_count(Event::error) == 1);
    CHECK(host_of(socket) == "127.0.0.1");
}

TEST_CASE("[15] two binds in one tick: the first fails, the second was refused meanwhile") {
    const Audit audit;
    core::Loop loop;
    const Taken taken(loop);
    Datagram socket(loop, Type::udp4);
    Log log;
    test::record(socket, log);
    socket.bind(taken.port, "127.0.0.1");
    socket.bind(0, "127.0.0.1");
    test::settle(loop);
    CHECK(log.text() == "error(" + taken.in_use + ") error(Socket is already bound)");
    CHECK(host_of(socket) == "getsockname EBADF");
    socket.bind(0, "127.0.0.1");
    test::settle(loop);
    CHECK(log.lines.back() == "listening");
}

TEST_CASE("[15][30] a bind that fails fails the sends that wait for it, and says 'error' once") {
    const Audit audit;
    core::Loop loop;
    const Taken taken(loop);
    for (const std::string_view host : {"127.0.0.1", "nowhere"}) {
        CAPTURE(host);
        Names names;
        Datagram socket(loop, {.type = Type::udp4, .lookup = names.lookup()});
        Log log;
        test::record(socket, log);
        const std::string reason = host == "nowhere" ? "getaddrinfo ENOTFOUND nowhere"
                                                     : taken.in_use;
        socket.bind(taken.port, host);
        socket.send("one", taken.port, "127.0.0.1", sent(log, "one"));
        socket.send("two", taken.port, "127.0.0.1");
        socket.send("three", taken.port, "later", sent(log, "three"));
        CHECK(test::run_until(loop, [&] { return log.lines.size() >= 3; }));
        test::settle(loop);
        CHECK(log.text() ==
              "error(" + reason + ") one(" + reason + ") three(" + reason + ")");
        CHECK(socket.get_send_queue_count() == 0);
        CHECK(socket.get_send_queue_size() == 0);
        log.lines.clear();
        socket.send("four", taken.port, "127.0.0.1", sent(log, "four"));  // Binds by itself.
        CHECK(test::run_until(loop, [&] { return log.lines.size() >= 2; }));
        CHECK(log.text() == "listening four(4)");
    }
}

TEST_CASE("[16] errors read like Node's, with the properties that apply") {
    const Audit audit;
    core::Loop loop;
    const Taken taken(loop);
    Names names;
    const auto failure_of = [&](Type type, int port, std::string_view host) {
        Datagram socket(loop, {.type = type, .lookup = names.lookup()});
        std::optional<Failure> told;
        socket.on_error([&](const Failure& failure) { told = failure; });
        socket.bind(port, host);
        CHECK(test::run_until(loop, [&] { return told.has_value(); }));
        return told.value_or(Failure());
    };
    const Failure in_use = failure_of(Type::udp4, taken.port, "127.0.0.1");
    CHECK(in_use.text() == taken.in_use);
    CHECK(in_use.code() == "EADDRINUSE");
    CHECK(in_use.native() != 0);
    CHECK(in_use.syscall() == "bind");
    CHECK(in_use.address.host() == "127.0.0.1");
    CHECK(in_use.address.port == taken.port);
    CHECK(in_use.host == "");

    const Failure elsewhere = failure_of(Type::udp4, 0, "1.1.1.1");
    CHECK(elsewhere.text() == "bind EADDRNOTAVAIL 1.1.1.1");
    CHECK(elsewhere.address.port == 0);
    CHECK(failure_of(Type::udp4, 80, "1.1.1.1").text() == "bind EADDRNOTAVAIL 1.1.1.1:80");
    CHECK(failure_of(Type::udp6, 4711, "2001:db8::1").text() ==
          "bind EADDRNOTAVAIL 2001:db8::1:4711");
    CHECK(failure_of(Type::udp4, 1234, "::1").text() == "bind EINVAL ::1:1234");
    CHECK(failure_of(Type::udp6, 0, "127.0.0.1").text() == "bind EINVAL 127.0.0.1");
    CHECK(failure_of(Type::udp4, 7, "127.1").text() == "bind EINVAL 127.1:7");

    const Failure unknown = failure_of(Type::udp4, 4711, "nope.invalid");
    CHECK(unknown.text() == "getaddrinfo ENOTFOUND nope.invalid");
    CHECK(unknown.code() == "ENOTFOUND");
    CHECK(unknown.syscall() == "getaddrinfo");
    CHECK(unknown.host == "nope.invalid");
    CHECK(unknown.address.host() == "");
    CHECK(names.asked == std::vector<std::string>{"nope.invalid"});
}

TEST_CASE("[16][24] a look-up that answers with the other family is refused") {
    const Audit audit;
    core::Loop loop;
    Datagram socket(loop, {.lookup = [](std::string_view, Family, LookupAnswer answer) {
                        answer(Address::loopback(Family::ipv6));
                    }});
    Log log;
    test::record(socket, log);
    socket.bind(4711, "somewhere", [&] { log.add("callback"); });
    CHECK(test::run_until(loop, [&] { return !log.lines.empty(); }));
    socket.connect(4711, "somewhere");
    CHECK(test::run_until(loop, [&] { return log.lines.size() == 3; }));
    CHECK(log.text() == "error(bind EINVAL ::1:4711) listening error(connect EINVAL ::1:4711)");
}

// ---- close -----------------------------------------------------------------------------------

TEST_CASE("[17] bind then close: only 'close'") {
    const Audit audit;
    core::Loop loop;
    const Taken taken(loop);
    for (const std::string_view host : {"127.0.0.1", "here", "later", "nowhere", "127.0.0.9"}) {
        for (const bool turn : {false, true}) {
            CAPTURE(host);
            CAPTURE(turn);
            if (turn && host != "later") continue;  // The others are done after one turn.
            Names names;
            Datagram socket(loop, {.type = Type::udp4, .lookup = names.lookup()});
            Log log;
            test::record(socket, log);
            const auto held = std::make_shared<int>();
            socket.bind(taken.port, host, [&, held] { log.add("callback"); });
            if (turn) test::settle(loop, 1);
            socket.close();
            CHECK(log.text() == "");
            CHECK(test::run_until(loop, [&] { return !log.lines.empty(); }));
            if (names.kept) names.answer();  // Too late: harmless.
            test::settle(loop);
            CHECK(log.text() == "close");
            CHECK(host_of(socket) == "getsockname EBADF");
        }
    }
}

TEST_CASE("[17] an accepted send holds up 'close', and the bind it waits for is silent") {
    const Audit audit;
    core::Loop loop;
    Datagram receiver(loop, Type::udp4);
    Log received;
    test::record(receiver, received);
    const auto to = receiver.bind_sync(0, "127.0.0.1");
    REQUIRE(to);
    if (!to) return;
    for (const std::string_view host : {"127.0.0.1", "here", "later"}) {
        CAPTURE(host);
        Names names;
        Datagram socket(loop, {.type = Type::udp4, .lookup = names.lookup()});
        Log log;
        test::record(socket, log);
        received.lines.clear();
        socket.bind(0, host, [&] { log.add("callback"); });
        socket.send("parting", *to, [&](const Failure& failure, std::size_t bytes) {
            CHECK_FALSE(failure);
            log.add("sent(" + std::to_string(bytes) + ")");
        });
        socket.close([&] { log.add("closed"); });
        test::settle(loop);
        if (names.kept) {
            CHECK(log.text() == "");
            names.answer();
        }
        CHECK(test::run_until(loop, [&] { return log.lines.size() == 3; }));
        CHECK(log.text() == "sent(7) close closed");
        CHECK(test::run_until(loop, [&] { return !received.lines.empty(); }));
        CHECK(received.lines.back() == "message(parting)");
    }
}

TEST_CASE("[17][31] a bind that fails after close tells the sends that waited, once each") {
    const Audit audit;
    core::Loop loop;
    const Taken taken(loop);
    Datagram socket(loop, Type::udp4);
    Log log;
    test::record(socket, log);
    socket.bind(taken.port, "127.0.0.1", [&] { log.add("callback"); });
    socket.connect(taken.port, "127.0.0.1", [&](const Failure&) { log.add("connected"); });
    socket.send("to the peer", [&](const Failure& failure, std::size_t) {
        log.add(failure ? "failed" : "sent");
    });
    socket.send("nobody asked");
    socket.close();
    test::settle(loop);
    CHECK(log.text() == "failed error(" + taken.in_use + ") close");
}

TEST_CASE("[17] close inside 'listening', with sends queued") {
    const Audit audit;
    core::Loop loop;
    Names names;
    Datagram receiver(loop, Type::udp4);
    Log received;
    test::record(receiver, received);
    const auto to = receiver.bind_sync(0, "127.0.0.1");
    REQUIRE(to);
    if (!to) return;
    Datagram socket(loop, {.type = Type::udp4, .lookup = names.lookup()});
    Log log;
    socket.on_listening([&] {
        log.add("listening");
        socket.send("third", *to, [&](const Failure&, std::size_t) { log.add("3"); });
        socket.close();
        socket.send("refused", *to, [&](const Failure& failure, std::size_t) {
            log.add(std::string(failure.code()));
        });
    });
    socket.on_close([&] { log.add("close"); });
    socket.bind(0, "127.0.0.1", [&] { log.add("callback"); });
    socket.send("first", *to, [&](const Failure&, std::size_t) { log.add("1"); });
    socket.send("second", to->port, "later", [&](const Failure&, std::size_t) { log.add("2"); });
    test::settle(loop);
    CHECK(log.text() == "listening callback 1 3 ERR_SOCKET_DGRAM_NOT_RUNNING");
    names.answer();
    CHECK(test::run_until(loop, [&] { return received.lines.size() == 4; }));
    CHECK(received.text() == "listening message(first) message(third) message(second)");
    CHECK(log.text() == "listening callback 1 3 ERR_SOCKET_DGRAM_NOT_RUNNING 2 close");
}

// ---- Inside each callback --------------------------------------------------------------------

TEST_CASE("[15] each callback of bind may close, destroy or bind the socket") {
    const Audit audit;
    core::Loop loop;
    const Taken taken(loop);
    enum class Deed { close, abort, destroy, bind };
    for (const Deed deed : {Deed::close, Deed::abort, Deed::destroy, Deed::bind}) {
        for (const std::string_view where : {"listener", "callback", "error"}) {
            CAPTURE(where);
            CAPTURE(static_cast<int>(deed));
            auto socket = std::make_unique<Datagram>(loop, Type::udp4);
            Log log;
            const auto act = [&](std::string_view here) {
                log.add(std::string(here));
                if (here != where || log.lines.size() > 1) return;
                switch (deed) {
                    case Deed::close: return socket->close();
                    case Deed::abort: return socket->abort();
                    case Deed::destroy: return socket.reset();
                    case Deed::bind: return socket->bind(0, "127.0.0.1");
                }
            };
            socket->on_error([&](const Failure&) { act("error"); });
            socket->on_close([&] { log.add("close"); });
            if (where == "listener") socket->on_listening([&] { act("listener"); });
            socket->bind(where == "error" ? taken.port : 0, "127.0.0.1",
                         [&] { act("callback"); });
            test::settle(loop);
            std::string expected(where);
            const bool closes = deed == Deed::close || deed == Deed::abort;
            if (where == "listener") expected += deed == Deed::destroy ? "" : " callback";
            if (closes) expected += " close";
            if (deed == Deed::bind) expected += where == "error" ? "" : " error";
            CHECK(log.text() == expected);
            if (deed == Deed::bind) CHECK(host_of(*socket) == "127.0.0.1");
        }
    }
}

TEST_CASE("[17] 'close' after bind may destroy the socket or ask for more") {
    const Audit audit;
    core::Loop loop;
    auto socket = std::make_unique<Datagram>(loop, Type::udp4);
    socket->bind();
    socket->on_close([&] { socket.reset(); });
    socket->close();
    test::settle(loop);
    CHECK_FALSE(socket);

    socket = std::make_unique<Datagram>(loop, Type::udp4);
    Log log;
    test::record(*socket, log);
    socket->on_close([&] { socket->bind(); });
    socket->bind();
    socket->close();
    test::settle(loop);
    CHECK(log.text() == "close error(Not running)");
}

TEST_CASE("[17] destroyed at any step of a bind: nothing happens, and nothing is left") {
    const Audit audit;
    core::Loop loop;
    for (const std::string_view host : {"127.0.0.1", "localhost", "here", "later", "1.1.1.1"}) {
        for (int turns = 0; turns < 3; turns++) {
            CAPTURE(host);
            CAPTURE(turns);
            Names names;
            int called = 0;
            const auto held = std::make_shared<int>();
            {
                net::Lookup lookup;
                if (host != "localhost") lookup = names.lookup();
                Datagram socket(loop, {.type = Type::udp4, .lookup = std::move(lookup)});
                socket.on_error([&, held](const Failure&) { called++; });
                socket.on_close([&, held] { called += 100; });
                socket.bind(0, host, [&, held] { called++; });
                if (turns > 0) test::settle(loop, turns);
            }
            const int before = called;
            CHECK(before <= 1);
            if (names.kept) names.answer();
            test::settle(loop);
            CHECK(called == before);
            CHECK(held.use_count() == 1);
        }
    }
    CHECK_FALSE(loop.run());  // Nothing holds it.
}

TEST_CASE("[13] a custom look-up may close or destroy the socket that asked") {
    const Audit audit;
    core::Loop loop;
    for (const bool destroys : {false, true}) {
        for (const bool answers : {false, true}) {
            std::optional<Datagram> socket;
            Log log;
            socket.emplace(loop, net::Options{.lookup = [&](std::string_view, Family family,
                                                            LookupAnswer answer) {
                               log.add("asked");
                               if (answers) answer(Address::loopback(family));
                               if (destroys) socket.reset();
                               if (!destroys) socket->close();
                           }});
            test::record(*socket, log);
            socket->bind(0, "somewhere", [&] { log.add("callback"); });
            test::settle(loop);
            CHECK(log.text() == (destroys ? "asked" : "asked close"));
        }
    }
}
