// What ICMP says on Linux: a pending error, or the error queue. Both must be emptied, or the poller
// never sleeps; and a report must never be taken for a datagram.
#if defined(__linux__) && !defined(VOLLEY_USE_POLL) && !defined(VOLLEY_USE_KQUEUE)

#include <doctest/doctest.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "tests/platform/support.h"

using namespace platform;

namespace {

const Endpoint mapped_loopback =
    ipv6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1});

// A port where nobody listens: somebody did a moment ago.
Endpoint dead_port(Poller& poller, Family family) {
    return Owned(poller, loopback(family)).address();
}

int number_of(const Owned& socket) { return static_cast<int>(Socket(socket).handle); }

// Acts on every event, as a loop would, until the poller sleeps. How often it woke, at most 50.
int wakeups_until_quiet(Poller& poller, Socket socket, std::vector<Report>& reports) {
    must(poller.watch(socket, test_token, {true, false}), "watch");
    Inbox inbox(1, 2048);
    int wakeups = 0;
    while (wakeups < 50 && !must(poller.wait(in_milliseconds(poller, 30)), "wait").empty()) {
        wakeups++;
        Report batch[8];
        const std::size_t count = must(receive_errors(socket, batch), "receive_errors");
        reports.insert(reports.end(), batch, batch + count);
        (void)receive(socket, inbox.incoming).error();
    }
    poller.forget(socket, test_token);
    return wakeups;
}

}  // namespace

TEST_CASE("a refused datagram is an error of the next receive, once, on a connected socket") {
    const auto poller = open_poller();
    for (const Family family : {Family::ipv4, Family::ipv6}) {
        const Owned socket(*poller, family);
        CHECK(!connect(socket, dead_port(*poller, family)));
        CHECK(!send_text(socket, "anybody?", nullptr));

        must(poller->watch(socket, test_token, {true, false}), "watch");
        const auto events = must(poller->wait(in_milliseconds(*poller, 2000)), "wait");
        CHECK(events.size() == 1);
        for (const Event& event : events) {
            CHECK(event.readable);
            CHECK(event.writable);  // Whatever the interest is: the next call tells why.
        }
        Inbox inbox(4, 2048);
        const Error error = receive(socket, inbox.incoming).error();
        CHECK(error.code == Code::connection_refused);
        CHECK(error.operation == Operation::receive);
        CHECK(receive(socket, inbox.incoming).error().code == Code::would_block);
        CHECK(must(poller->wait(in_milliseconds(*poller, 10)), "wait").empty());
        poller->forget(socket, test_token);
    }
}

TEST_CASE("an unconnected socket hears nothing of it") {
    const auto poller = open_poller();
    const Owned socket(*poller, Family::ipv4);
    const Endpoint to = dead_port(*poller, Family::ipv4);
    for (int i = 0; i < 3; i++) CHECK(!send_text(socket, "anybody?", &to));
    CHECK(!becomes_readable(*poller, socket, 20));
}

TEST_CASE("reports say where the datagram went, who refused it and why; then the poller sleeps") {
    const auto poller = open_poller();
    for (const Family family : {Family::ipv4, Family::ipv6}) {
        for (const bool connected : {false, true}) {
            const Owned socket(*poller, family);
            CHECK(!set_option(socket, Option::icmp_errors, 1));
            CHECK(must(get_option(socket, Option::icmp_errors), "get_option") == 1);
            // What else comes with it must not crowd the report out.
            CHECK(!set_option(socket, Option::packet_info, 1));
            const Endpoint to = dead_port(*poller, family);
            if (connected) CHECK(!connect(socket, to));
            CHECK(!send_text(socket, "anybody?", connected ? nullptr : &to));
            std::vector<Report> reports;
            CHECK(wakeups_until_quiet(*poller, socket, reports) <= 3);
            CHECK(reports.size() == 1);
            for (const Report& report : reports) {
                CHECK(report.destination == to);
                CHECK(report.offender == loopback(family));
                CHECK(report.error.code == Code::connection_refused);
                CHECK(report.error.operation == Operation::receive);
                CHECK(report.type == (family == Family::ipv4 ? 3 : 1));  // RFC 792, RFC 4443.
                CHECK(report.code == (family == Family::ipv4 ? 3 : 4));
                CHECK(report.mtu == 0);
            }
        }
    }
}

