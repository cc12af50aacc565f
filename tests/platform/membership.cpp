// Multicast groups and interfaces: what joins and leaves mean, and what they say when they cannot.
// Everything stays on the loopback interface.
#include <doctest/doctest.h>

#include "tests/platform/support.h"

using namespace platform;

namespace {

// Groups of this run's own: Linux hands a socket bound to any address what others have joined.
const auto run = static_cast<std::uint64_t>(open_poller()->now().nanoseconds / 1000);
const auto run_high = static_cast<std::uint8_t>(run >> 8);
const auto run_low = static_cast<std::uint8_t>(run);
const Endpoint group_ipv4 = ipv4({239, 255, run_high, run_low});
const Endpoint other_ipv4 = ipv4({239, 254, run_high, run_low});
const Endpoint source_group = ipv4({232, 7, run_high, run_low});  // RFC 4607's own range.
const Endpoint group_ipv6 = ipv6({0xff, 0x15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 7});
const Endpoint here = ipv4({127, 0, 0, 1});
const Endpoint elsewhere = ipv4({10, 9, 8, 7});

Endpoint by_index(std::uint32_t index) {
    Endpoint endpoint{};
    endpoint.scope = index;
    return endpoint;
}

// Called "lo" by some systems and "lo0" by others.
Endpoint loopback_interface(Poller& poller) {
    auto index = interface_index(poller, "lo");
    if (!index) index = interface_index(poller, "lo0");
    return by_index(must(index, "interface_index"));
}

// An index that no interface has.
Endpoint no_interface(Poller& poller) {
    std::uint32_t indexes[64];
    const std::size_t count = must(interface_indexes(poller, indexes), "interface_indexes");
    std::uint32_t highest = 0;
    for (std::size_t i = 0; i < count && i < 64; i++) highest = std::max(highest, indexes[i]);
    return by_index(highest + 1000);
}

// A receiver on a port of its own, and a sender whose multicasts stay on this machine.
struct Pair {
    std::unique_ptr<Poller> poller = open_poller();
    Owned receiver;
    Owned sender;
    std::uint16_t port;
    Inbox inbox{1, 2048};

    explicit Pair(Family family)
        : receiver(*poller, any_address(family)),
          sender(*poller, family),
          port(receiver.address().port) {
        must(set_multicast_interface(sender, loopback_interface(*poller)), "interface");
        must(set_option(sender, Option::multicast_loopback, 1), "multicast_loopback");
    }

    bool delivers(const Endpoint& group, std::int64_t milliseconds = 2000) {
        const Endpoint to = with_port(group, port);
        if (send_text(sender, "x", &to)) return false;
        if (!becomes_readable(*poller, receiver, milliseconds)) return false;
        return static_cast<bool>(receive(receiver, inbox.incoming));
    }
};

constexpr std::int64_t never_mind = 20;  // Milliseconds to wait for what does not come.

}  // namespace

TEST_CASE("a joined group is heard until it is left") {
    Pair pair(Family::ipv4);
    for (const Endpoint& interface : {loopback_interface(*pair.poller), here}) {
        const Membership membership{group_ipv4, {}, interface};
        CHECK(!join(pair.receiver, membership));
        CHECK(pair.delivers(group_ipv4));
        CHECK(!leave(pair.receiver, membership));
        CHECK(!pair.delivers(group_ipv4, never_mind));
    }
}

TEST_CASE("IPv6 groups are joined, twice refused, and left") {
    Pair pair(Family::ipv6);
    const Membership membership{group_ipv6, {}, loopback_interface(*pair.poller)};
    CHECK(leave(pair.receiver, membership).code == Code::address_not_available);
    CHECK(!join(pair.receiver, membership));
    const Error twice = join(pair.receiver, membership);
    CHECK(twice.code == Code::address_in_use);
    CHECK(twice.operation == Operation::add_membership);
    CHECK(!leave(pair.receiver, membership));
    const Error gone = leave(pair.receiver, membership);
    CHECK(gone.code == Code::address_not_available);
    CHECK(gone.operation == Operation::drop_membership);
}

