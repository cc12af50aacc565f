// Trains on Linux: several datagrams in one buffer, cut by the sender's kernel (UDP_SEGMENT) and
// joined by the receiver's (UDP_GRO). The pollers of other systems come without them.
#if defined(__linux__) && !defined(VOLLEY_USE_POLL) && !defined(VOLLEY_USE_KQUEUE)

#include <doctest/doctest.h>

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

}  // namespace

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
        CHECK(inbox.incoming[i].info->local == loopback(Family::ipv6));
        CHECK(inbox.incoming[i].info->hop_limit == 33);
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
    const std::string name = "volley-" + std::to_string(poller->now().nanoseconds);
    const Endpoint to = local(std::string(1, 0) + name);
    CHECK(!bind(socket, to));
    CHECK(send_text(socket, "0123456789", &to, 5).code == Code::not_supported);
    CHECK(!becomes_readable(*poller, socket, 5));
}

#endif
