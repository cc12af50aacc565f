// Ticks of microseconds as a descriptor that any loop can watch: a child process that looks at
// nothing but the clock. The catch: a timer of the system would be charged to who waits for it, and
// in a virtual machine costs more than all the datagrams.
#pragma once

#include <cstdint>
#include <optional>

#include "tests/bench/child.h"

namespace bench {

class Ticker {
   public:
    explicit Ticker(std::uint64_t period_nanoseconds);
    ~Ticker();
    int descriptor() const { return descriptor_; }
    void read();  // Until then it stays readable.

   private:
    int descriptor_;
    std::optional<Child> child_;
};

}  // namespace bench
