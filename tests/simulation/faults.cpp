// Calls that fail or lie because the test says so: which, after how many, how often, on which host;
// counted, in the trace, and the same each time.
#include <memory>

#include "tests/simulation/support.h"

using namespace test;
using platform::Code;
using simulation::Fault;
using simulation::Site;
using Kind = Fault::Kind;

namespace {

bool bind(net::Datagram& socket, std::string& text) {
    const auto bound = socket.bind_sync(0, "127.0.0.1");
    text = bound ? "bound" : net::text(bound.error());
    return static_cast<bool>(bound);
}

}  // namespace

TEST_CASE("a fault fails so many calls, after so many") {
    World world;
    const Host host = world.host("a", {"10.0.0.1"});
    simulation::On<core::Loop> loop(host);
    world.inject({.site = Site::bind, .code = Code::address_in_use, .skip = 1, .times = 2});
    std::string told;
    for (int i = 0; i < 5; i++) {
        net::Datagram socket(*loop, net::Type::udp4);
        std::string text;
        bind(socket, text);
        told += text + "; ";
    }
    CHECK(told == "bound; bind EADDRINUSE; bind EADDRINUSE; bound; bound; ");
    CHECK(world.calls(Site::bind) == 5);
    CHECK(world.calls(Site::open_datagram) == 5);
    CHECK(world.calls(Site::connect) == 0);
    CHECK(world.lift_faults() == 2);
    CHECK(world.lift_faults() == 0);
}

TEST_CASE("for ever lasts until it is lifted, and others take their turn") {
    World world;
    const Host host = world.host("a", {"10.0.0.1"});
    simulation::On<core::Loop> loop(host);
    world.inject({.site = Site::bind, .code = Code::not_permitted});
    world.inject({.site = Site::bind, .code = Code::access_denied, .times = Fault::for_ever});
    std::string told;
    for (int i = 0; i < 4; i++) {
        net::Datagram socket(*loop, net::Type::udp4);
        std::string text;
        if (i == 3) CHECK(world.lift_faults() == 3);
        bind(socket, text);
        told += text + "; ";
    }
    CHECK(told == "bind EPERM; bind EACCES; bind EACCES; bound; ");
}

TEST_CASE("a host's fault is nobody else's") {
    World world;
    Node a(world, "a", "10.0.0.1");
    Node b(world, "b", "10.0.0.2");
    a.host.inject({.site = Site::send, .code = Code::not_permitted, .times = Fault::for_ever});
    a.socket.send("lost", b.address());
    b.socket.send("heard", a.address());
    simulation::run_for(world, 1s, *a.loop, *b.loop);
    CHECK(b.text() == "");
    CHECK(a.text() == "heard");
    REQUIRE(a.errors.size() == 1);
    CHECK(a.errors[0] == "send EPERM 10.0.0.2:1000");
}

TEST_CASE("lies: too few, too long, without a name, nothing there, all at once") {
    for (const Kind kind : {Kind::short_count, Kind::truncated, Kind::nameless}) {
        CAPTURE(static_cast<int>(kind));
        World world;
        Node a(world, "a", "10.0.0.1");
        Node b(world, "b", "10.0.0.2");
        std::string truncated;
        b.socket.on_message([&](const net::Message& message) {
            truncated += message.truncated ? "t" : "-";
        });
        world.inject({.site = Site::receive, .kind = kind});
        for (const char* text : {"one", "two", "three"}) a.socket.send(text, b.address());
        simulation::run_for(world, 1s, *a.loop, *b.loop);
        CHECK(b.text() == "one two three");
        CHECK(truncated == (kind == Kind::truncated ? "tt-" : "---"));
        REQUIRE(b.senders.size() == 3);
        const bool nameless = kind == Kind::nameless;
        CHECK((b.senders[0].family == platform::Family::none) == nameless);
        CHECK(b.senders[2].family == platform::Family::ipv4);
    }
    for (const Kind kind : {Kind::nothing, Kind::spurious}) {
        World world;
        Node a(world, "a", "10.0.0.1");
        Node b(world, "b", "10.0.0.2");
        for (int i = 0; i < 3; i++) world.inject({.site = Site::wait, .kind = kind});
        a.socket.send("all the same", b.address());
        simulation::run_for(world, 1s, *a.loop, *b.loop);
        CHECK(b.text() == "all the same");
        CHECK(a.errors.empty());
        CHECK(b.errors.empty());
    }
}

TEST_CASE("faults stand in the trace, and in its hash") {
    const auto run = [](bool faulty) {
        World world({.trace = true});
        Node a(world, "a", "10.0.0.1");
        if (faulty) world.inject({.site = Site::send, .code = Code::host_unreachable});
        a.socket.send("to itself", a.address());
        simulation::run_for(world, 1s, *a.loop);
        return std::pair(world.trace(), world.hash());
    };
    const auto [text, hash] = run(true);
    CHECK(text.find("a fault 1 send EHOSTUNREACH\n") != text.npos);
    CHECK(run(true).second == hash);
    CHECK(run(false).second != hash);
}

TEST_CASE("sites and lies have names") {
    CHECK(simulation::name(Site::open_poller) == "open_poller");
    CHECK(simulation::name(Site::resolve) == "resolve");
    CHECK(simulation::name(Kind::short_count) == "short_count");
    CHECK(simulation::name(Kind::loopback) == "loopback");
}
