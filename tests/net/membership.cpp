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

TEST_CASE("[45] an interface that is not there is ENODEV, one that makes no sense EINVAL") {
    const Audit audit;
    core::Loop loop;
    for (const Kind& kind : kinds) {
        Datagram socket(loop, kind.type);
        REQUIRE(socket.bind_sync());
        CHECK(net::text(socket.add_membership(kind.group, kind.no_such)) == add("ENODEV"));
        CHECK(net::text(socket.drop_membership(kind.group, kind.no_such)) == drop("ENODEV"));
        CHECK(net::text(socket.add_source_specific_membership(
                  kind.source, kind.specific, kind.no_such)) == add_source("ENODEV"));
        CHECK(net::text(socket.add_membership(kind.group, "nonsense")) == add("EINVAL"));
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
