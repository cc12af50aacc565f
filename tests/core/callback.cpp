// The callable that everything else stores: where its captures live, when they die, and which
// callables it takes.
#include "core/callback.h"

#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>

namespace {

std::size_t allocations = 0;

void* allocate(std::size_t size) {
    allocations++;
    void* const memory = std::malloc(size ? size : 1);
    if (!memory) std::abort();
    return memory;
}

// Through a pointer: GCC takes a free() inlined into operator delete for a mismatch.
void (*volatile const release)(void*) = std::free;

}  // namespace

void* operator new(std::size_t size) { return allocate(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return allocate(size); }
void operator delete(void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }

namespace {

using core::Callback;

struct Failure {
    int code = 0;
};
using Outcome = Callback<void(const Failure&, std::size_t)>;

// Says how often it was copied and moved, and how many there are.
struct Counted {
    struct Counts {
        int copies = 0;
        int moves = 0;
        int alive = 0;
    };

    explicit Counted(Counts& owner) : counts(&owner) { counts->alive++; }
    Counted(const Counted& other) : counts(other.counts) {
        counts->alive++;
        counts->copies++;
    }
    Counted(Counted&& other) noexcept : counts(other.counts) {
        counts->alive++;
        counts->moves++;
    }
    Counted& operator=(const Counted&) = delete;
    ~Counted() { counts->alive--; }

    Counts* counts;
};

int doubled(int n) { return 2 * n; }

static_assert(sizeof(Outcome) == 4 * sizeof(void*));
static_assert(!std::is_copy_constructible_v<Outcome>);
static_assert(!std::is_copy_assignable_v<Outcome>);
static_assert(std::is_nothrow_move_constructible_v<Outcome>);
static_assert(std::is_nothrow_move_assignable_v<Outcome>);
static_assert(!std::is_convertible_v<Outcome, bool>);

template <class F, class Signature>
constexpr bool makes = std::is_constructible_v<Callback<Signature>, F>;

// What cannot be called is refused where it is written, not in the depths of the header.
static_assert(makes<int (*)(int), int(int)>);
static_assert(makes<int (*)(int), void(int)>);
static_assert(makes<int (*)(), void(int, int)>);
static_assert(!makes<int (*)(int, int), int(int)>);
static_assert(!makes<int (*)(std::string), int(int)>);
static_assert(!makes<void (*)(int), int(int)>);
static_assert(!makes<int Failure::*, int(const Failure&)>);
static_assert(!makes<const std::unique_ptr<int>&, void()>);
static_assert(!makes<std::nullptr_t, void()>);

TEST_CASE("an empty callback is false") {
    Callback<void()> empty;
    CHECK_FALSE(empty);
    empty.reset();
    CHECK_FALSE(empty);
    Callback<void()> moved(std::move(empty));
    CHECK_FALSE(moved);
    moved = Callback<void()>();
    CHECK_FALSE(moved);
}

TEST_CASE("functions, pointers to them, lambdas and objects are called") {
    Callback<int(int)> call = doubled;
    CHECK(call(4) == 8);
    call = &doubled;
    CHECK(call(5) == 10);
    call = [offset = 3](int n) { return n + offset; };
    CHECK(call(4) == 7);
    call = [calls = 0](int) mutable { return ++calls; };
    CHECK(call(0) == 1);
    CHECK(call(0) == 2);
    const struct {
        int operator()(int n) const { return -n; }
    } negate;
    call = negate;
    CHECK(call(4) == -4);
}

TEST_CASE("a null pointer to a function makes an empty callback") {
    int (*none)(int) = nullptr;
    const Callback<int(int)> call = none;
    CHECK_FALSE(call);
}

TEST_CASE("three words of captures lie inside, more go to the heap, and moving costs no memory") {
    std::array<std::uintptr_t, 3> three{1, 2, 3};
    std::array<std::uintptr_t, 4> four{1, 2, 3, 4};
    allocations = 0;
    Callback<std::uintptr_t()> small = [three] { return three[0] + three[2]; };
    CHECK(allocations == 0);
    Callback<std::uintptr_t()> large = [four] { return four[0] + four[3]; };
    CHECK(allocations == 1);
    Callback<std::uintptr_t()> small_moved = std::move(small);
    Callback<std::uintptr_t()> large_moved = std::move(large);
    CHECK_FALSE(small);
    CHECK_FALSE(large);
    CHECK(small_moved() == 4);
    CHECK(large_moved() == 5);
    small = std::move(small_moved);
    large = std::move(large_moved);
    CHECK(small() == 4);
    CHECK(large() == 5);
    CHECK(allocations == 1);
}

TEST_CASE("captures are moved with the callback and die once") {
    Counted::Counts counts;
    {
        Callback<int()> first = [counted = Counted(counts)] { return counted.counts->alive; };
        CHECK(counts.alive == 1);
        CHECK(first() == 1);
        Callback<int()> second = std::move(first);
        CHECK(counts.alive == 1);
        CHECK(second() == 1);
        second = [] { return 7; };
        CHECK(counts.alive == 0);
        CHECK(second() == 7);

        // Too large to lie inside: only a pointer travels.
        std::array<char, 100> padding{};
        second = [counted = Counted(counts), padding] {
            return padding[0] + counted.counts->alive;
        };
        const int moves = counts.moves;
        Callback<int()> third = std::move(second);
        CHECK(third() == 1);
        CHECK(counts.moves == moves);
        CHECK(counts.copies == 0);
    }
    CHECK(counts.alive == 0);
}

TEST_CASE("captures that own something and lie inside survive the moves of their callback") {
    Callback<std::string()> call = [text = std::make_unique<std::string>("owned")] {
        return *text;
    };
    Callback<std::string()> moved = std::move(call);
    call = std::move(moved);
    CHECK(call() == "owned");
    call.reset();
    CHECK_FALSE(call);
}

TEST_CASE("captures that could throw when moved lie on the heap") {
    struct Brittle {
        Brittle() = default;
        Brittle(Brittle&&) noexcept(false) {}
        int operator()() const { return 5; }
    };
    allocations = 0;
    Callback<int()> call = Brittle();
    CHECK(allocations == 1);
    Callback<int()> moved = std::move(call);
    CHECK(allocations == 1);
    CHECK(moved() == 5);
}

TEST_CASE("over-aligned captures are aligned") {
    struct alignas(64) Aligned {
        bool operator()() const { return reinterpret_cast<std::uintptr_t>(this) % 64 == 0; }
    };
    Callback<bool()> call = Aligned();
    Callback<bool()> moved = std::move(call);
    CHECK(moved());
}

TEST_CASE("a callable may take fewer of the last arguments, and costs no memory for it") {
    std::string log;
    allocations = 0;
    std::array<Outcome, 3> outcomes{
        Outcome([&log](const Failure& failure, std::size_t size) {
            log += static_cast<char>('0' + failure.code);
            log += static_cast<char>('0' + size);
        }),
        Outcome([&log](const Failure& failure) { log += static_cast<char>('0' + failure.code); }),
        Outcome([&log] { log += '.'; }),
    };
    CHECK(allocations == 0);
    for (Outcome& outcome : outcomes) outcome(Failure{3}, 7);
    CHECK(log == "373.");
}

TEST_CASE("a callable that offers a choice gets as many arguments as it takes") {
    struct Choosy {
        int operator()() const { return 0; }
        int operator()(int) const { return 1; }
        int operator()(int, std::string) const { return -1; }
    };
    Callback<int(int, int)> call = Choosy();
    CHECK(call(1, 2) == 1);
    call = [](auto... all) { return static_cast<int>(sizeof...(all)); };
    CHECK(call(1, 2) == 2);
}

TEST_CASE("arguments by value are forwarded, by reference are passed on") {
    Callback<int(std::unique_ptr<int>)> own = [](std::unique_ptr<int> n) { return *n; };
    CHECK(own(std::make_unique<int>(6)) == 6);

    Counted::Counts counts;
    const Counted counted(counts);
    Callback<bool(const Counted&)> look = [&](const Counted& seen) { return &seen == &counted; };
    CHECK(look(counted));
    CHECK(counts.copies + counts.moves == 0);
    Callback<void(Counted, int)> take = [](Counted) {};
    take(counted, 1);
    CHECK(counts.copies == 1);
    CHECK(counts.alive == 1);

    int value = 1;
    Callback<void(int&)> change = [](int& n) { n = 9; };
    change(value);
    CHECK(value == 9);
}

TEST_CASE("results are converted, ignored, or stay the references they are") {
    int target = 0;
    Callback<int&()> reference = [&]() -> int& { return target; };
    reference() = 4;
    CHECK(target == 4);
    Callback<std::string()> text = [] { return "text"; };
    CHECK(text() == "text");
    Callback<void()> nothing = [&] { return ++target; };
    nothing();
    CHECK(target == 5);
    Callback<std::unique_ptr<int>()> owner = [] { return std::make_unique<int>(8); };
    CHECK(*owner() == 8);
}

TEST_CASE("the destructors of captures may look at their callback and set it") {
    struct AtEnd {
        explicit AtEnd(Callback<void()> f) : run(std::move(f)) {}
        AtEnd(AtEnd&&) = default;
        ~AtEnd() {
            if (run) run();
        }
        Callback<void()> run;
    };
    Callback<int()> call;
    bool was_empty = false;
    call = [end = AtEnd([&] {
                was_empty = !call;
                call = [] { return 2; };
            })] { return 1; };
    CHECK(call() == 1);
    call.reset();
    CHECK(was_empty);
    REQUIRE(call);
    if (call) CHECK(call() == 2);

    int seen = 0;
    call = [end = AtEnd([&] { seen = call(); })] { return 1; };
    call = [] { return 3; };
    CHECK(seen == 3);
}

TEST_CASE("one callback can be the target of another") {
    int calls = 0;
    Callback<void()> inner = [&] { calls++; };
    Outcome outer = std::move(inner);
    outer(Failure{}, 0);
    CHECK(calls == 1);
}

}  // namespace
