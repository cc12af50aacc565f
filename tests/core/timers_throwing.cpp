// Timer callbacks that throw: the exception passes through expire and leaves every timer in order.
#include "core/timers.h"

#include <doctest/doctest.h>

#include <memory>
#include <stdexcept>
#include <string>

namespace {

using core::TimerId;
using core::Timers;

TEST_CASE("[7] a callback that throws leaves the rest due for the next expire, in order") {
    Timers timers(0);
    std::string order;
    const auto held = std::make_shared<int>();
    timers.start(10, 0, [&] { order += 'a'; });
    const TimerId thrower = timers.start(11, 0, [&, held] {
        order += 'b';
        timers.start(0, 0, [&] { order += 'e'; });
        throw std::runtime_error("b");
    });
    timers.start(11, 0, [&] { order += 'c'; });
    const TimerId last = timers.start(12, 0, [&] { order += 'd'; });
    timers.start(21, 0, [&] { order += 'f'; });
    CHECK_THROWS_AS(timers.expire(20), std::runtime_error);
    CHECK(order == "ab");
    CHECK(held.use_count() == 1);
    CHECK_FALSE(timers.active(thrower));
    CHECK(timers.active(last));
    CHECK(timers.referenced() == 4);
    CHECK(timers.next_deadline() == 11);
    timers.expire(30);
    CHECK(order == "abcdef");
    CHECK(timers.referenced() == 0);
}

TEST_CASE("[7] what an exception left due can be cancelled and restarted") {
    Timers timers(0);
    std::string order;
    timers.start(10, 0, [] { throw std::runtime_error("first"); });
    const TimerId cancelled = timers.start(10, 0, [&] { order += 'a'; });
    const TimerId restarted = timers.start(10, 0, [&] { order += 'b'; });
    timers.start(10, 0, [&] { order += 'c'; });
    CHECK_THROWS_AS(timers.expire(10), std::runtime_error);
    CHECK(timers.cancel(cancelled));
    CHECK(timers.restart(restarted, 10));
    timers.expire(10);
    CHECK(order == "cb");
}

TEST_CASE("[7] a repeating timer that throws stays armed, on its grid") {
    Timers timers(0);
    int calls = 0;
    const TimerId id = timers.start(20, 20, [&] {
        calls++;
        throw std::runtime_error("always");
    });
    for (int i = 1; i <= 5; i++) {
        CHECK_THROWS_AS(timers.expire(20 * i + 3), std::runtime_error);
        CHECK(calls == i);
        CHECK(timers.active(id));
        CHECK(timers.next_deadline() == 20 * (i + 1));
        timers.expire(20 * i + 3);
        CHECK(calls == i);
    }
}

TEST_CASE("[7] cancelled or restarted before it throws: that counts") {
    Timers timers(0);
    const auto held = std::make_shared<int>();
    TimerId repeating;
    repeating = timers.start(10, 10, [&, held] {
        CHECK(timers.cancel(repeating));
        CHECK(held.use_count() == 2);
        throw std::runtime_error("cancelled");
    });
    CHECK_THROWS_AS(timers.expire(10), std::runtime_error);
    CHECK(held.use_count() == 1);
    CHECK(timers.next_deadline() == Timers::never);

    int calls = 0;
    TimerId once;
    once = timers.start(20, 0, [&, held] {
        if (++calls == 2) return;
        CHECK(timers.restart(once, 30));
        throw std::runtime_error("restarted");
    });
    CHECK_THROWS_AS(timers.expire(20), std::runtime_error);
    CHECK(held.use_count() == 2);
    CHECK(timers.active(once));
    timers.expire(30);
    CHECK(calls == 2);
    CHECK(held.use_count() == 1);
}

}  // namespace
