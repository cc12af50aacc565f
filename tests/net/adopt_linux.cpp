// What an adopted descriptor may bring along that only Linux has: trains, and a queue of errors.
// The pollers of other systems come with socket calls that know neither, also on Linux.
#if defined(__linux__) && !defined(VOLLEY_USE_POLL) && !defined(VOLLEY_USE_KQUEUE)

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "tests/net/outcomes.h"

using namespace net;
using namespace std::chrono_literals;
using test::Audit;
using test::Log;
using test::make_dead;
using test::run_until;
using test::sent;
using test::ticks_in;

TEST_CASE("[20] an adopted descriptor that takes trains delivers datagrams") {
    const Audit audit;
    core::Loop loop;
    const int descriptor = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    REQUIRE(::setsockopt(descriptor, IPPROTO_UDP, UDP_GRO, &on, sizeof on) == 0);
    sockaddr_in local{};
    local.sin_family = AF_INET;
    local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(descriptor, reinterpret_cast<sockaddr*>(&local), sizeof local) == 0);
    Datagram receiver(loop, Type::udp4);
    int messages = 0;
    receiver.on_message([&](const Message& message) {
        CHECK(message.size() == 100);
        messages++;
    });
    bool listening = false;
    receiver.adopt(descriptor, [&] { listening = true; });
    CHECK(run_until(loop, [&] { return listening; }));

    const Result<Address> to = receiver.address();
    REQUIRE(static_cast<bool>(to));
    if (!to) return;
    local.sin_port = htons(to->port);
    const int train = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const int segment = 100;
    REQUIRE(::setsockopt(train, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof segment) == 0);
    const std::string bytes(500, 'x');
    CHECK(::sendto(train, bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&local),
                   sizeof local) == 500);
    ::close(train);
    CHECK(run_until(loop, [&] { return messages == 5; }));
}

TEST_CASE("[20][27] an adopted socket whose owner wanted errors queued: told when connected") {
    const Audit audit;
    core::Loop loop;
    Datagram holder(loop, Type::udp4);
    const Address dead = make_dead(holder);
    for (const bool connected : {false, true}) {
        CAPTURE(connected);
        const int descriptor = ::socket(AF_INET, SOCK_DGRAM, 0);
        const int on = 1;
        CHECK(::setsockopt(descriptor, IPPROTO_IP, IP_RECVERR, &on, sizeof on) == 0);
        sockaddr_in name{};
        name.sin_family = AF_INET;
        name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        CHECK(::bind(descriptor, reinterpret_cast<sockaddr*>(&name), sizeof name) == 0);
        name.sin_port = htons(dead.port);
        const auto* const peer = reinterpret_cast<sockaddr*>(&name);
        if (connected) CHECK(::connect(descriptor, peer, sizeof name) == 0);
        Datagram socket(loop, Type::udp4);
        Log log;
        test::record(socket, log);
        socket.adopt(descriptor);
        test::settle(loop);
        if (connected) socket.send("x", sent(log, "send"));
        if (!connected) socket.send("x", dead, sent(log, "send"));
        CHECK(ticks_in(loop, 50ms) < 10);
        CHECK(log.text() == (connected ? "listening send(1) error(recvmsg ECONNREFUSED)"
                                       : "listening send(1)"));
    }
}

#endif
