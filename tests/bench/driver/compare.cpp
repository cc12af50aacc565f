// See compare.h.
#include "tests/bench/driver/compare.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

namespace bench {

namespace {

// How many times longer it takes now.
double slowdown(const Sample& before, const Sample& now) {
    const bool rate = now.unit == "1/s";
    return rate ? before.value / now.value : now.value / before.value;
}

// Of sorted values. The interval holds the true median with 95 %, whatever their distribution: its
// ends are the values so far from the middle that a fair coin seldom gets there.
struct Median {
    explicit Median(const std::vector<double>& sorted) {
        const std::size_t size = sorted.size();
        value = (sorted[(size - 1) / 2] + sorted[size / 2]) / 2;
        const double count = static_cast<double>(size);
        const double rank = std::floor(count / 2 - 0.98 * std::sqrt(count));
        const std::size_t from_end = rank < 1 ? 0 : static_cast<std::size_t>(rank) - 1;
        low = sorted[from_end];
        high = sorted[size - 1 - from_end];
    }
    double value;
    double low;
    double high;
};

// The first of a pair is the other one each time.
std::pair<Sample, Sample> run_pair(const Command& before, const Command& now, bool pinned,
                                   bool before_first) {
    std::pair<Sample, Sample> pair;
    if (before_first) pair.first = run_once(before, pinned);
    pair.second = run_once(now, pinned);
    if (!before_first) pair.first = run_once(before, pinned);
    return pair;
}

bool told_why_not(const RowPlan& row, const char* which, const Sample& sample) {
    if (sample.state == Sample::State::measured) return false;
    const char* const what = sample.state == Sample::State::left_out ? "left out" : "FAILED";
    std::printf("%-20s %s %s: %s\n", row.name.c_str(), which, what, sample.why.c_str());
    return true;
}

bool compare_row(const Command& before, const Command& now, const RowPlan& row, int rounds) {
    std::vector<double> ratios;
    for (int round = 0; round < rounds; round++) {
        const auto [old_run, new_run] = run_pair(before, now, row.pinned, round % 2 == 0);
        if (told_why_not(row, "before", old_run) || told_why_not(row, "now", new_run)) {
            return old_run.state != Sample::State::failed &&
                   new_run.state != Sample::State::failed;
        }
        ratios.push_back(slowdown(old_run, new_run));
    }
    std::sort(ratios.begin(), ratios.end());
    const Median median(ratios);
    std::printf("%-20s %8.4f   %.4f to %.4f\n", row.name.c_str(), median.value, median.low,
                median.high);
    return true;
}

}  // namespace

int compare(const Program& before, const Program& now, const std::vector<RowPlan>& rows,
            const std::string& seconds, int rounds) {
    std::printf("the time that it takes now, by what it took before: medians of %d pairs, and\n"
                "where the true one lies with 95 %%\n", rounds);
    int failed = 0;
    for (const RowPlan& row : rows) {
        if (before.rows.count(row.name) == 0 || now.rows.count(row.name) == 0) continue;
        Command old_command = with_row(before.command, row.name);
        Command new_command = with_row(now.command, row.name);
        for (Command* each : {&old_command, &new_command}) each->push_back("--seconds=" + seconds);
        failed += !compare_row(old_command, new_command, row, rounds);
        std::fflush(stdout);
    }
    return failed;
}

}  // namespace bench
