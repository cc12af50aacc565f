// Rows post and post_latency_*: asio::post into an io_context, whose operations come from the heap.
#ifndef _WIN32

#include <asio.hpp>

#include <cstdint>

#include "tests/bench/posts.h"

namespace {

class Asio {
   public:
    void post(bench::PostedFunction function, void* workload, std::uint64_t argument) {
        asio::post(context_, [=] { function(workload, argument); });
    }
    void run(std::uint64_t count, const std::uint64_t& told) {
        while (told < count) context_.run_one();
    }

   private:
    asio::io_context context_{1};
    asio::executor_work_guard<asio::io_context::executor_type> work_ =
        asio::make_work_guard(context_);
};

const bench::PostRows<Asio> rows;

}  // namespace

#endif
