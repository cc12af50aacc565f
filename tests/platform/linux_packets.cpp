// What travels beside the payload on Linux, and trains: several datagrams in one buffer, cut by the
// sender's kernel (UDP_SEGMENT) and joined by the receiver's (UDP_GRO).
#ifdef __linux__

#include <doctest/doctest.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "tests/platform/support.h"

using namespace platform;

namespace {

// Bytes that tell where they belong.
std::string pattern(std::size_t size) {
    std::string text(size, 0);
    for (std::size_t i = 0; i < size; i++) text[i] = static_cast<char>(i * 31 >> 3);
    return text;
}

// Receives until it has so many bytes; says how the trains were cut.
struct Arrived {
    std::string bytes;
    std::vector<std::size_t> sizes;
    std::vector<std::size_t> segment_sizes;
};

Arrived receive_bytes(Poller& poller, Socket socket, std::size_t size) {
    Arrived arrived;
    Inbox inbox(8);
    while (arrived.bytes.size() < size && becomes_readable(poller, socket)) {
        const auto count = receive(socket, inbox.incoming);
        if (!count) break;
        for (std::size_t i = 0; i < *count; i++) {
            arrived.bytes += text_of(inbox.incoming[i]);
            arrived.sizes.push_back(inbox.incoming[i].size);
            arrived.segment_sizes.push_back(inbox.incoming[i].segment_size);
        }
    }
    return arrived;
}

const Endpoint mapped_loopback =
    ipv6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1});

std::uint32_t loopback_index(Poller& poller) {
    return must(interface_index(poller, "lo"), "interface_index");
}

std::string unique_abstract_name(Poller& poller) {
    const std::string number = std::to_string(poller.now().nanoseconds);
    return std::string("\0volley-", 8) + std::to_string(getpid()) + "-" + number;
}

void check_info(Poller& poller, const PacketInfo& info, const Endpoint& local_address) {
    CHECK(info.local == local_address);
    CHECK(info.interface_index == loopback_index(poller));
    CHECK(info.hop_limit == 33);
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
            CHECK(!send_text(sender, "x", &to, 0, &wanted));
            CHECK(becomes_readable(*poller, receiver));
            CHECK(receive(receiver, {inbox.incoming.data(), at_once}));
            check_info(*poller, *inbox.incoming[0].info, loopback(family));
            CHECK(inbox.incoming[0].info->traffic_class == 0x2a);
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
    CHECK(!send_text(sender, "x", &to, 0, &wanted));
    CHECK(receive_next(*poller, receiver, inbox));
    check_info(*poller, *inbox.incoming[0].info, mapped_loopback);
    CHECK(inbox.incoming[0].info->traffic_class == 0x2a);
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
    CHECK(!send_text(sender, "x", &to, 0, &wanted));
    CHECK(receive_next(*poller, receiver, inbox));
    check_info(*poller, *inbox.incoming[0].info, loopback(Family::ipv4));
    CHECK(inbox.incoming[0].info->traffic_class == 0x2a);
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
            CHECK(!send_text(sender, "x", connected ? nullptr : &to, 0, &info));
            CHECK(receive_next(*poller, receiver, inbox));
            CHECK(with_port(inbox.incoming[0].peer, 0) == each.seen_as);
            check_info(*poller, *inbox.incoming[0].info, loopback(each.receiver));
            CHECK(inbox.incoming[0].info->traffic_class == 0xb8);
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
    const Endpoint asked = ipv4({127, 0, 0, 5}, server.address().port);
    Inbox inbox(1);
    CHECK(!send_text(client, "?", &asked));
    CHECK(receive_next(*poller, server, inbox));
    PacketInfo info = *inbox.incoming[0].info;
    const Endpoint peer = inbox.incoming[0].peer;
    CHECK(!send_text(server, "!", &peer, 0, &info));
    CHECK(receive_next(*poller, client, inbox));
    CHECK(inbox.incoming[0].peer == asked);
}

TEST_CASE("a train of 64 KiB arrives in one piece where that is allowed") {
    const auto poller = open_poller();
    for (const Family family : {Family::ipv4, Family::ipv6}) {
        const Owned receiver(*poller, loopback(family));
        CHECK(!set_option(receiver, Option::coalesce, 1));
        CHECK(must(get_option(receiver, Option::coalesce), "get_option") == 1);
        const Owned sender(*poller, family);
        const Endpoint to = receiver.address();
        for (const std::size_t segment : {1000u, 1200u, 1400u}) {
            const std::string bytes = pattern(segment * 45 + 7);
            CHECK(!send_text(sender, bytes, &to, static_cast<std::uint16_t>(segment)));
            const Arrived arrived = receive_bytes(*poller, receiver, bytes.size());
            CHECK(arrived.bytes == bytes);
            CHECK(arrived.sizes == std::vector<std::size_t>{bytes.size()});
            CHECK(arrived.segment_sizes == std::vector<std::size_t>{segment});
        }
        // One datagram is no train.
        CHECK(!send_text(sender, "single", &to));
        const Arrived single = receive_bytes(*poller, receiver, 6);
        CHECK(single.bytes == "single");
        CHECK(single.segment_sizes == std::vector<std::size_t>{0});
    }
}

