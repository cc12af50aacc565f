// What posts cost in memory: blocks used again, a burst's given back, none at all.
// Replaces operator new, to count what is alive and to have none.
#include <doctest/doctest.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <optional>
#include <utility>

#include "core/loop.h"

namespace {

std::atomic<int> alive{0};
std::atomic<bool> scarce{false};

void* allocate(std::size_t size) {
    void* const memory = std::malloc(size ? size : 1);
    if (memory) alive++;
    return memory;
}

void release(void* memory) {
    if (memory) alive--;
    std::free(memory);
}

}  // namespace

void* operator new(std::size_t size) {
    void* const memory = allocate(size);
    if (!memory) std::abort();
    return memory;
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    return scarce ? nullptr : allocate(size);
}
void operator delete(void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { release(memory); }

using core::Loop;

namespace {

// Posts numbers that must come in their order.
struct Sequence {
    explicit Sequence(Loop& owner) : loop(owner) {}
    int post(int count) {  // How many were accepted.
        int accepted = 0;
        for (int i = 0; i < count && loop.post([this, number = posted] {
                 misplaced += number != ran++;
             }); i++) {
            posted++;
            accepted++;
        }
        return accepted;
    }
    Loop& loop;
    int posted = 0;
    int ran = 0;
    int misplaced = 0;
};

}  // namespace

TEST_CASE("[6] posts keep their order in bursts of any size") {
    Loop loop;
    Sequence sequence(loop);
    for (int count = 0; count < 600; count++) {
        CHECK(sequence.post(count) == count);
        CHECK_FALSE(loop.turn());
        REQUIRE(sequence.ran == sequence.posted);
    }
    CHECK(sequence.misplaced == 0);
}

TEST_CASE("a loop that keeps up with its posts allocates nothing for them") {
    Loop loop;
    Sequence sequence(loop);
    CHECK(sequence.post(1000) == 1000);
    CHECK_FALSE(loop.turn());
    scarce = true;
    for (int i = 0; i < 10'000; i++) {
        if (sequence.post(7) != 7 || loop.turn()) break;
    }
    scarce = false;
    CHECK(sequence.ran == 71'000);
    CHECK(sequence.misplaced == 0);
}

TEST_CASE("what a burst took is given back, but for a bounded rest; all of it with the loop") {
    const int before = alive;
    {
        std::optional<Loop> loop(std::in_place);
        Sequence sequence(*loop);
        CHECK(sequence.post(1) == 1);
        CHECK_FALSE(loop->turn());
        const int calm = alive;
        CHECK(sequence.post(100'000) == 100'000);
        CHECK(alive - calm > 700);
        CHECK_FALSE(loop->turn());
        CHECK(sequence.ran == 100'001);
        CHECK(alive - calm <= 17);
        CHECK(sequence.post(100'000) == 100'000);
        loop.reset();
    }
    CHECK(alive == before);
}

TEST_CASE("[12] a post without memory is refused, and those before and after it come in order") {
    Loop loop;
    Sequence sequence(loop);
    CHECK(sequence.post(1) == 1);
    scarce = true;
    const int accepted = sequence.post(10'000);
    scarce = false;
    CHECK(accepted < 1000);  // What the first block had room for.
    CHECK(sequence.post(1000) == 1000);
    CHECK_FALSE(loop.turn());
    CHECK(sequence.ran == accepted + 1001);
    CHECK(sequence.misplaced == 0);
}

TEST_CASE("what dies with a loop may post, in vain") {
    struct Last {
        explicit Last(Loop& owner) : loop(&owner) {}
        Last(Last&& other) noexcept : loop(std::exchange(other.loop, nullptr)) {}
        ~Last() {
            if (loop) CHECK_FALSE(loop->post([] { CHECK(false); }));
        }
        Loop* loop;
    };
    const int before = alive;
    {
        Loop loop;
        for (int i = 0; i < 300; i++) {
            CHECK(loop.post([last = Last(loop)] { CHECK(last.loop == nullptr); }));
        }
    }
    CHECK(alive == before);
}
