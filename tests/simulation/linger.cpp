// What takes half a minute, where that costs nothing.
#include "tests/simulation/support.h"

using namespace test;
using simulation::Fault;
using simulation::Site;

TEST_CASE("[34] unless told otherwise, `linger` is 30 seconds") {
    World world;
    Host host = world.host("a", {"10.0.0.1"});
    simulation::On<core::Loop> loop(host);
    net::Datagram sender(*loop, net::Type::udp4);
    world.inject({.site = Site::send, .code = platform::Code::would_block,
                  .times = Fault::for_ever});
    const std::int64_t begin = loop->now().nanoseconds;
    std::string told;
    sender.send("x", 9, "10.0.0.2", [&](const net::Failure& failure, std::size_t) {
        told += failure.text();
    });
    sender.close([&] { told += ", close"; });
    CHECK(loop->run() == platform::Error{});
    CHECK(told == "send ETIMEDOUT 10.0.0.2:9, close");
    const std::int64_t took = loop->now().nanoseconds - begin;
    CHECK(took >= 30'000'000'000);
    CHECK(took < 30'100'000'000);
}
