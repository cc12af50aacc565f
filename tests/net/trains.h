// What the tests of trains share: a sender, its receivers, and a plan of what one tick sends to
// whom. Whatever way the datagrams take, alone or as trains, what is heard and told is the same:
// each once, whole, in the order of the calls for each destination.
// Catch: receivers may have little room (212,992 bytes): no more than 200 small datagrams for each.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/net/receiver.h"

namespace test {

// Whether this kernel has them at all. Found out before anything is counted.
inline bool kernel_has_trains() {
    core::Loop loop;
    return platform::segmentation(loop.poller()).segments_max > 1;
}

enum class Form : std::uint8_t { view, list, long_list, moved };

// One datagram of a plan.
struct Item {
    std::size_t to = 0;
    std::size_t size = 0;
    Form form = Form::view;
};
using Plan = std::vector<Item>;

inline void add(Plan& plan, std::size_t count, std::size_t size, std::size_t to = 0) {
    for (std::size_t i = 0; i < count; i++) plan.push_back({to, size});
}

// So many bytes, of which no two datagrams (and no two halves of one) have the same.
inline std::string content_of(std::size_t serial, std::size_t size) {
    std::string content;
    content.reserve(size);
    std::uint32_t state = static_cast<std::uint32_t>(serial) * 2654435761u + 12345u;
    for (std::size_t i = 0; i < size; i++) {
        state = state * 1664525u + 1013904223u;
        content.push_back(static_cast<char>(state >> 24));
    }
    return content;
}

// How the sender names its receivers. A connected sender has one.
enum class Route : std::uint8_t { udp4, udp6, mapped, connected4, connected6, connected_mapped };

constexpr Route all_routes[] = {Route::udp4,       Route::udp6,       Route::mapped,
                                Route::connected4, Route::connected6, Route::connected_mapped};

constexpr bool is_connected(Route route) { return route >= Route::connected4; }

constexpr net::Type sending_type(Route route) {
    return route == Route::udp4 || route == Route::connected4 ? net::Type::udp4 : net::Type::udp6;
}

constexpr net::Type receiving_type(Route route) {
    return route == Route::udp6 || route == Route::connected6 ? net::Type::udp6 : net::Type::udp4;
}

// Who asks for trains.
struct Wishes {
    bool sender = true;
    bool receiver = true;
};
constexpr Wishes all_wishes[] = {{true, true}, {true, false}, {false, true}, {false, false}};

struct Conversation {
    explicit Conversation(Route way, Wishes wishes = {}, std::size_t receiver_count = 1)
        : route(way),
          sender(loop, {.type = sending_type(way), .segmentation = wishes.sender}) {
        for (std::size_t i = 0; i < receiver_count; i++) add_receiver(wishes.receiver);
        sender.on_error([this](const net::Failure& failure) { errors.push_back(failure.text()); });
        if (!is_connected(way)) return;
        const net::Result<net::Address> peer = sender.connect_sync(to[0].port, to[0].host());
        CHECK(peer);
    }
    Conversation(const Conversation&) = delete;
    Conversation& operator=(const Conversation&) = delete;

    void add_receiver(bool trains = true) {
        net::Options options{.type = receiving_type(route),
                             .recv_buffer_size = 4 << 20,
                             .segmentation = trains};
        receivers.push_back(std::make_unique<Receiver>(loop, std::move(options)));
        const bool mapped = route == Route::mapped || route == Route::connected_mapped;
        const net::Address& local = receivers.back()->address;
        if (trains) teach_trains(loop, receivers.back()->socket, local);
        receivers.back()->texts.clear();
        const net::Result<net::Address> seen =
            mapped ? net::parse_literal("::ffff:127.0.0.1", local.port)
                   : net::Result<net::Address>(local);
        CHECK(seen);
        if (seen) to.push_back(*seen);
        expected.emplace_back();
        told.emplace_back();
        expected_told.emplace_back();
    }

    // Asks for what the plan says. The contents stay here, as the caller's bytes have to.
    void ask(const Plan& plan) {
        for (const Item& item : plan) {
            const std::string& content = contents.emplace_back(content_of(serial, item.size));
            expected[item.to].push_back(content);
            expected_told[item.to].push_back(std::to_string(serial) + ": " +
                                             std::to_string(item.size));
            ask(item, content);
            serial++;
            wanted++;
        }
    }

    // Turns until everything that was asked for has been told and heard, and nothing more.
    bool ends_well() {
        const bool complete = run_until(loop, [&] {
            std::size_t heard = 0;
            for (const auto& receiver : receivers) heard += receiver->texts.size();
            return heard >= wanted && answered >= wanted;
        });
        settle(loop, 2);
        bool same = true;
        for (std::size_t i = 0; i < receivers.size(); i++) {
            same = same && receivers[i]->texts == expected[i] && told[i] == expected_told[i];
        }
        CHECK(complete);
        CHECK(same);
        CHECK(errors.empty());
        return complete && same && errors.empty() && sender.get_send_queue_count() == 0;
    }

    bool carries(const Plan& plan) {
        ask(plan);
        return ends_well();
    }

    core::Loop loop;
    Route route;
    std::vector<std::unique_ptr<Receiver>> receivers;
    net::Datagram sender;
    std::vector<net::Address> to;
    std::vector<std::string> errors;
    std::deque<std::string> contents;
    std::size_t serial = 0;
    std::size_t wanted = 0;
    std::size_t answered = 0;
    std::vector<std::vector<std::string>> expected;  // By receiver.
    std::vector<std::vector<std::string>> told;
    std::vector<std::vector<std::string>> expected_told;

   private:
    void ask(const Item& item, const std::string& content) {
        const auto callback = [this, number = static_cast<std::uint32_t>(serial),
                               receiver = static_cast<std::uint32_t>(item.to)](
                                  const net::Failure& failure, std::size_t bytes) {
            answered++;
            told[receiver].push_back(std::to_string(number) + ": " +
                                     (failure ? failure.text() : std::to_string(bytes)));
        };
        const net::Bytes all(content);
        const std::size_t half = item.size / 2;
        std::vector<net::Bytes> parts{all.first(half), {}, all.subspan(half)};
        if (item.form == Form::long_list) {
            parts.clear();
            for (std::size_t i = 0; i < 7; i++) {
                const std::size_t begin = item.size * i / 7;
                parts.push_back(all.subspan(begin, item.size * (i + 1) / 7 - begin));
            }
        }
        switch (item.form) {
            case Form::view: return send(all, item.to, callback);
            case Form::moved: return send(std::string(content), item.to, callback);
            case Form::list:
            case Form::long_list: return send(parts, item.to, callback);
        }
    }

    template <class Callback>
    void send(net::Payload payload, std::size_t receiver, const Callback& callback) {
        if (is_connected(route)) {
            sender.send(std::move(payload), callback);
        } else {
            sender.send(std::move(payload), to[receiver], callback);
        }
    }
};

}  // namespace test
