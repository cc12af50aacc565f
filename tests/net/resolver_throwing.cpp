// Callbacks of look-ups that throw: the exception leaves run(), and nothing else is lost.
#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <string>

#include "net/resolver.h"

namespace {

using net::Address;
using net::Family;
using net::LookupWaiter;
using net::Resolver;

}  // namespace

TEST_CASE("[7] a callback that throws leaves the rest to the next turn, in order") {
    for (const char* host : {"127.0.0.1", "localhost", "a..b"}) {
        CAPTURE(host);
        core::Loop loop;
        Resolver resolver(loop);
        std::string order;
        const auto held = std::make_shared<int>();
        for (int i = 0; i < 6; i++) {
            resolver.lookup(host, Family::ipv4, [&order, held, i] {
                order += std::to_string(i);
                if (i % 2 == 0) throw i;
            });
        }
        CHECK_THROWS_AS((void)loop.run(), int);
        CHECK(order == "0");
        CHECK(held.use_count() == 6);  // The one that threw has gone.
        CHECK_THROWS_AS((void)loop.run(), int);
        CHECK(order == "012");
        CHECK_THROWS_AS((void)loop.run(), int);
        CHECK_FALSE(loop.run());
        CHECK(order == "012345");
        CHECK(held.use_count() == 1);
    }
}

TEST_CASE("[7] after an exception one can still cancel, ask anew, and end the loop") {
    const auto held = std::make_shared<int>();
    std::optional<core::Loop> loop(std::in_place);
    Resolver resolver(*loop);
    std::string order;
    resolver.lookup("localhost", Family::ipv4, [] { throw 1; });
    const Resolver::Id second =
        resolver.lookup("localhost", Family::ipv4, [&order, held] { order += '2'; });
    resolver.lookup("localhost", Family::ipv4, [&order, held] { order += '3'; });
    CHECK_THROWS_AS((void)loop->run(), int);
    CHECK(resolver.cancel(second));
    CHECK(held.use_count() == 2);
    resolver.lookup("localhost", Family::ipv4, [&order] { order += '4'; });
    CHECK_FALSE(loop->run());
    CHECK(order == "34");

    resolver.lookup("localhost", Family::ipv4, [] { throw 1; });
    resolver.lookup("localhost", Family::ipv4, [&order, held] { order += '5'; });
    resolver.lookup("::1", Family::none, [&order, held] { order += '6'; });
    CHECK_THROWS_AS((void)loop->run(), int);
    loop.reset();
    CHECK(held.use_count() == 1);
}

TEST_CASE("[7] a waiter's owner may throw") {
    struct Thrower : LookupWaiter {
        Thrower()
            : LookupWaiter([](LookupWaiter&, net::Result<Address>) { throw 1; }) {}
    };
    core::Loop loop;
    Thrower waiters[3];
    for (Thrower& waiter : waiters) net::resolve(loop, waiter, "localhost", Family::ipv4);
    for (int i = 0; i < 3; i++) {
        CAPTURE(i);
        CHECK_THROWS_AS((void)loop.run(), int);
        CHECK_FALSE(waiters[i].waiting());
    }
    CHECK_FALSE(loop.run());
}
