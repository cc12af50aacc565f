// Exceptions out of everything that a send may call: they leave run(), which may be called again,
// and every other outcome comes exactly once.
#ifdef __linux__

#include <optional>
#include <stdexcept>

#include "tests/net/faults.h"
#include "tests/net/receiver.h"
#include "tests/net/throwing.h"

namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using net::Address;
using net::Datagram;
using net::Failure;
using net::Family;
using net::LookupAnswer;
using net::Options;
using net::Type;
using test::Audit;
using test::Call;
using test::Fault;
using test::Receiver;
using test::run_until;
using test::settle;
using test::Told;

constexpr int for_ever = 1 << 30;

struct Thrown {};

}  // namespace

TEST_CASE("[7][31] a send callback that throws: the others are called once, in order") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    for (int thrower = 0; thrower < 6; thrower++) {
        Told told;
        Datagram sender(loop, Type::udp4);
        for (int i = 0; i < 6; i++) {
            sender.send("x", receiver.port(), [&told, i, thrower](const Failure& failure) {
                CHECK_FALSE(failure);
                told.add(std::to_string(i));
                if (i == thrower) throw Thrown();
            });
        }
        sender.close(told.word("close"));
        CHECK(test::runs_that_throw<Thrown>(loop) == 1);
        CHECK(told.text() == "0 1 2 3 4 5 close");
    }
    CHECK(receiver.hears(36));
}

TEST_CASE("[7][31] all of them throw, and send again before they do") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    int called = 0;
    Datagram sender(loop, Type::udp4);
    for (int i = 0; i < 5; i++) {
        sender.send("x", receiver.port(), [&] {
            called++;
            sender.send("y", receiver.port(), [&] {
                called++;
                if (called == 10) sender.close();
                throw Thrown();
            });
            throw Thrown();
        });
    }
    CHECK(test::runs_that_throw<Thrown>(loop) == 10);
    CHECK(called == 10);
    CHECK(receiver.hears(10));
    CHECK(receiver.text() == "x x x x x y y y y y");
}

TEST_CASE("[7][31] an 'error' listener and the loop's hook may throw for each failed send") {
    const Audit audit;
    core::Loop loop;
    for (const bool listens : {true, false}) {
        Told told;
        Datagram sender(loop, Type::udp4);
        const auto fail = [&](std::string_view text) {
            told.add(std::string(text));
            throw Thrown();
        };
        if (listens) {
            sender.on_error([&](const Failure& failure) { fail(failure.text()); });
        } else {
            loop.on_unhandled_error([&](net::Error, std::string_view text) { fail(text); });
        }
        const std::string big(65508, 'x');
        sender.send(big, 9);
        sender.send("x", 70000);
        sender.send(big, 9);
        sender.send("y", 9, told.sent());
        sender.close(told.word("close"));
        CHECK(test::runs_that_throw<Thrown>(loop) == 3);
        CHECK(told.lines == std::vector{"send EMSGSIZE 127.0.0.1:9"s,
                                        "Port should be > 0 and < 65536. Received 70000."s,
                                        "send EMSGSIZE 127.0.0.1:9"s, "1"s, "close"s});
    }
}

TEST_CASE("[7][30] 'listening' throws with sends queued behind it") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    Told told;
    Datagram sender(loop, Type::udp4);
    sender.on_listening([&] {
        told.add("listening");
        throw Thrown();
    });
    sender.send("a", receiver.port(), told.sent());
    sender.send("b", receiver.port(), told.sent());
    sender.unref();
    CHECK(test::runs_that_throw<Thrown>(loop) == 1);
    CHECK(told.text() == "listening 1 1");
    CHECK(receiver.hears(2));
}

TEST_CASE("[7][31] destroyed inside a callback that then throws") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    Told told;
    std::optional<Datagram> sender(std::in_place, loop, Type::udp4);
    Datagram other(loop, Type::udp4);
    sender->on_close(told.word("close"));
    sender->send("a", receiver.port(), [&] {
        sender.reset();
        throw Thrown();
    });
    sender->send("b", receiver.port(), told.word("never"));
    other.send("c", receiver.port(), told.sent());
    other.close();
    CHECK(test::runs_that_throw<Thrown>(loop) == 1);
    CHECK(told.text() == "1");
    CHECK(receiver.hears(3));
}

