// What a change costs: two builds of ours run each row in turns, and each pair of neighbours is one
// ratio. Noise that lasts longer than a run hits both, so medians of ratios tell one per cent apart
// where medians of times tell ten.
#pragma once

#include <string>
#include <vector>

#include "tests/bench/driver/plan.h"

namespace bench {

// Prints a line for each row that both have; how many of them failed.
int compare(const Program& before, const Program& now, const std::vector<RowPlan>& rows,
            const std::string& seconds, int rounds);

}  // namespace bench
