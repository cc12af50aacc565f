// What a path does to what takes it: delay, loss, duplicates, order, bandwidth, size.
#include "tests/simulation/support.h"

using namespace test;

namespace {

constexpr int many = 2000;

// Sends numbers from a to b and looks at what comes out.
struct Line {
    explicit Line(Path path, std::uint64_t seed = 3)
        : world({.seed = seed}), a(world, "a", "10.0.0.1"), b(world, "b", "10.0.0.2") {
        world.path(a.host, b.host, path);
    }
    void run(int numbers = many, std::size_t size = 0) {
        count(world, a, b.address(), numbers, size);
        (void)simulation::run_for(world, 60s, *a.loop, *b.loop);
    }
    std::size_t out_of_order() const {
        std::size_t found = 0;
        for (std::size_t i = 1; i < b.heard.size(); i++) {
            found += std::stoi(b.heard[i]) < std::stoi(b.heard[i - 1]);
        }
        return found;
    }
    World world;
    Node a;
    Node b;
};

}  // namespace

TEST_CASE("a path takes its delay, one way, and the way back has its own") {
    Line line({.delay = 30ms});
    line.world.path(line.b.host, line.a.host, {.delay = 5ms});
    const std::int64_t start = line.world.instant().nanoseconds;
    line.b.socket.on_message([&](const net::Message& message) {
        line.b.socket.send("back", message.sender);
    });
    line.a.socket.send("there", line.b.address());
    (void)simulation::run_for(line.world, 1s, *line.a.loop, *line.b.loop);
    REQUIRE(line.b.when.size() == 1);
    REQUIRE(line.a.when.size() == 1);
    CHECK(line.b.when[0] - start == 30'000'000);
    CHECK(line.a.when[0] - start == 35'000'000);
}

TEST_CASE("loss, duplication and reordering come as often as they should") {
    Line lossy({.loss = 0.2});
    lossy.run();
    CHECK(lossy.b.heard.size() > many * 0.76);
    CHECK(lossy.b.heard.size() < many * 0.84);
    CHECK(lossy.world.counts().lost == many - lossy.b.heard.size());

    Line doubling({.duplicate = 0.05});
    doubling.run();
    CHECK(doubling.b.heard.size() > many * 1.03);
    CHECK(doubling.b.heard.size() < many * 1.07);

    Line mixed({.reorder = 0.1, .reorder_delay = 10ms});
    mixed.run();
    CHECK(mixed.b.heard.size() == many);
    CHECK(mixed.out_of_order() > many * 0.05);
    CHECK(mixed.out_of_order() < many * 0.15);
}

TEST_CASE("jitter alone keeps the order, and stays below its limit") {
    Line line({.delay = 10ms, .jitter = 20ms});
    const std::int64_t start = line.world.instant().nanoseconds;
    line.run();
    CHECK(line.b.heard.size() == many);
    CHECK(line.out_of_order() == 0);
    bool varies = false;
    for (std::size_t i = 0; i < line.b.when.size(); i++) {
        const std::int64_t took =
            line.b.when[i] - start - static_cast<std::int64_t>(i) * 1'000'000;
        CHECK(took >= 10'000'000);
        CHECK(took < 30'000'000);
        varies |= took > 20'000'000;
    }
    CHECK(varies);
}

