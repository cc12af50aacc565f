// What travels beside the payload, on any Unix: destination, source, interface, hop limit, traffic
// class and time.
#ifndef _WIN32

#include <doctest/doctest.h>
#include <pthread.h>
#include <time.h>

#include "tests/platform/support.h"

using namespace platform;

namespace {

const Endpoint mapped_loopback =
    ipv6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1});

std::uint32_t loopback_index(Poller& poller) {
    const auto index = interface_index(poller, "lo");
    return index ? *index : must(interface_index(poller, "lo0"), "interface_index");
}

// Linux has all of 127.0.0.0/8; others only what was given to the interface.
bool is_ours(Poller& poller, const Endpoint& address) {
    const Owned socket(poller, address.family);
    return !bind(socket, address);
}

// Without what this system cannot choose for one datagram over IPv4, which it has to say: -1, or 0.
void send_as_far_as_possible(Socket socket, const Endpoint* to, PacketInfo& wanted) {
    Error error = send_text(socket, "x", to, 0, &wanted);
    const auto try_without = [&](auto PacketInfo::* member, auto nothing) {
        if (error.code != Code::not_supported) return;
        wanted.*member = nothing;
        error = send_text(socket, "x", to, 0, &wanted);
    };
    try_without(&PacketInfo::hop_limit, std::int16_t{-1});
    try_without(&PacketInfo::traffic_class, std::int16_t{-1});
    try_without(&PacketInfo::interface_index, 0u);
    CHECK(!error);
}

void check_class(const PacketInfo& info, const PacketInfo& wanted) {
    if (wanted.traffic_class >= 0) CHECK(info.traffic_class == wanted.traffic_class);
}

void check_info(Poller& poller, const PacketInfo& info, const Endpoint& local_address,
                int hop_limit = 33) {
    CHECK(info.local == local_address);
    CHECK(info.interface_index == loopback_index(poller));
    if (hop_limit >= 0) CHECK(info.hop_limit == hop_limit);
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    const auto age = std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec - info.timestamp;
    CHECK(age >= 0);
    CHECK(age < 10'000'000'000);
}

}  // namespace

TEST_CASE("packet information: destination, interface, hop limit, class, time") {
    const auto poller = open_poller();
    for (const Family family : {Family::ipv4, Family::ipv6}) {
        const Owned receiver(*poller, any_address(family));
        CHECK(must(get_option(receiver, Option::packet_info), "get_option") == 0);
        CHECK(!set_option(receiver, Option::packet_info, 1));
        CHECK(must(get_option(receiver, Option::packet_info), "get_option") == 1);
        const Endpoint to = loopback(family, receiver.address().port);
        const Owned sender(*poller, family);
        CHECK(!set_option(sender, Option::hop_limit, 33));
        PacketInfo wanted{};
        wanted.traffic_class = 0x2a;  // AF11 and ECT(0).
        Inbox inbox(2);
        for (const std::size_t at_once : {1u, 2u}) {  // Received alone, and in a batch.
            send_as_far_as_possible(sender, &to, wanted);
            CHECK(becomes_readable(*poller, receiver));
            CHECK(receive(receiver, {inbox.incoming.data(), at_once}));
            check_info(*poller, *inbox.incoming[0].info, loopback(family));
            check_class(*inbox.incoming[0].info, wanted);
        }
        CHECK(!set_option(receiver, Option::packet_info, 0));
        CHECK(!send_text(sender, "x", &to, 0, &wanted));
        CHECK(receive_next(*poller, receiver, inbox));
        CHECK(inbox.incoming[0].info->local.family == Family::none);
        CHECK(inbox.incoming[0].info->hop_limit == -1);
        CHECK(inbox.incoming[0].info->traffic_class == -1);
        CHECK(inbox.incoming[0].info->timestamp == 0);
    }
}

TEST_CASE("a dual-stack socket knows as much of IPv4 datagrams") {
    const auto poller = open_poller();
    const Owned receiver(*poller, any_address(Family::ipv6));
    CHECK(!set_option(receiver, Option::packet_info, 1));
    const Endpoint to = loopback(Family::ipv4, receiver.address().port);
    const Owned sender(*poller, Family::ipv4);
    CHECK(!set_option(sender, Option::hop_limit, 33));
    PacketInfo wanted{};
    wanted.traffic_class = 0x2a;
    Inbox inbox(1);
    send_as_far_as_possible(sender, &to, wanted);
    CHECK(receive_next(*poller, receiver, inbox));
    check_info(*poller, *inbox.incoming[0].info, mapped_loopback);
    check_class(*inbox.incoming[0].info, wanted);
}

TEST_CASE("and sets as much: options of the one stack reach the other") {
    const auto poller = open_poller();
    const Owned receiver(*poller, loopback(Family::ipv4));
    CHECK(!set_option(receiver, Option::packet_info, 1));
    const Owned sender(*poller, Family::ipv6);
    CHECK(!set_option(sender, Option::hop_limit, 33));
    const Endpoint to = with_port(mapped_loopback, receiver.address().port);
    PacketInfo wanted{};
    wanted.traffic_class = 0x2a;
    Inbox inbox(1);
    send_as_far_as_possible(sender, &to, wanted);
    CHECK(receive_next(*poller, receiver, inbox));
    check_info(*poller, *inbox.incoming[0].info, loopback(Family::ipv4));
    check_class(*inbox.incoming[0].info, wanted);
}

