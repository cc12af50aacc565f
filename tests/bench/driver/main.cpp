// The benchmark's driver: runs each row for all contenders in turns (ABCABC, so that noise hits all
// alike), once more each under a tracer, and reports.
// Usage: bench.exe [--rounds=N] [--seconds=S] [--programs=FILE] [--rows=FILE] [--output=FILE]
//     [WORD...]: rows whose name contains a word.
// Or, with --before=PROGRAM [--now=PROGRAM] instead of --programs and --output: two builds of ours.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/driver/compare.h"
#include "tests/bench/driver/machine.h"
#include "tests/bench/driver/plan.h"
#include "tests/bench/driver/report.h"
#include "tests/bench/driver/result.h"

namespace bench {
namespace {

struct Arguments {
    int rounds = 7;
    std::string seconds = "0.1";
    std::string programs = "build/bench.programs";
    std::string rows = "tests/bench/rows.txt";
    std::string output = "build/bench.tsv";
    std::optional<std::string> before{};
    std::string now = "build/bench/ours";
    std::vector<std::string> words;
};

Arguments read_arguments(int count, char** texts) {
    Arguments arguments;
    for (int i = 1; i < count; i++) {
        const std::string text = texts[i];
        const std::string value = text.substr(text.find('=') + 1);
        if (text.starts_with("--rounds=")) arguments.rounds = std::atoi(value.c_str());
        else if (text.starts_with("--seconds=")) arguments.seconds = value;
        else if (text.starts_with("--programs=")) arguments.programs = value;
        else if (text.starts_with("--rows=")) arguments.rows = value;
        else if (text.starts_with("--output=")) arguments.output = value;
        else if (text.starts_with("--before=")) arguments.before = value;
        else if (text.starts_with("--now=")) arguments.now = value;
        else arguments.words.push_back(text);
    }
    if (arguments.rounds < 1) arguments.rounds = 1;
    return arguments;
}

// One contender's way to run a row.
struct Variant {
    bool offload;    // Takes part in the table with offload,
    bool no_offload; // and in the one without.
    Command command;
    Result result;
};

std::vector<Variant> variants_of(const RowPlan& row, const std::vector<Program>& programs,
                                 const std::string& seconds) {
    std::vector<Variant> variants;
    for (const Program& program : programs) {
        if (program.rows.count(row.name) == 0) continue;
        if (program.calls && row.quiet) continue;
        Variant variant{true, true, with_row(program.command, row.name), {}};
        variant.result.contender = program.contender;
        variant.command.push_back("--seconds=" + seconds);
        const bool both = program.offload && row.datagrams;
        variant.no_offload = !both;
        variants.push_back(variant);
        if (!both) continue;
        variant.offload = false;
        variant.no_offload = true;
        variant.command.push_back("--offload=off");
        variants.push_back(variant);
    }
    return variants;
}

void take(Result& result, const Sample& sample) {
    if (sample.state == Sample::State::measured) {
        result.values.push_back(sample.value);
        result.unit = sample.unit;
        result.allocations = sample.allocations;
    } else {
        result.state = sample.state;
        result.why = sample.why;
        result.values.clear();
    }
}

void measure(const RowPlan& row, std::vector<Variant>& variants, int rounds) {
    const auto in_play = [](const Variant& variant) {
        return variant.result.state == Sample::State::measured;
    };
    for (int round = 0; round < rounds; round++) {
        for (Variant& variant : variants) {
            if (in_play(variant)) take(variant.result, run_once(variant.command, row.pinned));
        }
    }
    for (Variant& variant : variants) {
        if (row.quiet || !in_play(variant)) continue;
        const Sample traced = run_traced(variant.command, row.pinned);
        if (traced.calls && traced.state == Sample::State::measured) {
            variant.result.calls = *traced.calls / traced.operations;
        }
    }
}

std::vector<Result> results_of(const std::vector<Variant>& variants, bool Variant::*chosen) {
    std::vector<Result> results;
    for (const Variant& variant : variants) {
        if (variant.*chosen) results.push_back(variant.result);
    }
    return results;
}

// In seconds: each run warms up for a quarter of its time, and a process takes a while to begin.
double estimate(const Arguments& arguments, const std::vector<RowPlan>& rows,
                const std::vector<Program>& programs) {
    const double asked = 1.25 * std::atof(arguments.seconds.c_str()) + 0.05;
    double sum = 0;
    for (const RowPlan& row : rows) {
        const auto variants = variants_of(row, programs, arguments.seconds).size();
        const int runs = arguments.rounds + (row.quiet ? 0 : 1);
        sum += static_cast<double>(variants) * runs * std::max(asked, row.run_seconds);
    }
    return sum;
}

int drive(const Arguments& arguments) {
    const std::vector<Program> programs = read_programs(arguments.programs);
    const std::vector<RowPlan> rows = plan_rows(arguments.rows, programs, arguments.words);
    Report report(arguments.output);
    const std::string machine = describe_machine();
    std::printf("%s\n%zu rows, %d rounds of %s s, about %.1f minutes; 'to ours': how many times "
                "better ours is\n", machine.c_str(), rows.size(), arguments.rounds,
                arguments.seconds.c_str(), estimate(arguments, rows, programs) / 60);
    const auto began = std::chrono::steady_clock::now();
    for (const RowPlan& row : rows) {
        std::vector<Variant> variants = variants_of(row, programs, arguments.seconds);
        measure(row, variants, arguments.rounds);
        report.add(row, row.datagrams ? "on" : "-", results_of(variants, &Variant::offload));
        if (row.datagrams) report.add(row, "off", results_of(variants, &Variant::no_offload));
        std::fflush(stdout);
    }
    report.finish(machine);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    std::printf("%.1f minutes\n", took.count() / 60);
    return report.failed() ? 1 : 0;
}

int compare_builds(const Arguments& arguments) {
    const Program before = program_of("before", {*arguments.before});
    const Program now = program_of("now", {arguments.now});
    for (const Program& each : {before, now}) {
        if (!each.rows.empty()) continue;
        std::fprintf(stderr, "'%s' has no rows: --%s wants a build of build/bench/ours\n",
                     each.command[0].c_str(), each.contender.c_str());
        return 1;
    }
    const std::vector<RowPlan> rows = plan_rows(arguments.rows, {before, now}, arguments.words);
    return compare(before, now, rows, arguments.seconds, arguments.rounds) > 0 ? 1 : 0;
}

}  // namespace
}  // namespace bench

int main(int count, char** texts) {
    const bench::Arguments arguments = bench::read_arguments(count, texts);
    return arguments.before ? bench::compare_builds(arguments) : bench::drive(arguments);
}
