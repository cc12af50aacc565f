// The turn and the life of a loop: phases and their order, when run() ends, what may be done inside
// every phase. Sources are probes here; sockets take their place in tests/net/tick.cpp.
#include "core/loop.h"

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "tests/core/probe.h"

namespace {

using core::Loop;
using core::Timer;
using platform::Code;
using platform::Instant;
using test::Probe;
using namespace std::chrono_literals;

// Keeps the thread busy, so that the system's clock moves on within a tick.
void spend(std::chrono::nanoseconds time) {
    const auto end = std::chrono::steady_clock::now() + time;
    while (std::chrono::steady_clock::now() < end) {
    }
}

void add(std::string& journal, const char* word) {
    if (!journal.empty()) journal += ' ';
    journal += word;
}

std::int64_t milliseconds_between(Instant from, Instant to) {
    return (to.nanoseconds - from.nanoseconds) / 1'000'000;
}

}  // namespace

// ---- The phases ---------------------------------------------------------------------------------

TEST_CASE("[1] timers, posts and look-ups, requests, outcomes, ends: in this order in one tick") {
    std::string journal;
    static std::string* written;
    written = &journal;
    static const char key = 0;
    core::Service service{&key, [](core::Service&) {}, [](core::Service& self) {
                              if (self.due) add(*written, "look-up");
                              self.due = false;
                          }};
    Loop loop;  // After the service, which it destroys.
    loop.add_service(service);
    service.due = true;
    CHECK(loop.next_deadline() == Instant{});  // Something to do is a reason not to sleep.
    Probe& probe = Probe::make(loop, journal, "a");
    loop.finish(probe);  // Asked for in the reverse of the order that is right.
    loop.owe(probe);
    loop.request(probe);
    CHECK(loop.post([&] { add(journal, "post"); }));
    loop.after(0ms, [&] { add(journal, "timer"); });
    CHECK(journal.empty());
    const std::uint64_t before = loop.tick();
    CHECK_FALSE(loop.turn());
    CHECK(journal == "timer post look-up a.prepare a.flush a.conclude a.finish");
    CHECK(loop.tick() == before + 1);
    CHECK_FALSE(loop.turn());
    CHECK(journal == "timer post look-up a.prepare a.flush a.conclude a.finish");
}

TEST_CASE("[1] every bind and connect comes before any send") {
    std::string journal;
    Loop loop;
    Probe& a = Probe::make(loop, journal, "a");
    Probe& b = Probe::make(loop, journal, "b");
    loop.request(b);
    loop.request(a);
    loop.request(b);  // Once a tick is enough.
    CHECK_FALSE(loop.turn());
    CHECK(journal == "b.prepare a.prepare b.flush a.flush");
}

TEST_CASE("[1] outcomes come in the order in which they were owed, across sources") {
    std::string journal;
    Loop loop;
    Probe& a = Probe::make(loop, journal, "a");
    Probe& b = Probe::make(loop, journal, "b");
    Probe& c = Probe::make(loop, journal, "c");
    for (Probe* probe : {&b, &a, &a, &c, &b, &a}) loop.owe(*probe);
    CHECK_FALSE(loop.turn());
    CHECK(journal == "b.conclude a.conclude a.conclude c.conclude b.conclude a.conclude");
}

TEST_CASE("[1] what outlasted its tick was asked for first, and is concluded first") {
    std::string journal;
    Loop loop;
    Probe& a = Probe::make(loop, journal, "a");
    Probe& b = Probe::make(loop, journal, "b");
    Probe& c = Probe::make(loop, journal, "c");
    loop.owe(a);
    loop.owe(b);
    loop.owe_late(c);
    loop.owe_late(b);
    loop.owe_late(b);
    CHECK_FALSE(loop.turn());
    CHECK(journal == "c.conclude b.conclude b.conclude a.conclude b.conclude");

    // Inside the outcomes it is the next round's.
    journal.clear();
    loop.owe(a);
    loop.owe(b);
    a.on_conclude = [&](Probe& self) {
        self.on_conclude.reset();
        loop.owe(c);
        loop.owe_late(a);
    };
    CHECK_FALSE(loop.turn());
    CHECK(journal == "a.conclude b.conclude");
    CHECK_FALSE(loop.turn());
    CHECK(journal == "a.conclude b.conclude a.conclude c.conclude");

    // Unless it must not wait, as what was asked for later would come first.
    journal.clear();
    for (Probe* probe : {&a, &b, &c}) loop.owe(*probe);
    a.on_conclude = [&](Probe&) {
        for (int i = 0; i < 2; i++) loop.owe_now(c);
    };
    CHECK_FALSE(loop.turn());
    CHECK(journal == "a.conclude c.conclude c.conclude b.conclude c.conclude");
}

