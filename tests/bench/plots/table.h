// What the driver wrote (build/bench.tsv), as records.
#pragma once

#include <string>
#include <vector>

namespace bench {

struct Record {
    std::string row;
    std::string offload;
    std::string contender;
    double value = 0;
    double min = 0;
    double max = 0;
    std::string unit;
    double ratio = 0;  // How many times better ours is; 0: not known.
};

struct Table {
    std::vector<Record> records;
    std::string machine;  // The comment at the end.

    // In the order of the file; rows without offload stand in for both.
    std::vector<Record> of(const std::string& row, const std::string& offload) const;
    std::vector<std::string> rows_beginning(const std::string& prefix) const;
};

bool read_table(const std::string& path, Table& table);

}  // namespace bench
