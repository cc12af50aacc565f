// A chart of horizontal bars in groups, as SVG. No colour carries a meaning alone: each bar has its
// name and its number, so that it reads on light and on dark pages and in print.
#pragma once

#include <string>
#include <vector>

#include "tests/bench/plots/table.h"

namespace bench {

struct Group {
    std::string caption;
    std::vector<Record> bars;
};

struct Chart {
    std::string title;
    bool logarithmic = false;
    std::vector<Group> groups;
    std::string footer;
};

std::string svg_of(const Chart& chart);

}  // namespace bench
