// Callbacks that throw, in every phase: the exception leaves run() or turn(), the next one goes on
// from there, and nothing is lost or called twice.
#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "core/loop.h"
#include "core/stop.h"
#include "tests/core/probe.h"

namespace {

using core::Loop;
using core::Timer;
using platform::Instant;
using test::Probe;
using namespace std::chrono_literals;

// Turns until a turn goes through; how many did not.
int exceptions_of(Loop& loop) {
    for (int count = 0;; count++) {
        try {
            const platform::Error error = loop.turn();
            CHECK_FALSE(error);
            return count;
        } catch (int) {
        }
    }
}

}  // namespace

TEST_CASE("[7] each phase may throw: the next turn goes on behind it, in order") {
    for (const auto phase :
         {&Probe::on_prepare, &Probe::on_flush, &Probe::on_conclude, &Probe::on_finish}) {
        for (const std::string throwing : {"a", "b", "c", "ac", "abc"}) {
            CAPTURE(throwing);
            std::string journal;
            Loop loop;
            for (const char* name : {"a", "b", "c"}) {
                Probe& probe = Probe::make(loop, journal, name);
                loop.finish(probe);
                loop.owe(probe);
                loop.request(probe);
                if (throwing.find(name) == std::string::npos) continue;
                probe.*phase = [](Probe&) { throw 1; };
            }
            CHECK(exceptions_of(loop) == static_cast<int>(throwing.size()));
            CHECK(journal == "a.prepare b.prepare c.prepare a.flush b.flush c.flush "
                             "a.conclude b.conclude c.conclude a.finish b.finish c.finish");
            CHECK(loop.next_deadline() == Instant::never());
        }
    }
}

TEST_CASE("[7] a timer that throws leaves those behind it due, and a repeating one repeats") {
    Loop loop;
    std::string order;
    loop.after(0ms, [&] { order += '1'; });
    loop.after(0ms, [&] {
        order += '2';
        throw 2;
    });
    loop.after(0ms, [&] { order += '3'; });
    Timer often = loop.every(1ms, [&] {
        order += 'e';
        if (order.size() == 5) often.cancel();
        throw 3;
    });
    CHECK_THROWS_AS((void)loop.run(), int);
    CHECK(order == "12");
    CHECK_THROWS_AS((void)loop.run(), int);
    CHECK(order == "123e");
    CHECK_THROWS_AS((void)loop.run(), int);
    CHECK_FALSE(loop.run());
    CHECK(order == "123ee");
}

TEST_CASE("[7] a post that throws is gone, those behind it run next, then what came meanwhile") {
    Loop loop;
    std::string order;
    const auto held = std::make_shared<int>();
    for (const char* name : {"1", "2", "3"}) {
        CHECK(loop.post([&order, held, name] {
            order += name;
            if (*name == '1') throw 1;
        }));
    }
    CHECK_THROWS_AS((void)loop.run(), int);
    CHECK(order == "1");
    CHECK(held.use_count() == 3);
    CHECK(loop.next_deadline() == Instant{});
    CHECK(loop.post([&] { order += '4'; }));
    CHECK_FALSE(loop.turn(Instant::never()));  // One turn does it all, without sleeping.
    CHECK(order == "1234");
    CHECK(held.use_count() == 1);
    CHECK(loop.post([&] { order += '5'; }));  // The poller is woken for this one too.
    CHECK_FALSE(loop.turn(Instant::never()));
    CHECK(order == "12345");
}

TEST_CASE("[7] of a thousand posts many throw, and each is called once, in order") {
    Loop loop;
    int calls = 0;
    int misplaced = 0;
    int exceptions = 0;
    for (int i = 0; i < 1000; i++) {
        CHECK(loop.post([&, i] {
            misplaced += i != calls++;
            if (i % 63 == 0) throw i;
        }));
    }
    for (int turns = 0; calls < 1000 && turns < 100; turns++) {
        try {
            if (loop.turn(Instant::never())) break;
        } catch (int) {
            exceptions++;
        }
    }
    CHECK(calls == 1000);
    CHECK(misplaced == 0);
    CHECK(exceptions == 16);
}

