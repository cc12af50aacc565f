// Exceptions in tasks: they pass through co_await, and out of run(), which may be called again.
#include <doctest/doctest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "core/await.h"
#include "core/task.h"

using namespace std::chrono_literals;
using core::Loop;
using core::sleep;
using core::spawn;
using core::Spawned;
using core::Task;

namespace {

Task<int> fails(const char* text) {
    (void)co_await sleep(0ms);
    throw std::runtime_error(text);
    co_return 1;
}

Task<int> fails_at_once(const char* text) {
    throw std::runtime_error(text);
    co_return 1;
}

std::string caught_by(Loop& loop) {
    try {
        (void)loop.run();
    } catch (const std::runtime_error& error) {
        return error.what();
    }
    return "";
}

}  // namespace

TEST_CASE("an exception passes through co_await to whoever awaits, who may catch it") {
    Loop loop;
    std::string caught;
    spawn(loop, [](std::string& to) -> Task<> {
        try {
            co_await [](int) -> Task<> { (void)co_await fails("deep"); }(1);
        } catch (const std::runtime_error& error) {
            to = error.what();
        }
        try {
            (void)co_await fails_at_once("at once");
        } catch (const std::runtime_error& error) {
            to += std::string(", ") + error.what();
        }
        (void)co_await sleep(0ms);
        to += ", and on";
    }(caught));
    CHECK_FALSE(loop.run());
    CHECK(caught == "deep, at once, and on");
}

TEST_CASE("what a spawned task throws passes through run(), the frame is gone, the others go on") {
    Loop loop;
    int count = 0;
    const auto held = std::make_shared<int>(0);
    Spawned spawned;
    const auto counts = [](int& to) -> Task<> {
        for (int i = 0; i < 3; i++) {
            (void)co_await sleep(0ms);
            to++;
        }
    };
    const auto throws = [](std::shared_ptr<int>) -> Task<> { (void)co_await fails("out"); };
    spawn(loop, counts(count));
    spawned = spawn(loop, throws(held));
    spawn(loop, counts(count));
    CHECK(caught_by(loop) == "out");
    CHECK(held.use_count() == 1);
    CHECK_FALSE(spawned.active());
    CHECK_FALSE(loop.run());
    CHECK(count == 6);
}

TEST_CASE("one that throws as it begins keeps no other from beginning") {
    Loop loop;
    int count = 0;
    const auto throws = []() -> Task<> { (void)co_await fails_at_once("first"); };
    spawn(loop, throws());
    spawn(loop, [](int& to) -> Task<> {
        to++;
        co_return;
    }(count));
    spawn(loop, throws());
    CHECK(caught_by(loop) == "first");
    CHECK(caught_by(loop) == "first");
    CHECK_FALSE(loop.run());
    CHECK(count == 1);
}

TEST_CASE("an exception behind a coroutine of the user's own making passes through run() too") {
    struct Gate {
        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<> coroutine) noexcept { waiting = coroutine; }
        void await_resume() const noexcept {}
        std::coroutine_handle<> waiting;
    };
    Loop loop;
    Gate gate;
    spawn(loop, [](Gate& closed) -> Task<> {
        co_await closed;
        throw std::runtime_error("through");
    }(gate));
    CHECK_FALSE(loop.turn());
    std::exchange(gate.waiting, nullptr).resume();
    CHECK(caught_by(loop) == "through");
    CHECK_FALSE(loop.run());
}

TEST_CASE("what a canceled task throws on its way out is not heard") {
    Loop loop;
    Spawned spawned;
    spawned = spawn(loop, [](Spawned& self) -> Task<> {
        self.cancel();
        throw std::runtime_error("unheard");
        co_return;
    }(spawned));
    CHECK(caught_by(loop) == "");
}
