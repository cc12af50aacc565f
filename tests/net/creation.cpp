// What a socket is given when it is created: its type and options, the stop token, a custom
// look-up; and what it says when the system, or the loop, could not give what it needs.
#ifdef __linux__

#include <sys/resource.h>

#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "core/stop.h"
#include "tests/net/faults.h"
#include "tests/net/receiver.h"
#include "tests/net/wire.h"

namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using core::StopSource;
using net::Address;
using net::Datagram;
using net::Event;
using net::Failure;
using net::Family;
using net::LookupAnswer;
using net::Message;
using net::Options;
using net::Type;
using platform::Code;
using platform::Error;
using test::Audit;
using test::Call;
using test::Fault;
using test::run_until;
using test::runs_out;
using test::settle;
using test::Told;
using test::Wire;

Options with_stop(core::StopToken token) {
    Options options{.type = Type::udp4};
    options.stop = std::move(token);
    return options;
}

}  // namespace

// ---- Types and options --------------------------------------------------------------------------

TEST_CASE("[8] each type opens a socket of its family") {
    const Audit audit;
    const test::Path path("type");
    core::Loop loop;
    Datagram ipv4(loop, Type::udp4);
    Datagram ipv6(loop, Type::udp6);
    Datagram local(loop, Type::unix_dgram);
    CHECK(test::checked(ipv4.bind_sync()).family_name() == "IPv4");
    CHECK(test::checked(ipv6.bind_sync()).family_name() == "IPv6");
    CHECK(test::checked(local.bind_sync(path)).family_name() == "unix");
}

TEST_CASE("[8] a message listener may be given at once, with a type or with options") {
    const Audit audit;
    core::Loop loop;
    Wire wire;
    Told told;
    const auto listener = [&](const Message& message) { told.add(std::string(message.text())); };
    Datagram first(loop, Type::udp4, listener);
    Datagram second(loop, Options{.type = Type::udp4}, listener);
    Datagram silent(loop, Type::udp4);
    for (Datagram* socket : {&first, &second}) {
        CHECK(socket->listener_count(Event::message) == 1);
        CHECK(wire.write("x", test::bind_loopback(*socket)));
    }
    CHECK(silent.listener_count(Event::message) == 0);
    CHECK(wire.write("x", test::bind_loopback(silent)));  // Dropped.
    CHECK(run_until(loop, [&] { return told.count() == 2; }));
}

TEST_CASE("[8] options are the socket's own; without them, the defaults are Node's") {
    const Audit audit;
    core::Loop loop;
    Options sharing{.type = Type::udp4, .reuse_addr = true};
    Datagram a(loop, Options{.type = Type::udp4, .reuse_addr = true});
    Datagram b(loop, std::move(sharing));
    Datagram c(loop, Type::udp4);
    const Address shared = test::bind_loopback(a);
    CHECK(b.bind_sync(shared.port, "127.0.0.1"));
    CHECK(c.bind_sync(shared.port, "127.0.0.1").error().code == Code::address_in_use);

    Datagram spread(loop, Options{.type = Type::udp4, .reuse_port = true});
    Datagram spread_too(loop, Options{.type = Type::udp4, .reuse_port = true});
    const Address port = test::bind_loopback(spread);
    CHECK(spread_too.bind_sync(port.port, "127.0.0.1"));
    CHECK(c.bind_sync(port.port, "127.0.0.1").error().code == Code::address_in_use);

    Datagram only(loop, Options{.type = Type::udp6, .ipv6_only = true});
    const Address six = test::checked(only.bind_sync());
    Datagram dual(loop, Type::udp6);
    CHECK(c.bind_sync(six.port));  // IPv4 was left alone.
    CHECK(dual.bind_sync(six.port).error().code == Code::address_in_use);
}