TEST_CASE("[1] ends come in the order in which they were asked for, each once") {
    std::string journal;
    Loop loop;
    Probe& a = Probe::make(loop, journal, "a");
    Probe& b = Probe::make(loop, journal, "b");
    loop.finish(b);
    loop.finish(a);
    loop.finish(b);
    CHECK_FALSE(loop.turn());
    CHECK(journal == "b.finish a.finish");
}

TEST_CASE("[1] the clock is taken once a tick") {
    Loop loop;
    std::vector<std::int64_t> seen;
    const auto look = [&] {
        seen.push_back(loop.now().nanoseconds);
        spend(2ms);
        seen.push_back(loop.now().nanoseconds);
    };
    loop.after(0ms, look);
    loop.after(0ms, look);
    CHECK(loop.post(look));
    const Instant before = loop.now();
    CHECK_FALSE(loop.turn());
    CHECK(seen.size() == 6);
    if (seen.empty()) return;
    for (const std::int64_t nanoseconds : seen) CHECK(nanoseconds == seen[0]);
    CHECK(seen.front() >= before.nanoseconds);
    CHECK(milliseconds_between({seen.front()}, loop.now()) >= 6);  // Outside it is the time.
}

TEST_CASE("[5] timers of one tick count from its clock: equal delays fire in start order") {
    Loop loop;
    std::string order;
    loop.after(0ms, [&] {
        loop.after(5ms, [&] { order += '1'; });
        spend(2ms);
        loop.after(5ms, [&] { order += '2'; });
        loop.after(4999999ns, [&] { order += '3'; });  // Rounded up to the same millisecond.
        loop.after(1ms, [&] { order += '0'; });
    });
    CHECK_FALSE(loop.run());
    CHECK(order == "0123");
}

// ---- Nothing inside the call, nothing in the same round -----------------------------------------

TEST_CASE("[2] neither post nor a timer of no delay runs inside the call, nor inside another") {
    Loop loop;
    int depth = 0;
    int deepest = 0;
    int calls = 0;
    const auto enter = [&] {
        calls++;
        deepest = std::max(deepest, ++depth);
    };
    loop.after(0ms, [&] {
        enter();
        CHECK(loop.post([&] {
            enter();
            loop.after(-1h, [&] {
                enter();
                depth--;
            });
            depth--;
        }));
        loop.after(0ms, [&] {
            enter();
            depth--;
        });
        depth--;
    });
    CHECK(calls == 0);
    CHECK_FALSE(loop.run());
    CHECK(calls == 4);
    CHECK(deepest == 1);
}

TEST_CASE("[4] what a phase asks of itself waits for the next tick") {
    std::string journal;
    Loop loop;
    Probe& probe = Probe::make(loop, journal, "a");
    std::vector<std::uint64_t> timers;
    std::vector<std::uint64_t> posts;
    std::vector<std::uint64_t> outcomes;
    std::vector<std::uint64_t> ends;
    core::Callback<void()> arm = [&] {
        timers.push_back(loop.tick());
        if (timers.size() < 3) loop.after(0ms, [&] { arm(); });
    };
    core::Callback<void()> repost = [&] {
        posts.push_back(loop.tick());
        if (posts.size() < 3) CHECK(loop.post([&] { repost(); }));
    };
    probe.on_conclude = [&](Probe& self) {
        outcomes.push_back(loop.tick());
        if (outcomes.size() < 3) loop.owe(self);
    };
    probe.on_finish = [&](Probe& self) {
        ends.push_back(loop.tick());
        if (ends.size() < 3) loop.finish(self);
    };
    loop.after(0ms, [&] { arm(); });
    CHECK(loop.post([&] { repost(); }));
    loop.owe(probe);
    loop.finish(probe);
    for (int i = 0; i < 3; i++) CHECK_FALSE(loop.turn());
    const std::uint64_t first = loop.tick() - 2;
    const std::vector<std::uint64_t> each{first, first + 1, first + 2};
    CHECK(timers == each);
    CHECK(posts == each);
    CHECK(outcomes == each);
    CHECK(ends == each);
}

