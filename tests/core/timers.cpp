// The timer wheel: right for centuries, whatever callbacks do to timers, and what it all costs.
// timers_model.cpp compares it with a plain model.
#include "core/timers.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace {

std::size_t allocations = 0;
std::size_t allocations_left = SIZE_MAX;  // Of those that may fail.

void* allocate(std::size_t size) {
    allocations++;
    return std::malloc(size ? size : 1);
}

// Through a pointer: GCC takes a free() inlined into operator delete for a mismatch.
void (*volatile const release)(void*) = std::free;

}  // namespace

void* operator new(std::size_t size) {
    void* const memory = allocate(size);
    if (!memory) std::abort();
    return memory;
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    if (!allocations_left) return nullptr;
    allocations_left--;
    return allocate(size);
}
void operator delete(void* memory) noexcept { release(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }

namespace {

using core::TimerId;
using core::Timers;

constexpr std::int64_t never = Timers::never;
constexpr std::int64_t day = 86'400'000;
constexpr std::int64_t century = 36'525 * day;

static_assert(sizeof(Timers) <= 16);

// Runs something when the captures that hold it are destroyed.
struct AtEnd {
    explicit AtEnd(core::Callback<void()> f) : run(std::move(f)) {}
    AtEnd(AtEnd&&) = default;
    ~AtEnd() {
        if (run) run();
    }
    core::Callback<void()> run;
};

// ---- Time ------------------------------------------------------------------------------------

TEST_CASE("[5] a timer fires at its deadline and not before, however far away") {
    using Times = std::vector<std::int64_t>;
    const std::int64_t half = std::int64_t{1} << 31;  // Where 32 bits overflow: 24.9 days,
    const std::int64_t full = std::int64_t{1} << 32;  // and 49.7.
    const Times delays{1,    255,      256,      257,  16'384,   1'048'576, half - 1,
                       half, half + 1, full - 1, full, full + 1, 2 * full,  50 * day,
                       century, 100 * century};
    for (const std::int64_t start : Times{0, 12'345'678, 3 * century}) {
        for (const std::int64_t delay : delays) {
            CAPTURE(start);
            CAPTURE(delay);
            Timers timers(start);
            int calls = 0;
            CHECK(timers.start(start + delay, 0, [&] { calls++; }));
            CHECK(timers.next_deadline() == start + delay);
            for (const std::int64_t early : {delay / 3, delay / 2, delay - 1}) {
                timers.expire(start + early);
                CHECK(timers.next_deadline() == start + delay);
            }
            CHECK(calls == 0);
            timers.expire(start + delay);
            CHECK(calls == 1);
            CHECK(timers.next_deadline() == never);
            timers.expire(start + 2 * delay);
            CHECK(calls == 1);
        }
    }
}

TEST_CASE("[5] a timer at the end of time") {
    Timers timers(0);
    int calls = 0;
    const TimerId last = timers.start(never, 0, [&] { calls++; });
    CHECK(timers.active(last));
    CHECK(timers.next_deadline() == never);
    timers.expire(never - 1);
    CHECK(calls == 0);
    CHECK(timers.start(never, never, [&] { calls += 10; }));
    timers.expire(never);
    CHECK(calls == 11);
    CHECK_FALSE(timers.active(last));
}

TEST_CASE("[5] equal deadlines fire in start order, from whatever distance they were started") {
    constexpr std::int64_t block = std::int64_t{1} << 32;
    for (const std::int64_t deadline :
         {std::int64_t{300}, std::int64_t{65'536}, 2'000'000 * std::int64_t{64}, block, 5 * block,
          5 * block + 77, std::int64_t{1} << 50}) {
        CAPTURE(deadline);
        Timers timers(0);
        std::vector<int> order;
        std::vector<int> expected;
        int name = 0;
        const auto start = [&](std::int64_t at) {
            expected.push_back(++name);
            timers.start(at, 0, [&order, name] { order.push_back(name); });
        };
        // Ever nearer, and each time a neighbour that must not get in between.
        for (std::int64_t left = deadline; left > 0; left /= 3) {
            timers.expire(deadline - left);
            start(deadline);
            start(deadline);
            timers.start(deadline - 1, 0, [] {});
            timers.start(deadline + 1, 0, [] {});
        }
        timers.expire(deadline - 1);
        CHECK(order.empty());
        start(deadline);
        timers.expire(deadline);
        CHECK(order == expected);
    }
}

TEST_CASE("[5] one leap over centuries fires what lay on the way, in order and without walking") {
    constexpr int count = 100'000;
    Timers timers(5);
    std::mt19937_64 random(1);
    std::int64_t before = 0;
    int fired = 0;
    bool ordered = true;
    for (int i = 0; i < count; i++) {
        const auto deadline = static_cast<std::int64_t>(random() >> (i % 2 ? 1 : 1 + i % 63));
        timers.start(deadline, 0, [&, deadline] {
            const std::int64_t due = std::max<std::int64_t>(deadline, 5);
            ordered = ordered && before <= due;
            before = due;
            fired++;
        });
    }
    timers.expire(never);
    CHECK(fired == count);
    CHECK(ordered);
}

TEST_CASE("[5] a clock that stands still or goes back harms nothing") {
    Timers timers(1000);
    std::string order;
    timers.expire(10);
    const TimerId first = timers.start(1, 0, [&] { order += 'a'; });
    CHECK(timers.next_deadline() == 1000);  // A deadline that has passed counts as now.
    timers.start(1005, 0, [&] { order += 'c'; });
    CHECK(timers.cancel(first));
    timers.expire(10);
    CHECK(timers.next_deadline() == 1005);
    timers.start(1, 0, [&] { order += 'b'; });
    CHECK(timers.next_deadline() == 1000);
    timers.expire(10);
    timers.expire(1004);
    timers.expire(1004);
    CHECK(order == "b");
    timers.expire(1005);
    CHECK(order == "bc");
}

TEST_CASE("the next deadline is exact after every change") {
    Timers timers(0);
    CHECK(timers.next_deadline() == never);
    const TimerId late = timers.start(100'300, 0, [] {});
    CHECK(timers.next_deadline() == 100'300);
    const TimerId early = timers.start(100'200, 0, [] {});
    CHECK(timers.next_deadline() == 100'200);
    const TimerId between = timers.start(100'250, 0, [] {});
    CHECK(timers.next_deadline() == 100'200);
    CHECK(timers.cancel(early));
    CHECK(timers.next_deadline() == 100'250);
    CHECK(timers.restart(between, 100'400));
    CHECK(timers.next_deadline() == 100'300);
    CHECK(timers.restart(late, 100'100));
    CHECK(timers.next_deadline() == 100'100);
    timers.expire(99'999);
    CHECK(timers.next_deadline() == 100'100);
    timers.expire(100'100);
    CHECK(timers.next_deadline() == 100'400);
    CHECK(timers.start(3, 0, [] {}));
    CHECK(timers.next_deadline() == 100'100);  // One that has passed counts as now.
    timers.expire(100'100);
    CHECK(timers.cancel(between));
    CHECK(timers.next_deadline() == never);
}

// ---- Repetition ------------------------------------------------------------------------------

TEST_CASE("a repeating timer keeps to its grid: it never drifts, and skips what it missed") {
    Timers timers(0);
    std::vector<std::int64_t> fired;
    std::int64_t now = 0;
    CHECK(timers.start(20, 20, [&] { fired.push_back(now); }));
    for (const std::int64_t at : {19, 20, 21, 43, 59, 60, 60, 199, 200, 219, 220}) {
        now = at;
        timers.expire(at);
    }
    CHECK(fired == std::vector<std::int64_t>{20, 43, 60, 199, 200, 220});
    now = 220 + century;
    timers.expire(now);
    CHECK(fired.back() == now);
    CHECK(fired.size() == 7);
    CHECK(timers.next_deadline() > now);
    CHECK(timers.next_deadline() <= now + 20);
    CHECK(timers.next_deadline() % 20 == 0);
}

TEST_CASE("a repeating timer fires a thousand times in a thousand periods, woken late each time") {
    Timers timers(0);
    int calls = 0;
    timers.start(20, 20, [&] { calls++; });
    for (std::int64_t i = 1; i <= 1000; i++) timers.expire(20 * i + i % 20);
    CHECK(calls == 1000);
    CHECK(timers.next_deadline() == 20 * 1001);
}

TEST_CASE("a period beyond the end of time ends there") {
    Timers timers(0);
    int calls = 0;
    timers.start(10, never, [&] { calls++; });
    timers.start(10, never - 5, [&] { calls++; });
    timers.expire(10);
    CHECK(calls == 2);
    CHECK(timers.next_deadline() == never);
    timers.expire(never - 1);
    CHECK(calls == 2);
    timers.expire(never);
    CHECK(calls == 4);
}

TEST_CASE("restarting a repeating timer moves its grid") {
    Timers timers(0);
    int calls = 0;
    const TimerId id = timers.start(20, 20, [&] { calls++; });
    CHECK(timers.restart(id, 25));
    timers.expire(24);
    CHECK(calls == 0);
    timers.expire(25);
    CHECK(calls == 1);
    CHECK(timers.next_deadline() == 45);
}

// ---- Inside callbacks ------------------------------------------------------------------------

TEST_CASE("[4] a timer armed in a timer callback, even for 0 ms, waits for the next tick") {
    Timers timers(100);
    std::string order;
    timers.start(110, 0, [&] {
        order += 'a';
        timers.start(110, 0, [&] { order += 'c'; });
        timers.start(0, 0, [&] { order += 'd'; });
        CHECK(timers.next_deadline() == 110);
    });
    timers.start(110, 0, [&] { order += 'b'; });
    timers.expire(110);
    CHECK(order == "ab");
    CHECK(timers.next_deadline() == 110);
    timers.expire(110);
    CHECK(order == "abcd");
    CHECK(timers.next_deadline() == never);
}

TEST_CASE("[4] a timer that starts itself again for 0 ms fires once a tick") {
    Timers timers(0);
    int calls = 0;
    struct Again {
        void operator()() const {
            ++*calls;
            timers->start(0, 0, *this);
        }
        Timers* timers;
        int* calls;
    };
    timers.start(0, 0, Again{&timers, &calls});
    for (int tick = 1; tick <= 100; tick++) {
        timers.expire(tick / 10);
        CHECK(calls == tick);
    }
}

TEST_CASE("a timer cancelled by one that fires before it does not fire") {
    Timers timers(0);
    std::string order;
    TimerId second;
    TimerId third;
    timers.start(10, 0, [&] {
        order += 'a';
        CHECK(timers.active(second));
        CHECK(timers.cancel(second));
        CHECK_FALSE(timers.active(second));
        CHECK(timers.restart(third, 30));
    });
    second = timers.start(10, 0, [&] { order += 'b'; });
    third = timers.start(11, 0, [&] { order += 'c'; });
    timers.start(12, 0, [&] { order += 'd'; });
    timers.expire(20);
    CHECK(order == "ad");
    timers.expire(30);
    CHECK(order == "adc");
}

TEST_CASE("a timer may cancel itself in its callback, and its captures outlive that") {
    Timers timers(0);
    const auto held = std::make_shared<int>();
    int calls = 0;
    for (const std::int64_t period : {0, 10}) {
        TimerId id;
        id = timers.start(10, period, [&, held] {
            calls++;
            CHECK(timers.active(id) == (period > 0));
            CHECK(timers.cancel(id) == (period > 0));
            CHECK_FALSE(timers.active(id));
            CHECK_FALSE(timers.cancel(id));
            CHECK(held.use_count() == 2);
            // Another one must not get the place that is still in use.
            const TimerId other = timers.start(50, 0, [] {});
            CHECK(other.index != id.index);
            CHECK(timers.cancel(other));
        });
        timers.expire(10 + period);
        CHECK(held.use_count() == 1);
        CHECK_FALSE(timers.restart(id, 100));
        timers.expire(1000);
        CHECK(timers.next_deadline() == never);
        CHECK(timers.referenced() == 0);
    }
    CHECK(calls == 2);
}

TEST_CASE("a repeating timer cancelled in its callback cannot be restarted there") {
    Timers timers(0);
    TimerId id;
    id = timers.start(10, 10, [&] {
        CHECK(timers.cancel(id));
        CHECK_FALSE(timers.restart(id, 50));
        CHECK_FALSE(timers.set_referenced(id, true));
    });
    timers.expire(10);
    CHECK(timers.next_deadline() == never);
}

TEST_CASE("a timer that fires once can be restarted in its callback, and only there") {
    Timers timers(0);
    std::int64_t now = 0;
    std::vector<std::int64_t> fired;
    TimerId id;
    id = timers.start(1, 0, [&] {
        fired.push_back(now);
        CHECK_FALSE(timers.active(id));
        if (now >= 16) return;
        CHECK(timers.restart(id, 2 * now));
        CHECK(timers.active(id));
        CHECK(timers.next_deadline() == 2 * now);
    });
    for (now = 1; now < 100; now++) timers.expire(now);
    CHECK(fired == std::vector<std::int64_t>{1, 2, 4, 8, 16});
    CHECK_FALSE(timers.restart(id, 200));
    CHECK_FALSE(timers.active(id));
}

TEST_CASE("restarted in its callback for a deadline that has passed, a timer waits for its turn") {
    Timers timers(0);
    for (const std::int64_t period : {0, 1000}) {
        int calls = 0;
        TimerId id;
        id = timers.start(0, period, [&] {
            calls++;
            CHECK(timers.restart(id, 0));
        });
        for (int tick = 1; tick <= 5; tick++) {
            timers.expire(10);
            CHECK(calls == tick);
        }
        CHECK(timers.cancel(id));
    }
}

TEST_CASE("captures die after their callback has returned, before the next one runs") {
    Timers timers(0);
    std::string order;
    const auto start = [&](char name) {
        timers.start(10, 0, [&, name, end = AtEnd([&] { order += '-'; })] { order += name; });
    };
    start('a');
    start('b');
    timers.expire(10);
    CHECK(order == "a-b-");
}

TEST_CASE("expire inside a callback does nothing") {
    Timers timers(0);
    std::string order;
    timers.start(10, 10, [&] {
        order += 'a';
        timers.expire(1000);
    });
    timers.start(11, 0, [&] { order += 'b'; });
    timers.expire(10);
    CHECK(order == "a");
    timers.expire(11);
    CHECK(order == "ab");
}

TEST_CASE("the destructors of captures may start and cancel timers") {
    Timers timers(0);
    int calls = 0;
    TimerId other = timers.start(50, 0, [&] { calls += 100; });
    const TimerId id = timers.start(10, 0, [&, end = AtEnd([&] {
                                                timers.cancel(other);
                                                other = timers.start(20, 0, [&] { calls++; });
                                                CHECK(timers.cancel(id) == false);
                                            })] {});
    CHECK(timers.cancel(id));
    CHECK(timers.next_deadline() == 20);
    CHECK(timers.active(other));
    timers.expire(100);
    CHECK(calls == 1);
}

TEST_CASE("timers that go away destroy their callbacks and take no more") {
    const auto held = std::make_shared<int>();
    bool refused = false;
    {
        Timers timers(0);
        for (std::int64_t deadline = 1; deadline < never / 3; deadline *= 3) {
            timers.start(deadline, 0, [held] {});
        }
        const TimerId victim = timers.start(5, 0, [held] {});
        timers.start(1, 0, [&, end = AtEnd([&, victim] {
                               timers.cancel(victim);
                               refused = !timers.start(1, 0, [held] {});
                           })] {});
        timers.start(5, 0, [held] {});
        CHECK(held.use_count() > 30);
    }
    CHECK(refused);
    CHECK(held.use_count() == 1);
}

// ---- Identity --------------------------------------------------------------------------------

TEST_CASE("ids are never mistaken for those that had their place before") {
    Timers timers(0);
    CHECK_FALSE(TimerId{});
    CHECK_FALSE(timers.cancel({}));
    CHECK_FALSE(timers.active({1, 1}));
    const TimerId first = timers.start(10, 0, [] {});
    CHECK(first);
    CHECK_FALSE(timers.cancel({}));
    CHECK_FALSE(timers.cancel({first.index, first.generation + 1}));
    CHECK_FALSE(timers.cancel({first.index + 1, first.generation}));
    CHECK_FALSE(timers.cancel({UINT32_MAX, first.generation}));
    CHECK(timers.cancel(first));
    const TimerId second = timers.start(10, 0, [] {});
    CHECK(second.index == first.index);
    CHECK(second != first);
    for (const TimerId stale : {first, TimerId{first.index, second.generation + 1}}) {
        CHECK_FALSE(timers.active(stale));
        CHECK_FALSE(timers.restart(stale, 5));
        CHECK_FALSE(timers.set_referenced(stale, false));
        CHECK_FALSE(timers.cancel(stale));
    }
    CHECK(timers.referenced() == 1);
    CHECK(timers.next_deadline() == 10);
    timers.expire(10);
    CHECK_FALSE(timers.active(second));
    CHECK_FALSE(timers.restart(second, 20));
    CHECK(timers.next_deadline() == never);
}

TEST_CASE("[6] referenced timers are counted; setting it twice is setting it once") {
    Timers timers(0);
    CHECK(timers.referenced() == 0);
    const TimerId once = timers.start(10, 0, [] {});
    const TimerId repeating = timers.start(10, 10, [] {});
    CHECK(timers.referenced() == 2);
    for (int i = 0; i < 2; i++) {
        CHECK(timers.set_referenced(once, false));
        CHECK(timers.referenced() == 1);
    }
    CHECK(timers.restart(once, 5));
    CHECK(timers.referenced() == 1);
    for (int i = 0; i < 2; i++) {
        CHECK(timers.set_referenced(once, true));
        CHECK(timers.referenced() == 2);
    }
    timers.expire(10);
    CHECK(timers.referenced() == 1);
    CHECK(timers.set_referenced(repeating, false));
    CHECK(timers.referenced() == 0);
    timers.expire(20);
    CHECK(timers.referenced() == 0);
    CHECK(timers.active(repeating));
    CHECK(timers.set_referenced(repeating, true));
    CHECK(timers.cancel(repeating));
    CHECK(timers.referenced() == 0);
}

TEST_CASE("[6] unreferenced in its own callback, a timer stays so when it is restarted there") {
    Timers timers(0);
    TimerId id;
    id = timers.start(10, 0, [&] {
        CHECK(timers.referenced() == 0);
        CHECK(timers.set_referenced(id, false));
        CHECK(timers.restart(id, 20));
        CHECK(timers.referenced() == 0);
    });
    timers.expire(10);
    CHECK(timers.active(id));
    CHECK(timers.referenced() == 0);
    CHECK(timers.set_referenced(id, true));
    CHECK(timers.referenced() == 1);
}

// ---- Memory ----------------------------------------------------------------------------------

TEST_CASE("timers without a timer need no memory, and warm ones no more") {
    allocations = 0;
    Timers timers(0);
    CHECK_FALSE(timers.active({1, 1}));
    timers.expire(5);
    CHECK(timers.next_deadline() == never);
    CHECK(allocations == 0);

    std::vector<TimerId> ids(1000);
    int calls = 0;
    const auto fill = [&](std::int64_t now) {
        for (std::size_t i = 0; i < ids.size(); i++) {
            ids[i] = timers.start(now + static_cast<std::int64_t>(i * i), 0, [&] { calls++; });
        }
    };
    fill(5);
    const std::size_t warm = allocations;
    CHECK(warm < 10);
    for (std::size_t i = 0; i < ids.size(); i += 2) timers.cancel(ids[i]);
    for (std::size_t i = 1; i < ids.size(); i += 2) timers.restart(ids[i], 100);
    timers.expire(100);
    CHECK(calls == 500);
    fill(100);
    CHECK(timers.next_deadline() == 100);
    timers.expire(5'000'000);
    CHECK(calls == 1500);
    CHECK(allocations == warm);
}

TEST_CASE("when memory is out there is no timer, its callback is destroyed, the others go on") {
    const auto held = std::make_shared<int>();
    bool complete = false;
    for (std::size_t enough = 0; !complete; enough++) {
        CAPTURE(enough);
        Timers timers(0);
        std::vector<TimerId> ids;
        int calls = 0;
        const auto start = [&] { return timers.start(10, 0, [&calls, held] { calls++; }); };
        ids.reserve(201);
        allocations_left = enough;
        while (ids.size() < 200) {
            const TimerId id = start();
            if (!id) break;
            ids.push_back(id);
        }
        complete = ids.size() == 200;
        const long alive = held.use_count();
        allocations_left = SIZE_MAX;
        CHECK(alive == static_cast<long>(ids.size()) + 1);
        CHECK(timers.referenced() == ids.size());
        CHECK(timers.next_deadline() == (ids.empty() ? never : 10));
        ids.push_back(start());
        CHECK(ids.back());
        timers.expire(10);
        CHECK(calls == static_cast<int>(ids.size()));
        CHECK(held.use_count() == 1);
        CHECK(enough < 10);
    }
}

TEST_CASE("an empty callback makes no timer") {
    Timers timers(0);
    CHECK_FALSE(timers.start(10, 0, {}));
    CHECK(timers.next_deadline() == never);
}

TEST_CASE("more timers than one chunk holds keep their places and their order") {
    Timers timers(0);
    std::vector<TimerId> ids;
    std::vector<std::size_t> order;
    std::vector<std::size_t> expected;
    for (std::size_t i = 0; i < 5000; i++) {
        ids.push_back(timers.start(1000, 0, [&order, i] { order.push_back(i); }));
    }
    for (std::size_t i = 0; i < ids.size(); i += 3) CHECK(timers.cancel(ids[i]));
    for (std::size_t i = 0; i < ids.size(); i++) {
        if (i % 3) expected.push_back(i);
    }
    timers.expire(1000);
    CHECK(order == expected);
}

}  // namespace
