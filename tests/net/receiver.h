// What the tests of sending share: a socket that keeps what it hears, and callbacks that note what
// they are told.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/net/support.h"

namespace test {

inline std::string_view loopback(net::Type type) {
    return type == net::Type::udp6 ? "::1" : "127.0.0.1";
}

// run(), which has to end by itself, and soon. It may throw.
inline bool runs_out(core::Loop& loop) {
    struct Guard {
        explicit Guard(core::Loop& guarded) {
            timer = guarded.after(5s, [this, &guarded] {
                late = true;
                guarded.stop();
            });
            timer.unref();
        }
        ~Guard() { timer.cancel(); }
        core::Timer timer;
        bool late = false;
    } guard(loop);
    return !loop.run() && !guard.late;
}

// Bound to loopback at once, or the test fails: the address is then empty.
inline net::Address bind_loopback(net::Datagram& socket, net::Type type = net::Type::udp4) {
    const net::Result<net::Address> local = socket.bind_sync(0, loopback(type));
    REQUIRE(local);
    return local ? *local : net::Address{};
}

// A socket asks for trains in one piece when datagrams have come together: these two do.
inline void teach_trains(core::Loop& loop, net::Datagram& socket, const net::Address& local) {
    int heard = 0;
    const net::ListenerId counting = socket.on_message([&] { heard++; });
    const bool six = local.family == platform::Family::ipv6;
    net::Datagram sender(loop, six ? net::Type::udp6 : net::Type::udp4);
    for (const std::string_view word : {"first", "second"}) sender.send(word, local);
    CHECK(run_until(loop, [&] { return heard == 2; }));
    socket.off(counting);
}

// Keeps the datagrams it hears, and does not hold run().
struct Receiver {
    explicit Receiver(core::Loop& owner, net::Type type = net::Type::udp4)
        : Receiver(owner, net::Options{.type = type}) {}
    Receiver(core::Loop& owner, net::Options options)
        : Receiver(owner, options.type, std::move(options)) {}
    Receiver(core::Loop& owner, std::string_view path)
        : loop(owner), socket(owner, net::Type::unix_dgram) {
        const net::Result<net::Address> local = socket.bind_sync(path);
        REQUIRE(local);
        if (local) address = *local;
        listen();
    }
    Receiver(const Receiver&) = delete;
    Receiver& operator=(const Receiver&) = delete;

    int port() const { return address.port; }
    bool hears(std::size_t count) {
        return run_until(loop, [&] { return texts.size() >= count; });
    }
    std::string text() const {
        std::string all;
        for (const std::string& each : texts) all += (all.empty() ? "" : " ") + each;
        return all;
    }

    core::Loop& loop;
    net::Datagram socket;
    net::Address address;
    std::vector<std::string> texts;

   private:
    Receiver(core::Loop& owner, net::Type type, net::Options&& options)
        : loop(owner), socket(owner, std::move(options)), address(bind_loopback(socket, type)) {
        listen();
    }
    void listen() {
        socket.unref();
        socket.on_message([this](const net::Message& message) {
            texts.emplace_back(message.text());
        });
    }
};

// What callbacks were told, in the order of their calls: "5", or "send EMSGSIZE 127.0.0.1:9".
struct Told : Log {
    auto sent() {
        return [this](const net::Failure& failure, std::size_t bytes) {
            add(failure ? failure.text() : std::to_string(bytes));
        };
    }
    auto failed() {
        return [this](const net::Failure& failure) { add(failure.text()); };
    }
    auto connected() {
        return [this](const net::Failure& failure) { add(failure ? failure.text() : "connected"); };
    }
    auto word(std::string what) {
        return [this, what] { add(what); };
    }
    std::size_t count() const { return lines.size(); }
};

}  // namespace test
