// The ticker writes to an eventfd whenever the next period has passed.
#ifdef __linux__

#include "tests/bench/ticker.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/bench/meter.h"

namespace bench {

namespace {

std::uint64_t period = 0;

void tick(int descriptor) {
    constexpr std::uint64_t one = 1;
    for (std::uint64_t next = wall_clock();; next += period) {
        while (wall_clock() < next) continue;
        (void)!write(descriptor, &one, sizeof one);
    }
}

}  // namespace

Ticker::Ticker(std::uint64_t period_nanoseconds)
    : descriptor_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    if (descriptor_ < 0) fail("no ticker can be had");
    period = period_nanoseconds;
    child_.emplace(tick, descriptor_);
}

Ticker::~Ticker() {
    child_.reset();
    close(descriptor_);
}

void Ticker::read() {
    std::uint64_t ticks;
    (void)!::read(descriptor_, &ticks, sizeof ticks);
}

}  // namespace bench

#endif
