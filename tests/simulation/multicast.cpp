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