TEST_CASE("[8] block lists are given at creation, and shared") {
    const Audit audit;
    const auto list = std::make_shared<net::BlockList>();
    CHECK_FALSE(list->add_address("127.0.0.1"));
    core::Loop loop;
    Wire wire;
    Told told;
    Options sends{.type = Type::udp4};
    sends.send_block_list = list;
    Options receives{.type = Type::udp4};
    receives.receive_block_list = list;
    Datagram sender(loop, std::move(sends));
    Datagram receiver(loop, std::move(receives), [&] { told.add("message"); });
    sender.send("x", wire.port(), told.sent());
    CHECK(wire.write("x", test::bind_loopback(receiver)));
    CHECK(run_until(loop, [&] { return told.count() == 1 && receiver.counters().blocked == 1; }));
    CHECK(told.text().find("blocked") != std::string::npos);
    CHECK(list.use_count() == 3);
    CHECK(wire.read() == "nothing");
}

TEST_CASE("[8] a socket may be moved at any time, with all that was asked of it") {
    const Audit audit;
    core::Loop loop;
    Wire wire;
    Told told;
    StopSource source;
    Datagram first(loop, with_stop(source.token()), [&] { told.add("message"); });
    first.bind(0, "127.0.0.1", told.word("listening"));
    first.send("x", wire.port(), told.sent());
    Datagram second(std::move(first));
    Datagram third(loop, Type::udp4);
    third = std::move(second);
    CHECK(run_until(loop, [&] { return told.count() == 2; }));
    CHECK(wire.write("x", test::checked(third.address())));
    CHECK(run_until(loop, [&] { return told.count() == 3; }));
    CHECK(told.text() == "listening 1 message");
    third.on_close(told.word("close"));
    source.stop();
    CHECK(runs_out(loop));
    CHECK(told.lines.back() == "close");
}

// ---- Buffer sizes -------------------------------------------------------------------------------