TEST_CASE("a train arrives as datagrams where it is not allowed") {
    const auto poller = open_poller();
    const Owned receiver(*poller, loopback(Family::ipv4));
    CHECK(must(get_option(receiver, Option::coalesce), "get_option") == 0);
    const Endpoint to = receiver.address();
    const std::string bytes = pattern(10 * 100 + 1);
    CHECK(!send_text(receiver, bytes, &to, 100));
    const Arrived arrived = receive_bytes(*poller, receiver, bytes.size());
    CHECK(arrived.bytes == bytes);
    CHECK(arrived.sizes == std::vector<std::size_t>{100, 100, 100, 100, 100, 100, 100, 100, 100,
                                                    100, 1});
    for (const std::size_t segment : arrived.segment_sizes) CHECK(segment == 0);
}

TEST_CASE("trains, datagrams and packet information share a batch") {
    const auto poller = open_poller();
    const Owned receiver(*poller, any_address(Family::ipv6));
    CHECK(!set_option(receiver, Option::coalesce, 1));
    CHECK(!set_option(receiver, Option::packet_info, 1));
    const Endpoint to = loopback(Family::ipv6, receiver.address().port);
    const Owned sender(*poller, Family::ipv6);
    CHECK(!set_option(sender, Option::hop_limit, 33));
    const std::string bytes = pattern(3000);
    const std::span<const std::byte> train = bytes_of(bytes);
    const std::span<const std::byte> single = train.first(500);
    // A train of parts that lie apart: nothing is copied together.
    const std::span<const std::byte> apart[] = {train.subspan(2000), train.subspan(1000, 1000),
                                                train.first(1000)};
    const Outgoing outgoing[] = {{{&train, 1}, &to, nullptr, 1000},
                                 {{&single, 1}, &to, nullptr, 0},
                                 {apart, &to, nullptr, 1000}};
    CHECK(must(send(sender, outgoing), "send") == 3);
    CHECK(becomes_readable(*poller, receiver));
    Inbox inbox(8);
    CHECK(must(receive(receiver, inbox.incoming), "receive") == 3);
    CHECK(text_of(inbox.incoming[0]) == bytes);
    CHECK(text_of(inbox.incoming[1]) == bytes.substr(0, 500));
    CHECK(text_of(inbox.incoming[2]) ==
          bytes.substr(2000) + bytes.substr(1000, 1000) + bytes.substr(0, 1000));
    const std::size_t segment_sizes[] = {1000, 0, 1000};
    for (std::size_t i = 0; i < 3; i++) {
        CHECK(inbox.incoming[i].segment_size == segment_sizes[i]);
        check_info(*poller, *inbox.incoming[i].info, loopback(Family::ipv6));
        CHECK(inbox.incoming[i].info->traffic_class == 0);
    }
}

TEST_CASE("a train that the kernel refuses is an error of that train, and nothing of it leaves") {
    const auto poller = open_poller();
    const Owned receiver(*poller, loopback(Family::ipv4));
    const Endpoint to = receiver.address();
    const std::string bytes = pattern(60'000);
    const Error too_many = send_text(receiver, bytes, &to, 100);
    CHECK(too_many.code == Code::invalid_argument);  // 600 datagrams; kernels allow 64 or 128.
    CHECK(send_text(receiver, pattern(65'600), &to, 1400).code == Code::message_too_big);
    CHECK(!becomes_readable(*poller, receiver, 5));

    const std::span<const std::byte> good = bytes_of("good");
    const std::span<const std::byte> bad = bytes_of(bytes);
    const Outgoing outgoing[] = {{{&good, 1}, &to, nullptr, 0}, {{&bad, 1}, &to, nullptr, 100}};
    CHECK(must(send(receiver, outgoing), "send") == 1);
    CHECK(receive_bytes(*poller, receiver, 4).bytes == "good");
}

TEST_CASE("a path has no trains: they would leave as one datagram") {
    const auto poller = open_poller();
    const Owned socket(*poller, Family::local);
    const Endpoint to = local(unique_abstract_name(*poller));
    CHECK(!bind(socket, to));
    CHECK(send_text(socket, "0123456789", &to, 5).code == Code::not_supported);
    CHECK(!becomes_readable(*poller, socket, 5));
}

TEST_CASE("[52] abstract names keep their full length, NULs and all, and claim nothing") {
    const auto poller = open_poller();
    const std::string name = unique_abstract_name(*poller) + std::string("\0tail\0", 6);
    const Owned server(*poller, Family::local);
    const PathClaim claim = must(bind_path(server, local(name), 0600), "bind_path");
    CHECK(claim.inode == 0);
    CHECK(path_of(server.address()) == name);
    const Owned second(*poller, Family::local);
    CHECK(bind_path(second, local(name), 0600).error().code == Code::address_in_use);
    // One NUL less is another name.
    const std::string shorter = name.substr(0, name.size() - 1);
    CHECK(bind_path(second, local(shorter), 0600));
    const Endpoint to = local(name);
    CHECK(!send_text(second, "x", &to));
    Inbox inbox(1, 64);
    CHECK(receive_next(*poller, server, inbox));
    CHECK(path_of(inbox.incoming[0].peer) == shorter);
    // The longest one.
    const Owned third(*poller, Family::local);
    const std::string longest = name + std::string(108 - name.size(), 'n');
    CHECK(bind_path(third, local(longest), 0600));
    CHECK(path_of(third.address()) == longest);
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
