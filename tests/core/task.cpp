// Tasks on a loop: when they begin, what they hand on, how deep they may go, how they end; and what
// every await has, a deadline and a token, on the plainest of them, sleep().
#include "core/task.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/await.h"

using namespace std::chrono_literals;
using core::Code;
using core::Error;
using core::Loop;
using core::sleep;
using core::spawn;
using core::Spawned;
using core::StopSource;
using core::StopToken;
using core::Task;

namespace {

using Lines = std::vector<std::string>;

// Says when it ends: a frame's local variable.
struct Mark {
    Mark(Lines& where, std::string what) : lines(where), text(std::move(what)) {}
    ~Mark() { lines.push_back(text); }
    Mark(const Mark&) = delete;
    Mark& operator=(const Mark&) = delete;
    Lines& lines;
    std::string text;
};

Task<> say(Lines& lines, std::string text) {
    lines.push_back(text);
    co_return;
}

Task<> wait(Lines& lines, std::chrono::nanoseconds duration) {
    const Mark mark(lines, "gone");
    (void)co_await sleep(duration);
    lines.push_back("slept");
}

Task<int> one() { co_return 1; }

Task<std::unique_ptr<int>> owned(int value) { co_return std::make_unique<int>(value); }

Task<int> sum_of(int count) {
    int sum = 0;
    for (int i = 0; i < count; i++) sum += co_await one();
    co_return sum;
}

Task<int> nested(int levels) {
    if (levels == 0) co_return 0;
    co_return co_await nested(levels - 1) + 1;
}

Task<> note_sleep(std::optional<Error>& error, std::chrono::nanoseconds duration,
                  std::chrono::nanoseconds within = 24h, StopToken token = {}) {
    error = co_await sleep(duration).within(within).unless(std::move(token));
}

// One of the user's own, which knows nothing of strands: somebody resumes it.
struct Gate {
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> coroutine) noexcept { waiting = coroutine; }
    void await_resume() const noexcept {}
    void open() { std::exchange(waiting, nullptr).resume(); }
    std::coroutine_handle<> waiting;
};

}  // namespace

TEST_CASE("a spawned task begins with the posted callbacks, not inside spawn") {
    Lines lines;
    Loop loop;
    loop.after(0ms, [&] {
        spawn(loop, say(lines, "task"));
        lines.push_back("spawned");
    });
    loop.post([&] { lines.push_back("posted"); });
    CHECK_FALSE(loop.run());
    CHECK(lines == Lines{"spawned", "posted", "task"});
}

TEST_CASE("tasks begin in the order in which they were spawned; one spawned meanwhile, next turn") {
    Lines lines;
    Loop loop;
    spawn(loop, [](Loop& inside, Lines& to) -> Task<> {
        spawn(inside, say(to, "third " + std::to_string(inside.tick() + 1)));
        to.push_back("first");
        co_return;
    }(loop, lines));
    spawn(loop, say(lines, "second"));
    CHECK_FALSE(loop.turn());
    CHECK(lines == Lines{"first", "second"});
    CHECK(loop.alive());
    CHECK_FALSE(loop.run());
    CHECK(lines == Lines{"first", "second", "third 2"});
}

TEST_CASE("a task that nobody awaits never begins, and its frame goes with it") {
    Lines lines;
    const auto watched = std::make_shared<int>(1);
    {
        const Task<> never = [](Lines& to, std::shared_ptr<int>) -> Task<> {
            to.push_back("began");
            co_return;
        }(lines, watched);
        CHECK(watched.use_count() == 2);
    }
    CHECK(watched.use_count() == 1);
    CHECK(lines.empty());
}

TEST_CASE("values come out of co_await, moved and once") {
    Loop loop;
    int counted = 0;
    std::unique_ptr<int> moved;
    spawn(loop, [](int& sum, std::unique_ptr<int>& out) -> Task<> {
        sum = co_await sum_of(10);
        out = co_await owned(7);
    }(counted, moved));
    CHECK_FALSE(loop.run());
    CHECK(counted == 10);
    REQUIRE(moved);
    CHECK(*moved == 7);
}

