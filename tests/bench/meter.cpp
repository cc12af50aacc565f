// The meter: spans of the clock, with marks around them that are not on the clock.
#ifdef __linux__

#include "tests/bench/meter.h"

#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/heap.h"

namespace bench {

namespace {

constexpr double warming_share = 0.25;  // Of the time to measure.

}  // namespace

std::uint64_t wall_clock() {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
           static_cast<std::uint64_t>(now.tv_nsec);
}

std::uint64_t processor_clock() {
    rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    const auto nanoseconds = [](const timeval& time) {
        return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 +
               static_cast<std::uint64_t>(time.tv_usec) * 1000;
    };
    return nanoseconds(usage.ru_utime) + nanoseconds(usage.ru_stime);
}

void mark() { (void)getppid(); }

Meter::Meter(const Settings& settings, Clock clock)
    : clock_(clock), measure_for_(static_cast<std::uint64_t>(settings.seconds * 1e9)),
      deadline_(wall_clock() + static_cast<std::uint64_t>(settings.seconds * 1e9 * warming_share)) {
}

bool Meter::again(std::uint64_t operations) {
    if (finished_) return false;  // A loop that was stopped may still tell of some more.
    const std::uint64_t now = wall_clock();
    if (measuring_) operations_ += operations;
    if (now < deadline_) return true;
    if (measuring_) {
        if (!paused_) end_span();
        finished_ = true;
        return false;
    }
    measuring_ = true;
    deadline_ = now + measure_for_;
    if (!paused_) start_span();
    return true;
}

void Meter::pause() {
    if (measuring_) end_span();
    paused_ = true;
}

void Meter::resume() {
    paused_ = false;
    if (measuring_) start_span();
}

void Meter::start_span() {
    mark();
    span_requests_ = heap_requests();
    span_began_ = clock_();
}

void Meter::end_span() {
    taken_ += clock_() - span_began_;
    requests_ += heap_requests() - span_requests_;
    mark();
}

Outcome Meter::outcome(double unit_nanoseconds) const {
    const double operations = static_cast<double>(operations_ ? operations_ : 1);
    return {.value = static_cast<double>(taken_) / operations / unit_nanoseconds,
            .operations = operations_,
            .allocations = static_cast<double>(requests_) / operations};
}

}  // namespace bench

#endif
