// What ICMP says, by the socket's own choice: nothing, its connected peer's errors, or everybody's.
// Whatever the choice, no send pays for another's peer, no socket dies, and no loop spins.
#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "tests/net/outcomes.h"

namespace {

using net::Address;
using net::Datagram;
using net::Errors;
using net::Failure;
using net::Family;
using net::Report;
using net::Type;
using platform::Code;
using test::Audit;
using test::Dead;
using test::Log;
using test::local_of;
using test::sent;
using test::ticks_in;
using namespace std::chrono_literals;

// Ends a case where the system has no queue of errors, which it has to say.
bool lacks_reports(core::Loop& loop) {
    Datagram socket(loop, {.errors = Errors::all});
    const platform::Error error = socket.bind_sync(0, "127.0.0.1").error();
    CHECK((!error || error.code == Code::not_supported));
    if (error) MESSAGE("the rest of the case: this system has no queue of errors");
    return static_cast<bool>(error);
}

void keep(Datagram& socket, std::vector<Report>& reports) {
    socket.on_report([&reports](const Report& report) { reports.push_back(report); });
}

}  // namespace

TEST_CASE("errors of all peers are asked for when the socket is bound, or that is ENOTSUP") {
    const Audit audit;
    core::Loop loop;
    Datagram socket(loop, {.errors = Errors::all});
    Log log;
    test::record(socket, log);
    socket.bind(0, "127.0.0.1");
    CHECK(test::run_until(loop, [&] { return !log.lines.empty(); }));
    const bool lacking = log.text() == "error(bind ENOTSUP 127.0.0.1)";
    CHECK((lacking || log.text() == "listening"));
    CHECK(static_cast<bool>(socket.address()) != lacking);
}

TEST_CASE("a report says where the datagram went, who refused it, why, and in what words") {
    const Audit audit;
    core::Loop loop;
    if (lacks_reports(loop)) return;
    for (const Type type : {Type::udp4, Type::udp6}) {
        const Dead dead(loop, type);
        Datagram socket(loop, {.type = type, .errors = Errors::all});
        Log log;
        test::record(socket, log);
        std::vector<Report> reports;
        keep(socket, reports);
        CHECK(socket.bind_sync());
        socket.send("x", dead.address, sent(log, "send"));
        CHECK(test::run_until(loop, [&] { return !reports.empty(); }));
        CHECK(ticks_in(loop, 50ms) < 10);
        CHECK(log.text() == "listening send(1)");  // Never an 'error'.
        REQUIRE(reports.size() == 1);
        if (reports.size() != 1) return;
        CHECK(reports[0].destination == dead.address);
        CHECK(reports[0].offender.host() == dead.address.host());
        CHECK(reports[0].error.code == Code::connection_refused);
        CHECK(reports[0].type == (type == Type::udp4 ? 3 : 1));
        CHECK(reports[0].code == (type == Type::udp4 ? 3 : 4));
        CHECK(reports[0].mtu == 0);
    }
}

TEST_CASE("[27] one peer's refusals fail and lose no send to another") {
    const Audit audit;
    core::Loop loop;
    if (lacks_reports(loop)) return;
    for (const bool trains : {true, false}) {
        CAPTURE(trains);
        const Dead dead(loop);
        Datagram friendly(loop, {.recv_buffer_size = 1 << 20});  // Room for all of it.
        const auto to = friendly.bind_sync(0, "127.0.0.1");
        REQUIRE(to);
        if (!to) return;
        std::vector<std::string> heard;
        friendly.on_message([&](const net::Message& message) {
            heard.emplace_back(message.text());
        });
        Datagram socket(loop, {.errors = Errors::all, .segmentation = trains});
        std::vector<Report> reports;
        keep(socket, reports);
        int errors = 0;
        socket.on_error([&](const Failure&) { errors++; });
        CHECK(socket.bind_sync());
        std::vector<std::string> wanted;
        int well = 0;
        const auto told = [&](const Failure& failure, std::size_t) {
            CHECK_FALSE(failure);
            well++;
        };
        for (int i = 0; i < 400; i++) {
            wanted.push_back(std::to_string(1000 + i));
            socket.send("????", dead.address, told);
            socket.send(std::string(wanted.back()), *to, told);
            if (i % 4 == 0) CHECK_FALSE(socket.set_ttl(64));  // It all leaves here.
            if (i % 40 == 0) test::settle(loop, 1);
        }
        CHECK(test::run_until(loop, [&] { return well == 800 && heard.size() >= 400; }));
        test::settle(loop);
        CHECK(heard == wanted);  // Once each, in their order.
        CHECK(errors == 0);
        CHECK(!reports.empty());
        CHECK(std::all_of(reports.begin(), reports.end(), [&](const Report& report) {
            return report.destination == dead.address;
        }));
        CHECK(ticks_in(loop, 50ms) < 10);
    }
}

