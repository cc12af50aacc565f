// Joining and leaving groups, with and without sources. Loopback can join what other interfaces
// can, and is everywhere; what another one chooses or hears depends on the machine.
#include "tests/net/receiver.h"

namespace {

using namespace std::string_literals;
using net::Address;
using net::Datagram;
using net::Failure;
using net::Options;
using net::Type;
using test::Audit;
using test::run_until;
using test::settle;
using test::Told;

// What differs between the two families.
struct Kind {
    Type type;
    const char* group;
    const char* other_group;
    const char* by;             // Loopback, as an interface.
    const char* no_such;        // An interface that is not there.
    const char* specific;       // A group for source-specific joins (RFC 4607),
    const char* source;         // and one of its sources.
    const char* other_source;
};
const Kind kinds[] = {
    {Type::udp4, "239.255.77.1", "239.255.77.2", "127.0.0.1", "198.51.100.77", "232.1.2.3",
     "127.0.0.1", "127.0.0.2"},
    {Type::udp6, "ff12::7701", "ff12::7702", "::%lo", "::%no.such0", "ff32::7703", "::1",
     "fd00::77"}};

std::string add(const char* code) { return std::string("addMembership ") + code; }
std::string drop(const char* code) { return std::string("dropMembership ") + code; }
std::string add_source(const char* code) {
    return std::string("addSourceSpecificMembership ") + code;
}
std::string drop_source(const char* code) {
    return std::string("dropSourceSpecificMembership ") + code;
}

}  // namespace

TEST_CASE("[45] a group is joined and left by interface; twice, or not at all, is an error") {
    const Audit audit;
    core::Loop loop;
    for (const Kind& kind : kinds) {
        Datagram socket(loop, kind.type);
        REQUIRE(socket.bind_sync());
        CHECK_FALSE(socket.add_membership(kind.group, kind.by));
        CHECK(net::text(socket.add_membership(kind.group, kind.by)) == add("EADDRINUSE"));
        CHECK_FALSE(socket.add_membership(kind.other_group, kind.by));
        CHECK_FALSE(socket.drop_membership(kind.group, kind.by));
        CHECK(net::text(socket.drop_membership(kind.group, kind.by)) == drop("EADDRNOTAVAIL"));
        CHECK(net::text(socket.drop_membership(kind.group)) == drop("EADDRNOTAVAIL"));
        CHECK_FALSE(socket.add_membership(kind.group, kind.by));
        CHECK_FALSE(socket.drop_membership(kind.other_group, kind.by));
    }
}

TEST_CASE("[45] a group that is none, or of the other family, is EINVAL; none at all is missing") {
    const Audit audit;
    core::Loop loop;
    for (const Kind& kind : kinds) {
        Datagram socket(loop, kind.type);
        const net::Error missing[] = {
            socket.add_membership(""), socket.drop_membership("", kind.by),
            socket.add_membership_everywhere(""),
            socket.add_source_specific_membership("", kind.specific),
            socket.add_source_specific_membership(kind.source, ""),
            socket.drop_source_specific_membership("", "")};
        for (const net::Error& error : missing) {
            CHECK(platform::name(error.code) == "ERR_MISSING_ARGS");
        }
        const char* const other = kind.type == Type::udp4 ? "ff12::1" : "239.1.2.3";
        for (const char* group : {"nonsense", "256.0.0.1", "198.51.100.1", "::1", "0.0.0.0", other,
                                  "localhost", "224.0.0"}) {
            CAPTURE(group);
            CHECK(net::text(socket.add_membership(group)) == add("EINVAL"));
            CHECK(net::text(socket.add_membership(group, kind.by)) == add("EINVAL"));
            CHECK(net::text(socket.drop_membership(group)) == drop("EINVAL"));
            CHECK(net::text(socket.add_membership_everywhere(group)) == add("EINVAL"));
            CHECK(net::text(socket.add_source_specific_membership(kind.source, group)) ==
                  add_source("EINVAL"));
        }
        CHECK_FALSE(socket.address());  // What is refused binds nothing.
    }
}

