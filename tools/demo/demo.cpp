// `make demo`: the one-tick rule at work, on loopback, scene by scene. Every line begins with the
// tick in which it happened: what a tick asks to send leaves together at its end, and the answers
// to all calls come on a later one. A scene that the machine cannot play says why.
#include <chrono>
#include <cstdarg>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "net/datagram.h"

namespace {

using namespace std::chrono_literals;

struct Tally {
    std::string scene;
    std::size_t datagrams = 0;
    std::size_t bytes = 0;
    std::uint64_t ticks = 0;
    double seconds = 0;
    std::string trouble;
    bool missing = false;  // The system has no such sockets, which is no fault of anybody.
};

std::vector<Tally> tallies;

// One scene: a loop of its own, a clock, and a limit, so that nothing can hang.
class Scene {
   public:
    Scene(const char* name, const char* plot) {
        tally_.scene = name;
        std::printf("\n%s: %s\n", name, plot);
        loop.after(3s, [this] { fail("nothing more came within three seconds"); }).unref();
    }

    [[gnu::format(printf, 2, 3)]] void say(const char* format, ...) {
        std::printf("  tick %-3llu ", static_cast<unsigned long long>(loop.tick()));
        std::va_list values;
        va_start(values, format);
        std::vprintf(format, values);
        va_end(values);
        std::printf("\n");
    }

    void fail(const std::string& trouble) {
        say("%s", trouble.c_str());
        tally_.trouble = trouble;
        loop.stop();
    }

    void watch(net::Datagram& socket) {
        socket.on_error([this](const net::Failure& failure) {
            tally_.missing = failure.error.code == platform::Code::family_not_supported;
            fail(failure.text());
        });
    }

    void count(const net::Message& message) {
        tally_.datagrams++;
        tally_.bytes += message.size();
    }

    void run() {
        const core::Instant begin = loop.now();
        const platform::Error error = loop.run();
        if (error) fail(net::text(error));
        tally_.seconds = static_cast<double>(loop.now().nanoseconds - begin.nanoseconds) / 1e9;
        tally_.ticks = loop.tick();
        tallies.push_back(tally_);
    }

    core::Loop loop;

