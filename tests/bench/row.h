// One workload of the benchmark as one contender does it. A contender is a program: main.cpp and
// the files that define its rows. The driver runs programs in turns, so that noise hits all alike.
#pragma once

#include <cstdint>
#include <string_view>

namespace bench {

struct Settings {
    bool offload = true;   // Trains of datagrams (GSO, GRO), where the contender can.
    bool standard = false; // The peer's defaults rather than its best configuration.
    double seconds = 0.5;  // About how long to measure, after warming up.
};

struct Outcome {
    double value = 0;             // In the row's unit: lower is better for times, higher for rates.
    std::uint64_t operations = 0; // What the value was divided by: datagrams delivered and checked,
                                  // timers, posts. The driver divides system calls by it.
    double allocations = 0;       // Per operation, in the measured part; below 0: not counted.
};

// Registers itself: `static const bench::Row flood{"flood1_small", "ns", measure_flood};`
// A row that goes wrong (a datagram lost or spoiled) ends the program by bench::fail().
struct Row {
    using Measure = Outcome (*)(const Settings&);
    Row(std::string_view row_name, std::string_view row_unit, Measure function)
        : name(row_name), unit(row_unit), measure(function), next(first) {
        first = this;
    }
    Row(const Row&) = delete;
    Row& operator=(const Row&) = delete;

    std::string_view name;
    std::string_view unit;  // "ns", "us", "1/s", "B"
    Measure measure;
    const Row* next;
    static inline const Row* first = nullptr;
};

[[noreturn]] void fail(std::string_view why);
[[noreturn]] void leave_out(std::string_view why);  // This machine cannot have the row.

}  // namespace bench
