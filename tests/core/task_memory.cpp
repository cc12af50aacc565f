// What tasks cost in memory: a frame each and a strand for each that is spawned, nothing for any
// await, and ENOMEM where there is none. Replaces operator new, to count and to refuse.
#include <doctest/doctest.h>

#include <cstdlib>
#include <new>
#include <optional>

#include "core/await.h"
#include "core/task.h"

namespace {

int allocations = 0;
bool scarce = false;

}  // namespace

void* operator new(std::size_t size) {
    allocations++;
    void* const memory = std::malloc(size ? size : 1);
    if (!memory) std::abort();
    return memory;
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    return scarce ? nullptr : operator new(size);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }

using namespace std::chrono_literals;
using core::Code;
using core::Error;
using core::Loop;
using core::sleep;
using core::spawn;
using core::StopSource;
using core::StopToken;
using core::Task;

namespace {

Task<int> child(int value) { co_return value; }

}  // namespace

TEST_CASE("an await allocates nothing, nor does its deadline or its token") {
    Loop loop;
    StopSource source;
    int cost = -1;
    spawn(loop, [](StopToken token, int& to) -> Task<> {
        for (int i = 0; i < 100; i++) {
            if (i == 50) to = allocations;  // The first timers are paid for.
            (void)co_await sleep(0ms);
            (void)co_await sleep(0ms).within(1h).unless(token);
            (void)co_await sleep(1h).within(0ms);
        }
        to = allocations - to;
    }(source.token(), cost));
    CHECK_FALSE(loop.run());
    CHECK(cost == 0);
}

TEST_CASE("a task that is awaited costs its frame, once, and one that is spawned one more") {
    Loop loop;
    int cost = -1;
    const int before_spawn = allocations;
    spawn(loop, [](int& to) -> Task<> {
        to = allocations;
        for (int i = 0; i < 100; i++) (void)co_await child(i);
        to = allocations - to;
        co_return;
    }(cost));
    CHECK(allocations - before_spawn == 3);  // The loop's first: what it keeps of its tasks.
    CHECK_FALSE(loop.run());
    CHECK(cost <= 100);  // The compiler may do without.
    const int before = allocations;
    spawn(loop, []() -> Task<> { co_return; }());
    CHECK(allocations - before <= 2);
}

TEST_CASE("no memory to spawn with: run() says ENOMEM, the frame is gone, and life goes on") {
    Loop loop;
    int count = 0;
    const auto counts = [](int& to) -> Task<> {
        to++;
        co_return;
    };
    for (int round = 0; round < 2; round++) {  // Without what the loop keeps, and with it.
        Task<> task = counts(count);
        scarce = true;
        const bool active = spawn(loop, std::move(task)).active();
        scarce = false;
        CHECK_FALSE(active);
        CHECK(loop.run() == Error{Code::out_of_memory, core::Operation::open});
        CHECK(count == round);
        spawn(loop, counts(count));
        CHECK_FALSE(loop.run());
    }
}

TEST_CASE("no memory for a timer: ENOMEM at once, for the sleep as for a deadline") {
    std::optional<Error> slept, late;
    Loop loop;
    spawn(loop, [](std::optional<Error>& first, std::optional<Error>& second) -> Task<> {
        scarce = true;
        first = co_await sleep(1ms);
        second = co_await sleep(1ms).within(1h);
        scarce = false;
    }(slept, late));
    CHECK_FALSE(loop.run());
    CHECK(slept == Error{Code::out_of_memory, core::Operation::wait});
    CHECK(late == Error{Code::out_of_memory, core::Operation::wait});
}
