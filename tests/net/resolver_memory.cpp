// Look-ups when memory is out, at each allocation in turn. The allocation without exceptions, which
// is the library's only one, is this program's own here and fails when it is told to.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <new>
#include <string>

#include "net/resolver.h"

namespace {

using net::Failure;
using net::Family;
using net::LookupWaiter;
using net::Resolver;
using platform::Code;
using platform::Error;
using platform::Operation;

std::atomic<int> allocations{0};
std::atomic<int> allocations_left{-1};  // Until one fails; negative: none will.

bool allocation_fails() {
    allocations++;
    int left = allocations_left;
    while (left >= 0 && !allocations_left.compare_exchange_weak(left, left - 1)) {
    }
    return left == 0;
}

struct Told {
    unsigned times = 0;
    std::string failure{};
};

struct Waiter : LookupWaiter {
    Waiter()
        : LookupWaiter([](LookupWaiter& waiter, net::Result<net::Address> result) {
              Waiter& self = static_cast<Waiter&>(waiter);
              self.times++;
              self.error = result.error();
          }) {}
    unsigned times = 0;
    Error error{};
};

// What a loop and its look-ups made of memory that was out.
struct Outcome {
    bool failed_run = false;
    int failed_callbacks = 0;
    int failed_waiters = 0;
    bool complete = false;  // There was no allocation left to fail.
};

// The nth allocation fails, counted from zero; a lasting lack also fails the first one of each call
// that follows.
Outcome look_up_without(int nth, bool lasting) {
    Outcome outcome;
    core::Loop loop;
    Resolver resolver(loop);
    const char* const hosts[] = {"::1", "localhost", "127.1"};
    Told told[3];
    Waiter waiters[2];
    Resolver::Id ids[3];
    const auto held = std::make_shared<int>();
    const auto tell = [&](Told& to) {
        return [&to, held](const Failure& failure) {
            to.times++;
            to.failure = failure.text();
        };
    };
    allocations = 0;
    allocations_left = nth;
    const auto go_on = [&] {
        if (lasting && allocations > nth) allocations_left = 0;
    };
    for (int i = 0; i < 3; i++) {
        ids[i] = resolver.lookup(hosts[i], Family::none, tell(told[i]));
        go_on();
    }
    net::resolve(loop, waiters[0], "localhost", Family::ipv4);
    go_on();
    net::resolve(loop, waiters[1], "::1", Family::ipv6);
    outcome.complete = allocations <= nth;
    allocations_left = -1;
    CHECK(held.use_count() == 1 + std::count_if(ids, ids + 3, [](auto id) { return bool(id); }));

    const Error error = loop.run();
    outcome.failed_run = static_cast<bool>(error);
    if (error) {
        CHECK(error == Error{Code::out_of_memory, Operation::lookup});
        CHECK_FALSE(loop.run());
    }
    for (int i = 0; i < 3; i++) {
        CAPTURE(i);
        CHECK(told[i].times == (ids[i] ? 1 : 0));
        CHECK((ids[i] || error));
        outcome.failed_callbacks += told[i].failure.find("ENOMEM") != std::string::npos;
    }
    for (Waiter& waiter : waiters) {
        CHECK(waiter.times == 1);
        CHECK((!waiter.error || waiter.error.code == Code::out_of_memory));
        outcome.failed_waiters += static_cast<bool>(waiter.error);
    }
    Told again;  // Nothing of it sticks.
    resolver.lookup("localhost", Family::none, tell(again));
    CHECK_FALSE(loop.run());
    CHECK(again.times == 1);
    CHECK(again.failure == "");
    return outcome;
}

}  // namespace

void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    return allocation_fails() ? nullptr : ::operator new(size);
}

TEST_CASE("memory that is out, at any point, is an outcome, and the next look-up works") {
    for (const bool lasting : {false, true}) {
        CAPTURE(lasting);
        int failed_runs = 0;
        int failed_callbacks = 0;
        int failed_waiters = 0;
        Outcome outcome;
        for (int nth = 0; !outcome.complete && nth < 1000; nth++) {
            CAPTURE(nth);
            outcome = look_up_without(nth, lasting);
            failed_runs += outcome.failed_run;
            failed_callbacks += outcome.failed_callbacks;
            failed_waiters += outcome.failed_waiters;
        }
        CHECK(outcome.complete);
        CHECK_FALSE(outcome.failed_run);
        CHECK(failed_runs > 5);
        CHECK(failed_callbacks > 0);  // The threads' pool had no memory for itself.
        CHECK(failed_waiters > 1);
    }
}
