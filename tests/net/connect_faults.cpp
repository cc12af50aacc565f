// connect and disconnect on a system that fails: full queues, refused calls, peers whose zones
// differ. What the kernel says is made up where it cannot be had from a real one.
#if defined(__linux__)

#include <netinet/in.h>

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "tests/net/faults.h"
#include "tests/net/outcomes.h"

namespace {

using net::Address;
using net::Datagram;
using net::Event;
using net::Failure;
using net::Family;
using net::Type;
using test::Audit;
using test::Call;
using test::Fault;
using test::Log;
using test::local_of;
using test::outcome;
using test::remote_of;
using test::sent;

// Puts an address into what the kernel has written.
void lie(void* name, const std::string& host) {
    const auto address = net::parse_literal(host);
    CHECK(address);
    if (!address || !name) return;
    auto* internet = static_cast<sockaddr_in6*>(name);
    std::copy_n(address->bytes.data(), 16, internet->sin6_addr.s6_addr);
    internet->sin6_scope_id = address->scope;
}

// The lies end with the test.
struct Truth {
    ~Truth() {
        test::on_received = {};
        test::on_peer_asked = {};
    }
};

}  // namespace

TEST_CASE("[24] what connect(2) says reaches the callback or 'error', and it may be tried again") {
    const Audit audit;
    core::Loop loop;
    const std::vector<std::pair<int, std::string>> said{{ENETUNREACH, "ENETUNREACH"},
                                                        {EACCES, "EACCES"},
                                                        {EADDRNOTAVAIL, "EADDRNOTAVAIL"},
                                                        {ENOMEM, "ENOMEM"}};
    for (const auto& each : said) {
        const int error = each.first;
        const std::string& code = each.second;
        CAPTURE(code);
        Datagram socket(loop, Type::udp4);
        Log log;
        test::record(socket, log);
        const Fault fault(Call::connect, error, 2);
        socket.connect(9, outcome(log, "callback"));
        socket.send("lost", sent(log, "send"));
        test::settle(loop);
        const std::string text = "connect " + code + " 127.0.0.1:9";
        CHECK(log.text() == "listening callback(" + text + ") send(" + text + ")");
        CHECK(socket.remote_address().error().code == platform::Code::not_connected_to_peer);
        log.lines.clear();
        socket.connect(9);
        test::settle(loop);
        CHECK(log.text() == "error(" + text + ")");
        CHECK(fault.hits() == 2);
        socket.connect(9, outcome(log, "callback"));
        test::settle(loop);
        CHECK(log.lines.back() == "callback(ok)");
        const Fault again(Call::connect, error);
        CHECK_FALSE(socket.disconnect().code == platform::Code::ok);
        CHECK(socket.remote_address());  // It is as it was.
    }
}

TEST_CASE("[23] when the implicit bind fails, 'error' says so, and the connect fails with it") {
    const Audit audit;
    core::Loop loop;
    Datagram socket(loop, Type::udp4);
    Log log;
    test::record(socket, log);
    for (const Call call : {Call::socket, Call::bind, Call::watch}) {
        for (const bool heard : {true, false}) {
            CAPTURE(static_cast<int>(call));
            log.lines.clear();
            const Fault fault(call, ENOMEM);
            if (heard) socket.connect(9, outcome(log, "callback"));
            if (!heard) socket.connect(9);
            socket.send("lost", sent(log, "send"));
            test::settle(loop);
            CHECK(fault.hits() == 1);
            const std::string text = "bind ENOMEM 0.0.0.0";
            CHECK(log.text() == "error(" + text + ")" +
                                    (heard ? " callback(" + text + ")" : std::string()) +
                                    " send(" + text + ")");
            CHECK_FALSE(socket.address());
        }
    }
    log.lines.clear();
    socket.connect(9, outcome(log, "callback"));
    test::settle(loop);
    CHECK(log.text() == "listening connect callback(ok)");
}

TEST_CASE("[24] a send that was asked for before a connect has left before the system connects") {
    const Audit audit;
    const Truth truth;  // Systems disagree about sending elsewhere from a connected socket.
    core::Loop loop;
    Datagram socket(loop, Type::udp4);
    Log log;
    const int before = Fault::calls(Call::sendmsg);
    int left = 0;
    test::on_peer_asked = [&](sockaddr*) { left = Fault::calls(Call::sendmsg) - before; };
    socket.send("before", 9, "127.0.0.1", sent(log, "send"));
    socket.connect(9, outcome(log, "connect"));
    test::settle(loop);
    CHECK(log.text() == "send(6) connect(ok)");
    CHECK(left == 1);
}

