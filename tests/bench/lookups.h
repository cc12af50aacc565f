// Rows resolve_*: look-ups of a literal, each asked in the callback of the one before, of one name
// by many at once, and of many names that slow_names.cpp answers, for any contender that a small
// class adapts. What is answered must be 127.0.0.1. The first rounds warm up: they start threads.
#pragma once

#include <cstdint>
#include <iterator>
#include <utility>

#include "tests/bench/meter.h"

namespace bench {

constexpr const char* literal_host = "127.0.0.1";
constexpr const char* same_host = "localhost";
constexpr std::uint64_t literal_count = 10'000;
constexpr std::uint64_t same_count = 256;
constexpr const char* distinct_hosts[] = {
    "slow-a.test", "slow-b.test", "slow-c.test", "slow-d.test", "slow-e.test", "slow-f.test",
    "slow-g.test", "slow-h.test", "slow-i.test", "slow-j.test", "slow-k.test", "slow-l.test",
    "slow-m.test", "slow-n.test", "slow-o.test", "slow-p.test"};

// A contender is made of the workload, which it tells answered(right) once for each lookup(host, i)
// of IPv4 addresses, later; i is below same_count and nobody else's until then. run() returns when
// all are answered.
template <template <class> class Contender>
class LookupWorkload {
   public:
    static Outcome measure_numeric(const Settings& settings) {
        LookupWorkload workload;
        Meter meter(settings);
        do {
            workload.chained_ = literal_count - 1;
            workload.contender_.lookup(literal_host, 0);
            workload.run(literal_count);
        } while (meter.again(literal_count));
        return meter.outcome();
    }

    static Outcome measure_same(const Settings& settings) {
        LookupWorkload workload;
        Meter meter(settings);
        do {
            for (std::uint64_t i = 0; i < same_count; i++) {
                workload.contender_.lookup(same_host, i);
            }
            workload.run(same_count);
        } while (meter.again(same_count));
        return meter.outcome();
    }

    static Outcome measure_distinct(const Settings& settings) {
        LookupWorkload workload;
        Meter meter(settings);
        constexpr std::uint64_t count = std::size(distinct_hosts);
        do {
            for (std::uint64_t i = 0; i < count; i++) {
                workload.contender_.lookup(distinct_hosts[i], i);
            }
            workload.run(count);
        } while (meter.again(count));
        return meter.outcome(1000);
    }

    void answered(bool right) {
        if (!right) fail("a look-up's answer is wrong");
        told_++;
        if (chained_ == 0) return;
        chained_--;
        contender_.lookup(literal_host, 0);
    }

   private:
    void run(std::uint64_t count) {
        contender_.run();
        if (std::exchange(told_, 0) != count) fail("not every look-up was answered once");
    }

    Contender<LookupWorkload> contender_{*this};
    std::uint64_t told_ = 0;
    std::uint64_t chained_ = 0;  // To be asked by the answers that come.
};

// One object of this registers all rows.
template <template <class> class Contender>
struct LookupRows {
    using Workload = LookupWorkload<Contender>;
    Row numeric{"resolve_numeric", "ns", Workload::measure_numeric};
    Row same{"resolve_same", "ns", Workload::measure_same};
    Row distinct{"resolve_distinct", "us", Workload::measure_distinct};
};

}  // namespace bench
