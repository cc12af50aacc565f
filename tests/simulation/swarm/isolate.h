// Plans in a process of their own, so that one that ends it, or never ends, is a failure as any
// other, and can be made smaller.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tests/simulation/swarm/plan.h"

namespace swarm {

// What a plan fails with; empty when it passes. `quiet`: what the process prints is dropped.
std::string judge_apart(const Plan&, bool quiet);

struct Failing {
    std::uint64_t seed = 0;
    std::string failure;
};

struct Report {
    std::optional<Failing> first;  // The lowest seed that fails of those that were tried.
    std::uint64_t seeds = 0;
    std::uint64_t operations = 0;
    std::uint64_t events = 0;
    std::uint64_t hash = 0;
};

// Seeds from `first` on, in so many processes; ends with the first failure.
Report try_seeds(std::uint64_t first, std::uint64_t count, unsigned processes);

// A plan that fails in the same way, with as little in it as can be found.
Plan shrink(Plan, const std::string& failure);

}  // namespace swarm
