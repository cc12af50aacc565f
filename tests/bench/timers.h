// Rows timers_*: what starting, restarting, stopping and expiring a timer costs, for any contender
// that a small class adapts. Timers are restarted and stopped in random order, with random delays,
// as those of real connections are. The first cycle warms up for starts; the rest is warm by them,
// as a cycle of a million takes seconds. All must fire once, in their order.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <random>
#include <utility>
#include <vector>

#include "tests/bench/row.h"

namespace bench {

using TimerClock = std::chrono::steady_clock;

inline double nanoseconds_since(TimerClock::time_point begin) {
    return std::chrono::duration<double, std::nano>(TimerClock::now() - begin).count();
}

// Which timers have fired, in their order.
class Fired {
   public:
    explicit Fired(std::size_t count) : order_(count) {}
    void record(std::size_t i) {
        if (size_ < order_.size()) order_[size_] = static_cast<std::uint32_t>(i);
        size_++;
    }
    void check(const std::vector<int>& delays, bool exact) {
        if (size_ != delays.size()) fail("not every timer has fired once");
        for (std::size_t i = 1; i < size_; i++) {
            const std::uint32_t before = order_[i - 1];
            const std::uint32_t after = order_[i];
            const bool equal = delays[before] == delays[after];
            if (delays[before] > delays[after] || (exact && equal && before >= after)) {
                fail("timers have fired out of order");
            }
        }
        size_ = 0;
    }
    std::size_t size() const { return size_; }
    void clear() { size_ = 0; }

   private:
    std::vector<std::uint32_t> order_;
    std::size_t size_ = 0;
};

// A contender has: run(f), which calls f where a callback would run; start(i, milliseconds),
// restart(i, milliseconds), stop(i); expire(), which runs what is due, each time telling Fired;
// `ordered` unless it has no order at all, `exact` when equal deadlines fire in start order.
template <class Contender>
class TimerWorkload {
   public:
    enum class Phase { start, restart, stop };

    template <std::size_t count, Phase phase>
    static Outcome measure(const Settings& settings) {
        TimerWorkload workload(count, 60'000);
        double spent = 0;
        std::uint64_t operations = 0;
        if (phase == Phase::start) workload.cycle(phase);
        const TimerClock::time_point begin = TimerClock::now();
        do {
            spent += workload.cycle(phase);
            operations += count;
        } while (nanoseconds_since(begin) < settings.seconds * 1e9);
        return {spent / static_cast<double>(operations), operations, -1};
    }

    template <std::size_t count>
    static Outcome measure_expire(const Settings& settings) {
        TimerWorkload workload(count, count > 10'000 ? 500 : 50);
        double spent = 0;
        std::uint64_t operations = 0;
        const TimerClock::time_point begin = TimerClock::now();
        do {
            spent += workload.expire();
            operations += count;
        } while (nanoseconds_since(begin) < settings.seconds * 1e9);
        return {spent / static_cast<double>(operations), operations, -1};
    }

   private:
    TimerWorkload(std::size_t count, int delay_max)
        : fired_(count),
          contender_(count, fired_),
          order_(count),
          delays_(count),
          later_(count),
          delay_max_(delay_max) {
        std::iota(order_.begin(), order_.end(), 0u);
        std::shuffle(order_.begin(), order_.end(), random_);
        std::uniform_int_distribution<int> delay(1, delay_max);
        for (int& each : delays_) each = delay(random_);
        for (int& each : later_) each = delay(random_);
    }

    double cycle(Phase measured) {
        double spent = 0;
        const auto timed = [&](Phase phase, auto&& work) {
            const TimerClock::time_point begin = TimerClock::now();
            work();
            if (phase == measured) spent = nanoseconds_since(begin);
        };
        contender_.run([&] {
            timed(Phase::start, [&] {
                for (std::size_t i = 0; i < delays_.size(); i++) contender_.start(i, delays_[i]);
            });
            timed(Phase::restart, [&] {
                for (const std::uint32_t i : order_) contender_.restart(i, later_[i]);
            });
            timed(Phase::stop, [&] {
                for (const std::uint32_t i : order_) contender_.stop(i);
            });
        });
        return spent;
    }

    double expire() {
        TimerClock::time_point last;
        contender_.run([&] {
            fired_.clear();
            for (std::size_t i = 0; i < delays_.size(); i++) contender_.start(i, delays_[i]);
            last = TimerClock::now() + std::chrono::milliseconds(delay_max_ + 2);
        });
        while (TimerClock::now() < last) {  // Awake: the way out of a sleep is not the question.
        }
        const TimerClock::time_point begin = TimerClock::now();
        contender_.expire();
        const double spent = nanoseconds_since(begin);
        if constexpr (Contender::ordered) {
            fired_.check(delays_, Contender::exact);
        } else if (fired_.size() != delays_.size()) {
            fail("not every timer has fired once");
        }
        return spent;
    }

    std::mt19937 random_{20};
    Fired fired_;
    Contender contender_;
    std::vector<std::uint32_t> order_;
    std::vector<int> delays_;
    std::vector<int> later_;
    const int delay_max_;
};

// One object of this registers all rows.
template <class Contender>
struct TimerRows {
    using Workload = TimerWorkload<Contender>;
    using Phase = typename Workload::Phase;
    Row start_4k{"timers_4k_start", "ns", Workload::template measure<4'000, Phase::start>};
    Row restart_4k{"timers_4k_restart", "ns", Workload::template measure<4'000, Phase::restart>};
    Row stop_4k{"timers_4k_stop", "ns", Workload::template measure<4'000, Phase::stop>};
    Row expire_4k{"timers_4k_expire", "ns", Workload::template measure_expire<4'000>};
    Row start_100k{"timers_100k_start", "ns", Workload::template measure<100'000, Phase::start>};
    Row restart_100k{"timers_100k_restart", "ns",
                     Workload::template measure<100'000, Phase::restart>};
    Row stop_100k{"timers_100k_stop", "ns", Workload::template measure<100'000, Phase::stop>};
    Row expire_100k{"timers_100k_expire", "ns", Workload::template measure_expire<100'000>};
    Row start_1m{"timers_1m_start", "ns", Workload::template measure<1'000'000, Phase::start>};
    Row restart_1m{"timers_1m_restart", "ns",
                   Workload::template measure<1'000'000, Phase::restart>};
    Row stop_1m{"timers_1m_stop", "ns", Workload::template measure<1'000'000, Phase::stop>};
    Row expire_1m{"timers_1m_expire", "ns", Workload::template measure_expire<1'000'000>};
};

}  // namespace bench