TEST_CASE("[45] an interface that is not there is ENODEV, what is no name either EINVAL") {
    const Audit audit;
    core::Loop loop;
    for (const Kind& kind : kinds) {
        Datagram socket(loop, kind.type);
        REQUIRE(socket.bind_sync());
        CHECK(net::text(socket.add_membership(kind.group, kind.no_such)) == add("ENODEV"));
        CHECK(net::text(socket.drop_membership(kind.group, kind.no_such)) == drop("ENODEV"));
        CHECK(net::text(socket.add_source_specific_membership(
                  kind.source, kind.specific, kind.no_such)) == add_source("ENODEV"));
        CHECK(net::text(socket.add_membership(kind.group, "nonsense")) == add("ENODEV"));
        for (const char* none : {"127.1", "1.2.3.4.5", "::%", "fe80::%", "1::2::3"}) {
            CHECK(net::text(socket.add_membership(kind.group, none)) == add("EINVAL"));
        }
        CHECK(net::text(socket.add_membership(kind.group, "4000000000")) != "");
        CHECK(socket.add_membership(kind.group, -1));
        CHECK(socket.add_membership(kind.group, (std::int64_t{1} << 32) + 1));  // No index 1.
        CHECK(net::text(socket.add_membership(kind.group, "5000000000")) == add("ENODEV"));
        const char* const other = kind.type == Type::udp4 ? "::1" : "127.0.0.1";
        CHECK(net::text(socket.add_membership(kind.group, other)) == add("EINVAL"));
    }
}

TEST_CASE("[45] on an unbound socket it binds, and the socket knows") {
    const Audit audit;
    core::Loop loop;
    for (const Kind& kind : kinds) {
        for (int call = 0; call < 4; call++) {
            Told told;
            Datagram socket(loop, kind.type);
            socket.on_listening(told.word("listening"));
            if (call == 0) CHECK_FALSE(socket.add_membership(kind.group, kind.by));
            if (call == 1) CHECK(socket.drop_membership(kind.group, kind.by));
            if (call == 2) CHECK_FALSE(socket.add_membership_everywhere(kind.group));
            if (call == 3) {
                CHECK_FALSE(
                    socket.add_source_specific_membership(kind.source, kind.specific, kind.by));
            }
            const net::Result<Address> local = socket.address();
            CHECK(local);
            if (local) CHECK(local->port != 0);
            CHECK(told.count() == 0);
            CHECK_FALSE(socket.set_ttl(3));
            socket.on_error(told.failed());
            socket.bind();
            CHECK(run_until(loop, [&] { return told.count() == 2; }));
            CHECK(told.text() == "listening Socket is already bound");
        }
    }
}

TEST_CASE("[45] while a bind is asked for, that bind is done first") {
    const Audit audit;
    core::Loop loop;
    Told told;
    Datagram socket(loop, Type::udp4);
    socket.bind(0, "127.0.0.1", told.word("bound"));
    CHECK_FALSE(socket.add_membership("239.255.77.1", "127.0.0.1"));
    const net::Result<Address> local = socket.address();
    CHECK(local);
    if (local) CHECK(local->host() == "127.0.0.1");
    CHECK(run_until(loop, [&] { return told.count() == 1; }));
    // One that fails is 'error', and not replaced by another behind the user's back.
    Datagram failing(loop, Type::udp4);
    failing.on_error(told.failed());
    failing.bind(0, "198.51.100.1", told.word("never"));
    CHECK(net::text(failing.add_membership("239.255.77.1", "127.0.0.1")) == add("EBADF"));
    CHECK_FALSE(failing.address());
    CHECK(run_until(loop, [&] { return told.count() == 2; }));
    CHECK(told.lines.back() == "bind EADDRNOTAVAIL 198.51.100.1");
    // One that waits for a name cannot be done.
    Datagram named(loop, Type::udp4);
    named.bind(0, "localhost");
    CHECK(net::text(named.add_membership("239.255.77.1", "127.0.0.1")) == add("EALREADY"));
    CHECK(run_until(loop, [&] { return static_cast<bool>(named.address()); }));
    CHECK_FALSE(named.add_membership("239.255.77.1", "127.0.0.1"));
}

TEST_CASE("[45] leaving without an interface leaves all of them") {
    const Audit audit;
    core::Loop loop;
    for (const Kind& kind : kinds) {
        Datagram socket(loop, kind.type);
        CHECK_FALSE(socket.add_membership_everywhere(kind.group));
        CHECK_FALSE(socket.add_membership(kind.other_group, kind.by));
        CHECK(net::text(socket.add_membership(kind.group, kind.by)) == add("EADDRINUSE"));
        CHECK_FALSE(socket.drop_membership(kind.group));
        CHECK(net::text(socket.drop_membership(kind.group)) == drop("EADDRNOTAVAIL"));
        CHECK(net::text(socket.drop_membership(kind.group, kind.by)) == drop("EADDRNOTAVAIL"));
        CHECK_FALSE(socket.drop_membership(kind.other_group));  // The other one was left alone.
    }
}

