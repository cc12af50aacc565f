// Splits lines at tabs. The first names the columns; one that begins with '#' names the machine.
#include "tests/bench/plots/table.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace bench {

std::vector<Record> Table::of(const std::string& row, const std::string& offload) const {
    std::vector<Record> found;
    for (const Record& record : records) {
        if (record.row == row && (record.offload == offload || record.offload == "-")) {
            found.push_back(record);
        }
    }
    return found;
}

std::vector<std::string> Table::rows_beginning(const std::string& prefix) const {
    std::vector<std::string> rows;
    for (const Record& record : records) {
        if (!record.row.starts_with(prefix)) continue;
        if (std::find(rows.begin(), rows.end(), record.row) == rows.end()) {
            rows.push_back(record.row);
        }
    }
    return rows;
}

bool read_table(const std::string& path, Table& table) {
    std::ifstream file(path);
    std::string line;
    if (!std::getline(file, line)) return false;
    while (std::getline(file, line)) {
        if (line.starts_with("# ")) {
            table.machine = line.substr(2);
            continue;
        }
        std::istringstream stream(line);
        std::vector<std::string> cells;
        for (std::string cell; std::getline(stream, cell, '\t');) cells.push_back(cell);
        if (cells.size() < 8) return false;
        const auto number = [&](std::size_t i) {  // 0 for a dash, which stands for nothing.
            return cells[i] == "-" ? 0 : std::strtod(cells[i].c_str(), nullptr);
        };
        table.records.push_back({cells[0], cells[1], cells[2], number(3), number(4), number(5),
                                 cells[6], number(7)});
    }
    return !table.records.empty();
}

}  // namespace bench
