// Sockets when memory is out, at each allocation in turn.
#ifdef __linux__

#include <memory>
#include <optional>

#include "core/stop.h"
#include "tests/core/scarce_memory.h"
#include "tests/net/receiver.h"
#include "tests/net/wire.h"

namespace {

using net::Address;
using net::Datagram;
using net::Failure;
using net::Family;
using net::LookupAnswer;
using net::Message;
using net::Options;
using net::Type;
using platform::Code;
using test::Audit;
using test::allocations_left;
using test::lasting;
using test::Wire;

// What a scene made of memory that was out.
struct Outcome {
    bool lacked = false;      // An allocation did fail.
    int run_errors = 0;       // run() said ENOMEM.
    int failures = 0;         // A callback or 'error' said so.
    int successes[5] = {};    // Of the callbacks of sends.
    int calls[5] = {};
    int closes = 0;
    int messages = 0;
};

// A socket sends, connects, receives and closes, while memory is out for the nth allocation, or
// for all that follow it.
Outcome play(int nth, bool for_good) {
    Outcome outcome;
    const Audit audit;
    core::Loop loop;
    Wire wire;
    core::StopSource source;
    const auto note = [&](const Failure& failure) {
        if (!failure) return;
        CHECK(failure.error.code == Code::out_of_memory);
        outcome.failures++;
    };
    loop.on_unhandled_error([&](platform::Error error, std::string_view text) {
        CHECK(error.code == Code::out_of_memory);
        CHECK(text.find("ENOMEM") != std::string_view::npos);
        outcome.failures++;
    });
    {
        lasting = for_good;
        allocations_left = nth;
        Options options{.type = Type::udp4};
        options.stop = source.token();
        options.lookup = [](std::string_view, Family family, LookupAnswer answer) {
            answer(Address::loopback(family));
        };
        Datagram socket(loop, std::move(options), [&] { outcome.messages++; });
        socket.on_error(note);
        socket.on_close([&] { outcome.closes++; });
        const auto sent = [&](std::size_t index) {
            return [&outcome, note, index](const Failure& failure, std::size_t) {
                outcome.calls[index]++;
                if (!failure) outcome.successes[index]++;
                if (index < 4) note(failure);
            };
        };
        const Address to = wire.address();
        const std::string_view text = "some bytes";
        socket.send(text, to, sent(0));
        socket.send({text, text, text, text, text}, to, sent(1));
        socket.send(text, to.port, "name.test", sent(2));
        socket.send(std::string("moved"), to, sent(3));
        socket.send(text, 0, sent(4));  // Refused in any case.
        for (int turns = 0; turns < 4; turns++) {
            const platform::Error error = loop.turn({loop.now().nanoseconds + 1'000'000});
            if (!error) continue;
            CHECK(error.code == Code::out_of_memory);
            outcome.run_errors++;
        }
        CHECK(socket.get_send_queue_count() == 0);  // Nothing waits for what will not come.
        if (const net::Result<Address> local = socket.address()) {
            CHECK(wire.write("x", Address::loopback(Family::ipv4, local->port)));
        }
        socket.close();
        test::settle(loop, 1);
        for (int turns = 0; turns < 4; turns++) {
            if (loop.turn({loop.now().nanoseconds + 1'000'000})) outcome.run_errors++;
        }
        outcome.lacked = for_good ? allocations_left == 0 : allocations_left < 0;
        allocations_left = -1;
        lasting = false;
    }
    const platform::Error error = loop.run();  // Nothing of it is left that could hold the loop.
    CHECK_FALSE(error);
    return outcome;
}

}  // namespace

TEST_CASE("[12] without memory a socket says so, once for each thing that fails") {
    for (const bool for_good : {false, true}) {
        int nth = 0;
        for (bool lacked = true; lacked && nth < 200; nth++) {
            CAPTURE(for_good);
            CAPTURE(nth);
            const Outcome outcome = play(nth, for_good);
            lacked = outcome.lacked;
            for (const int calls : outcome.calls) CHECK(calls <= 1);
            CHECK(outcome.closes <= 1);
            CHECK(outcome.successes[4] == 0);
            int successes = 0;
            for (const int each : outcome.successes) successes += each;
            const bool complete = successes == 4 && outcome.closes == 1;
            const bool told = outcome.run_errors > 0 || outcome.failures > 0;
            CHECK((complete || told));  // Nothing goes wrong without a word.
            if (!lacked) CHECK((complete && !outcome.run_errors && !outcome.failures));
        }
        CHECK(nth > 5);
        CHECK(nth < 200);
    }
}

TEST_CASE("[12] a socket made without memory drops what it is asked, and run() says why") {
    const Audit audit;
    core::Loop loop;
    for (int nth = 0; nth < 3; nth++) {
        CAPTURE(nth);
        lasting = true;
        allocations_left = nth;
        std::optional<Datagram> socket(std::in_place, loop, Type::udp4, [] {});
        allocations_left = -1;
        lasting = false;
        const bool lacked = loop.next_deadline() == core::Instant{};
        CHECK((lacked || nth == 2));
        if (!lacked) break;
        socket->bind(0, [] { CHECK(false); });
        socket->send("x", 9, [] { CHECK(false); });
        CHECK(socket->off(socket->on_error([] {})) == (nth > 0));
        CHECK_FALSE(socket->bind_sync());
        CHECK_FALSE(socket->address());
        socket->ref().unref().close([] { CHECK(false); });
        CHECK(loop.run().code == Code::out_of_memory);
        const platform::Error error = loop.run();
        CHECK_FALSE(error);
    }
    Datagram healthy(loop, Type::udp4);
    CHECK(healthy.bind_sync());
}

#endif
