// The results as a table to read and as lines to work with.
#pragma once

#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "tests/bench/driver/plan.h"
#include "tests/bench/driver/result.h"

namespace bench {

class Report {
   public:
    explicit Report(const std::string& path);  // Of the lines; the table is printed.
    Report(const Report&) = delete;
    Report& operator=(const Report&) = delete;
    ~Report();

    // `offload` is "on", "off", or "-" where there is no such difference.
    void add(const RowPlan& row, const std::string& offload, const std::vector<Result>& results);
    void finish(const std::string& machine) const;
    bool failed() const { return failures_ > 0; }

   private:
    void write_line(const RowPlan& row, const std::string& offload, const Result& result,
                    const Result* ours);
    void judge(const char* what, double wanted, double reached);
    void judge_limits(const RowPlan& row, const Result& ours);
    // False: it is more.
    bool judge_limit(const std::string& what, std::optional<double> limit,
                     std::optional<double> reached);

    std::FILE* file_;
    int failures_ = 0;
    int goals_ = 0;
    int goals_met_ = 0;
};

}  // namespace bench
