// Chance, the same on every machine: splitmix64 (Steele, Lea, Flood 2014), and nothing of
// std::'s distributions, whose results are each library's own. For platform/simulation/ only.
#pragma once

#include <cstdint>

namespace simulation {

class Random {
   public:
    explicit Random(std::uint64_t seed) : state_(seed) {}

    std::uint64_t next() {
        std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }

    // Less than the limit; 0 for 0. The remainder's bias is below 2^-20 for what is asked here.
    std::uint64_t below(std::uint64_t limit) { return limit == 0 ? 0 : next() % limit; }

    // Multiplying by a power of two is exact, whatever the processor.
    bool happens(double chance) {
        if (chance <= 0) return false;
        return static_cast<double>(next() >> 11) < chance * 9007199254740992.0;
    }

   private:
    std::uint64_t state_;
};

}  // namespace simulation
