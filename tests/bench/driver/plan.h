// Who runs and what: the contenders that were built, and the rows in the order of the report.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/bench/driver/run.h"

namespace bench {

// A contender may be several programs, with rows of their own.
struct Program {
    std::string contender;
    bool offload = false;  // Runs with and without.
    bool calls = false;    // Runs at no row whose system calls are not counted.
    Command command;
    std::set<std::string> rows;
};

struct RowPlan {
    std::string name;
    bool pinned = false;
    bool datagrams = false;  // With and without offload.
    bool quiet = false;      // Has no system calls to count.
    double libuv_goal = 0;   // So many times better; 0: no goal.
    double raw_goal = 0;     // Such a share of the limit.
    std::optional<double> calls_goal{};        // At most so many per operation,
    std::optional<double> allocations_goal{};  // and so many of these, or the run has failed;
    std::optional<double> value_goal{};        // at most this.
    double run_seconds = 0;  // A run takes as long, however little is asked for; 0: it does not.
};

Command with_row(Command command, const std::string& row);
// Of what it says that its rows are.
Program program_of(const std::string& contender, Command command);
std::vector<Program> read_programs(const std::string& path);

// Those of the file first, then what else some contender has; only those that contain a word, if
// there are words.
std::vector<RowPlan> plan_rows(const std::string& path, const std::vector<Program>& programs,
                               const std::vector<std::string>& words);

}  // namespace bench
