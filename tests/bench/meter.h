// When a row's measured part begins and ends, and what it took: time and requests to the heap.
// Its ends are marked for the driver, which counts the system calls between them: getppid() is a
// call that nobody else makes. What a row has to do aside (a raw peer's part) is done in a pause.
#pragma once

#include <cstdint>

#include "tests/bench/row.h"

namespace bench {

using Clock = std::uint64_t (*)();
std::uint64_t wall_clock();       // Nanoseconds,
std::uint64_t processor_clock();  // and those that the process was running.

void mark();  // Once where a measured part begins and once where it ends.

class Meter {
   public:
    explicit Meter(const Settings& settings, Clock clock = wall_clock);

    // After each round, of which the first ones only warm up. False: it was the last.
    bool again(std::uint64_t operations);
    void pause();
    void resume();
    bool measuring() const { return measuring_; }

    Outcome outcome(double unit_nanoseconds = 1) const;

   private:
    void start_span();
    void end_span();

    Clock clock_;
    std::uint64_t measure_for_;
    std::uint64_t deadline_;  // Of warming up, then of measuring.
    std::uint64_t span_began_ = 0;
    std::uint64_t span_requests_ = 0;
    std::uint64_t taken_ = 0;
    std::uint64_t requests_ = 0;
    std::uint64_t operations_ = 0;
    bool measuring_ = false;
    bool paused_ = false;
    bool finished_ = false;
};

}  // namespace bench
