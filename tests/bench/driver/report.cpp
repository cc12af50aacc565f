// Prints and writes. A number that was not measured is a dash.
#include "tests/bench/driver/report.h"

#include <cmath>
#include <cstdlib>

namespace bench {

namespace {

std::string number(double value) {
    char text[32];
    const int decimals = value >= 1000 ? 0 : value >= 100 ? 1 : value >= 1 ? 2 : 4;
    std::snprintf(text, sizeof text, "%.*f", decimals, value);
    return text;
}

std::string number_or_dash(std::optional<double> value) {
    if (!value || *value < 0) return "-";
    return *value == 0 ? "0" : number(*value);
}

const Result* find(const std::vector<Result>& results, const char* contender) {
    for (const Result& result : results) {
        if (result.contender == contender && result.measured()) return &result;
    }
    return nullptr;
}

void print_result(const Result& result, const Result* ours) {
    if (!result.measured()) {
        std::printf("  %-14s %s: %s\n", result.contender.c_str(),
                    result.state == Sample::State::left_out ? "left out" : "FAILED",
                    result.why.c_str());
        return;
    }
    const std::string ratio = ours ? number(result.beaten_by(*ours)) + "x" : "-";
    std::printf("  %-14s %10s %10s %10s %9s %10s %10s\n", result.contender.c_str(),
                number(result.median()).c_str(), number(result.min()).c_str(),
                number(result.max()).c_str(), ratio.c_str(),
                number_or_dash(result.calls).c_str(), number_or_dash(result.allocations).c_str());
}

}  // namespace

Report::Report(const std::string& path) : file_(std::fopen(path.c_str(), "w")) {
    if (!file_) {
        std::fprintf(stderr, "%s: cannot be written\n", path.c_str());
        std::exit(1);
    }
    std::fprintf(file_, "row\toffload\tcontender\tvalue\tmin\tmax\tunit\tratio to ours\t"
                        "syscalls per operation\tallocations per operation\n");
}

Report::~Report() { std::fclose(file_); }

void Report::add(const RowPlan& row, const std::string& offload,
                 const std::vector<Result>& results) {
    const Result* const ours = find(results, "ours");
    std::string unit;
    for (const Result& result : results) {
        if (result.measured()) unit = result.unit;
        if (result.state == Sample::State::failed) failures_++;
    }
    const std::string title = row.name + (offload == "-" ? "" : ", offload " + offload);
    std::printf("\n%s\n  %-14s %10s %10s %10s %9s %10s %10s\n", title.c_str(),
                unit.empty() ? "" : ("in " + unit).c_str(), "median", "min", "max", "to ours",
                "calls/op", "allocs/op");
    for (const Result& result : results) {
        print_result(result, ours);
        if (result.measured()) write_line(row, offload, result, ours);
    }
    if (!ours || offload == "off") return;
    if (const Result* libuv = find(results, "libuv")) {
        judge("x libuv", row.libuv_goal, libuv->beaten_by(*ours));
    }
    if (const Result* raw = find(results, "raw")) {
        judge(" of raw", row.raw_goal, raw->beaten_by(*ours));
    }
    judge_limits(row, *ours);
}

void Report::write_line(const RowPlan& row, const std::string& offload, const Result& result,
                        const Result* ours) {
    std::fprintf(file_, "%s\t%s\t%s\t%.6g\t%.6g\t%.6g\t%s\t%s\t%s\t%s\n", row.name.c_str(),
                 offload.c_str(), result.contender.c_str(), result.median(), result.min(),
                 result.max(), result.unit.c_str(),
                 ours ? number(result.beaten_by(*ours)).c_str() : "-",
                 number_or_dash(result.calls).c_str(),
                 number_or_dash(result.allocations).c_str());
}

void Report::judge(const char* what, double wanted, double reached) {
    if (wanted <= 0) return;
    const bool met = reached >= wanted;
    goals_++;
    goals_met_ += met;
    std::printf("  goal %.4g%s: %s %s\n", wanted, what, number(reached).c_str(),
                met ? "met" : "missed");
}

// What can be counted is the same on every machine, so allocations are a gate and no mere goal.
void Report::judge_limits(const RowPlan& row, const Result& ours) {
    judge_limit(ours.unit, row.value_goal, ours.median());
    judge_limit("calls/op", row.calls_goal, ours.calls);
    if (!judge_limit("allocs/op", row.allocations_goal, ours.allocations)) failures_++;
}

bool Report::judge_limit(const std::string& what, std::optional<double> limit,
                         std::optional<double> reached) {
    if (!limit) return true;
    std::printf("  goal at most %.4g %s: ", *limit, what.c_str());
    if (!reached || *reached < 0) {
        std::printf("not counted\n");
        return true;
    }
    const bool met = *reached <= *limit;
    goals_++;
    goals_met_ += met;
    std::printf("%s %s\n", number_or_dash(reached).c_str(), met ? "met" : "missed");
    return met;
}

void Report::finish(const std::string& machine) const {
    std::fprintf(file_, "# %s\n", machine.c_str());
    std::printf("\n%d of %d goals met\n", goals_met_, goals_);
    if (failures_ > 0) std::printf("%d contenders FAILED at a row, or at a gate\n", failures_);
}

}  // namespace bench
