// Socket options and interfaces, as every implementation of the seam owes them.
#include <doctest/doctest.h>

#include "tests/platform/support.h"

using namespace platform;

namespace {

struct Range {
    Option option;
    std::int32_t least;
    std::int32_t most;
};

constexpr Range ranges[] = {{Option::hop_limit, 1, 255},
                            {Option::multicast_hop_limit, 0, 255},
                            {Option::multicast_loopback, 0, 1},
                            {Option::broadcast, 0, 1}};

}  // namespace

TEST_CASE("options keep what was set, on both families") {
    const auto poller = open_poller();
    for (const Family family : {Family::ipv4, Family::ipv6}) {
        const Owned socket(*poller, loopback(family));
        for (const Range& range : ranges) {
            for (const std::int32_t value : {range.most, range.least}) {
                CHECK(!set_option(socket, range.option, value));
                CHECK(must(get_option(socket, range.option), "get_option") == value);
            }
        }
    }
}

TEST_CASE("hop limits out of range are refused and change nothing") {
    const auto poller = open_poller();
    for (const Family family : {Family::ipv4, Family::ipv6}) {
        const Owned socket(*poller, loopback(family));
        for (const Option option : {Option::hop_limit, Option::multicast_hop_limit}) {
            CHECK(!set_option(socket, option, 77));
            for (const std::int32_t value : {-1, 256, 1000, INT32_MIN, INT32_MAX}) {
                CHECK(set_option(socket, option, value).code == Code::invalid_argument);
            }
            CHECK(must(get_option(socket, option), "get_option") == 77);
        }
        CHECK(set_option(socket, Option::hop_limit, 0).code == Code::invalid_argument);
    }
}

TEST_CASE("the multicast hop limit is 1 unless it is set") {
    const auto poller = open_poller();
    for (const Family family : {Family::ipv4, Family::ipv6}) {
        const Owned socket(*poller, family);
        CHECK(must(get_option(socket, Option::multicast_hop_limit), "get_option") == 1);
    }
}

TEST_CASE("switches take any number but zero for yes") {
    const auto poller = open_poller();
    const Owned socket(*poller, Family::ipv4);
    CHECK(!set_option(socket, Option::broadcast, 42));
    CHECK(must(get_option(socket, Option::broadcast), "get_option") == 1);
}

TEST_CASE("buffers grow and shrink, and a size that is not positive is refused") {
    const auto poller = open_poller();
    const Owned socket(*poller, loopback(Family::ipv4));
    for (const Option option : {Option::receive_buffer_size, Option::send_buffer_size}) {
        for (const std::int32_t size : {20'000, 100'000}) {
            CHECK(!set_option(socket, option, size));
            const auto reported = must(get_option(socket, option), "get_option");
            // Linux counts its own overhead: it doubles what it is told.
            CHECK(reported >= size);
            CHECK(reported <= size * 2);
        }
        CHECK(set_option(socket, option, 0).code == Code::invalid_argument);
        CHECK(set_option(socket, option, -1).code == Code::invalid_argument);
    }
}

TEST_CASE("a broadcast leaves only when it is allowed") {
    const auto poller = open_poller();
    const Owned socket(*poller, any_address(Family::ipv4));
    const Endpoint everybody = ipv4({255, 255, 255, 255}, 9);
    CHECK(send_text(socket, "x", &everybody).code == Code::access_denied);
    CHECK(!set_option(socket, Option::broadcast, 1));
    // Where there is no network at all it goes nowhere, but it is not forbidden.
    CHECK(send_text(socket, "x", &everybody).code != Code::access_denied);
}

TEST_CASE("[21] an address is shared only if both sockets ask for it") {
    const auto poller = open_poller();
    const Owned first(*poller, Family::ipv4);
    CHECK(!set_option(first, Option::reuse_address, 1));
    CHECK(!bind(first, loopback(Family::ipv4)));
    const Owned second(*poller, Family::ipv4);
    CHECK(bind(second, first.address()).code == Code::address_in_use);
    CHECK(!set_option(second, Option::reuse_address, 1));
    CHECK(!bind(second, first.address()));

    const Owned selfish(*poller, loopback(Family::ipv4));
    const Owned third(*poller, Family::ipv4);
    CHECK(!set_option(third, Option::reuse_address, 1));
    CHECK(bind(third, selfish.address()).code == Code::address_in_use);
}

