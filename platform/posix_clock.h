// The monotonic clock, and how long a system call may sleep. For platform/ only.
#pragma once

#include <time.h>

#include <climits>

#include "platform/platform.h"

namespace platform {

inline Instant monotonic_now() {
    timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return {static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec};
}

// Zero when it has passed. The clock is not asked where the answer is plain.
inline std::uint64_t nanoseconds_until(Instant deadline, const Poller& clock) {
    if (deadline <= Instant{}) return 0;
    const Instant now = clock.now();
    if (deadline <= now) return 0;
    // Unsigned, because a deadline far in the past of the clock's origin must not overflow.
    return static_cast<std::uint64_t>(deadline.nanoseconds) -
           static_cast<std::uint64_t>(now.nanoseconds);
}

// For epoll_wait and poll: -1 for ever. Rounds up: waking a millisecond early would only make the
// loop spin.
inline int milliseconds_until(Instant deadline, const Poller& clock) {
    if (deadline == Instant::never()) return -1;
    const std::uint64_t left = nanoseconds_until(deadline, clock);
    const std::uint64_t milliseconds = left / 1'000'000 + (left % 1'000'000 != 0 ? 1 : 0);
    return milliseconds > INT_MAX ? INT_MAX : static_cast<int>(milliseconds);
}

}  // namespace platform