TEST_CASE("[7] an exception before the posts does not cost them their wake-up") {
    std::string journal;
    Loop loop;
    std::string order;
    Probe& probe = Probe::make(loop, journal, "a");
    loop.hold();
    loop.after(0ms, [] { throw 1; });
    CHECK(loop.post([&] { order += '1'; }));
    CHECK_THROWS_AS((void)loop.run(), int);
    CHECK(order.empty());
    CHECK(loop.next_deadline() == Instant{});
    CHECK_FALSE(loop.turn(Instant::never()));
    CHECK(order == "1");

    // The same when the last phases throw.
    probe.on_finish = [](Probe&) { throw 2; };
    loop.finish(probe);
    CHECK(loop.post([&] {
        order += '2';
        CHECK(loop.post([&] { order += '3'; }));
    }));
    CHECK_THROWS_AS((void)loop.turn(), int);
    CHECK_FALSE(loop.turn(Instant::never()));
    CHECK(order == "123");
    CHECK(loop.next_deadline() == Instant::never());
    loop.release();
}

TEST_CASE("[7] after an exception run() can be called again, inside a callback it cannot") {
    Loop loop;
    int calls = 0;
    loop.after(0ms, [&] {
        calls++;
        CHECK(loop.run().code == platform::Code::already_in_progress);
        throw 1;
    });
    loop.after(1ms, [&] { calls++; });
    CHECK_THROWS_AS((void)loop.run(), int);
    CHECK_FALSE(loop.run());
    CHECK(calls == 2);
}

TEST_CASE("[7] a source that leaves and throws is buried all the same") {
    std::string journal;
    Loop loop;
    Probe& probe = Probe::make(loop, journal, "a");
    probe.on_conclude = [](Probe& self) {
        self.leave();
        throw 1;
    };
    loop.owe(probe);
    loop.owe(probe);
    loop.finish(probe);
    CHECK_THROWS_AS((void)loop.turn(), int);
    CHECK(journal == "a.conclude a.gone");
    CHECK_FALSE(loop.turn());
    CHECK(journal == "a.conclude a.gone");
}

TEST_CASE("[7] the hook for unhandled errors may throw, and stays or is replaced") {
    Loop loop;
    int heard = 0;
    loop.on_unhandled_error([&](platform::Error, std::string_view) {
        if (++heard == 3) loop.on_unhandled_error([](platform::Error, std::string_view) {});
        throw heard;
    });
    const platform::Error error{platform::Code::unknown};
    for (int i = 0; i < 3; i++) CHECK_THROWS_AS(loop.unhandled_error(error, ""), int);
    CHECK_NOTHROW(loop.unhandled_error(error, ""));
    CHECK(heard == 3);
}

TEST_CASE("[7] a loop ends in order after an exception in any phase") {
    const auto held = std::make_shared<int>();
    std::string journal;
    {
        Loop loop;
        for (const char* name : {"a", "b"}) {
            Probe& probe = Probe::make(loop, journal, name);
            for (auto hook : {&Probe::on_flush, &Probe::on_conclude, &Probe::on_finish}) {
                probe.*hook = [held](Probe&) { throw 1; };
            }
            loop.request(probe);
            loop.owe(probe);
            loop.finish(probe);
            CHECK(loop.post([held] { throw 1; }));
            loop.after(0ms, [held] { throw 1; });
        }
        for (int i = 0; i < 5; i++) CHECK_THROWS_AS((void)loop.turn(), int);
    }
    CHECK(held.use_count() == 1);
    CHECK(journal.ends_with("a.gone b.gone"));
}

TEST_CASE("[10] a stop listener that throws keeps the others for the next call") {
    core::StopSource source;
    std::string order;
    core::StopListener first([&] {
        order += '1';
        throw 1;
    });
    core::StopListener second([&] { order += '2'; });
    source.token().listen(first);
    source.token().listen(second);
    CHECK_THROWS_AS(source.stop(), int);
    CHECK(source.stopped());
    CHECK(order == "1");
    source.stop();
    CHECK(order == "12");
}