TEST_CASE("a datagram chooses its source, interface, hop limit and class") {
    const auto poller = open_poller();
    const struct {
        Family receiver;
        Family sender;
        Endpoint source;
        Endpoint seen_as;
        Endpoint destination;
    } cases[] = {
        {Family::ipv4, Family::ipv4, ipv4({127, 0, 0, 9}), ipv4({127, 0, 0, 9}),
         loopback(Family::ipv4)},
        {Family::ipv6, Family::ipv6, loopback(Family::ipv6), loopback(Family::ipv6),
         loopback(Family::ipv6)},
        {Family::ipv4, Family::ipv6,
         ipv6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 9}), ipv4({127, 0, 0, 9}),
         mapped_loopback},
    };
    for (const auto& each : cases) {
        if (!is_ours(*poller, each.source)) continue;
        const Owned receiver(*poller, loopback(each.receiver));
        CHECK(!set_option(receiver, Option::packet_info, 1));
        const Owned sender(*poller, any_address(each.sender));
        const Endpoint to = with_port(each.destination, receiver.address().port);
        PacketInfo info{};
        info.local = each.source;
        info.interface_index = loopback_index(*poller);
        info.hop_limit = 33;
        info.traffic_class = 0xb8;
        Inbox inbox(1);
        for (const bool connected : {false, true}) {
            if (connected) CHECK(!connect(sender, to));
            send_as_far_as_possible(sender, connected ? nullptr : &to, info);
            CHECK(receive_next(*poller, receiver, inbox));
            CHECK(with_port(inbox.incoming[0].peer, 0) == each.seen_as);
            check_info(*poller, *inbox.incoming[0].info, loopback(each.receiver), info.hop_limit);
            check_class(*inbox.incoming[0].info, info);
        }
    }
}

TEST_CASE("a source of the other family is refused") {
    const auto poller = open_poller();
    const Owned four(*poller, loopback(Family::ipv4));
    const Owned six(*poller, loopback(Family::ipv6));
    const Endpoint to_four = four.address();
    const Endpoint to_six = six.address();
    PacketInfo info{};
    info.local = loopback(Family::ipv6);
    CHECK(send_text(four, "x", &to_four, 0, &info).code == Code::invalid_argument);
    info.local = loopback(Family::ipv4);
    CHECK(send_text(six, "x", &to_six, 0, &info).code == Code::invalid_argument);
    CHECK(!becomes_readable(*poller, four, 5));
}

TEST_CASE("a reply to received packet information comes from the address that was asked") {
    const auto poller = open_poller();
    const Owned server(*poller, any_address(Family::ipv4));
    CHECK(!set_option(server, Option::packet_info, 1));
    const Owned client(*poller, loopback(Family::ipv4));
    const Endpoint other = ipv4({127, 0, 0, 5});
    const Endpoint asked = with_port(is_ours(*poller, other) ? other : loopback(Family::ipv4),
                                     server.address().port);
    Inbox inbox(1);
    CHECK(!send_text(client, "?", &asked));
    CHECK(receive_next(*poller, server, inbox));
    PacketInfo info = *inbox.incoming[0].info;
    const Endpoint peer = inbox.incoming[0].peer;
    CHECK(!send_text(server, "!", &peer, 0, &info));
    CHECK(receive_next(*poller, client, inbox));
    CHECK(inbox.incoming[0].peer == asked);
}

TEST_CASE("a batch fits a stack of 64 KiB") {
    const auto poller = open_poller();
    const Owned receiver(*poller, loopback(Family::ipv4));
    CHECK(!set_option(receiver, Option::packet_info, 1));
    const Endpoint to = receiver.address();
    const std::vector<std::span<const std::byte>> parts(64, bytes_of("x"));
    const std::vector<Outgoing> outgoing(64, Outgoing{parts, &to, nullptr, 0});
    Inbox inbox(64, 256);
    struct Errand {
        Socket socket;
        std::span<const Outgoing> outgoing;
        std::span<Incoming> incoming;
        std::size_t sent = 0;
        std::size_t received = 0;
    } errand{receiver, outgoing, inbox.incoming};
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 64 * 1024);
    pthread_t thread;
    const auto run = [](void* argument) -> void* {
        Errand& self = *static_cast<Errand*>(argument);
        if (const auto sent = send(self.socket, self.outgoing)) self.sent = *sent;
        while (const auto received = receive(self.socket, self.incoming)) {
            self.received += *received;
        }
        return nullptr;
    };
    REQUIRE(pthread_create(&thread, &attributes, run, &errand) == 0);
    pthread_join(thread, nullptr);
    pthread_attr_destroy(&attributes);
    CHECK(errand.sent == 64);
    CHECK(errand.received == 64);
}

#endif
