// A lock around a few instructions: whoever holds it is about to let go, unless the system took
// its processor away. Then it gets one here, whatever its priority is, because sleeping is for all.
#include <chrono>
#include <thread>

#include "platform/platform.h"

namespace platform {

void SpinLock::contend() {
    constexpr int spins_max = 1000;
    constexpr std::chrono::microseconds nap{50};
    do {
        for (int i = 0; held_.load(std::memory_order_relaxed); i++) {
            if (i >= spins_max) std::this_thread::sleep_for(nap);
        }
    } while (held_.exchange(true, std::memory_order_acquire));
}

}  // namespace platform
