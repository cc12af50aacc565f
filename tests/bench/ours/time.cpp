// Rows timers_* as a program of ours would do it: inside a callback, where the time is the tick's.
#include <chrono>
#include <cstddef>
#include <vector>

#include "core/loop.h"
#include "tests/bench/timers.h"

namespace {

class Ours {
   public:
    static constexpr bool ordered = true;
    static constexpr bool exact = true;

    Ours(std::size_t count, bench::Fired& fired) : fired_(fired), timers_(count) {}

    template <class F>
    void run(F f) {
        loop_.after({}, [&f] { f(); });
        turn();
    }
    void start(std::size_t i, int delay) {
        timers_[i] = loop_.after(std::chrono::milliseconds(delay), [this, i] { fired_.record(i); });
    }
    void restart(std::size_t i, int delay) {
        timers_[i].restart(std::chrono::milliseconds(delay));
    }
    void stop(std::size_t i) { timers_[i].cancel(); }
    void expire() { turn(); }

   private:
    void turn() {
        if (loop_.turn()) bench::fail("the loop has failed");
    }

    bench::Fired& fired_;
    core::Loop loop_;
    std::vector<core::Timer> timers_;
};

const bench::TimerRows<Ours> rows;

}  // namespace
