// Reads the two lists that the driver works from. Both may have comments.
#include "tests/bench/driver/plan.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <utility>

namespace bench {

namespace {

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
    std::fprintf(stderr, "%s: %s\n", path.c_str(), why.c_str());
    std::exit(1);
}

std::vector<std::vector<std::string>> read_table(const std::string& path) {
    std::ifstream file(path);
    if (!file) refuse(path, "cannot be read");
    std::vector<std::vector<std::string>> table;
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line.substr(0, line.find('#')));
        std::vector<std::string> row;
        for (std::string word; words >> word;) row.push_back(word);
        if (!row.empty()) table.push_back(row);
    }
    return table;
}

double goal(const std::string& word) {
    return word == "-" ? 0 : std::strtod(word.c_str(), nullptr);
}

RowPlan row_plan(const std::string& path, const std::vector<std::string>& line) {
    RowPlan row{line.at(0),          line.at(1) == "pinned", line.at(2) == "datagrams",
                line.at(2) == "quiet", goal(line.at(3)),       goal(line.at(4))};
    for (std::size_t i = 5; i < line.size(); i++) {
        const std::string& word = line[i];
        const double limit = std::strtod(word.c_str() + word.find('=') + 1, nullptr);
        if (word.starts_with("calls<=")) row.calls_goal = limit;
        else if (word.starts_with("allocs<=")) row.allocations_goal = limit;
        else if (word.starts_with("value<=")) row.value_goal = limit;
        else if (word.starts_with("run=")) row.run_seconds = limit;
        else refuse(path, word + ": no such limit");
    }
    return row;
}

}  // namespace

// The row comes first among the arguments; an interpreter's program is one of its own.
Command with_row(Command command, const std::string& row) {
    const bool interpreted = command[0] == "node" || command[0] == "sh";
    command.insert(command.begin() + (interpreted ? 2 : 1), row);
    return command;
}

Program program_of(const std::string& contender, Command command) {
    Program program{.contender = contender, .command = std::move(command), .rows = {}};
    std::istringstream names(output_of(with_row(program.command, "--list")));
    for (std::string name; names >> name;) program.rows.insert(name);
    return program;
}

std::vector<Program> read_programs(const std::string& path) {
    std::vector<Program> programs;
    for (const std::vector<std::string>& line : read_table(path)) {
        Program& program = programs.emplace_back(
            program_of(line.at(0), {line.begin() + 2, line.end()}));
        program.offload = line.at(1) == "offload";
        program.calls = line.at(1) == "calls";
    }
    return programs;
}

std::vector<RowPlan> plan_rows(const std::string& path, const std::vector<Program>& programs,
                               const std::vector<std::string>& words) {
    std::vector<RowPlan> rows;
    std::set<std::string> known;
    for (const std::vector<std::string>& line : read_table(path)) {
        rows.push_back(row_plan(path, line));
        known.insert(line.at(0));
    }
    for (const Program& program : programs) {
        for (const std::string& name : program.rows) {
            if (known.insert(name).second) rows.push_back({.name = name});
        }
    }
    std::erase_if(rows, [&](const RowPlan& row) {
        const bool exists = std::any_of(programs.begin(), programs.end(), [&](const Program& p) {
            return p.rows.count(row.name) > 0;
        });
        const bool wanted = words.empty() ||
            std::any_of(words.begin(), words.end(), [&](const std::string& word) {
                return row.name.find(word) != std::string::npos;
            });
        return !exists || !wanted;
    });
    return rows;
}

}  // namespace bench