   private:
    Tally tally_;
};

std::string text(const net::Message& message) {
    return std::string(message.text());
}

// Three sends in one tick: none has left when send() returns, all leave together.
void echo(net::Type type, const char* name, const net::Address& server_address,
          const net::Address& client_address) {
    Scene scene(name, "three sends of one tick leave together, and are echoed");
    net::Datagram server(scene.loop, type);
    net::Datagram client(scene.loop, type);
    scene.watch(server);
    scene.watch(client);
    int answers = 0;

    server.on_message([&](const net::Message& message) {
        scene.count(message);
        scene.say("server: '%s' from %s; sent back as it lies", text(message).c_str(),
                  message.sender.text().c_str());
        server.send(message.bytes, message.sender);
    });
    client.on_message([&](const net::Message& message) {
        scene.count(message);
        scene.say("client: '%s' is back", text(message).c_str());
        if (++answers < 3) return;
        client.close([&] { scene.say("client: closed"); });
        server.close([&] { scene.say("server: closed"); });
    });
    server.on_listening([&] {
        scene.say("server: listening on %s", server.address()->text().c_str());
        client.bind(client_address);
    });
    client.on_listening([&] {
        for (const char* word : {"one", "two", "three"}) {
            client.send(word, *server.address(), [&, word](const net::Failure& failure) {
                scene.say("client: '%s' has left%s%s", word, failure ? ": " : "",
                          failure.text().c_str());
            });
            scene.say("client: send('%s') returns; %d wait in the queue", word,
                      static_cast<int>(client.get_send_queue_count()));
        }
    });
    server.bind(server_address);
    scene.say("server: bind() returns; nothing has happened yet");
    scene.run();
}

// A literal leaves at the end of its tick; a name leaves when it has been looked up.
void name_lookup() {
    Scene scene("name", "'localhost' is looked up by a thread; a literal does not wait for it");
    net::Datagram server(scene.loop, net::Type::udp4);
    net::Datagram client(scene.loop, net::Type::udp4);
    scene.watch(server);
    scene.watch(client);

    int received = 0;
    server.on_message([&](const net::Message& message) {
        scene.count(message);
        scene.say("server: '%s'", text(message).c_str());
        if (++received < 2) return;
        server.close();
        client.close();
    });
    server.bind(0, "127.0.0.1", [&] {
        const int port = server.address()->port;
        client.send("by name", port, "localhost", [&](const net::Failure& failure) {
            scene.say("client: 'by name' has left %s", failure.text().c_str());
        });
        client.send("by number", port, "127.0.0.1", [&](const net::Failure& failure) {
            scene.say("client: 'by number' has left %s", failure.text().c_str());
        });
        scene.say("client: send() to localhost, then send() to 127.0.0.1");
    });
    scene.run();
}

// A group on the loopback interface: two members hear one datagram.
void multicast() {
    const char* const group = "224.0.0.114";
    Scene scene("multicast", "two members of 224.0.0.114 hear one datagram");
    net::Datagram first(scene.loop, {.type = net::Type::udp4, .reuse_addr = true});
    net::Datagram second(scene.loop, {.type = net::Type::udp4, .reuse_addr = true});
    scene.watch(first);
    scene.watch(second);

    int heard = 0;
    const auto listen = [&](net::Datagram& member, const char* name) {
        member.on_message([&, name](const net::Message& message) {
            scene.count(message);
            scene.say("%s: '%s' from %s", name, text(message).c_str(),
                      message.sender.text().c_str());
            if (++heard < 2) return;
            first.close();
            second.close();
        });
    };
    listen(first, "first");
    listen(second, "second");
    const auto join = [&](net::Datagram& member, int port) {
        const net::Result<net::Address> bound = member.bind_sync(port);
        const platform::Error failed =
            bound ? member.add_membership(group, "127.0.0.1") : bound.error();
        if (failed) scene.fail(net::text(failed));
        return failed ? 0 : static_cast<int>(bound->port);
    };
    const int port = join(first, 0);
    if (port != 0 && join(second, port) != 0) {
        const platform::Error failed = first.set_multicast_interface("127.0.0.1");
        if (failed) scene.fail(net::text(failed));
        first.send("hello, group", port, group);
        scene.say("first: send() to the group returns");
    }
    scene.run();
}

// Bursts of one tick each, as fast as they come back: the next one starts when the last is whole.
// A slow machine makes fewer of them.
void burst() {
    constexpr int burst_size = 256;
    constexpr int bursts_max = 400;
    Scene scene("burst", "256 sends a tick, up to 400 times; no copy, few system calls");
    net::Datagram server(scene.loop, net::Type::udp4);
    net::Datagram client(scene.loop, net::Type::udp4);
    scene.watch(server);
    scene.watch(client);
    const std::vector<std::byte> payload(32, std::byte{'v'});

    const platform::Instant end{scene.loop.now().nanoseconds + 1'000'000'000};
    int bursts = 0;
    int received = 0;
    std::uint64_t callbacks = 0;
    std::function<void()> fire = [&] {
        received = 0;
        bursts++;
        for (int i = 0; i < burst_size; i++) {
            client.send(payload, *server.address(), [&](const net::Failure& failure) {
                callbacks += failure ? 0 : 1;
            });
        }
        if (bursts == 1) {
            scene.say("client: %d datagrams wait for the end of the tick",
                      static_cast<int>(client.get_send_queue_count()));
        }
    };
    server.on_message([&](const net::Message& message) {
        scene.count(message);
        if (++received < burst_size) return;
        if (bursts < bursts_max && scene.loop.now() < end) return fire();
        scene.say("server: burst %d is whole; %llu send callbacks so far", bursts,
                  static_cast<unsigned long long>(callbacks));
        server.close();
        client.close();
    });
    const net::Result<net::Address> bound = server.bind_sync(0, "127.0.0.1");
    const platform::Error failed = bound ? server.set_recv_buffer_size(1 << 20) : bound.error();
    if (failed) {
        scene.fail(net::text(failed));
    } else {
        fire();
    }
    scene.run();
}

int summary() {
    int troubles = 0;
    std::printf("\n%-11s %10s %10s %7s %9s %14s\n", "scene", "datagrams", "bytes", "ticks", "ms",
                "datagrams/s");
    for (const Tally& tally : tallies) {
        if (!tally.trouble.empty()) {
            troubles += tally.missing ? 0 : 1;
            std::printf("%-11s %s\n", tally.scene.c_str(), tally.trouble.c_str());
            continue;
        }
        std::printf("%-11s %10zu %10zu %7llu %9.2f %14.0f\n", tally.scene.c_str(),
                    tally.datagrams, tally.bytes, static_cast<unsigned long long>(tally.ticks),
                    tally.seconds * 1e3,
                    tally.seconds > 0 ? static_cast<double>(tally.datagrams) / tally.seconds : 0);
    }
    return troubles;
}

net::Address path(const char* name) {
    const net::Result<net::Address> address = net::parse_path(name);
    return address ? *address : net::Address();
}

}  // namespace

int main() {
    std::printf("volley demo: what one tick asks to send leaves together at its end\n");
    const auto loopback = [](net::Family family) { return net::Address::loopback(family); };
    echo(net::Type::udp4, "udp4", loopback(net::Family::ipv4), loopback(net::Family::ipv4));
    echo(net::Type::udp6, "udp6", loopback(net::Family::ipv6), loopback(net::Family::ipv6));
    echo(net::Type::unix_dgram, "unix_dgram", path("demo-server.sock"), path("demo-client.sock"));
    name_lookup();
    multicast();
    burst();
    return summary() == 0 ? 0 : 1;
}
