// What must hold for long and under load: a million chained sends on a small stack, timers under a
// flood, and no work at all when there is none.
#ifdef __linux__

#include <pthread.h>
#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "tests/net/receiver.h"
#include "tests/net/wire.h"
#include "tests/sanitizers.h"

namespace {

using namespace std::chrono_literals;
using net::Address;
using net::Datagram;
using net::Failure;
using net::Type;
using test::Audit;
using test::run_until;
using test::Wire;

// Of this thread, so that a busy machine makes no difference.
std::chrono::nanoseconds processor_time() {
    timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

void spend(std::chrono::nanoseconds time) {
    const auto end = processor_time() + time;
    while (processor_time() < end) {
    }
}

// Sends to one address, as fast as it can, until it ends.
class Flood {
   public:
    explicit Flood(const Address& to)
        : thread_([this, to] {
              while (!ended_) (void)wire_.write("flood", to);
          }) {}
    ~Flood() {
        ended_ = true;
        thread_.join();
    }

   private:
    Wire wire_;
    std::atomic<bool> ended_{false};
    std::thread thread_;
};

// Each send is asked for in the callback of the one before.
struct Chain {
    const Wire wire;
    int length = test::sanitized() ? 20'000 : 1'000'000;
    int sent = 0;
    int failed = 0;
    int timers = 0;
    int resting = 0;  // Timers that found no send between them and the one before.
    bool inside = false;
    bool nested = false;
    bool ended = false;

    void run() {
        core::Loop loop;
        const Address to = wire.address();
        Datagram socket(loop, Type::udp4);
        int seen = -1;
        core::Timer timer = loop.every(1ms, [&] {
            timers++;
            if (std::exchange(seen, sent) == sent) resting++;
        });
        struct Link {
            Chain& chain;
            Datagram& socket;
            const Address& to;
            void operator()(const Failure& failure) const {
                chain.nested = chain.nested || chain.inside;
                chain.inside = true;
                chain.sent++;
                if (failure) chain.failed++;
                if (chain.sent < chain.length) socket.send("link", to, *this);
                chain.inside = false;
            }
        };
        socket.send("link", to, Link{*this, socket, to});
        timer.unref();
        socket.unref();
        ended = !loop.run();
    }
};

}  // namespace

TEST_CASE("[4] 1,000,000 chained sends on a 64 KiB stack neither recurse nor starve timers") {
    Chain chain;
    pthread_attr_t attributes;
    CHECK(pthread_attr_init(&attributes) == 0);
    const std::size_t stack_size = test::sanitized() ? 1024 * 1024 : 64 * 1024;
    CHECK(pthread_attr_setstacksize(&attributes, stack_size) == 0);
    pthread_t thread;
    const auto run = [](void* chained) -> void* {
        static_cast<Chain*>(chained)->run();
        return nullptr;
    };
    const int failed = pthread_create(&thread, &attributes, run, &chain);
    if (failed == 0) pthread_join(thread, nullptr);
    CHECK(failed == 0);
    pthread_attr_destroy(&attributes);
    CHECK(chain.ended);
    CHECK(chain.sent == chain.length);
    CHECK(chain.failed == 0);
    CHECK_FALSE(chain.nested);
    CHECK(chain.timers > 5);
    CHECK(chain.resting <= chain.timers / 2);  // The chain goes on between them.
}

TEST_CASE("[4] a 20 ms timer keeps ticking under a flood") {
    const Audit audit;
    core::Loop loop;
    Datagram socket(loop, Type::udp4);
    const Flood flood(test::bind_loopback(socket));
    std::uint64_t tick = 0;
    int in_tick = 0;
    int most_in_tick = 0;
    int messages = 0;
    socket.on_message([&] {
        if (std::exchange(tick, loop.tick()) != loop.tick()) in_tick = 0;
        most_in_tick = std::max(most_in_tick, ++in_tick);
        messages++;
    });
    int ticks = 0;
    loop.every(20ms, [&] { ticks++; });
    loop.after(600ms, [&] { loop.stop(); });
    CHECK_FALSE(loop.run());
    CHECK(ticks >= 15);  // Of 30, on whatever machine.
    CHECK(messages > 100);
    CHECK(most_in_tick <= 256);  // What one socket may have of a turn.
}

TEST_CASE("[4] a listener that takes its time gets fewer datagrams a turn, not the timers' time") {
    const Audit audit;
    core::Loop loop;
    Datagram socket(loop, Type::udp4);
    const Flood flood(test::bind_loopback(socket));
    std::vector<std::uint64_t> heard_in;
    socket.on_message([&] {
        heard_in.push_back(loop.tick());
        spend(2ms);
    });
    CHECK(run_until(loop, [&] { return heard_in.size() >= 80; }));
    // Batches have become small by now.
    std::size_t most = 0;
    for (std::size_t i = 40; i < heard_in.size(); i++) {
        const auto count = std::count(heard_in.begin(), heard_in.end(), heard_in[i]);
        most = std::max(most, static_cast<std::size_t>(count));
    }
    CHECK(most <= 2);
}

TEST_CASE("[4] two sockets that echo to each other for ever leave room for timers and posts") {
    const Audit audit;
    core::Loop loop;
    Datagram sockets[2] = {Datagram(loop, Type::udp4), Datagram(loop, Type::udp4)};
    Address addresses[2];
    int echoes = 0;
    for (std::size_t i = 0; i < 2; i++) {
        addresses[i] = test::bind_loopback(sockets[i]);
        sockets[i].on_message([&, i](const net::Message& message) {
            echoes++;
            sockets[i].send(message.bytes, message.sender);
        });
    }
    for (int i = 0; i < 20; i++) sockets[0].send("ball", addresses[1]);
    int timers = 0;
    int posts = 0;
    loop.every(1ms, [&] {
        CHECK(loop.post([&] { posts++; }));
        if (++timers == 20) loop.stop();
    });
    CHECK_FALSE(loop.run());
    CHECK(posts >= 19);
    CHECK(echoes > 20);
}

TEST_CASE("an idle loop uses no CPU, whatever its sockets have been through") {
    const Audit audit;
    core::Loop loop;
    loop.on_unhandled_error([](platform::Error, std::string_view) {});
    Wire wire;
    Datagram bound(loop, Type::udp4);
    Datagram bound6(loop, Type::udp6);
    Datagram connected(loop, Type::udp4);
    Datagram refused(loop, Type::udp4);
    Datagram closed(loop, Type::udp4);
    Datagram failed(loop, Type::udp4);
    Datagram deaf(loop, Type::udp4);
    const test::Path path("idle");
    Datagram local(loop, Type::unix_dgram);
    Datagram sender(loop, Type::unix_dgram);
    bound.bind();
    bound6.bind();
    connected.connect(wire.port());
    connected.send("x");
    std::uint16_t nobody = 0;
    {
        const Wire gone;
        nobody = gone.address().port;
    }
    bool told = false;
    refused.on_error([&] { told = true; });
    refused.connect(nobody);
    refused.send("x");
    closed.bind(0, [&] { closed.close(); });
    failed.bind(0, "192.0.2.1");  // Not ours (RFC 5737).
    CHECK(local.bind_sync(path));
    sender.connect(path);
    sender.send("x");
    CHECK(wire.write("unheard", test::bind_loopback(deaf)));
    CHECK(run_until(loop, [&] { return told; }));
    test::settle(loop);

    loop.after(200ms, [&] { loop.stop(); });
    const std::uint64_t ticks = loop.tick();
    const auto before = processor_time();
    CHECK_FALSE(loop.run());
    CHECK(loop.tick() - ticks <= 3);
    CHECK(processor_time() - before < 20ms);
}

#endif