TEST_CASE("[4] a request made in the phase of requests is the next tick's, whoever makes it") {
    std::string journal;
    Loop loop;
    Probe& a = Probe::make(loop, journal, "a");
    Probe& b = Probe::make(loop, journal, "b");
    b.on_prepare = [&](Probe& self) {
        self.on_prepare.reset();
        loop.request(a);  // Prepared already.
    };
    loop.request(a);
    loop.request(b);
    CHECK_FALSE(loop.turn());
    CHECK(journal == "a.prepare b.prepare a.flush b.flush");
    CHECK(loop.next_deadline() == Instant{});
    CHECK_FALSE(loop.turn());
    CHECK(journal == "a.prepare b.prepare a.flush b.flush a.prepare a.flush");

    journal.clear();
    a.on_flush = [&](Probe& self) {
        self.on_flush.reset();
        loop.request(self);
        loop.request(b);  // Prepared already, and still to be flushed.
    };
    loop.request(a);
    loop.request(b);
    CHECK_FALSE(loop.turn());
    CHECK(journal == "a.prepare b.prepare a.flush b.flush");
    CHECK_FALSE(loop.turn());
    CHECK(journal == "a.prepare b.prepare a.flush b.flush a.prepare b.prepare a.flush b.flush");
}

TEST_CASE("[4] posts that post for ever do not keep a timer from firing") {
    Loop loop;
    bool fired = false;
    core::Callback<void()> again = [&] {
        if (!fired) CHECK(loop.post([&] { again(); }));
    };
    CHECK(loop.post([&] { again(); }));
    loop.after(5ms, [&] { fired = true; });
    CHECK_FALSE(loop.run());
    CHECK(fired);
}

// ---- Sources come and go inside phases ----------------------------------------------------------

TEST_CASE("[7] a source may leave inside any phase, its own or another's, last in line or not") {
    struct Phase {
        Probe::Hook Probe::*hook;
        const char* name;
    };
    const Phase phases[] = {{&Probe::on_prepare, "prepare"},
                            {&Probe::on_flush, "flush"},
                            {&Probe::on_conclude, "conclude"},
                            {&Probe::on_finish, "finish"}};
    for (const Phase& phase : phases) {
        for (std::size_t victim = 0; victim < 3; victim++) {
            for (std::size_t culprit = 0; culprit < 3; culprit++) {
                CAPTURE(phase.name);
                CAPTURE(victim);
                CAPTURE(culprit);
                std::string journal;
                Loop loop;
                Probe* probes[] = {&Probe::make(loop, journal, "0"),
                                   &Probe::make(loop, journal, "1"),
                                   &Probe::make(loop, journal, "2")};
                for (Probe* probe : probes) {
                    loop.request(*probe);
                    loop.owe(*probe);
                    loop.owe(*probe);
                    loop.finish(*probe);
                }
                const std::string name = std::to_string(victim);
                std::size_t length_then = 0;
                (probes[culprit]->*phase.hook) = [&](Probe&) {
                    if (length_then) return;
                    probes[victim]->leave();
                    length_then = journal.size();
                    CHECK(journal.find(name + ".gone") == std::string::npos);
                };
                CHECK_FALSE(loop.turn());
                CHECK(length_then > 0);
                // Nothing more of it, until the turn is over.
                CHECK(journal.find(name + ".", length_then) == journal.rfind(name + ".gone"));
                CHECK(journal.ends_with(" " + name + ".gone"));
                // The others have lost nothing.
                for (std::size_t i = 0; i < 3; i++) {
                    if (i == victim) continue;
                    const std::string other = std::to_string(i);
                    CHECK(journal.find(other + ".prepare") != std::string::npos);
                    CHECK(journal.find(other + ".flush") != std::string::npos);
                    const std::size_t outcome = journal.find(other + ".conclude");
                    CHECK(outcome != std::string::npos);
                    CHECK(journal.find(other + ".conclude", outcome + 1) != std::string::npos);
                    CHECK(journal.find(other + ".finish") != std::string::npos);
                }
                CHECK_FALSE(loop.turn());
                CHECK(journal.ends_with(" " + name + ".gone"));
            }
        }
    }
}

