// Gateways: who is behind one is seen as its address, and heard only by invitation (RFC 4787).
#include "tests/simulation/support.h"

using namespace test;

namespace {

struct Home {
    explicit Home(simulation::Nat rules = {})
        : gateway(world.nat("home", "198.51.100.7", rules)),
          inside(gateway.host("inside", {"192.168.1.2"}), "192.168.1.2"),
          neighbour(gateway.host("neighbour", {"192.168.1.3"}), "192.168.1.3"),
          server(world, "server", "203.0.113.1"),
          other(world, "other", "203.0.113.2") {}

    void run(simulation::Duration time = 100ms) {
        (void)simulation::run_for(world, time, *inside.loop, *neighbour.loop, *server.loop,
                                  *other.loop);
    }
    // The public address of who is inside, as the server sees it.
    net::Address seen_by(Node& node) {
        inside.socket.send("hello", node.address());
        run();
        CHECK(!node.senders.empty());
        return node.senders.empty() ? net::Address{} : node.senders.back();
    }
    bool reaches_inside(Node& from, const net::Address& to) {
        inside.heard.clear();
        from.socket.send("knock", to);
        run();
        return inside.text() == "knock";
    }

    World world{{.seed = 9}};
    Host gateway;
    Node inside;
    Node neighbour;
    Node server;
    Node other;
};

}  // namespace

TEST_CASE("who is behind a gateway is seen as it, and can be answered") {
    Home home;
    const net::Address seen = home.seen_by(home.server);
    CHECK(seen.host() == "198.51.100.7");
    CHECK(seen.port != port);
    CHECK(home.reaches_inside(home.server, seen));
    CHECK(home.inside.senders.back() == home.server.address());
}

TEST_CASE("nothing comes in that was not asked for") {
    Home home;
    const net::Address seen = home.seen_by(home.server);
    CHECK(!home.reaches_inside(home.other, seen));
    net::Address elsewhere = seen;
    elsewhere.port++;
    CHECK(!home.reaches_inside(home.server, elsewhere));
    CHECK(home.world.counts().dropped == 2);
}

TEST_CASE("filters are as strict as they say") {
    using Filter = simulation::Nat::Filter;
    for (const Filter filter : {Filter::none, Filter::address, Filter::address_and_port}) {
        Home home({.filter = filter});
        const net::Address seen = home.seen_by(home.server);
        net::Datagram second(*home.server.loop, net::Type::udp4);
        second.unref();
        CHECK(second.bind_sync(2000, "203.0.113.1"));
        second.send("from another port", seen);
        home.run();
        CHECK(!home.inside.heard.empty() == (filter != Filter::address_and_port));
        CHECK(home.reaches_inside(home.other, seen) == (filter == Filter::none));
    }
}

TEST_CASE("a port is one for all peers, or one for each") {
    for (const bool independent : {true, false}) {
        Home home({.endpoint_independent = independent});
        const net::Address first = home.seen_by(home.server);
        CHECK((first == home.seen_by(home.other)) == independent);
        CHECK(first == home.seen_by(home.server));  // And stays.
    }
}

TEST_CASE("neighbours have ports of their own, and talk without the gateway") {
    Home home;
    const net::Address first = home.seen_by(home.server);
    home.neighbour.socket.send("hello", home.server.address());
    home.neighbour.socket.send("neighbour", home.inside.address());
    home.run();
    CHECK(home.server.senders.back().host() == first.host());
    CHECK(home.server.senders.back().port != first.port);
    CHECK(home.inside.senders.back() == home.neighbour.address());
}

TEST_CASE("a mapping lives as long as it is used, and is forgotten by a restart") {
    Home home({.lifetime = 30s});
    const net::Address seen = home.seen_by(home.server);
    home.run(20s);
    CHECK(home.seen_by(home.server) == seen);
    home.run(20s);
    CHECK(home.reaches_inside(home.server, seen));
    home.run(20s);  // What comes in does not keep it.
    CHECK(!home.reaches_inside(home.server, seen));
    const net::Address again = home.seen_by(home.server);
    home.gateway.rebind();
    CHECK(!home.reaches_inside(home.server, again));
    CHECK(home.seen_by(home.server) != again);
}

TEST_CASE("a hairpin turns only where there is one") {
    for (const bool hairpin : {true, false}) {
        Home home({.filter = simulation::Nat::Filter::none, .hairpin = hairpin});
        const net::Address seen = home.seen_by(home.server);
        CHECK(home.reaches_inside(home.neighbour, seen) == hairpin);
    }
}

TEST_CASE("two homes may have the same addresses inside") {
    Home home;
    const Host second = home.world.nat("second", "198.51.100.8");
    Node twin(Host(second).host("twin", {"192.168.1.2"}), "192.168.1.2");
    twin.socket.send("twin", home.server.address());
    home.inside.socket.send("inside", home.server.address());
    (void)simulation::run_for(home.world, 100ms, *twin.loop, *home.inside.loop, *home.server.loop);
    CHECK(home.server.text() == "twin inside");
    CHECK(home.server.senders[0].host() == "198.51.100.8");
}

TEST_CASE("who is inside knows the names of those outside") {
    Home home;
    home.inside.socket.send("by name", port, "Server");
    home.run();
    CHECK(home.server.text() == "by name");
}

TEST_CASE("ICMP finds its way back inside") {
    Home home;
    CHECK(home.inside.socket.connect_sync(4321, "203.0.113.1"));
    home.inside.socket.send("anybody?");
    home.run();
    REQUIRE(home.inside.errors.size() == 1);
    CHECK(home.inside.errors[0].find("ECONNREFUSED") != std::string::npos);
}