// With a stack of 8 MiB, whatever the compiler makes of it.
TEST_CASE("a million awaits after each other, or inside each other, do not grow the stack") {
    constexpr int levels = 1'000'000;
    Loop loop;
    int after = 0, inside = 0;
    spawn(loop, [](int& first, int& second) -> Task<> {
        first = co_await sum_of(levels);
        second = co_await nested(levels);
    }(after, inside));
    CHECK_FALSE(loop.run());
    CHECK(after == levels);
    CHECK(inside == levels);
}

TEST_CASE("what suspends and goes on a hundred thousand times does not grow the stack either") {
    Loop loop;
    int count = 0;
    spawn(loop, [](int& times) -> Task<> {
        for (; times < 100'000; times++) {
            co_await [](int) -> Task<> { (void)co_await sleep(0ms); }(times);
        }
    }(count));
    CHECK_FALSE(loop.run());
    CHECK(count == 100'000);
}

TEST_CASE("what a task waits for keeps run() going, the task itself does not") {
    Lines lines;
    Gate gate;
    Loop loop;
    spawn(loop, wait(lines, 5ms));
    spawn(loop, [](Gate& never, Lines& to) -> Task<> {
        const Mark mark(to, "the other one");
        co_await never;
    }(gate, lines));
    CHECK_FALSE(loop.run());
    CHECK(lines == Lines{"slept", "gone"});
}

TEST_CASE("the loop's end ends what waits, deep inside too, the innermost first") {
    Lines lines;
    Spawned spawned;
    {
        Loop loop;
        spawned = spawn(loop, [](Lines& to) -> Task<> {
            const Mark mark(to, "outer");
            co_await wait(to, 1h);
        }(lines));
        spawn(loop, say(lines, "never"));
        CHECK(spawned.active());
        CHECK_FALSE(loop.turn());
        CHECK(lines == Lines{"never"});
        spawn(loop, say(lines, "not begun"));
    }
    CHECK(lines == Lines{"never", "gone", "outer"});
    CHECK_FALSE(spawned.active());
    spawned.cancel();
}

TEST_CASE("a frame that dies with the loop may spawn, which comes to nothing") {
    struct Spawns {
        ~Spawns() { spawn(loop, say(lines, "too late")); }
        Loop& loop;
        Lines& lines;
    };
    Lines lines;
    {
        Loop loop;
        spawn(loop, [](Loop& inside, Lines& to) -> Task<> {
            const Spawns spawns{inside, to};
            (void)co_await sleep(1h);
        }(loop, lines));
        CHECK_FALSE(loop.turn());
    }
    CHECK(lines.empty());
}

TEST_CASE("cancel destroys a task where it waits, before it has begun, and once") {
    Lines lines;
    Loop loop;
    Spawned waits = spawn(loop, wait(lines, 1h));
    Spawned begins_not = spawn(loop, say(lines, "never"));
    begins_not.cancel();
    CHECK_FALSE(begins_not.active());
    CHECK_FALSE(loop.turn());
    CHECK(waits.active());
    Spawned moved = std::move(waits);
    CHECK_FALSE(waits.active());
    waits.cancel();
    CHECK(moved.active());
    moved.cancel();
    moved.cancel();
    CHECK(lines == Lines{"gone"});
    CHECK_FALSE(loop.alive());  // Its timer has gone with it.
    CHECK_FALSE(loop.run());
}

TEST_CASE("a task that is canceled from inside goes as far as its next await") {
    Lines lines;
    Spawned spawned;
    Loop loop;
    spawned = spawn(loop, [](Lines& to, Spawned& self) -> Task<> {
        const Mark mark(to, "gone");
        co_await [](Lines& where, Spawned& all) -> Task<> {
            const Mark inner(where, "inner gone");
            all.cancel();
            where.push_back("canceled");
            (void)co_await sleep(1ms);
            where.push_back("never");
        }(to, self);
        to.push_back("never");
    }(lines, spawned));
    CHECK_FALSE(loop.run());
    CHECK(lines == Lines{"canceled", "inner gone", "gone"});

    // Or it ends by itself, once.
    lines.clear();
    spawned = spawn(loop, [](Lines& to, Spawned& self) -> Task<> {
        const Mark mark(to, "gone");
        self.cancel();
        co_return;
    }(lines, spawned));
    CHECK_FALSE(loop.run());
    CHECK(lines == Lines{"gone"});
}

TEST_CASE("a frame's end may cancel its own task, and others that are due") {
    struct Cancels {
        ~Cancels() { which.cancel(); }
        Spawned& which;
    };
    Lines lines;
    Spawned self, other;
    Loop loop;
    self = spawn(loop, [](Spawned& mine) -> Task<> {
        const Cancels cancels{mine};
        (void)co_await sleep(0ms);
    }(self));
    CHECK_FALSE(loop.run());
    CHECK_FALSE(self.active());
    spawn(loop, [](Spawned& next) -> Task<> {
        const Cancels cancels{next};
        co_return;
    }(other));
    other = spawn(loop, say(lines, "never"));
    CHECK_FALSE(loop.run());
    CHECK(lines.empty());
}

TEST_CASE("letting go of a Spawned does not end its task") {
    Lines lines;
    Loop loop;
    { const Spawned let_go = spawn(loop, wait(lines, 1ms)); }
    Spawned replaced = spawn(loop, say(lines, "first"));
    replaced = spawn(loop, say(lines, "second"));
    CHECK_FALSE(loop.run());
    CHECK(lines == Lines{"first", "second", "slept", "gone"});
    CHECK_FALSE(replaced.active());
}

TEST_CASE("whatever can be awaited can be awaited in a task, and resumed by anyone") {
    Lines lines;
    Gate gate;
    Loop loop;
    Spawned spawned = spawn(loop, [](Gate& closed, Lines& to) -> Task<> {
        const Mark mark(to, "gone");
        co_await closed;
        to.push_back("open");
        (void)co_await sleep(0ms);
        to.push_back("slept");
        co_await closed;
        co_await say(to, "in a task");
        co_await closed;
    }(gate, lines));
    CHECK_FALSE(loop.turn());
    gate.open();  // Outside of all phases.
    CHECK(lines == Lines{"open"});
    CHECK_FALSE(loop.run());
    CHECK(lines == Lines{"open", "slept"});
    gate.open();  // A task that begins here does so in the loop.
    CHECK(lines.size() == 2);
    CHECK_FALSE(loop.run());
    CHECK(lines == Lines{"open", "slept", "in a task"});
    gate.open();  // And so does the end.
    CHECK(spawned.active());
    CHECK_FALSE(loop.run());
    CHECK_FALSE(spawned.active());
    CHECK(lines.back() == "gone");
}

// ---- sleep, deadlines and tokens ---------------------------------------------------------------

TEST_CASE("sleep is never early, and keeps to the order of the deadlines") {
    Lines lines;
    Loop loop;
    const auto sleeps = [](Loop& inside, Lines& to, std::chrono::milliseconds time) -> Task<> {
        const std::int64_t begin = inside.now().nanoseconds;
        const Error error = co_await sleep(time);
        CHECK_FALSE(error);
        CHECK(inside.now().nanoseconds - begin >= std::chrono::nanoseconds(time).count());
        to.push_back(std::to_string(time.count()));
    };
    for (const auto time : {20ms, 5ms, 10ms}) spawn(loop, sleeps(loop, lines, time));
    CHECK_FALSE(loop.run());
    CHECK(lines == Lines{"5", "10", "20"});
}

TEST_CASE("a deadline gives up with ETIMEDOUT, at once when there is no time") {
    Loop loop;
    std::optional<Error> late, none, early;
    spawn(loop, note_sleep(late, 1h, 5ms));
    spawn(loop, note_sleep(none, 1h, -1s));
    spawn(loop, note_sleep(early, 5ms, 1h));
    CHECK_FALSE(loop.run());
    CHECK(late == Error{Code::timed_out, core::Operation::wait});
    CHECK(none == Error{Code::timed_out, core::Operation::wait});
    CHECK(early == Error{});
}

TEST_CASE("what is due together with its deadline ends once, and the deadline comes first") {
    Loop loop;
    std::optional<Error> error;
    spawn(loop, note_sleep(error, 5ms, 5ms));
    CHECK_FALSE(loop.run());
    CHECK(error == Error{Code::timed_out, core::Operation::wait});
}

TEST_CASE("a token that stops before, while, or after gives ECANCELED, ECANCELED, or nothing") {
    Loop loop;
    StopSource before, during, after;
    before.stop();
    std::optional<Error> first, second, third;
    std::uint64_t began = 0, ended = 0;
    spawn(loop, [](Loop& inside, StopToken token, std::optional<Error>& to, std::uint64_t& at,
                   std::uint64_t& end) -> Task<> {
        at = inside.tick();
        to = co_await sleep(0ms).unless(token);
        end = inside.tick();
    }(loop, before.token(), first, began, ended));
    spawn(loop, note_sleep(second, 1h, 2h, during.token()));
    spawn(loop, note_sleep(third, 1ms, 1h, after.token()));
    loop.after(10ms, [&] {
        during.stop();
        CHECK_FALSE(second);  // Not inside the call.
        after.stop();
        during.stop();
    });
    CHECK_FALSE(loop.run());
    CHECK(first == Error{Code::canceled, core::Operation::wait});
    CHECK(began == ended);  // It did not even wait.
    CHECK(second == Error{Code::canceled, core::Operation::wait});
    CHECK(third == Error{});
}

TEST_CASE("a token whose source has gone, and one of no source, never stop") {
    Loop loop;
    std::optional<Error> gone, none;
    {
        const StopSource source;
        spawn(loop, note_sleep(gone, 2ms, 1h, source.token()));
    }
    spawn(loop, note_sleep(none, 2ms));
    CHECK_FALSE(loop.run());
    CHECK(gone == Error{});
    CHECK(none == Error{});
}

TEST_CASE("of a stop and an outcome in one tick the first one counts") {
    Loop loop;
    StopSource late, early;
    std::optional<Error> slept, stopped;
    spawn(loop, note_sleep(slept, 5ms, 1h, late.token()));
    CHECK_FALSE(loop.turn());
    loop.after(5ms, [&] { late.stop(); });
    loop.after(5ms, [&] { early.stop(); });
    spawn(loop, note_sleep(stopped, 1h, 5ms, early.token()));
    CHECK_FALSE(loop.run());
    CHECK(slept == Error{});
    CHECK(stopped == Error{Code::canceled, core::Operation::wait});
}

TEST_CASE("a stop that a coroutine makes does not run the others inside it; a stop of its own does"
          " not end it") {
    StopSource source;
    Lines lines;
    Loop loop;
    spawn(loop, [](StopToken token, Lines& to) -> Task<> {
        const Error error = co_await sleep(1h).unless(token);
        to.push_back(error.code == Code::canceled ? "canceled" : "?");
    }(source.token(), lines));
    spawn(loop, [](StopSource& stops, Lines& to) -> Task<> {
        (void)co_await sleep(1ms).unless(stops.token());
        stops.stop();
        to.push_back("stopped");
        const Error error = co_await sleep(1h).unless(stops.token());
        CHECK(error.code == Code::canceled);
        to.push_back("end");
    }(source, lines));
    CHECK_FALSE(loop.run());
    CHECK(lines == Lines{"stopped", "end", "canceled"});
}

TEST_CASE("a task that is canceled after its token has stopped does not go on") {
    StopSource source;
    Lines lines;
    Loop loop;
    Spawned spawned = spawn(loop, [](StopToken token, Lines& to) -> Task<> {
        const Mark mark(to, "gone");
        (void)co_await sleep(1h).unless(token);
        to.push_back("never");
    }(source.token(), lines));
    CHECK_FALSE(loop.turn());
    source.stop();
    spawned.cancel();
    CHECK(lines == Lines{"gone"});
    CHECK_FALSE(loop.run());
    source.stop();
    CHECK(lines == Lines{"gone"});
}