TEST_CASE("[45] joining everywhere may be repeated, and completes what was joined in part") {
    const Audit audit;
    core::Loop loop;
    for (const Kind& kind : kinds) {
        Datagram socket(loop, kind.type);
        CHECK_FALSE(socket.add_membership(kind.group, kind.by));
        CHECK_FALSE(socket.add_membership_everywhere(kind.group));
        CHECK_FALSE(socket.add_membership_everywhere(kind.group));
        CHECK(net::text(socket.add_membership(kind.group, kind.by)) == add("EADDRINUSE"));
    }
}

// With no network there may be nothing to choose; then that is said, and nothing is joined.
TEST_CASE("[45] without an interface the system chooses one") {
    const Audit audit;
    core::Loop loop;
    for (const Kind& kind : kinds) {
        Datagram socket(loop, kind.type);
        const net::Error failed = socket.add_membership(kind.group);
        if (failed) {
            CHECK(net::text(failed) == add("ENODEV"));
            CHECK(net::text(socket.drop_membership(kind.group)) == drop("EADDRNOTAVAIL"));
        } else {
            CHECK(net::text(socket.add_membership(kind.group)) == add("EADDRINUSE"));
            CHECK_FALSE(socket.drop_membership(kind.group));
        }
    }
}

TEST_CASE("[45] who has joined hears the group, who has left does not") {
    const Audit audit;
    core::Loop loop;
    Told told;
    Datagram member(loop, Options{.type = Type::udp4, .reuse_addr = true});
    member.on_message([&](const net::Message& message) { told.add(std::string(message.text())); });
    const net::Result<Address> local = member.bind_sync();
    REQUIRE(local);
    if (!local) return;
    Datagram sender(loop, Type::udp4);
    REQUIRE(sender.bind_sync(0, "127.0.0.1"));
    CHECK_FALSE(sender.set_multicast_interface("127.0.0.1"));
    const auto send = [&](std::string text) {
        sender.send(std::move(text), local->port, "239.255.77.1");
        sender.send("end", local->port, "127.0.0.1");
        CHECK(run_until(loop, [&] { return told.count() > 0 && told.lines.back() == "end"; }));
        settle(loop);
    };
    send("1");
    CHECK(told.text() == "end");
    CHECK_FALSE(member.add_membership("239.255.77.1", "127.0.0.1"));
    told.lines.clear();
    send("2");
    CHECK(told.text() == "2 end");
    CHECK_FALSE(member.drop_membership("239.255.77.1"));
    told.lines.clear();
    send("3");
    CHECK(told.text() == "end");
}

TEST_CASE("[46] a source is joined and left; twice is EADDRINUSE, never EADDRNOTAVAIL") {
    const Audit audit;
    core::Loop loop;
    for (const Kind& kind : kinds) {
        Datagram socket(loop, kind.type);
        const auto join = [&](const char* source, const char* by) {
            return socket.add_source_specific_membership(source, kind.specific, by);
        };
        const auto leave = [&](const char* source, const char* by) {
            return socket.drop_source_specific_membership(source, kind.specific, by);
        };
        CHECK(net::text(leave(kind.source, kind.by)) == drop_source("EADDRNOTAVAIL"));
        CHECK_FALSE(join(kind.source, kind.by));
        CHECK(net::text(join(kind.source, kind.by)) == add_source("EADDRINUSE"));
        CHECK_FALSE(join(kind.other_source, kind.by));
        CHECK_FALSE(leave(kind.source, kind.by));
        CHECK(net::text(leave(kind.source, kind.by)) == drop_source("EADDRNOTAVAIL"));
        CHECK_FALSE(leave(kind.other_source, ""));
        CHECK(net::text(leave(kind.other_source, "")) == drop_source("EADDRNOTAVAIL"));
    }
}

TEST_CASE("[46] a source that is none, or of the other family, is EINVAL") {
    const Audit audit;
    core::Loop loop;
    for (const Kind& kind : kinds) {
        Datagram socket(loop, kind.type);
        const char* const other = kind.type == Type::udp4 ? "::1" : "127.0.0.1";
        for (const char* source : {"nonsense", "localhost", "1.2.3", other}) {
            CHECK(net::text(socket.add_source_specific_membership(source, kind.specific)) ==
                  add_source("EINVAL"));
            CHECK(net::text(socket.drop_source_specific_membership(source, kind.specific)) ==
                  drop_source("EINVAL"));
        }
        CHECK_FALSE(socket.address());
    }
}