TEST_CASE("[7] a source that comes in the place of one that left is another one") {
    std::string journal;
    Loop loop;
    Probe& a = Probe::make(loop, journal, "a");
    platform::Token at_once{};
    const platform::Token first = a.token;
    loop.owe(a);
    a.on_conclude = [&](Probe& self) {
        self.leave();
        at_once = Probe::make(loop, journal, "b").token;
    };
    CHECK_FALSE(loop.turn());
    CHECK_FALSE(at_once == first);
    const platform::Token later = Probe::make(loop, journal, "c").token;
    CHECK_FALSE(later == first);
    CHECK_FALSE(later == at_once);
}

TEST_CASE("a source outside a turn goes at once, and with the loop at the latest") {
    std::string journal;
    {
        Loop loop;
        Probe::make(loop, journal, "a").leave();
        CHECK(journal == "a.gone");
        loop.request(Probe::make(loop, journal, "b"));
        loop.owe(Probe::make(loop, journal, "c"));
    }
    CHECK(journal == "a.gone b.gone c.gone");
}

TEST_CASE("what is requested can be made to leave early, and leaves again with its tick") {
    std::string journal;
    Loop loop;
    Probe& a = Probe::make(loop, journal, "a");
    Probe& b = Probe::make(loop, journal, "b");
    loop.request(a);
    loop.request(b);
    loop.flush_requests();
    CHECK(journal == "a.flush b.flush");
    CHECK_FALSE(loop.turn());
    CHECK(journal == "a.flush b.flush a.prepare b.prepare a.flush b.flush");
}

// ---- run, stop, turn ----------------------------------------------------------------------------

