// Virtual time: it passes only when nothing is due, every host has its own clock, and many loops
// share it; what never comes is not waited for.
#include <memory>

#include "tests/simulation/support.h"

using namespace test;
using simulation::End;

TEST_CASE("a day passes in no time, and to the nanosecond") {
    World world;
    Host host = world.host("a", {"10.0.0.1"});
    simulation::On<core::Loop> loop(host);
    const std::int64_t start = loop->now().nanoseconds;
    std::int64_t fired = 0;
    loop->after(24h, [&] { fired = loop->now().nanoseconds - start; });
    CHECK(simulation::run(world, *loop) == End::done);
    CHECK(fired == 86'400'000'000'000);
    CHECK(world.now() == 24h);
}

TEST_CASE("a program of one loop just calls run()") {
    core::Loop loop;
    net::Datagram socket(loop, net::Type::udp4);
    CHECK(socket.bind_sync(0, "127.0.0.1"));
    std::string heard;
    socket.on_message([&](const net::Message& message) {
        heard = message.text();
        socket.close();
    });
    const std::int64_t start = loop.now().nanoseconds;
    loop.after(1h, [&] { socket.send("hello", *socket.address()); });
    CHECK(!loop.run());
    CHECK(heard == "hello");
    CHECK(loop.now().nanoseconds - start >= 3'600'000'000'000);
}

TEST_CASE("timers of many loops fire in one order") {
    World world;
    std::string order;
    std::vector<std::unique_ptr<simulation::On<core::Loop>>> loops;
    std::vector<core::Loop*> all;
    for (int i = 0; i < 5; i++) {
        const Host host = world.host(std::to_string(i), {});
        loops.push_back(std::make_unique<simulation::On<core::Loop>>(host));
        all.push_back(&**loops.back());
        all.back()->after(std::chrono::milliseconds(5 - i), [&, i] { order += std::to_string(i); });
        all.back()->after(10ms, [&, i] { order += std::to_string(i); });
    }
    CHECK(simulation::run(world, all) == End::done);
    CHECK(order == "4321001234");
}

TEST_CASE("run says why it ended") {
    World world;
    Node a(world, "a", "10.0.0.1");
    CHECK(simulation::run(world, *a.loop) == End::quiet);
    CHECK(simulation::run_for(world, 1s, *a.loop) == End::late);
    CHECK(world.now() == 1s);
    a.loop->after(10s, [] {});
    world.after(1s, [&] { world.stop(); });
    CHECK(simulation::run(world, *a.loop) == End::stopped);
    CHECK(world.now() == 2s);
    a.socket.close();
    CHECK(simulation::run(world, *a.loop) == End::done);
    CHECK(world.now() == 11s);
    CHECK(simulation::run_for(world, 1s, *a.loop) == End::done);
}

TEST_CASE("a post from one loop turns the other") {
    World world;
    Node a(world, "a", "10.0.0.1");
    Node b(world, "b", "10.0.0.2");
    bool posted = false;
    a.loop->after(1ms, [&] { b.loop->post([&] { posted = true; }); });
    CHECK(simulation::run(world, *a.loop, *b.loop) == End::quiet);
    CHECK(posted);
}

TEST_CASE("a clock that jumps ahead takes its host's timers along, and nobody else's") {
    World world;
    Node a(world, "a", "10.0.0.1");
    Node b(world, "b", "10.0.0.2");
    simulation::Duration a_fired{};
    simulation::Duration b_fired{};
    a.loop->after(1h, [&] { a_fired = world.now(); });
    b.loop->after(1h, [&] { b_fired = world.now(); });
    world.after(1min, [&] { a.host.jump(30min); });
    CHECK(simulation::run(world, *a.loop, *b.loop) == End::quiet);
    CHECK(a_fired == 30min);
    CHECK(b_fired == 1h);
}

TEST_CASE("a clock set back moves time stamps, and never a timer") {
    World world;
    Host host = world.host("a", {"10.0.0.1"});
    const simulation::Scope scope(host);
    const auto poller = platform::Poller::open();
    REQUIRE(poller);
    const auto socket = platform::open_datagram(**poller, platform::Family::ipv4);
    REQUIRE(socket);
    CHECK(!platform::bind(*socket, simulation::Address("10.0.0.1")));
    CHECK(!platform::set_option(*socket, platform::Option::packet_info, 1));
    const auto self = platform::local_endpoint(*socket);
    REQUIRE(self);
    const platform::Outgoing outgoing{{}, &*self, nullptr, 0};
    std::int64_t stamps[2] = {};
    for (std::int64_t& stamp : stamps) {
        CHECK(platform::send(*socket, {&outgoing, 1}));
        platform::PacketInfo info;
        platform::Incoming incoming;
        incoming.info = &info;
        CHECK(platform::receive(*socket, {&incoming, 1}));
        stamp = info.timestamp;
        const platform::Instant before = (*poller)->now();
        host.jump(-1h);
        CHECK((*poller)->now() == before);
    }
    CHECK(stamps[1] - stamps[0] == -3'600'000'000'000);
    CHECK(stamps[0] > 1'700'000'000'000'000'000);  // Of this century.
    platform::close(*socket);
}

TEST_CASE("who asks for the time without end is not kept waiting") {
    core::Loop loop;
    const platform::Instant start = loop.poller().now();
    while (loop.poller().now().nanoseconds - start.nanoseconds < 50'000'000) {
    }
    CHECK(loop.poller().now() > start);
}

TEST_CASE("Ctrl-C comes when the world says so") {
    World world;
    Node a(world, "a", "10.0.0.1");
    simulation::Duration when{};
    CHECK(!a.loop->on_interrupt([&] {
        when = world.now();
        a.socket.close();
    }));
    world.after(3s, [&] { world.interrupt(); });
    CHECK(simulation::run(world, *a.loop) == End::done);
    CHECK(when == 3s);
}
