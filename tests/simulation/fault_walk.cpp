// What the fault walk has found (see README.md beside this file), each as a test of its own.
#include "tests/simulation/support.h"

using namespace test;
using platform::Code;
using simulation::Fault;
using simulation::Site;

namespace {

// One host, its loop, and two sockets of it that are bound to loopback.
struct Pair {
    Pair() : host(world.host("a", {"10.0.0.1"})), loop(host), hearing(*loop, net::Type::udp4),
             sending(*loop, net::Type::udp4) {
        const auto bound = hearing.bind_sync(0, "127.0.0.1");
        CHECK(bound);
        if (bound) address = *bound;
        CHECK(sending.bind_sync(0, "127.0.0.1"));
        hearing.on_message([this](const net::Message& message) {
            heard += message.text();
            if (answers) hearing.send("answer", message.sender);
        });
        sending.on_message([this](const net::Message& message) { heard += message.text(); });
        sending.on_error([this](const net::Failure& failure) { errors += failure.text(); });
    }
    std::uint64_t turns_in(simulation::Duration time) {
        const std::uint64_t before = loop->tick();
        const std::int64_t end = loop->now().nanoseconds + time.count();
        for (int i = 0; i < 10'000 && loop->now().nanoseconds < end; i++) {
            CHECK(loop->turn({end}) == platform::Error{});
        }
        return loop->tick() - before;
    }

    World world;
    Host host;
    simulation::On<core::Loop> loop;
    net::Datagram hearing;
    net::Datagram sending;
    net::Address address;
    std::string heard;
    std::string errors;
    bool answers = false;
};

}  // namespace

TEST_CASE("[35] a poller that calls a full socket writable does not make the loop spin") {
    Pair pair;
    pair.world.inject({.site = Site::send, .code = Code::would_block, .times = Fault::for_ever});
    pair.sending.send("patient", pair.address);
    CHECK(pair.turns_in(100ms) < 20);
    CHECK(pair.heard == "");
    pair.world.lift_faults();
    CHECK(pair.turns_in(100ms) < 20);
    CHECK(pair.heard == "patient");
    CHECK(pair.errors == "");
}

TEST_CASE("[26] disconnect says when it cannot keep the port, and stays connected") {
    for (const std::uint64_t skip : {0u, 1u}) {
        CAPTURE(skip);
        Pair pair;
        pair.answers = true;
        net::Datagram socket(*pair.loop, net::Type::udp4);
        CHECK(socket.connect_sync(pair.address.port));
        pair.world.inject({.site = Site::local_endpoint, .code = Code::no_buffer_space,
                           .skip = skip});
        CHECK(net::text(socket.disconnect()) == "disconnect ENOBUFS");
        CHECK(static_cast<bool>(socket.remote_address()) == (skip == 0));
    }
}

TEST_CASE("[23][25] whom a socket is connected to is known, or it is not connected") {
    for (const bool nameless : {false, true}) {
        CAPTURE(nameless);
        Pair pair;
        net::Datagram server(*pair.loop, net::Type::udp4);
        const auto bound = server.bind_sync();
        REQUIRE(bound);
        Fault fault{.site = Site::peer_endpoint, .code = Code::no_buffer_space};
        if (nameless) fault.kind = Fault::Kind::nameless;
        pair.world.inject(fault);
        const auto connected = pair.sending.connect_sync(bound->port, "0.0.0.0");
        REQUIRE(!connected);
        CHECK(net::text(connected.error()) ==
              (nameless ? "connect EADDRNOTAVAIL" : "connect ENOBUFS"));
        CHECK(!pair.sending.remote_address());

        // Once more, when the system knows again.
        CHECK(pair.sending.connect_sync(bound->port, "0.0.0.0"));
        server.on_message([&](const net::Message& message) {
            server.send("answer", message.sender);
        });
        pair.sending.send("question");
        pair.turns_in(10ms);
        CHECK(pair.heard == "answer");
    }
}

TEST_CASE("[20] a descriptor whose peer cannot be told is not adopted") {
    for (const bool nameless : {false, true}) {
        CAPTURE(nameless);
        Pair pair;
        const auto opened =
            platform::open_datagram(pair.loop->poller(), platform::Family::ipv4);
        REQUIRE(opened);
        CHECK(platform::connect(*opened, pair.address) == platform::Error{});
        Fault fault{.site = Site::peer_endpoint, .code = Code::no_buffer_space};
        if (nameless) fault.kind = Fault::Kind::nameless;
        pair.world.inject(fault);
        net::Datagram adopting(*pair.loop, net::Type::udp4);
        std::string told;
        adopting.on_error([&](const net::Failure& failure) { told += failure.text(); });
        adopting.adopt(opened->handle, [&] { told += "listening"; });
        pair.turns_in(10ms);
        CHECK(told == (nameless ? "bind EADDRNOTAVAIL" : "bind ENOBUFS"));
        CHECK(platform::local_endpoint(*opened));  // It stays the caller's.
        platform::close(*opened);
    }
}

TEST_CASE("[43] an address without a family is none") {
    Pair pair;
    pair.world.inject({.site = Site::local_endpoint, .kind = Fault::Kind::nameless});
    CHECK(net::text(pair.sending.address().error()) == "getsockname EADDRNOTAVAIL");
    CHECK(pair.sending.address());
}
