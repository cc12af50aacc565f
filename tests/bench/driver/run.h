// One run of a contender's row: a process, pinned if wanted, and the line that it prints.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bench {

using Command = std::vector<std::string>;

struct Sample {
    enum class State { measured, left_out, failed };
    State state = State::failed;
    double value = 0;
    std::string unit;
    double operations = 0;
    double allocations = -1;
    std::optional<double> calls;  // System calls in the measured part, when they were counted.
    std::string why;              // Left out, or failed.
};

std::string output_of(const Command& command);  // "" when it fails.
Sample run_once(const Command& command, bool pinned);
Sample run_traced(const Command& command, bool pinned);  // Slower by far: its value is worthless.

}  // namespace bench
