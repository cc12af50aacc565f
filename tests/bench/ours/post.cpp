// Rows post and post_latency_*: Loop::post, whose callbacks own what they capture.
#include <cstdint>

#include "core/loop.h"
#include "tests/bench/posts.h"

namespace {

class Ours {
   public:
    void post(bench::PostedFunction function, void* workload, std::uint64_t argument) {
        const bool posted = loop_.post([=] { function(workload, argument); });
        if (!posted) bench::fail("a post found no memory");
    }
    void run(std::uint64_t count, const std::uint64_t& told) {
        while (told < count) {
            if (loop_.turn(core::Instant::never())) bench::fail("the loop has failed");
        }
    }

   private:
    core::Loop loop_;
};

const bench::PostRows<Ours> rows;

}  // namespace