TEST_CASE("[25] the zone tells link-local peers apart, and nobody else") {
    const Audit audit;
    const Truth truth;
    struct Case {
        std::string peer, sender;
        bool delivered;
    };
    const std::vector<Case> cases{
        {"fe80::1%2", "fe80::1%2", true},     {"fe80::1%2", "fe80::1%3", false},
        {"fe80::1%2", "fe80::2%2", false},    {"2001:db8::1", "2001:db8::1", true},
        {"2001:db8::1", "2001:db8::2", false}, {"::1", "::1", true},
    };
    for (const Case& each : cases) {
        CAPTURE(each.peer);
        CAPTURE(each.sender);
        core::Loop loop;
        Datagram socket(loop, Type::udp6);
        Datagram sender(loop, Type::udp6);
        Log log;
        test::record(socket, log);
        const auto to = socket.bind_sync(0, "::1");
        const auto from = sender.bind_sync(0, "::1");
        REQUIRE(to);
        REQUIRE(from);
        if (!to || !from) return;
        test::settle(loop);
        test::on_peer_asked = [&](sockaddr* name) { lie(name, each.peer); };
        CHECK(socket.connect_sync(from->port, "::1"));
        test::on_received = [&](msghdr& message) { lie(message.msg_name, each.sender); };
        CHECK(remote_of(socket).host() == each.peer);
        sender.send("x", *to);
        test::settle(loop);
        CHECK(log.text() == (each.delivered ? "listening connect message(x)"
                                            : "listening connect"));
        CHECK(socket.counters().strangers == (each.delivered ? 0 : 1));
    }
    // A scope that the kernel adds to an address of no zone does not matter.
    core::Loop loop;
    Datagram socket(loop, Type::udp6);
    Datagram sender(loop, Type::udp6);
    Log log;
    test::record(socket, log);
    test::on_peer_asked = {};
    test::on_received = [&](msghdr& message) {
        static_cast<sockaddr_in6*>(message.msg_name)->sin6_scope_id = 7;
    };
    const auto from = sender.bind_sync(0, "::1");
    REQUIRE(from);
    if (!from) return;
    CHECK(socket.connect_sync(from->port, "::1"));
    sender.send("x", local_of(socket));
    test::settle(loop);
    CHECK(log.text() == "listening connect message(x)");
}

TEST_CASE("[26] what the kernel does not take before disconnect still goes to the old peer") {
    const Audit audit;
    core::Loop loop;
    Datagram one(loop, Type::udp4);
    Datagram two(loop, Type::udp4);
    Log heard_by_one, heard_by_two, log;
    test::record(one, heard_by_one);
    test::record(two, heard_by_two);
    const auto first = one.bind_sync(0, "127.0.0.1");
    const auto second = two.bind_sync(0, "127.0.0.1");
    REQUIRE(first);
    REQUIRE(second);
    if (!first || !second) return;
    Datagram socket(loop, {.segmentation = false});
    CHECK(socket.connect_sync(first->port));
    test::settle(loop);
    {
        const Fault full(Call::any_send, EAGAIN, 100);
        socket.send("one", sent(log, "1"));
        socket.send("two", sent(log, "2"));
        CHECK_FALSE(socket.disconnect());
        CHECK(full.hits() == 1);
    }
    CHECK(socket.get_send_queue_count() == 2);
    CHECK(socket.connect_sync(second->port));
    socket.send("three", sent(log, "3"));
    test::settle(loop);
    CHECK(log.text() == "1(3) 2(3) 3(5)");
    CHECK(heard_by_one.text() == "listening message(one) message(two)");
    CHECK(heard_by_two.text() == "listening message(three)");
}

TEST_CASE("[26][32] a send that fails names its peer, also when that has gone meanwhile") {
    const Audit audit;
    core::Loop loop;
    Datagram socket(loop, Type::udp4);
    Log log;
    CHECK(socket.connect_sync(9));
    test::settle(loop);
    const Fault fault(Call::sendmsg, EPERM);
    socket.send("x", sent(log, "send"));
    CHECK_FALSE(socket.disconnect());
    CHECK(fault.hits() == 1);
    test::settle(loop);
    CHECK(log.text() == "send(send EPERM 127.0.0.1:9)");
}

TEST_CASE("[26] a port that cannot be had again is an error of disconnect") {
    const Audit audit;
    core::Loop loop;
    Datagram socket(loop, Type::udp4);
    Log log;
    test::record(socket, log);
    CHECK(socket.connect_sync(9));
    const Fault fault(Call::bind, EADDRINUSE);
    CHECK(net::text(socket.disconnect()) == "bind EADDRINUSE");
    CHECK(fault.hits() == 1);
    CHECK_FALSE(socket.remote_address());
    test::settle(loop);
    CHECK(log.text() == "listening connect");
}

#endif