TEST_CASE("[46] only the joined source is heard") {
    const Audit audit;
    core::Loop loop;
    Told told;
    Datagram member(loop, Options{.type = Type::udp4, .reuse_addr = true});
    member.on_message([&](const net::Message& message) { told.add(std::string(message.text())); });
    const net::Result<Address> local = member.bind_sync();
    REQUIRE(local);
    if (!local) return;
    CHECK_FALSE(member.add_source_specific_membership("127.0.0.1", "232.1.2.3", "127.0.0.1"));
    Datagram wanted(loop, Type::udp4);
    Datagram stranger(loop, Type::udp4);
    REQUIRE(wanted.bind_sync(0, "127.0.0.1"));
    REQUIRE(stranger.bind_sync(0, "127.0.0.2"));
    for (Datagram* socket : {&stranger, &wanted}) {
        CHECK_FALSE(socket->set_multicast_interface("127.0.0.1"));
        socket->send(socket == &wanted ? "wanted" : "stranger", local->port, "232.1.2.3");
    }
    CHECK(run_until(loop, [&] { return told.count() == 1; }));
    settle(loop);
    CHECK(told.text() == "wanted");
}

// ---- Interfaces, by whatever they are called ---------------------------------------------------

TEST_CASE("[45][47] an interface is named by name, by index, by address; it is the same one") {
    const Audit audit;
    core::Loop loop;
    const net::Result<std::uint32_t> index = platform::interface_index(loop.poller(), "lo");
    REQUIRE(index);
    if (!index) return;
    const std::string number = std::to_string(*index);
    const std::string zone = "::%" + number;
    const std::string name = "lo";
    for (const Kind& kind : kinds) {
        const bool six = kind.type == Type::udp6;
        const net::Interface names[] = {net::Interface("lo"), net::Interface(name),
                                        net::Interface(*index), net::Interface(number),
                                        net::Interface(six ? "::1" : "127.0.0.1"),
                                        six ? net::Interface(zone) : net::Interface("127.0.0.1")};
        Datagram socket(loop, kind.type);
        for (const net::Interface& joins : names) {
            for (const net::Interface& leaves : names) {
                CHECK_FALSE(socket.add_membership(kind.group, joins));
                CHECK(net::text(socket.add_membership(kind.group, leaves)) == add("EADDRINUSE"));
                REQUIRE(socket.memberships().size() == 1);
                CHECK(socket.memberships()[0].interface == *index);
                CHECK_FALSE(socket.drop_membership(kind.group, leaves));
                CHECK(socket.memberships().empty());
            }
            CHECK_FALSE(socket.set_multicast_interface(joins));
            CHECK_FALSE(
                socket.add_source_specific_membership(kind.source, kind.specific, joins));
            CHECK_FALSE(
                socket.drop_source_specific_membership(kind.source, kind.specific, joins));
        }
        CHECK_FALSE(socket.set_multicast_interface(0));
        CHECK(net::text(socket.set_multicast_interface("")) == "setMulticastInterface EINVAL");
    }
}

TEST_CASE("[47] an IPv4 address of the interface is what datagrams to groups come from") {
    const Audit audit;
    core::Loop loop;
    Datagram listener(loop, Type::udp4);
    std::string heard;
    listener.on_message([&](const net::Message& message) { heard = message.sender.host(); });
    REQUIRE(listener.bind_sync());
    CHECK_FALSE(listener.add_membership(kinds[0].group, kinds[0].by));
    Datagram sender(loop, Type::udp4);
    REQUIRE(sender.bind_sync());
    CHECK_FALSE(sender.set_multicast_interface(kinds[0].by));
    sender.send("from loopback", listener.address()->port, kinds[0].group);
    CHECK(run_until(loop, [&] { return !heard.empty(); }));
    CHECK(heard == "127.0.0.1");
}

TEST_CASE("memberships are listed as they are: groups, sources, interfaces; until they are left") {
    const Audit audit;
    core::Loop loop;
    for (const Kind& kind : kinds) {
        Datagram socket(loop, kind.type);
        CHECK(socket.memberships().empty());
        CHECK_FALSE(socket.add_membership(kind.group, "lo"));
        CHECK_FALSE(socket.add_source_specific_membership(kind.source, kind.specific, "lo"));
        CHECK_FALSE(socket.add_source_specific_membership(kind.other_source, kind.specific, "lo"));
        const std::span<const net::Membership> all = socket.memberships();
        REQUIRE(all.size() == 3);
        CHECK(all[0].group.host() == kind.group);
        CHECK(all[0].source.family == net::Family::none);
        CHECK(all[1].group.host() == kind.specific);
        CHECK(all[1].source.host() == kind.source);
        CHECK(all[2].source.host() == kind.other_source);
        // What fails changes nothing.
        CHECK(socket.add_membership(kind.group, "lo"));
        CHECK(socket.drop_membership(kind.other_group, "lo"));
        CHECK(socket.add_membership(kind.other_group, "no.such0"));
        CHECK(socket.memberships().size() == 3);
        CHECK_FALSE(socket.drop_source_specific_membership(kind.source, kind.specific));
        REQUIRE(socket.memberships().size() == 2);
        CHECK(socket.memberships()[1].source.host() == kind.other_source);
        CHECK_FALSE(socket.drop_membership(kind.group));
        CHECK(socket.memberships().size() == 1);
        bool closed = false;
        socket.close([&] { closed = true; });
        CHECK(run_until(loop, [&] { return closed; }));
        CHECK(socket.memberships().empty());
    }
}