TEST_CASE("reports that nobody listens to are taken all the same: the loop sleeps") {
    const Audit audit;
    core::Loop loop;
    if (lacks_reports(loop)) return;
    const Dead dead(loop);
    Datagram socket(loop, {.errors = Errors::all});
    Log log;
    test::record(socket, log);
    CHECK(socket.bind_sync());
    for (int i = 0; i < 300; i++) socket.send("x", dead.address);
    CHECK(ticks_in(loop, 100ms) < 20);
    CHECK(log.text() == "listening");
}

TEST_CASE("[27] a connected peer's refusal is a report and an 'error'") {
    const Audit audit;
    core::Loop loop;
    const bool lacking = lacks_reports(loop);
    const Dead dead(loop);
    Datagram socket(loop, Type::udp4);
    Log log;
    test::record(socket, log);
    std::vector<Report> reports;
    keep(socket, reports);
    CHECK(socket.connect_sync(dead.address.port));
    test::settle(loop);
    log.lines.clear();
    socket.send("x");
    CHECK(test::run_until(loop, [&] { return !log.lines.empty(); }));
    CHECK(log.text() == "error(recvmsg ECONNREFUSED)");
    CHECK(reports.size() == (lacking ? 0 : 1));
    if (!reports.empty()) CHECK(reports[0].destination == dead.address);
}

TEST_CASE("with errors of none a connected socket hears of no refusal, and goes on") {
    const Audit audit;
    core::Loop loop;
    Dead dead(loop);
    Datagram socket(loop, {.errors = Errors::none});
    Log log;
    test::record(socket, log);
    std::vector<Report> reports;
    keep(socket, reports);
    CHECK(socket.connect_sync(dead.address.port));
    test::settle(loop);
    log.lines.clear();
    int well = 0;
    for (int i = 0; i < 50; i++) {
        socket.send("x", [&](const Failure& failure, std::size_t) {
            CHECK_FALSE(failure);
            well++;
        });
        CHECK_FALSE(socket.set_ttl(64));  // Each trips over the refusal of the one before.
    }
    CHECK(test::run_until(loop, [&] { return well == 50; }));
    CHECK(ticks_in(loop, 50ms) < 10);
    CHECK(log.lines.empty());
    CHECK(reports.empty());
    dead.socket.on_message([&](const net::Message& message) {
        dead.socket.send(message.bytes, message.sender);
    });
    CHECK_FALSE(dead.socket.disconnect());
    socket.send("again");
    CHECK(test::run_until(loop, [&] { return !log.lines.empty(); }));
    CHECK(log.text() == "message(again)");
}

