// Listeners that throw: the exception passes through emit and leaves the signal intact.
#include "core/signal.h"

#include <doctest/doctest.h>

#include <memory>
#include <stdexcept>
#include <string>

namespace {

using core::ListenerId;
using core::Signal;

TEST_CASE("[7] a listener that throws ends the emit, and the next one calls everybody") {
    Signal<> signal;
    std::string order;
    bool angry = true;
    signal.on([&] { order += 'a'; });
    signal.on([&] {
        order += 'b';
        if (angry) throw std::runtime_error("b");
    });
    signal.on([&] { order += 'c'; });
    CHECK_THROWS_AS(signal.emit(), std::runtime_error);
    CHECK(order == "ab");
    CHECK(signal.count() == 3);
    angry = false;
    CHECK(signal.emit());
    CHECK(order == "ababc");
}

TEST_CASE("[7] a one-shot listener that throws is gone, with what it captured") {
    Signal<> signal;
    const auto held = std::make_shared<int>();
    for (std::size_t others = 0; others < 3; others++) {
        signal.once([held] { throw std::runtime_error("once"); });
        CHECK(held.use_count() == 2);
        CHECK_THROWS_AS(signal.emit(), std::runtime_error);
        CHECK(held.use_count() == 1);
        CHECK(signal.count() == others);
        CHECK(signal.emit() == (others > 0));
        signal.on([] {});
    }
}

TEST_CASE("[7] an exception out of nested emits leaves removals and additions as they were made") {
    Signal<int> signal;
    const auto held = std::make_shared<int>();
    int last = 0;
    ListenerId id = 0;
    id = signal.on([&, held](int depth) {
        if (depth < 3) {
            signal.emit(depth + 1);
            return;
        }
        signal.off(id);
        signal.on([&](int n) { last = n; });
        CHECK(held.use_count() == 2);
        throw std::runtime_error("deep");
    });
    CHECK_THROWS_AS(signal.emit(0), std::runtime_error);
    CHECK(held.use_count() == 1);
    CHECK(signal.count() == 1);
    CHECK(signal.emit(7));
    CHECK(last == 7);
}

TEST_CASE("[7] after an exception removals outside of an emit take effect at once") {
    Signal<> signal;
    const auto held = std::make_shared<int>();
    const ListenerId id = signal.on([held] { throw std::runtime_error("again"); });
    CHECK_THROWS_AS(signal.emit(), std::runtime_error);
    CHECK(held.use_count() == 2);
    CHECK(signal.off(id));
    CHECK(held.use_count() == 1);
}

TEST_CASE("[7] an exception caught by an outer listener lets the outer emit go on") {
    Signal<int> signal;
    std::string order;
    const auto held = std::make_shared<int>();
    signal.on([&](int depth) {
        if (depth) throw std::runtime_error("inner");
        CHECK_THROWS_AS(signal.emit(1), std::runtime_error);
        order += 'a';
    });
    signal.once([&, held](int) { order += 'b'; });
    CHECK(signal.emit(0));
    CHECK(order == "ab");
    CHECK(held.use_count() == 1);
}

}  // namespace