TEST_CASE("[9] buffer sizes are there by 'listening', however the socket came to be bound") {
    for (int how = 0; how < 5; how++) {
        CAPTURE(how);
        const Audit audit;
        core::Loop loop;
        Wire wire;
        Datagram socket(loop, Options{.type = Type::udp4,
                                      .recv_buffer_size = 20'000,
                                      .send_buffer_size = 30'000});
        bool listening = false;
        socket.on_listening([&] {
            listening = true;
            const net::Result<int> receives = socket.get_recv_buffer_size();
            const net::Result<int> sends = socket.get_send_buffer_size();
            CHECK(receives);
            CHECK(sends);
            if (receives) CHECK(*receives == 40'000);  // Linux doubles it.
            if (sends) CHECK(*sends == 60'000);
        });
        if (how == 0) socket.bind();
        if (how == 1) CHECK(socket.bind_sync());
        if (how == 2) socket.send("x", wire.port());
        if (how == 3) socket.connect(wire.port());
        if (how == 4) socket.adopt(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        CHECK(run_until(loop, [&] { return listening; }));
    }
}

TEST_CASE("[9] a size that fails is 'error'; the socket is bound all the same") {
    core::Loop loop;
    Wire wire;
    int without_sizes = Fault::calls(Call::setsockopt);
    {
        Datagram plain(loop, Type::udp4);
        CHECK(plain.bind_sync());
        settle(loop, 1);
        without_sizes = Fault::calls(Call::setsockopt) - without_sizes;
    }
    for (int failing = 1; failing <= 2; failing++) {
        const Audit audit;
        Told told;
        Datagram socket(loop, Options{.type = Type::udp4,
                                      .recv_buffer_size = 20'000,
                                      .send_buffer_size = 30'000});
        const Fault fault(Call::setsockopt, ENOBUFS, failing, without_sizes);
        socket.on_error(told.failed());
        socket.bind(0, told.word("listening"));
        socket.send("x", wire.port(), told.sent());
        CHECK(run_until(loop, [&] { return fault.hits() == failing; }));
        settle(loop);
        CHECK(told.text().find("setRecvBufferSize ENOBUFS") != std::string::npos);
        const bool both = told.text().find("setSendBufferSize ENOBUFS") != std::string::npos;
        CHECK(both == (failing == 2));
        CHECK(told.lines.front() == "listening");
        CHECK(told.count() == 2u + static_cast<std::size_t>(failing));
        CHECK(wire.read() == "x");
    }
}

TEST_CASE("[9] a size below zero is 'error' too") {
    const Audit audit;
    core::Loop loop;
    Told told;
    Datagram socket(loop, Options{.type = Type::udp4, .recv_buffer_size = -1});
    socket.on_error([&](const Failure& failure) {
        CHECK(failure.code() == "ERR_SOCKET_BAD_BUFFER_SIZE");
        told.add("error");
    });
    socket.bind(0, told.word("listening"));
    CHECK(run_until(loop, [&] { return told.count() == 2; }));
    CHECK(told.text() == "listening error");
    CHECK(socket.address());
}

// ---- Stop tokens --------------------------------------------------------------------------------

TEST_CASE("[10] a token that has stopped closes the socket, later") {
    const Audit audit;
    core::Loop loop;
    Told told;
    StopSource source;
    source.stop();
    Datagram socket(loop, with_stop(source.token()), told.word("message"));
    socket.on_close(told.word("close"));
    socket.on_error(told.failed());
    CHECK(told.count() == 0);
    socket.bind(0, told.word("listening"));
    CHECK(runs_out(loop));
    CHECK(told.text() == "Not running close");
    source.stop();
    CHECK(runs_out(loop));
    CHECK(told.count() == 2);
}

TEST_CASE("[10] stopping closes, as close() does: accepted sends leave first") {
    const Audit audit;
    core::Loop loop;
    Wire wire;
    Told told;
    StopSource source;
    Datagram socket(loop, with_stop(source.token()));
    socket.on_close(told.word("close"));
    socket.on_listening(told.word("listening"));
    socket.send("x", wire.port(), told.sent());
    source.stop();
    CHECK(told.count() == 0);
    CHECK(runs_out(loop));
    CHECK(told.text() == "1 close");
    CHECK(wire.read() == "x");
}

TEST_CASE("[10] stopping a socket that is closing, closed or destroyed does nothing") {
    for (int state = 0; state < 4; state++) {
        CAPTURE(state);
        const Audit audit;
        core::Loop loop;
        Told told;
        StopSource source;
        std::optional<Datagram> socket(std::in_place, loop, with_stop(source.token()));
        socket->on_error(told.failed());
        socket->on_close(told.word("close"));
        test::bind_loopback(*socket);
        if (state < 3) socket->close();
        if (state == 1) CHECK(runs_out(loop));
        if (state == 2) socket->on_close([&] { source.stop(); });
        if (state == 3) socket.reset();
        source.stop();
        CHECK(runs_out(loop));
        CHECK(told.text() == (state == 3 ? "" : "close"));
    }
}

TEST_CASE("[10] one source closes many sockets, in the order of their creation") {
    const Audit audit;
    core::Loop loop;
    std::string order;
    StopSource source;
    std::vector<std::unique_ptr<Datagram>> sockets;
    for (char name = 'a'; name <= 'e'; name++) {
        sockets.push_back(std::make_unique<Datagram>(loop, with_stop(source.token())));
        sockets.back()->on_close([&order, name] { order += name; });
    }
    sockets[1].reset();
    sockets[2]->on_close([&] { sockets[3].reset(); });
    for (std::size_t i : {0u, 2u, 4u}) sockets[i]->bind();
    loop.after(1ms, [&] { source.stop(); });
    CHECK(runs_out(loop));
    CHECK(order == "ace");
}

TEST_CASE("[10] a socket may be stopped inside each of its callbacks") {
    for (int kind = 0; kind < 5; kind++) {
        CAPTURE(kind);
        const Audit audit;
        core::Loop loop;
        Wire wire;
        Told told;
        StopSource source;
        Datagram socket(loop, with_stop(source.token()));
        const auto stop = [&] {
            told.add("stop");
            source.stop();
        };
        const Address local = test::bind_loopback(socket);
        socket.on_close(told.word("close"));
        if (kind == 0) socket.on_message(stop);
        if (kind == 1) socket.on_listening(stop);
        if (kind == 2) socket.send("x", wire.port(), stop);
        if (kind == 3) socket.connect(wire.port(), stop);
        if (kind == 4) {
            socket.on_error(stop);
            socket.send("x", 0);
        }
        for (int i = 0; kind == 0 && i < 5; i++) CHECK(wire.write("x", local));
        CHECK(runs_out(loop));
        CHECK(told.text() == "stop close");
    }
}

TEST_CASE("[10] another thread posts the stop; sockets, tokens and sources end in any order") {
    const Audit audit;
    std::optional<StopSource> source(std::in_place);
    const core::StopToken token = source->token();
    std::optional<core::Loop> loop(std::in_place);
    bool closed = false;
    std::optional<Datagram> socket(std::in_place, *loop, with_stop(token));
    Datagram late(*loop, with_stop(token));
    socket->on_close([&] { closed = true; });
    test::bind_loopback(*socket);
    std::thread thread([&] {
        if (!loop->post([&] {
                source->stop();
                source.reset();
            })) {
            platform::abandon("out of memory");
        }
    });
    CHECK(runs_out(*loop));
    thread.join();
    CHECK(closed);
    CHECK(token.stopped());
    StopSource other;
    socket.emplace(*loop, with_stop(other.token()));
    loop.reset();
    other.stop();  // The socket has no loop any more.
    socket.reset();
}

// ---- Custom look-ups ----------------------------------------------------------------------------

TEST_CASE("[11] a custom look-up gets the host and the family, for names only") {
    for (const Type type : {Type::udp4, Type::udp6}) {
        const Audit audit;
        core::Loop loop;
        Told asked;
        Told told;
        const auto make = [&] {
            Options options{.type = type};
            options.lookup = [&](std::string_view host, Family family, LookupAnswer answer) {
                CHECK(family == (type == Type::udp4 ? Family::ipv4 : Family::ipv6));
                asked.add(std::string(host));
                answer(Address::loopback(family, 9));  // The port is ignored.
            };
            auto socket = std::make_unique<Datagram>(loop, std::move(options));
            socket->on_error(told.failed());
            return socket;
        };
        const auto sender = make();
        const auto bound = make();
        const auto connected = make();
        test::Receiver receiver(loop, type);
        for (const char* literal : {"127.0.0.1", "::1", "", "::ffff:127.0.0.1", "0.0.0.0"}) {
            sender->send("literal", receiver.port(), literal, [] {});
        }
        sender->send("a name", receiver.port(), "Send.Test", told.sent());
        bound->bind(0, "bind.test", told.word("listening"));
        connected->connect(receiver.port(), "connect.test", told.connected());
        CHECK(run_until(loop, [&] { return told.count() == 3; }));
        CHECK(asked.text() == "Send.Test bind.test connect.test");
        CHECK(told.text() == "6 listening connected");
        const Address local = test::checked(bound->address());
        CHECK(local.is_loopback());
        CHECK(local.port != 9);
        CHECK(run_until(loop, [&] { return receiver.text().ends_with("a name"); }));
    }
}

TEST_CASE("[11] each request asks for itself, and gets what it was answered") {
    const Audit audit;
    core::Loop loop;
    Told told;
    Wire wire;
    std::optional<LookupAnswer> kept;
    Options options{.type = Type::udp4};
    options.lookup = [&](std::string_view host, Family family, LookupAnswer answer) {
        if (host == "twice") {
            answer(Address::loopback(family));
            answer(Error{Code::lookup_not_found, net::Operation::lookup});
        } else if (host == "none") {
            answer(Error{Code::lookup_not_found});
        } else if (host == "other") {
            answer(Address::loopback(Family::ipv6));
        } else if (host == "later") {
            kept.emplace(std::move(answer));
        }
    };
    Datagram socket(loop, std::move(options));
    for (const char* host : {"twice", "none", "other", "dropped", "later", "twice"}) {
        socket.send("x", wire.port(), host, told.sent());
    }
    CHECK(run_until(loop, [&] { return told.count() == 5; }));
    CHECK(told.text() == "1 getaddrinfo ENOTFOUND none send EINVAL ::1:" +
                             std::to_string(wire.port()) + " getaddrinfo ECANCELED dropped 1");
    CHECK(kept);
    if (!kept) return;
    (*kept)(Address::loopback(Family::ipv4));
    CHECK(run_until(loop, [&] { return told.count() == 6; }));
    CHECK(told.lines.back() == "1");
    (*kept)(Address::loopback(Family::ipv4));  // Once is enough.
    settle(loop);
    CHECK(told.count() == 6);
}

// ---- What could not be had ----------------------------------------------------------------------

TEST_CASE("[12] a socket that was created, and no more, does not hold the loop nor a descriptor") {
    const Audit audit;
    core::Loop loop;
    const std::size_t before = test::entries("/proc/self/fd");
    Datagram socket(loop, Type::udp4, [] {});
    socket.on_listening([] { CHECK(false); });
    socket.ref();
    CHECK(runs_out(loop));
    CHECK(test::entries("/proc/self/fd") == before);
}

TEST_CASE("[12] a socket the system does not give is the first request's outcome, not the last's") {
    for (const int error : {EMFILE, ENFILE, ENOMEM, ENOBUFS}) {
        for (int kind = 0; kind < 5; kind++) {
            CAPTURE(error);
            CAPTURE(kind);
            const Audit audit;
            core::Loop loop;
            Wire wire;
            Told told;
            const test::Path path("none");
            Datagram socket(loop, kind == 4 ? Type::unix_dgram : Type::udp4);
            socket.on_error(told.failed());
            {
                const Fault fault(Call::socket, error, 1);
                if (kind == 0) socket.bind(0, told.word("listening"));
                if (kind == 1) socket.connect(wire.port(), told.connected());
                if (kind == 2) socket.send("x", wire.port(), told.sent());
                if (kind == 3) CHECK(socket.bind_sync().error().native == error);
                if (kind == 4) socket.send("x", path, told.sent());
                CHECK(told.count() == 0);
                settle(loop);
            }
            const char* const names[] = {"EMFILE", "ENFILE", "ENOMEM", "ENOBUFS"};
            const char* const name = names[error == EMFILE   ? 0
                                           : error == ENFILE ? 1
                                           : error == ENOMEM ? 2
                                                             : 3];
            CHECK((told.text().find(name) != std::string::npos) == (kind != 3));
            told.lines.clear();
            if (kind == 4) CHECK(socket.bind_sync(path));
            if (kind != 4) socket.bind(0, told.word("listening"));
            CHECK(run_until(loop, [&] { return kind == 4 || told.count() == 1; }));
            CHECK(told.text() == (kind == 4 ? "" : "listening"));
        }
    }
}

TEST_CASE("[12] sockets of a loop that could not be made: run() says why, and nothing is called") {
    const Audit audit;
    std::vector<std::pair<Call, int>> places;  // One call each, and how many come before it.
    for (const Call call : {Call::open_poller, Call::watch}) {
        const int before = Fault::calls(call);
        const core::Loop loop;
        for (int i = before; i < Fault::calls(call); i++) places.emplace_back(call, i - before);
    }
    CHECK(!places.empty());
    for (const auto& [call, skipped] : places) {
        const Fault fault(call, EMFILE, 1, skipped);
        core::Loop loop;
        CHECK(fault.hits() == 1);
        bool called = false;
        const auto call_it = [&] { called = true; };
        Datagram socket(loop, Type::udp4, call_it);
        CHECK(socket.on_error(call_it) != 0);
        socket.bind(0, call_it);
        socket.bind("/tmp/never", call_it);
        socket.bind({.port = 1, .address = "name"}, call_it);
        socket.adopt(0, call_it);
        socket.connect(9, call_it);
        socket.connect(9, "name", call_it);
        socket.connect("/tmp/never", call_it);
        socket.send("x", 9, call_it);
        socket.send("x", 9, "name", call_it);
        socket.send("x", "/tmp/never", call_it);
        socket.send("x"s, call_it);
        CHECK_FALSE(socket.bind_sync());
        CHECK_FALSE(socket.connect_sync(9));
        CHECK(static_cast<bool>(socket.disconnect()));
        CHECK(static_cast<bool>(socket.set_ttl(1)));
        CHECK(static_cast<bool>(socket.set_recv_buffer_size(1)));
        CHECK(static_cast<bool>(socket.add_membership("239.0.0.1")));
        CHECK_FALSE(socket.address());
        CHECK_FALSE(socket.remote_address());
        CHECK_FALSE(socket.get_recv_buffer_size());
        socket.ref().unref().close(call_it);
        socket.abort(call_it);
        for (int i = 0; i < 2; i++) CHECK(loop.run().code == Code::too_many_handles);
        CHECK_FALSE(called);
    }
}

#endif
