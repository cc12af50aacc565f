// Unix-domain datagrams: names of one host, that no other host sees.
#include <memory>

#include "tests/simulation/support.h"

using namespace test;

namespace {

struct Ends {
    World world;
    Host a = world.host("a", {"10.0.0.1"});
    Host b = world.host("b", {"10.0.0.2"});
    simulation::On<core::Loop> loop{a};
    simulation::On<core::Loop> other{b};
};

}  // namespace

TEST_CASE("a path is a host's own, and an abstract name too") {
    for (const std::string_view path : {"/run/server", "@server"}) {
        Ends ends;
        net::Datagram server(*ends.loop, net::Type::unix_dgram);
        net::Datagram client(*ends.loop, net::Type::unix_dgram);
        net::Datagram stranger(*ends.other, net::Type::unix_dgram);
        CHECK(server.bind_sync(path));
        CHECK(stranger.connect_sync(path).error());
        CHECK(stranger.bind_sync(path));  // Nobody is in the way.
        CHECK(client.bind_sync("/run/client"));
        std::string heard;
        server.on_message([&](const net::Message& message) {
            heard += message.text();
            heard += " from " + message.sender.host();
        });
        client.send("hello", path);
        (void)simulation::run(ends.world, *ends.loop, *ends.other);
        CHECK(heard == "hello from /run/client");
    }
}

TEST_CASE("a name in use is refused, and one whose owner has gone is replaced") {
    Ends ends;
    net::Datagram second(*ends.loop, net::Type::unix_dgram);
    {
        net::Datagram first(*ends.loop, net::Type::unix_dgram);
        CHECK(first.bind_sync("/run/server"));
        CHECK(second.bind_sync("/run/server").error().code == net::Code::address_in_use);
    }
    CHECK(second.bind_sync("/run/server"));
}

TEST_CASE("a full receiver makes senders wait, and loses nothing") {
    Ends ends;
    net::Datagram server(*ends.loop, net::Type::unix_dgram);
    net::Datagram client(*ends.other, net::Type::unix_dgram);
    net::Datagram near(*ends.loop, net::Type::unix_dgram);
    CHECK(server.bind_sync("/run/server"));
    std::string heard;
    server.on_message([&](const net::Message& message) { heard += message.text(); });
    std::string expected;
    for (int i = 0; i < 100; i++) {
        expected += std::to_string(i);
        near.send(std::to_string(i), "/run/server");
    }
    (void)simulation::run_for(ends.world, 10s, *ends.loop, *ends.other);
    CHECK(heard == expected);
}

TEST_CASE("who waits for room gets it in the same order, whatever came before in this process") {
    std::uint64_t hashes[2] = {};
    for (std::uint64_t& hash : hashes) {
        World world;
        simulation::On<core::Loop> loop(world.host("a", {}));
        net::Datagram server(*loop, net::Type::unix_dgram);
        CHECK(server.bind_sync("/run/server"));
        server.on_message([] {});
        std::vector<std::unique_ptr<net::Datagram>> clients;
        for (int i = 0; i < 5; i++) {
            clients.push_back(std::make_unique<net::Datagram>(*loop, net::Type::unix_dgram));
            CHECK(clients.back()->bind_sync("/run/client" + std::to_string(i)));
            CHECK(clients.back()->connect_sync("/run/server"));
            for (int k = 0; k < 20; k++) clients.back()->send(std::to_string(i));
        }
        (void)simulation::run_for(world, 10s, *loop);
        hash = world.hash();
        CHECK(world.counts().arrived == 100);
        std::swap(clients[1], clients[3]);  // They close in another order than they opened.
    }
    CHECK(hashes[0] == hashes[1]);
}
