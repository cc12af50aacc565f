// Groups and broadcasts across hosts: to those who joined, on the network where they did.
#include "tests/simulation/support.h"

using namespace test;

namespace {

constexpr std::string_view group = "239.1.2.3";

// On any address, as those who join have to be.
struct Member {
    Member(World& world, std::string_view name, std::string_view address)
        : Member(world.host(name, {simulation::Address(address)})) {}
    explicit Member(Host where) : host(where), loop(where), socket(*loop, net::Type::udp4) {
        CHECK(socket.bind_sync(port));
        socket.unref();
        socket.on_message([this](const net::Message& message) {
            heard += message.text();
            sender = message.sender;
        });
    }
    Host host;
    simulation::On<core::Loop> loop;
    net::Datagram socket;
    std::string heard;
    net::Address sender;
};

struct Lan {
    World world{{.seed = 4}};
    Member a{world, "a", "10.0.0.1"};
    Member b{world, "b", "10.0.0.2"};
    Member c{world, "c", "10.0.0.3"};

    void say(Member& from, std::string_view word, std::string_view to = group) {
        from.socket.ref();
        from.socket.send(std::string(word), port, to);
        run();
        from.socket.unref();
    }
    void run() { (void)simulation::run_for(world, 100ms, *a.loop, *b.loop, *c.loop); }
};

}  // namespace

TEST_CASE("a group is heard by its members, the sender among them") {
    Lan lan;
    for (Member* member : {&lan.a, &lan.b}) CHECK(!member->socket.add_membership(group));
    for (Member* member : {&lan.a, &lan.b, &lan.c}) member->socket.ref();
    lan.say(lan.a, "1");
    CHECK(lan.a.heard == "1");
    CHECK(lan.b.heard == "1");
    CHECK(lan.c.heard.empty());
    CHECK(lan.b.sender.text() == "10.0.0.1:1000");
    CHECK(!lan.b.socket.drop_membership(group));
    CHECK(!lan.a.socket.set_multicast_loopback(false));
    lan.say(lan.a, "2");
    CHECK(lan.a.heard == "1");
    CHECK(lan.b.heard == "1");
}

TEST_CASE("a source that was not asked for is not heard") {
    Lan lan;
    for (Member* member : {&lan.a, &lan.b, &lan.c}) member->socket.ref();
    CHECK(!lan.c.socket.add_source_specific_membership("10.0.0.2", "232.1.1.1"));
    lan.a.socket.send("a", port, "232.1.1.1");
    lan.b.socket.send("b", port, "232.1.1.1");
    lan.run();
    CHECK(lan.c.heard == "b");
    const net::Error twice = lan.c.socket.add_source_specific_membership("10.0.0.2", "232.1.1.1");
    CHECK(twice.code == net::Code::address_in_use);
}

TEST_CASE("a multicast loses its way to each member on its own") {
    Lan lan;
    for (Member* member : {&lan.a, &lan.b, &lan.c}) member->socket.ref();
    for (Member* member : {&lan.b, &lan.c}) CHECK(!member->socket.add_membership(group));
    lan.world.cut({lan.a.host}, {lan.b.host});
    lan.say(lan.a, "x");
    CHECK(lan.b.heard.empty());
    CHECK(lan.c.heard == "x");
}

TEST_CASE("a hop limit of zero keeps it on the host, and no gateway passes it on") {
    Lan lan;
    Host gateway = lan.world.nat("gateway", "10.0.0.9");
    Member inside(gateway.host("inside", {"192.168.0.2"}));
    for (Member* member : {&lan.a, &lan.b, &lan.c, &inside}) {
        member->socket.ref();
        CHECK(!member->socket.add_membership(group));
    }
    CHECK(!lan.a.socket.set_multicast_ttl(0));
    lan.a.socket.send("near", port, group);
    inside.socket.send("inside", port, group);
    (void)simulation::run_for(lan.world, 1s, *lan.a.loop, *lan.b.loop, *inside.loop);
    CHECK(lan.a.heard == "near");
    CHECK(lan.b.heard.empty());
    CHECK(inside.heard == "inside");
}

TEST_CASE("a broadcast is for everybody, if it is allowed") {
    Lan lan;
    for (Member* member : {&lan.a, &lan.b, &lan.c}) member->socket.ref();
    std::string error;
    lan.a.socket.on_error([&](const net::Failure& failure) { error = failure.text(); });
    lan.say(lan.a, "x", "255.255.255.255");
    CHECK(error.find("EACCES") != std::string::npos);
    CHECK(!lan.a.socket.set_broadcast(true));
    lan.say(lan.a, "y", "255.255.255.255");
    CHECK(lan.b.heard == "y");
    CHECK(lan.c.heard == "y");
}

