// Timers of one loop: a hierarchical wheel of 1 ms slots, O(1) to start and cancel.
//
// Order is exact: by deadline, and among equal deadlines by start. That comes for free when the
// level is chosen by the highest bit in which deadline and now differ, slots are first in first
// out, and cascading keeps their order (Varghese & Lauck 1987).
#pragma once

#include <cstdint>

#include "core/callback.h"

namespace core {

// Stays unique when its place is used again. Zero stands for no timer.
struct TimerId {
    std::uint32_t index = 0;
    std::uint32_t generation = 0;
    explicit operator bool() const { return generation != 0; }
    bool operator==(const TimerId&) const = default;
};

// All times are whole milliseconds, not negative, on one clock that never goes back.
class Timers {
   public:
    static constexpr std::int64_t never = INT64_MAX;

    explicit Timers(std::int64_t now) : now_(now) {}
    ~Timers();  // Destroys the callbacks. Not to be called by one of them.
    Timers(const Timers&) = delete;
    Timers& operator=(const Timers&) = delete;

    // A period of zero fires once. A deadline that has passed counts as now: it fires at the next
    // expire(), after what was due before. No timer (and the callback destroyed) when memory is
    // out or the callback is empty.
    //
    // A repeating timer keeps to its grid: the next deadline is the first after now that lies a
    // whole number of periods after the previous one. So it never drifts, and a late one fires
    // once for all that was missed. It counts as started anew just before its callback runs.
    TimerId start(std::int64_t deadline, std::int64_t period, Callback<void()>);

    // Each does nothing and says false for a timer that has fired or was cancelled. While its own
    // callback runs, a timer that fires once can still be restarted, which arms it again.
    bool restart(TimerId, std::int64_t deadline);  // As if started anew, after its equals.
    bool cancel(TimerId);                          // Legal inside any callback, its own included.
    bool set_referenced(TimerId, bool);            // Timers begin referenced.
    bool active(TimerId) const;                    // Armed: it will fire.

    // Runs what was due when called, never what its callbacks start. A callback that throws leaves
    // the rest due for the next call. Inside a callback it does nothing.
    void expire(std::int64_t now);

    std::int64_t next_deadline() const;  // Exact; never when there is none.
    std::uint32_t referenced() const;    // How many armed ones keep the loop alive.

   private:
    struct Wheel;
    Wheel* wheel_ = nullptr;  // Made for the first timer: without one a loop is small.
    std::int64_t now_;
};

}  // namespace core