TEST_CASE("[7][35] the queue outlasts exceptions: what waits for room leaves later") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    Told told;
    Datagram sender(loop, Type::udp4);
    REQUIRE(sender.bind_sync());
    {
        const Fault one(Call::sendmsg, EAGAIN, for_ever);
        const Fault many(Call::sendmmsg, EAGAIN, for_ever);
        sender.send("a", receiver.port(), [&] {
            told.add("a");
            throw Thrown();
        });
        sender.send("b", receiver.port(), told.sent());
        for (int i = 0; i < 10; i++) {
            loop.post([] { throw Thrown(); });
            CHECK_THROWS_AS((void)loop.turn(), Thrown);
        }
        CHECK(sender.get_send_queue_count() == 2);
        CHECK(told.count() == 0);
    }
    sender.close(told.word("close"));
    CHECK(test::runs_that_throw<Thrown>(loop) == 1);
    CHECK(told.text() == "a 1 close");
    CHECK(receiver.hears(2));
}

TEST_CASE("[7][36] 'drain' throws, and comes again when it is due again") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    Told told;
    int refused = 0;
    Datagram sender(loop, Options{.type = Type::udp4, .send_queue_datagrams_max = 1});
    sender.on_drain([&] {
        told.add("drain");
        throw Thrown();
    });
    sender.on_drain(told.word("second"));
    sender.on_error([&] {
        refused++;
        throw Thrown();
    });
    REQUIRE(sender.bind_sync());
    for (int round = 1; round <= 2; round++) {
        int thrown = 0;
        {
            const Fault one(Call::sendmsg, EAGAIN, for_ever);
            sender.send("x", receiver.port(), told.sent());
            sender.send("y", receiver.port());
            try {
                settle(loop);
            } catch (const Thrown&) {
                thrown++;
            }
        }
        while (thrown < 2) {
            try {
                settle(loop);
            } catch (const Thrown&) {
                thrown++;
            }
        }
        settle(loop);
        CHECK(refused == round);
    }
    CHECK(told.text() == "1 drain 1 drain");
    CHECK(receiver.hears(2));
}

TEST_CASE("[7][11] a look-up that throws costs its own send; one that answered first, nothing") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    Told told;
    int asked = 0;
    Datagram sender(loop, Options{.type = Type::udp4,
                                  .lookup = [&](std::string_view host, Family family,
                                                LookupAnswer answer) {
                                      asked++;
                                      if (host == "answers") answer(Address::loopback(family));
                                      throw Thrown();
                                  }});
    sender.send("a", receiver.port(), "throws", told.sent());
    sender.send("b", receiver.port(), told.sent());
    sender.send("c", receiver.port(), "answers", told.sent());
    sender.send("d", receiver.port(), "throws", told.sent());
    sender.close(told.word("close"));
    CHECK(test::runs_that_throw<Thrown>(loop) == 3);
    CHECK(asked == 3);
    CHECK(told.count() == 5);
    CHECK(told.lines.back() == "close");
    std::size_t sent = 0;
    std::size_t cancelled = 0;
    for (const std::string& line : told.lines) sent += line == "1";
    for (const std::string& line : told.lines) {
        cancelled += line == "getaddrinfo ECANCELED throws";
    }
    CHECK(sent == 2);
    CHECK(cancelled == 2);
    CHECK(receiver.hears(2));
    CHECK(receiver.text() == "b c");
}

TEST_CASE("[7][42] destroyed inside a look-up that then throws") {
    const Audit audit;
    core::Loop loop;
    Told told;
    std::optional<Datagram> sender;
    sender.emplace(loop, Options{.type = Type::udp4,
                                 .lookup = [&](std::string_view, Family, LookupAnswer) {
                                     sender.reset();
                                     throw Thrown();
                                 }});
    sender->send("a", 9, "name", told.sent());
    sender->send("b", 9, "name", told.sent());
    CHECK(test::runs_that_throw<Thrown>(loop) == 1);
    CHECK(told.count() == 0);
}

TEST_CASE("[7][29] refusals throw, each once") {
    const Audit audit;
    core::Loop loop;
    int called = 0;
    Datagram sender(loop, Type::udp4);
    for (int i = 0; i < 4; i++) {
        sender.send("x", 0, [&] {
            called++;
            throw Thrown();
        });
    }
    CHECK(test::runs_that_throw<Thrown>(loop) == 4);
    CHECK(called == 4);
}

#endif