TEST_CASE("[21] reuse_port spreads datagrams over its sockets, or says that nothing does") {
    const auto poller = open_poller();
    const Owned first(*poller, Family::ipv4);
    const Error error = set_option(first, Option::reuse_port, 1);
    if (error) {
        CHECK(error.code == Code::not_supported);
        return;
    }
    CHECK(!bind(first, loopback(Family::ipv4)));
    const Endpoint shared = first.address();
    const Owned second(*poller, Family::ipv4);
    CHECK(!set_option(second, Option::reuse_port, 1));
    CHECK(!bind(second, shared));

    constexpr int senders = 64;  // All to one socket: once in 2^63 runs.
    for (int i = 0; i < senders; i++) {
        const Owned sender(*poller, Family::ipv4);
        CHECK(!send_text(sender, "x", &shared));
    }
    Inbox inbox(1, 64);
    int counts[2] = {};
    const Socket sockets[2] = {first, second};
    for (int i = 0; i < 2; i++) {
        while (becomes_readable(*poller, sockets[i], 50) && receive(sockets[i], inbox.incoming)) {
            counts[i]++;
        }
    }
    CHECK(counts[0] + counts[1] == senders);
    CHECK(counts[0] > 0);
    CHECK(counts[1] > 0);
}

TEST_CASE("an IPv6-only socket leaves the port to IPv4, and does not hear it") {
    const auto poller = open_poller();
    const Owned six(*poller, Family::ipv6);
    CHECK(must(get_option(six, Option::only_ipv6), "get_option") == 0);
    CHECK(!set_option(six, Option::only_ipv6, 1));
    CHECK(must(get_option(six, Option::only_ipv6), "get_option") == 1);
    CHECK(!bind(six, any_address(Family::ipv6)));
    const std::uint16_t port = six.address().port;
    const Owned four(*poller, Family::ipv4);
    CHECK(!bind(four, any_address(Family::ipv4, port)));
    const Endpoint to = loopback(Family::ipv4, port);
    CHECK(!send_text(four, "x", &to));
    CHECK(becomes_readable(*poller, four));
    CHECK(!becomes_readable(*poller, six, 5));
}

TEST_CASE("IPv6-only makes no sense for IPv4") {
    const auto poller = open_poller();
    const Owned four(*poller, Family::ipv4);
    CHECK(set_option(four, Option::only_ipv6, 1).code == Code::invalid_argument);
}

TEST_CASE("what a system may lack is switched on and off, or not supported, and never pretended") {
    const auto poller = open_poller();
    for (const Family family : {Family::ipv4, Family::ipv6}) {
        const Owned socket(*poller, loopback(family));
        for (const Option option : {Option::packet_info, Option::coalesce, Option::icmp_errors,
                                    Option::dont_fragment}) {
            for (const std::int32_t value : {1, 0}) {
                const Error error = set_option(socket, option, value);
                const auto told = get_option(socket, option);
                CHECK((!error || error.code == Code::not_supported));
                if (error) CHECK(told.error().code == Code::not_supported);
                if (!error) CHECK(must(told, "get_option") == value);
            }
        }
        Report report;
        CHECK(must(receive_errors(socket, {&report, 1}), "receive_errors") == 0);
    }
}

TEST_CASE("the path's MTU is told of a connected socket, or not supported") {
    const auto poller = open_poller();
    CHECK(path_mtu(Socket{}).error().code == Code::bad_descriptor);
    for (const Family family : {Family::ipv4, Family::ipv6}) {
        const Owned peer(*poller, loopback(family));
        const Owned socket(*poller, family);
        const Code unconnected = path_mtu(socket).error().code;
        CHECK((unconnected == Code::not_connected || unconnected == Code::not_supported));
        CHECK(!connect(socket, peer.address()));
        const auto bytes = path_mtu(socket);
        if (bytes) CHECK(*bytes >= 1280);
        if (!bytes) CHECK(bytes.error().code == Code::not_supported);
        CHECK(bytes.error().operation == (bytes ? Operation::none : Operation::get_path_mtu));
    }
}

TEST_CASE("what is no socket has no options") {
    for (const Option option : {Option::broadcast, Option::hop_limit, Option::reuse_port,
                                Option::packet_info, Option::icmp_errors}) {
        CHECK(set_option(Socket{}, option, 1).code == Code::bad_descriptor);
        CHECK(get_option(Socket{}, option).error().code == Code::bad_descriptor);
    }
}

TEST_CASE("interfaces have indexes, and what has none is no such device") {
    const auto poller = open_poller();
    std::uint32_t indexes[64];
    const std::size_t count = must(interface_indexes(*poller, indexes), "interface_indexes");
    CHECK(count > 0);
    CHECK(count <= 64);
    for (std::size_t i = 0; i < count && i < 64; i++) CHECK(indexes[i] != 0);
    // How many there are is told even when there is no room for them.
    CHECK(must(interface_indexes(*poller, {}), "interface_indexes") == count);

    using namespace std::string_view_literals;
    for (const auto unknown : {"nosuchif0"sv, ""sv, "lo\0"sv, "a-name-longer-than-any"sv}) {
        CHECK(interface_index(*poller, unknown).error().code == Code::no_such_device);
    }
}
