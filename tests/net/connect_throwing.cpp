// Listeners and callbacks of connect that throw: each outcome comes once, in this run() or a later.
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/net/support.h"
#include "tests/net/throwing.h"

namespace {

using net::Address;
using net::Datagram;
using net::Failure;
using net::Family;
using net::LookupAnswer;
using net::Type;
using test::Audit;
using test::Log;

}  // namespace

TEST_CASE("[7][24] a throwing 'connect' does not cost the callback its call") {
    const Audit audit;
    core::Loop loop;
    Datagram socket(loop, Type::udp4);
    Datagram other(loop, Type::udp4);
    Log log;
    const auto id = socket.on_connect([&] {
        log.add("event");
        throw 1;
    });
    socket.connect(9, [&](const Failure& failure) {
        CHECK_FALSE(failure);
        log.add("callback");
        socket.close();
        throw 2;
    });
    other.connect(9, [&](const Failure& failure) {
        CHECK_FALSE(failure);
        log.add("other");
        other.close();
    });
    CHECK_THROWS_AS((void)loop.run(), int);
    CHECK(log.text() == "event");
    CHECK(socket.remote_address());
    CHECK(socket.off(id));
    CHECK(test::runs_that_throw<int>(loop) == 1);
    CHECK(log.text() == "event other callback");
}

TEST_CASE("[7][24] a callback that throws on success or failure runs once") {
    const Audit audit;
    core::Loop loop;
    for (const int port : {9, 0}) {
        CAPTURE(port);
        Datagram socket(loop, Type::udp4);
        int called = 0;
        socket.connect(port, [&](const Failure& failure) {
            CHECK(static_cast<bool>(failure) == (port == 0));
            called++;
            throw 1;
        });
        socket.unref();
        CHECK(test::runs_that_throw<int>(loop) == 1);
        CHECK(called == 1);
        if (port == 0) socket.connect(9);
        CHECK(test::runs_that_throw<int>(loop) == 0);
        CHECK(socket.remote_address());
        CHECK_FALSE(socket.disconnect());
    }
}

TEST_CASE("[7][24] throwing in the callback of a failure, after it was connected again there") {
    const Audit audit;
    core::Loop loop;
    Datagram socket(loop, Type::udp4);
    socket.unref();
    int failures = 0;
    int errors = 0;
    socket.on_error([&](const Failure& failure) {
        CHECK(failure.text() == "connect EINVAL ::1:9");
        errors++;
        if (errors < 10) socket.connect(9, "::1");
        if (errors == 10) socket.connect(9);
        throw errors;
    });
    socket.connect(9, "::1", [&](const Failure& failure) {
        CHECK(failure.code() == "EINVAL");
        failures++;
        socket.connect(9, "::1");
        throw failures;
    });
    CHECK(test::runs_that_throw<int>(loop) == 11);
    CHECK(failures == 1);
    CHECK(errors == 10);
    CHECK(socket.remote_address());
}

TEST_CASE("[7][24] sends that fail with their connect hear of it, though all of them throw") {
    const Audit audit;
    core::Loop loop;
    Datagram socket(loop, {.lookup = [](std::string_view, Family, LookupAnswer answer) {
                        answer(platform::Error{platform::Code::lookup_not_found,
                                               platform::Operation::lookup});
                    }});
    socket.unref();
    std::vector<int> told;
    socket.connect(9, "nowhere", [&](const Failure&) {
        told.push_back(0);
        throw 0;
    });
    for (int i = 1; i <= 5; i++) {
        socket.send("x", [&told, i](const Failure& failure, std::size_t) {
            CHECK(failure.text() == "getaddrinfo ENOTFOUND nowhere");
            told.push_back(i);
            throw i;
        });
    }
    CHECK(test::runs_that_throw<int>(loop) == 6);
    CHECK(told == std::vector<int>{0, 1, 2, 3, 4, 5});
    CHECK(socket.get_send_queue_count() == 0);
}

TEST_CASE("[7][24] in a throwing 'connect': destroyed, the callback goes; closed, it comes first") {
    const Audit audit;
    core::Loop loop;
    for (const bool destroys : {false, true}) {
        auto socket = std::make_unique<Datagram>(loop, Type::udp4);
        Log log;
        const auto held = std::make_shared<int>();
        socket->on_close([&] { log.add("close"); });
        socket->on_connect([&] {
            log.add("event");
            if (destroys) socket.reset();
            if (!destroys) socket->close();
            throw 1;
        });
        socket->connect(9, [&, held](const Failure&) { log.add("callback"); });
        CHECK(test::runs_that_throw<int>(loop) == 1);
        CHECK(log.text() == (destroys ? "event" : "event callback close"));
        CHECK(held.use_count() == 1);
    }
}

TEST_CASE("[7][27] an 'error' that throws for a refusal, and the socket lives on") {
    const Audit audit;
    core::Loop loop;
    Datagram peer(loop, Type::udp4);
    Datagram gone(loop, Type::udp4);
    const auto nobody = gone.bind_sync(0, "127.0.0.1");
    REQUIRE(nobody);
    if (!nobody) return;
    gone.close();
    test::settle(loop);
    Datagram socket(loop, Type::udp4);
    int refusals = 0;
    socket.on_error([&](const Failure& failure) {
        CHECK(failure.text() == "recvmsg ECONNREFUSED");
        refusals++;
        if (refusals == 3) {
            socket.close();
        } else {
            socket.send("x");
        }
        throw refusals;
    });
    CHECK(socket.connect_sync(nobody->port));
    socket.send("x");
    CHECK(test::runs_that_throw<int>(loop) == 3);
    CHECK(refusals == 3);
}
