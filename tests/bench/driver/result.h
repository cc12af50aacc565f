// What a row's rounds have shown for one contender, and how it stands to ours.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "tests/bench/driver/run.h"

namespace bench {

struct Result {
    std::string contender;
    std::vector<double> values;
    std::string unit;
    double allocations = -1;              // Per operation; below 0: not counted.
    std::optional<double> calls;          // System calls per operation.
    Sample::State state = Sample::State::measured;
    std::string why;

    bool measured() const { return !values.empty(); }
    bool higher_is_better() const { return unit == "1/s"; }
    double min() const { return *std::min_element(values.begin(), values.end()); }
    double max() const { return *std::max_element(values.begin(), values.end()); }
    double median() const {
        std::vector<double> sorted = values;
        std::sort(sorted.begin(), sorted.end());
        const std::size_t half = sorted.size() / 2;
        return sorted.size() % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
    }

    // How many times better `other` is.
    double beaten_by(const Result& other) const {
        const double ratio = median() / other.median();
        return higher_is_better() ? 1 / ratio : ratio;
    }
};

}  // namespace bench