TEST_CASE("a dual-stack socket gets the reports of both stacks") {
    const auto poller = open_poller();
    const Owned socket(*poller, Family::ipv6);
    CHECK(!set_option(socket, Option::icmp_errors, 1));
    const Endpoint to = with_port(mapped_loopback, dead_port(*poller, Family::ipv4).port);
    CHECK(!send_text(socket, "anybody?", &to));
    std::vector<Report> reports;
    CHECK(wakeups_until_quiet(*poller, socket, reports) <= 3);
    CHECK(reports.size() == 1);
    for (const Report& report : reports) {
        CHECK(report.destination == to);
        CHECK(report.error.code == Code::connection_refused);
    }
}

TEST_CASE("an error queue that nobody empties keeps the poller awake: what draining is for") {
    const auto poller = open_poller();
    const Owned socket(*poller, Family::ipv4);
    CHECK(!set_option(socket, Option::icmp_errors, 1));
    const Endpoint to = dead_port(*poller, Family::ipv4);
    CHECK(!send_text(socket, "anybody?", &to));
    Inbox inbox(1, 2048);
    // The pending error goes with the first receive, the queue does not.
    CHECK(receive(socket, inbox.incoming).error().code == Code::connection_refused);
    CHECK(count_reports(*poller, socket, {true, false}, 20) == 20);
    Report report;
    CHECK(must(receive_errors(socket, {&report, 1}), "receive_errors") == 1);
    CHECK(count_reports(*poller, socket, {true, false}, 20) == 0);
}

TEST_CASE("more reports than the span holds are handed out bit by bit") {
    const auto poller = open_poller();
    const Owned socket(*poller, Family::ipv4);
    CHECK(!set_option(socket, Option::icmp_errors, 1));
    const Endpoint to = dead_port(*poller, Family::ipv4);
    std::size_t sent = 0;
    Inbox inbox(1, 2048);
    for (int i = 0; i < 10; i++) {
        // An error that is pending already is told instead of sending.
        if (!send_text(socket, "anybody?", &to)) sent++;
    }
    CHECK(sent >= 5);
    Report reports[4];
    std::size_t total = 0;
    for (std::size_t count = 4; count == 4; total += count) {
        count = must(receive_errors(socket, reports), "receive_errors");
        for (std::size_t i = 0; i < count; i++) CHECK(reports[i].destination == to);
    }
    CHECK(total == sent);
    CHECK(must(receive_errors(socket, reports), "receive_errors") == 0);
}

TEST_CASE("what this host itself refuses is reported without an offender") {
    const auto poller = open_poller();
    const Owned receiver(*poller, loopback(Family::ipv6));
    const Owned socket(*poller, Family::ipv6);
    CHECK(!set_option(socket, Option::icmp_errors, 1));
    const int on = 1;
    REQUIRE(setsockopt(number_of(socket), IPPROTO_IPV6, IPV6_DONTFRAG, &on, sizeof on) == 0);
    const Endpoint to = receiver.address();
    // Fits a datagram, but not a packet of the loopback interface.
    must(set_option(socket, Option::send_buffer_size, 200'000), "send_buffer_size");
    CHECK(send_text(socket, std::string(65'520, 'x'), &to).code == Code::message_too_big);
    std::vector<Report> reports;
    CHECK(wakeups_until_quiet(*poller, socket, reports) <= 3);
    CHECK(!reports.empty());
    for (const Report& report : reports) {
        CHECK(report.error.code == Code::message_too_big);
        CHECK(report.offender.family == Family::none);
        CHECK(report.destination.family == Family::ipv6);
    }
}

TEST_CASE("what else lies in the error queue is thrown away, and keeps nobody awake") {
    const auto poller = open_poller();
    const Owned receiver(*poller, loopback(Family::ipv4));
    const Owned socket(*poller, Family::ipv4);
    // An adopted socket may ask for the time of sending, which comes the same way.
    const int stamps = SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE;
    const int result =
        setsockopt(number_of(socket), SOL_SOCKET, SO_TIMESTAMPING, &stamps, sizeof stamps);
    REQUIRE(result == 0);
    const Endpoint to = receiver.address();
    CHECK(!send_text(socket, "x", &to));
    CHECK(count_reports(*poller, socket, {true, false}, 5) == 5);
    std::vector<Report> reports;
    CHECK(wakeups_until_quiet(*poller, socket, reports) <= 3);
    CHECK(reports.empty());
}

TEST_CASE("an empty error queue is zero, and no socket has none") {
    const auto poller = open_poller();
    const Owned socket(*poller, loopback(Family::ipv4));
    Report reports[2];
    CHECK(must(receive_errors(socket, reports), "receive_errors") == 0);
    CHECK(must(receive_errors(socket, {}), "receive_errors") == 0);
    CHECK(receive_errors(Socket{}, reports).error().code == Code::bad_descriptor);
}

#endif