TEST_CASE("joined everywhere: each interface is listed once, and all are left together") {
    const Audit audit;
    core::Loop loop;
    for (const Kind& kind : kinds) {
        Datagram socket(loop, kind.type);
        CHECK_FALSE(socket.add_membership(kind.group, "lo"));
        CHECK_FALSE(socket.add_membership_everywhere(kind.group));
        CHECK_FALSE(socket.add_membership_everywhere(kind.group));
        const std::size_t count = socket.memberships().size();
        CHECK(count >= 1);
        for (std::size_t i = 0; i < count; i++) {
            for (std::size_t k = 0; k < i; k++) {
                CHECK(socket.memberships()[i].interface != socket.memberships()[k].interface);
            }
        }
        CHECK_FALSE(socket.drop_membership(kind.group, "lo"));
        CHECK(socket.memberships().size() == count - 1);
        CHECK(static_cast<bool>(socket.drop_membership(kind.group)) == (count == 1));
        CHECK(socket.memberships().empty());
    }
}

// ---- Whose groups are heard --------------------------------------------------------------------

TEST_CASE("who has joined a group hears no group that only another socket has joined") {
    const Audit audit;
    core::Loop loop;
    Told told;
    Datagram member(loop, Options{.type = Type::udp4, .reuse_addr = true});
    member.on_message([&](const net::Message& message) { told.add(std::string(message.text())); });
    const net::Result<Address> local = member.bind_sync();
    REQUIRE(local);
    if (!local) return;
    Datagram other(loop, Options{.type = Type::udp4, .reuse_addr = true});
    CHECK_FALSE(other.add_membership("239.255.77.2", "127.0.0.1"));
    Datagram sender(loop, Type::udp4);
    REQUIRE(sender.bind_sync(0, "127.0.0.1"));
    CHECK_FALSE(sender.set_multicast_interface("127.0.0.1"));
    const auto heard = [&] {
        told.lines.clear();
        sender.send("mine", local->port, "239.255.77.1");
        sender.send("theirs", local->port, "239.255.77.2");
        sender.send("end", local->port, "127.0.0.1");
        CHECK(run_until(loop, [&] { return told.count() > 0 && told.lines.back() == "end"; }));
        settle(loop);
        return told.text();
    };
    CHECK_FALSE(member.add_membership("239.255.77.1", "127.0.0.1"));
    const net::Error fixed = member.set_multicast_all(false);
    if (fixed) {  // NetBSD, OpenBSD.
        CHECK(net::text(fixed) == "setMulticastAll ENOTSUP");
        return;
    }
    CHECK(heard() == "mine end");
    const net::Error failed = member.set_multicast_all(true);
    if (failed) {  // FreeBSD, macOS, Windows.
        CHECK(net::text(failed) == "setMulticastAll ENOTSUP");
        CHECK(heard() == "mine end");
        return;
    }
    CHECK(heard() == "mine theirs end");
    CHECK_FALSE(member.set_multicast_all(false));
    CHECK(heard() == "mine end");
}

TEST_CASE("whoever has said whose groups to hear is not overruled by joining") {
    const Audit audit;
    core::Loop loop;
    for (const Kind& kind : kinds) {
        Datagram socket(loop, kind.type);
        CHECK(net::text(socket.set_multicast_all(true)) == "setMulticastAll EBADF");
        REQUIRE(socket.bind_sync());
        const net::Error failed = socket.set_multicast_all(true);
        if (failed) CHECK(net::text(failed) == "setMulticastAll ENOTSUP");
        if (failed) continue;
        CHECK_FALSE(socket.add_membership(kind.group, kind.by));
        CHECK_FALSE(socket.set_multicast_all(true));
    }
    Datagram local(loop, Type::unix_dgram);
    if (test::lacks_unix_sockets(loop)) return;
    const test::Path path("multicast");
    CHECK(local.bind_sync(path));
    CHECK(net::text(local.set_multicast_all(false)) == "setMulticastAll ENOTSUP");
}