TEST_CASE("joining twice and leaving what is not joined have their own words") {
    Pair pair(Family::ipv4);
    const Membership membership{group_ipv4, {}, here};
    CHECK(leave(pair.receiver, membership).code == Code::address_not_available);
    CHECK(!join(pair.receiver, membership));
    CHECK(join(pair.receiver, membership).code == Code::address_in_use);
    // The same interface by its other name.
    const Membership same{group_ipv4, {}, loopback_interface(*pair.poller)};
    CHECK(join(pair.receiver, same).code == Code::address_in_use);
    CHECK(leave(pair.receiver, {other_ipv4, {}, here}).code == Code::address_not_available);
    CHECK(!leave(pair.receiver, same));
    CHECK(leave(pair.receiver, same).code == Code::address_not_available);
}

TEST_CASE("what is no group, or of the other family, is invalid") {
    Pair pair(Family::ipv4);
    for (const Endpoint& group : {here, Endpoint{}, group_ipv6, ipv4({223, 255, 255, 255}),
                                  ipv4({240, 0, 0, 1}), local("/group")}) {
        CHECK(join(pair.receiver, {group, {}, here}).code == Code::invalid_argument);
        CHECK(leave(pair.receiver, {group, {}, here}).code == Code::invalid_argument);
    }
    const Membership mixed{source_group, loopback(Family::ipv6), here};
    CHECK(join(pair.receiver, mixed).code == Code::invalid_argument);
    CHECK(join(Socket{}, {group_ipv4, {}, here}).code == Code::bad_descriptor);
}

TEST_CASE("an interface that does not exist is no such device") {
    Pair pair(Family::ipv4);
    Pair pair_ipv6(Family::ipv6);
    const Endpoint absent = no_interface(*pair.poller);
    CHECK(join(pair.receiver, {group_ipv4, {}, absent}).code == Code::no_such_device);
    CHECK(join(pair.receiver, {group_ipv4, {}, elsewhere}).code == Code::no_such_device);
    CHECK(join(pair.receiver, {source_group, here, absent}).code == Code::no_such_device);
    CHECK(join(pair.receiver, {source_group, here, elsewhere}).code == Code::no_such_device);
    CHECK(join(pair_ipv6.receiver, {group_ipv6, {}, absent}).code == Code::no_such_device);
    CHECK(join(pair_ipv6.receiver, {group_ipv6, {}, elsewhere}).code == Code::no_such_device);
}

TEST_CASE("an IPv4 address names an interface for IPv6 groups too") {
    Pair pair(Family::ipv6);
    CHECK(!join(pair.receiver, {group_ipv6, {}, here}));
    CHECK(!leave(pair.receiver, {group_ipv6, {}, loopback_interface(*pair.poller)}));
}

TEST_CASE("leaving without an interface finds the membership wherever it is") {
    Pair pair(Family::ipv4);
    for (const Endpoint& open_choice : {Endpoint{}, any_address(Family::ipv4)}) {
        CHECK(!join(pair.receiver, {group_ipv4, {}, here}));
        CHECK(!leave(pair.receiver, {group_ipv4, {}, open_choice}));
        CHECK(leave(pair.receiver, {group_ipv4, {}, open_choice}).code ==
              Code::address_not_available);
        CHECK(!join(pair.receiver, {source_group, here, here}));
        CHECK(!leave(pair.receiver, {source_group, here, open_choice}));
        CHECK(leave(pair.receiver, {source_group, here, open_choice}).code ==
              Code::address_not_available);
    }
    Pair six(Family::ipv6);
    CHECK(!join(six.receiver, {group_ipv6, {}, loopback_interface(*six.poller)}));
    CHECK(!leave(six.receiver, {group_ipv6, {}, {}}));
    CHECK(leave(six.receiver, {group_ipv6, {}, {}}).code == Code::address_not_available);
}

TEST_CASE("source-specific: the wanted source is heard, others are not") {
    Pair pair(Family::ipv4);
    must(bind(pair.sender, here), "bind");  // What it sends comes from 127.0.0.1.
    for (const Endpoint& interface : {loopback_interface(*pair.poller), here}) {
        const Membership wanted{source_group, here, interface};
        const Membership unwanted{source_group, elsewhere, interface};
        CHECK(!join(pair.receiver, unwanted));
        CHECK(!pair.delivers(source_group, never_mind));
        CHECK(!join(pair.receiver, wanted));
        CHECK(pair.delivers(source_group));
        CHECK(!leave(pair.receiver, wanted));
        CHECK(!pair.delivers(source_group, never_mind));
        CHECK(!leave(pair.receiver, unwanted));
    }
}