TEST_CASE("[26] with errors of all, connecting and disconnecting change what is an 'error' only") {
    const Audit audit;
    core::Loop loop;
    if (lacks_reports(loop)) return;
    const Dead first(loop);
    const Dead second(loop);
    Datagram socket(loop, {.errors = Errors::all});
    Log log;
    test::record(socket, log);
    std::vector<Report> reports;
    keep(socket, reports);
    CHECK(socket.bind_sync());
    test::settle(loop);
    socket.send("x", first.address);
    CHECK(test::run_until(loop, [&] { return reports.size() == 1; }));
    CHECK(socket.connect_sync(second.address.port));
    socket.send("x");
    CHECK(test::run_until(loop, [&] { return reports.size() == 2; }));
    CHECK_FALSE(socket.disconnect());
    socket.send("x", first.address);
    CHECK(test::run_until(loop, [&] { return reports.size() == 3; }));
    test::settle(loop);
    CHECK(log.text() == "listening connect error(recvmsg ECONNREFUSED)");
    REQUIRE(reports.size() == 3);
    if (reports.size() != 3) return;
    CHECK(reports[0].destination == first.address);
    CHECK(reports[1].destination == second.address);
    CHECK(reports[2].destination == first.address);
}

TEST_CASE("a listener of 'report' may close, destroy, connect or send") {
    const Audit audit;
    core::Loop loop;
    if (lacks_reports(loop)) return;
    enum class Deed { close, destroy, connect, send };
    for (const Deed deed : {Deed::close, Deed::destroy, Deed::connect, Deed::send}) {
        CAPTURE(static_cast<int>(deed));
        const Dead dead(loop);
        auto socket = std::make_unique<Datagram>(
            loop, net::Options{.errors = Errors::all, .segmentation = false});
        int reports = 0;
        bool closed = false;
        socket->on_close([&] { closed = true; });
        socket->on_report([&](const Report& report) {
            if (++reports > 1) return;
            switch (deed) {
                case Deed::close: return socket->close();
                case Deed::destroy: return socket.reset();
                case Deed::connect: return socket->connect(report.destination);
                case Deed::send: return socket->send("once more", report.destination);
            }
        });
        socket->on_error([](const Failure&) {});
        CHECK(socket->bind_sync());
        for (int i = 0; i < 3; i++) socket->send("x", dead.address);
        CHECK(test::run_until(loop, [&] { return reports > 0; }));
        CHECK(ticks_in(loop, 50ms) < 15);
        CHECK(closed == (deed == Deed::close));
        const bool ended = deed == Deed::close || deed == Deed::destroy;
        CHECK(reports == (ended ? 1 : deed == Deed::send ? 4 : 3));
    }
}

TEST_CASE("[20] an adopted socket hears of all its peers") {
    const Audit audit;
    core::Loop loop;
    if (lacks_reports(loop)) return;
    const Dead dead(loop);
    const auto opened = platform::open_datagram(loop.poller(), Family::ipv4);
    REQUIRE(opened);
    if (!opened) return;
    CHECK_FALSE(platform::bind(*opened, Address::loopback(Family::ipv4)));
    Datagram socket(loop, {.errors = Errors::all});
    std::vector<Report> reports;
    keep(socket, reports);
    socket.adopt(opened->handle);
    test::settle(loop);
    socket.send("x", dead.address);
    CHECK(test::run_until(loop, [&] { return reports.size() == 1; }));
}

TEST_CASE("what this host does not let leave is the outcome of its send, and no report") {
    const Audit audit;
    core::Loop loop;
    if (lacks_reports(loop)) return;
    Datagram friendly(loop, Type::udp4);
    Log heard;
    test::record(friendly, heard);
    const auto to = friendly.bind_sync(0, "127.0.0.1");
    REQUIRE(to);
    if (!to) return;
    Datagram socket(loop, {.errors = Errors::all});
    Log log;
    test::record(socket, log);
    CHECK(socket.bind_sync());
    test::settle(loop);
    log.lines.clear();
    heard.lines.clear();
    std::vector<Report> reports;
    keep(socket, reports);
    socket.send(std::string(65508, 'x'), *to, sent(log, "long"));  // Too long for IPv4 itself.
    socket.send("short", *to, sent(log, "short"));
    CHECK(test::run_until(loop, [&] { return log.lines.size() == 2 && !heard.lines.empty(); }));
    CHECK(log.text() == "long(send EMSGSIZE " + to->text() + ") short(5)");
    CHECK(heard.text() == "message(short)");
    CHECK(ticks_in(loop, 50ms) < 10);
    CHECK(reports.empty());
}