TEST_CASE("a narrow path delivers what its bandwidth allows, and a full queue drops the rest") {
    // 128 bytes with headers every millisecond, where there is room for half of it.
    Line line({.bandwidth = 64'000, .queue = 6400});
    line.run(1000, 100);
    CHECK(line.b.heard.size() > 500);
    CHECK(line.b.heard.size() < 600);
    CHECK(line.world.counts().dropped == 1000 - line.b.heard.size());
}

TEST_CASE("so does one of a few bytes a second") {
    Line line({.bandwidth = 500, .queue = 1000});
    count(line.world, line.a, line.b.address(), 10, 222);  // 250 with its headers.
    (void)simulation::run_for(line.world, 1min, *line.a.loop, *line.b.loop);
    CHECK(line.b.heard.size() == 4);
    CHECK(line.world.counts().dropped == 6);
}

TEST_CASE("without a queue's limit the sender's own buffer holds it up, and nothing is lost") {
    Line line({.bandwidth = 64'000});
    CHECK(line.a.socket.set_send_buffer_size(2048) == net::Error{});
    int told = 0;
    for (int i = 0; i < 300; i++) {
        line.a.socket.send(std::string(100, 'x'), line.b.address(),
                           [&](const net::Failure& failure) { told += !failure; });
    }
    (void)simulation::run_for(line.world, 300ms, *line.a.loop, *line.b.loop);
    CHECK(told < 250);  // 300 ms are for 150 of them, and some wait in the buffer.
    CHECK(told > 100);
    (void)simulation::run_for(line.world, 10s, *line.a.loop, *line.b.loop);
    CHECK(told == 300);
    CHECK(line.b.heard.size() == 300);
    CHECK(line.world.now() > 500ms);
}

TEST_CASE("what is longer than the MTU travels in fragments, of which any lost one loses all") {
    Line whole({.mtu = 1500});
    whole.run(10, 10'000);
    CHECK(whole.b.heard.size() == 10);
    CHECK(whole.b.heard[0].size() == 10'000);

    Line lossy({.loss = 0.1, .mtu = 1500});
    lossy.run(1000, 7000);  // Five fragments: 0.9^5 = 0.59.
    CHECK(lossy.b.heard.size() > 540);
    CHECK(lossy.b.heard.size() < 640);
}

TEST_CASE("where fragments do not pass, ICMP says so to a connected sender") {
    Line line({.mtu = 1280, .fragments = false});
    CHECK(line.a.socket.connect_sync(port, "10.0.0.2"));
    line.a.socket.send(std::string(1252, 'x'));  // With 28 bytes of headers it just fits.
    line.a.socket.send(std::string(1253, 'x'));
    (void)simulation::run_for(line.world, 1s, *line.a.loop, *line.b.loop);
    CHECK(line.b.heard.size() == 1);
    REQUIRE(line.a.errors.size() == 1);
    CHECK(line.a.errors[0].find("EMSGSIZE") != std::string::npos);
}

TEST_CASE("a port that nobody has is refused, after the way there and back") {
    Line line({.delay = 20ms});
    CHECK(line.a.socket.connect_sync(1001, "10.0.0.2"));
    line.a.socket.send("hello?");
    (void)simulation::run_for(line.world, 20ms, *line.a.loop, *line.b.loop);
    CHECK(line.a.errors.empty());
    (void)simulation::run_for(line.world, 2ms, *line.a.loop, *line.b.loop);
    REQUIRE(line.a.errors.size() == 1);
    CHECK(line.a.errors[0].find("ECONNREFUSED") != std::string::npos);
}

TEST_CASE("an address that nobody has is unreachable, to a connected sender") {
    Line line({});
    CHECK(line.a.socket.connect_sync(1000, "10.0.0.99"));
    line.a.socket.send("hello?");
    (void)simulation::run_for(line.world, 1s, *line.a.loop, *line.b.loop);
    REQUIRE(line.a.errors.size() == 1);
    CHECK(line.a.errors[0].find("EHOSTUNREACH") != std::string::npos);
}

TEST_CASE("a receiver that does not read drops what its buffer cannot take") {
    Line line({});
    line.b.socket.close();
    const simulation::Scope scope(line.b.host);
    const auto poller = platform::Poller::open();
    REQUIRE(poller);
    const auto socket = platform::open_datagram(**poller, platform::Family::ipv4);
    REQUIRE(socket);
    CHECK(!platform::set_option(*socket, platform::Option::receive_buffer_size, 10'000));
    CHECK(!platform::bind(*socket, simulation::Address("10.0.0.2")));
    const auto local = platform::local_endpoint(*socket);
    count(line.world, line.a, *local, 100, 1000);
    (void)simulation::run_for(line.world, 1s, *line.a.loop);
    CHECK(line.world.counts().arrived == 14);
    CHECK(line.world.counts().dropped == 86);
    platform::close(*socket);
}

TEST_CASE("a train leaves as single datagrams, each of which is lost on its own") {
    Line line({.loss = 0.2});
    CHECK(line.b.socket.set_recv_buffer_size(1 << 20) == net::Error{});
    const simulation::Scope scope(line.a.host);
    const auto poller = platform::Poller::open();
    REQUIRE(poller);
    const auto socket = platform::open_datagram(**poller, platform::Family::ipv4);
    REQUIRE(socket);
    const net::Address to = line.b.address();
    const std::string train(5050, 'x');
    const std::span<const std::byte> part = std::as_bytes(std::span(train));
    const platform::Outgoing outgoing{{&part, 1}, &to, nullptr, 100};
    for (int i = 0; i < 20; i++) CHECK(platform::send(*socket, {&outgoing, 1}));
    (void)simulation::run_for(line.world, 1s, *line.b.loop);
    CHECK(line.b.heard.size() > 1020 * 0.76);
    CHECK(line.b.heard.size() < 1020 * 0.84);
    std::size_t short_ones = 0;
    for (const std::string& each : line.b.heard) {
        CHECK((each.size() == 100 || each.size() == 50));
        short_ones += each.size() == 50;
    }
    CHECK(short_ones > 10);
    CHECK(short_ones <= 20);
    platform::close(*socket);
}