TEST_CASE("source-specific: repeated, absent and last, with the same words as groups") {
    Pair four(Family::ipv4);
    Pair six(Family::ipv6);
    const Endpoint interface = loopback_interface(*four.poller);
    const struct {
        const Owned& socket;
        Endpoint group;
        Endpoint sources[2];
    } cases[] = {{four.receiver, source_group, {here, elsewhere}},
                 {six.receiver,
                  ipv6({0xff, 0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 7}),
                  {loopback(Family::ipv6), ipv6({0x20, 1, 0xd, 0xb8})}}};
    for (const auto& each : cases) {
        const Membership first{each.group, each.sources[0], interface};
        const Membership second{each.group, each.sources[1], interface};
        const Error absent = leave(each.socket, first);
        CHECK(absent.code == Code::address_not_available);
        CHECK(absent.operation == Operation::drop_source_membership);
        CHECK(!join(each.socket, first));
        const Error repeated = join(each.socket, first);
        CHECK(repeated.code == Code::address_in_use);
        CHECK(repeated.operation == Operation::add_source_membership);
        CHECK(leave(each.socket, second).code == Code::address_not_available);
        CHECK(!join(each.socket, second));
        CHECK(!leave(each.socket, first));
        CHECK(!leave(each.socket, second));
        CHECK(leave(each.socket, second).code == Code::address_not_available);
    }
}

TEST_CASE("a source neither joins nor leaves where all sources are heard") {
    Pair pair(Family::ipv4);
    CHECK(!join(pair.receiver, {source_group, {}, here}));
    CHECK(pair.delivers(source_group));
    for (const Endpoint& interface : {here, Endpoint{}}) {
        const Membership stranger{source_group, elsewhere, interface};
        CHECK(leave(pair.receiver, stranger).code == Code::address_not_available);
        CHECK(pair.delivers(source_group));
        CHECK(join(pair.receiver, stranger).code == Code::invalid_argument);
        CHECK(pair.delivers(source_group));
    }
}

TEST_CASE("the multicast interface is chosen by index or address, and given back") {
    Pair pair(Family::ipv4);
    CHECK(!join(pair.receiver, {group_ipv4, {}, here}));
    const Owned sender(*pair.poller, Family::ipv4);
    const Endpoint to = with_port(group_ipv4, pair.port);
    for (const Endpoint& interface : {here, loopback_interface(*pair.poller)}) {
        CHECK(!set_multicast_interface(sender, interface));
        CHECK(!send_text(sender, "x", &to));
        CHECK(receive_next(*pair.poller, pair.receiver, pair.inbox));
    }
    CHECK(!set_multicast_interface(sender, any_address(Family::ipv4)));
    CHECK(!set_multicast_interface(sender, Endpoint{}));
}

TEST_CASE("a multicast interface that is none, or of the other family, is refused") {
    Pair four(Family::ipv4);
    Pair six(Family::ipv6);
    const Endpoint absent = no_interface(*four.poller);
    const Error unknown = set_multicast_interface(four.sender, elsewhere);
    CHECK(unknown.code == Code::address_not_available);
    CHECK(unknown.operation == Operation::set_multicast_interface);
    CHECK(set_multicast_interface(four.sender, absent));
    CHECK(set_multicast_interface(six.sender, absent));
    CHECK(set_multicast_interface(six.sender, loopback(Family::ipv6)).code ==
          Code::address_not_available);
    CHECK(set_multicast_interface(four.sender, loopback(Family::ipv6)).code ==
          Code::protocol_not_supported);
    CHECK(set_multicast_interface(six.sender, here).code == Code::protocol_not_supported);
    CHECK(set_multicast_interface(Socket{}, here).code == Code::bad_descriptor);
    CHECK(!set_multicast_interface(six.sender, any_address(Family::ipv6)));
}