TEST_CASE("a group is joined on one interface, and not heard on the other") {
    Lan lan;
    for (Member* member : {&lan.a, &lan.b}) member->socket.ref();
    lan.b.host.add_interface("eth1", {"10.0.1.2"});
    CHECK(!lan.b.socket.add_membership(group, "10.0.1.2"));
    lan.b.host.down("eth1");
    lan.say(lan.a, "x");
    CHECK(lan.b.heard.empty());
    lan.b.host.up("eth1");
    lan.say(lan.a, "y");
    CHECK(lan.b.heard == "y");
}

// ---- Interfaces that go and come back ----------------------------------------------------------

namespace {

// A member on two interfaces, whose socket may have asked to join again.
struct Roamer {
    Roamer(Lan& its, net::Options options) : lan(its), socket(*lan.b.loop, std::move(options)) {
        lan.b.host.add_interface("eth1", {"10.0.1.2"});
        CHECK(socket.bind_sync(port + 1));
        socket.unref();
        socket.on_message([this](const net::Message& message) { heard += message.text(); });
        lan.a.socket.ref();
        lan.b.socket.ref();  // The loop of this one is to go on.
    }
    // The interface is another one then: its index is.
    void replace() {
        lan.b.host.remove_interface("eth1");
        run(5s);
        lan.b.host.add_interface("eth1", {"10.0.1.2"});
        run(5s);
    }
    void run(simulation::Duration time) {
        (void)simulation::run_for(lan.world, time, *lan.a.loop, *lan.b.loop);
    }
    std::string hears(std::string_view word) {
        heard.clear();
        lan.a.socket.send(std::string(word), port + 1, group);
        run(100ms);
        return heard;
    }

    Lan& lan;
    net::Datagram socket;
    std::string heard;
};

}  // namespace

TEST_CASE("an interface that was replaced is joined again, if that was asked for") {
    for (const bool rejoin : {false, true}) {
        for (const char* by : {"eth1", "3", "10.0.1.2", "everywhere"}) {
            CAPTURE(by);
            CAPTURE(rejoin);
            Lan lan;
            Roamer roamer(lan, {.rejoin = rejoin});
            const bool everywhere = by == std::string_view("everywhere");
            CHECK(!(everywhere ? roamer.socket.add_membership_everywhere(group)
                               : roamer.socket.add_membership(group, by)));
            const std::size_t count = everywhere ? 3 : 1;
            CHECK(roamer.socket.memberships().size() == count);
            CHECK(roamer.hears("1") == (everywhere ? "11" : "1"));
            roamer.replace();
            const bool heard = rejoin || everywhere;
            CHECK(roamer.hears("2") == (!heard ? "" : everywhere && rejoin ? "22" : "2"));
            CHECK(roamer.socket.memberships().size() == count);
            CHECK(roamer.socket.memberships().back().interface == (rejoin ? 4 : 3));
        }
    }
}

TEST_CASE("while it is gone a membership is not listed, and can be left for good") {
    Lan lan;
    Roamer roamer(lan, {.rejoin = true});
    CHECK(!roamer.socket.add_membership(group, "eth1"));
    CHECK(!roamer.socket.add_source_specific_membership("10.0.0.1", "232.1.1.1", "eth1"));
    CHECK(roamer.socket.memberships().size() == 2);
    lan.b.host.remove_interface("eth1");
    roamer.run(2s);
    CHECK(roamer.socket.memberships().empty());
    CHECK(!roamer.socket.drop_membership(group, "eth1"));
    CHECK(roamer.socket.drop_membership(group, "eth1").code == net::Code::no_such_device);
    lan.b.host.add_interface("eth1", {"10.0.1.2"});
    roamer.run(2s);
    CHECK(roamer.hears("x") == "");
    REQUIRE(roamer.socket.memberships().size() == 1);
    CHECK(roamer.socket.memberships()[0].group.host() == "232.1.1.1");
    CHECK(roamer.socket.memberships()[0].source.host() == "10.0.0.1");
    CHECK(!roamer.socket.drop_source_specific_membership("10.0.0.1", "232.1.1.1"));
    roamer.run(2s);
    CHECK(roamer.socket.memberships().empty());
}

TEST_CASE("what is joined everywhere is joined on interfaces that come later") {
    Lan lan;
    Roamer roamer(lan, {.rejoin = true});
    CHECK(!roamer.socket.add_membership_everywhere(group));
    lan.b.host.add_interface("eth2", {"10.0.2.2"});
    roamer.run(2s);
    CHECK(roamer.socket.memberships().size() == 4);
    CHECK(!roamer.socket.drop_membership(group));
    lan.b.host.add_interface("eth3", {"10.0.3.2"});
    roamer.run(2s);
    CHECK(roamer.socket.memberships().empty());
}

TEST_CASE("an interface that is down for a while has lost no membership") {
    Lan lan;
    Roamer roamer(lan, {.rejoin = true});
    CHECK(!roamer.socket.add_membership(group, "eth1"));
    lan.b.host.down("eth1");
    roamer.run(5s);
    CHECK(roamer.hears("x") == "");
    lan.b.host.up("eth1");
    roamer.run(5s);
    CHECK(roamer.hears("y") == "y");
    CHECK(roamer.socket.memberships().size() == 1);
}