TEST_CASE("[6] run() ends when nothing referenced is left") {
    Loop loop;
    CHECK_FALSE(loop.run());  // Nothing at all.
    int fired = 0;
    loop.after(1ms, [&] { fired++; });
    loop.after(1h, [&] { fired++; }).unref();
    const Instant before = loop.now();
    CHECK_FALSE(loop.run());
    CHECK(fired == 1);
    CHECK(milliseconds_between(before, loop.now()) < 60'000);
}

TEST_CASE("[6] a timer's ref and unref are idempotent, return it, and are legal at any time") {
    Loop loop;
    int fired = 0;
    Timer timer = loop.after(50ms, [&] { fired++; });
    CHECK(&timer.unref() == &timer);
    timer.unref().unref();
    CHECK_FALSE(loop.run());
    CHECK(fired == 0);
    CHECK(&timer.ref() == &timer);
    timer.ref();
    CHECK_FALSE(loop.run());
    CHECK(fired == 1);
    CHECK_FALSE(timer.ref().unref().ref().active());  // It has fired.
    CHECK_FALSE(loop.run());
    CHECK_FALSE(timer.restart(1ms));
    CHECK_FALSE(Timer().ref().unref().active());
    CHECK_FALSE(Timer().restart(1ms));
    Timer().cancel();
}

TEST_CASE("[6] an unreferenced timer fires as long as something else keeps the loop going") {
    Loop loop;
    int ticks = 0;
    Timer fast = loop.every(1ms, [&] { ticks++; });
    fast.unref();
    loop.after(20ms, [] {});
    CHECK_FALSE(loop.run());
    CHECK(ticks > 0);
    fast.cancel();
    CHECK_FALSE(fast.active());
}

TEST_CASE("[6] post does not keep run() going; what comes after it waits for the next") {
    Loop loop;
    std::string order;
    CHECK(loop.post([&] { order += '1'; }));
    CHECK(loop.post([&] { order += '2'; }));
    CHECK_FALSE(loop.run());  // There before it began.
    CHECK(order == "12");
    CHECK(loop.post([&] {
        order += '3';
        CHECK(loop.post([&] { order += '4'; }));
    }));
    CHECK_FALSE(loop.run());
    CHECK(order == "123");
    CHECK_FALSE(loop.run());
    CHECK(order == "1234");
}

TEST_CASE("[6] hold and release count, and a request, an outcome, an end are each waited for") {
    std::string journal;
    Loop loop;
    Probe& probe = Probe::make(loop, journal, "a");
    loop.hold();
    loop.hold();
    loop.after(1ms, [&] { loop.release(); }).unref();
    loop.after(3ms, [&] {
        loop.release();
        loop.request(probe);
    }).unref();
    probe.on_flush = [&](Probe& self) { loop.owe(self); };
    probe.on_conclude = [&](Probe& self) { loop.finish(self); };
    CHECK_FALSE(loop.run());
    CHECK(journal == "a.prepare a.flush a.conclude a.finish");
}

TEST_CASE("[6] the loop's end waits for nothing and runs nothing") {
    const auto held = std::make_shared<int>();
    const auto before = std::chrono::steady_clock::now();
    int calls = 0;
    {
        Loop loop;
        loop.after(1h, [held, &calls] { calls++; });
        loop.after(0h, [held, &calls] { calls++; });
        loop.every(1h, [held, &calls] { calls++; });
        CHECK(loop.post([held, &calls] { calls++; }));
        loop.on_unhandled_error([held, &calls](platform::Error, std::string_view) { calls++; });
        loop.hold();
        CHECK(held.use_count() == 6);
    }
    CHECK(held.use_count() == 1);
    CHECK(calls == 0);
    CHECK(std::chrono::steady_clock::now() - before < 30s);
}

TEST_CASE("stop ends the run in progress after its tick, and no other") {
    std::string journal;
    Loop loop;
    int ticks = 0;
    Probe& probe = Probe::make(loop, journal, "a");
    Timer timer = loop.every(1ms, [&] {
        if (++ticks % 2 == 1) return;
        loop.owe(probe);
        loop.stop();
    });
    loop.stop();  // There is none in progress.
    CHECK_FALSE(loop.run());
    CHECK(ticks == 2);
    CHECK(journal == "a.conclude");  // The tick was finished.
    CHECK_FALSE(loop.run());
    CHECK(ticks == 4);
    timer.cancel();
    CHECK_FALSE(loop.run());
    CHECK(ticks == 4);
}

TEST_CASE("run and turn do not nest") {
    Loop loop;
    int calls = 0;
    const auto try_both = [&] {
        calls++;
        CHECK(loop.run().code == Code::already_in_progress);
        CHECK(loop.turn().code == Code::already_in_progress);
        CHECK(platform::name(loop.run().code) == "EALREADY");
    };
    loop.after(0ms, try_both);
    CHECK_FALSE(loop.run());
    CHECK(loop.post(try_both));
    CHECK_FALSE(loop.turn());
    CHECK(calls == 2);

    Loop other;  // Another loop may turn inside a callback.
    other.after(0ms, [&] { calls++; });
    loop.after(0ms, [&] { CHECK_FALSE(other.run()); });
    CHECK_FALSE(loop.run());
    CHECK(calls == 3);
}

TEST_CASE("turn sleeps until its deadline, or the earliest timer, whichever comes first") {
    Loop loop;
    Instant before = loop.now();
    CHECK_FALSE(loop.turn({before.nanoseconds + 5'000'000}));
    CHECK(milliseconds_between(before, loop.now()) >= 5);

    bool fired = false;
    loop.after(5ms, [&] { fired = true; });
    before = loop.now();
    CHECK_FALSE(loop.turn());
    CHECK_FALSE(fired);  // It did not wait.
    CHECK_FALSE(loop.turn(Instant::never()));
    CHECK(fired);

    CHECK(loop.post([] {}));  // A post is a reason to wake up.
    CHECK_FALSE(loop.turn(Instant::never()));
}

TEST_CASE("next_deadline: at once when there is something to do, else the earliest timer") {
    std::string journal;
    Loop loop;
    CHECK(loop.next_deadline() == Instant::never());
    Timer timer = loop.after(1h, [] {});
    const std::int64_t until = milliseconds_between(loop.now(), loop.next_deadline());
    CHECK(until <= 3'600'001);
    CHECK(until > 3'500'000);
    Probe& probe = Probe::make(loop, journal, "a");
    for (const auto ask : {&Loop::request, &Loop::owe, &Loop::finish}) {
        (loop.*ask)(probe);
        CHECK(loop.next_deadline() == Instant{});
        CHECK_FALSE(loop.turn());
        CHECK(loop.next_deadline() > loop.now());
    }
    timer.cancel();
    CHECK(loop.next_deadline() == Instant::never());
}

TEST_CASE("what could be told in no other way is what run() returns, once") {
    Loop loop;
    int fired = 0;
    loop.after(0ms, [&] { fired++; });
    loop.fail({Code::out_of_memory, platform::Operation::open});
    CHECK(loop.run().code == Code::out_of_memory);
    CHECK(fired == 0);
    CHECK_FALSE(loop.run());
    CHECK(fired == 1);
    loop.after(0ms, [&] { loop.fail({Code::out_of_memory, platform::Operation::open}); });
    CHECK(loop.run().code == Code::out_of_memory);
    CHECK_FALSE(loop.run());
}

// ---- Timers through the loop --------------------------------------------------------------------

TEST_CASE("[5] timers never fire early, and fire in the order of their deadlines") {
    Loop loop;
    std::string order;
    const Instant before = loop.now();
    for (const int delay : {7, 3, 5, 3, 1}) {
        loop.after(std::chrono::milliseconds(delay), [&order, &loop, before, delay] {
            order += std::to_string(delay);
            CHECK(milliseconds_between(before, loop.now()) >= delay);
        });
    }
    CHECK_FALSE(loop.run());
    CHECK(order == "13357");
}

TEST_CASE("[5] deadlines of weeks and centuries are exact") {
    using std::chrono::milliseconds;
    const std::chrono::nanoseconds year = std::chrono::hours(24) * 365;
    for (const std::chrono::nanoseconds delay :
         {std::chrono::nanoseconds(milliseconds(INT32_MAX)),
          std::chrono::nanoseconds(milliseconds(1ll << 31)),
          std::chrono::nanoseconds(milliseconds(1ll << 32)), 50 * year, 200 * year}) {
        CAPTURE(delay.count());
        Loop loop;
        const Instant before = loop.now();
        Timer timer = loop.after(delay, [] { CHECK(false); });
        const Instant deadline = loop.next_deadline();
        CHECK(deadline.nanoseconds - before.nanoseconds >= delay.count());
        CHECK(deadline.nanoseconds - loop.now().nanoseconds <= delay.count() + 1'000'000);
        CHECK_FALSE(loop.turn({loop.now().nanoseconds + 1'000'000}));
        CHECK(timer.active());
    }
}

TEST_CASE("[5] the longest delay there is and the longest period never come, and hold the loop") {
    Loop loop;
    const auto longest = std::chrono::nanoseconds::max();
    Timer once = loop.after(longest, [] { CHECK(false); });
    Timer often = loop.every(longest, [] { CHECK(false); });
    CHECK(loop.next_deadline() == Instant::never());
    bool fired = false;
    loop.after(1ms, [&] {
        fired = true;
        CHECK(often.restart(longest));
        loop.stop();
    });
    CHECK_FALSE(loop.run());
    CHECK(fired);
    CHECK(once.active());
    CHECK(often.active());
}

TEST_CASE("[5] a repeating timer keeps to its period, skips what it missed, and can be stopped") {
    Loop loop;
    int count = 0;
    Timer timer = loop.every(2ms, [&] {
        count++;
        if (count == 1) spend(9ms);
        if (count == 4) timer.cancel();
    });
    const Instant before = loop.now();
    CHECK_FALSE(loop.run());
    CHECK(count == 4);
    CHECK(milliseconds_between(before, loop.now()) >= 14);  // 2, 12 at the earliest, 14 and 16.

    Timer shortest = loop.every(0ns, [&] {  // At least a millisecond.
        if (++count == 7) shortest.cancel();
    });
    CHECK_FALSE(loop.run());
    CHECK(count == 7);
}

TEST_CASE("a timer can be restarted and cancelled, inside its own callback too") {
    Loop loop;
    int count = 0;
    Timer timer = loop.after(1h, [&] {
        if (++count < 3) CHECK(timer.restart(1ms));
    });
    CHECK(timer.active());
    CHECK(timer.restart(1ms));
    const Timer copy = timer;
    CHECK(copy.active());
    CHECK_FALSE(loop.run());
    CHECK(count == 3);
    CHECK_FALSE(copy.active());

    Timer never = loop.after(0ms, [&] { count++; });
    never.cancel();
    never.cancel();
    CHECK_FALSE(loop.run());
    CHECK(count == 3);
    CHECK_FALSE(loop.after(0ms, {}).active());  // Nothing to call.
}

// ---- Errors nobody listens to -------------------------------------------------------------------

TEST_CASE("the hook for unhandled errors may replace itself, and be taken away") {
    Loop loop;
    std::string heard;
    const auto held = std::make_shared<int>();
    const platform::Error error{Code::connection_refused, platform::Operation::receive};
    loop.on_unhandled_error([&, held](platform::Error what, std::string_view text) {
        loop.on_unhandled_error([&](platform::Error, std::string_view said) { heard += said; });
        CHECK(held.use_count() == 2);  // Its captures live as long as it runs.
        CHECK(what == error);
        heard += text;
    });
    loop.unhandled_error(error, "1");
    CHECK(held.use_count() == 1);
    loop.unhandled_error(error, "2");
    loop.unhandled_error(error, "3");
    CHECK(heard == "123");
}
