// Rows post and post_latency_*: uv_async_send has no queue, so programs bring one of their own: a
// mutex and an array, which the loop's thread takes as a whole. Plain functions, without captures.
#ifndef _WIN32

#include <uv.h>

#include <cstdint>
#include <mutex>
#include <vector>

#include "tests/bench/posts.h"

namespace {

class Libuv {
   public:
    Libuv() {
        uv_loop_init(&loop_);
        uv_async_init(&loop_, &async_, on_async);
        async_.data = this;
    }
    ~Libuv() {
        uv_close(reinterpret_cast<uv_handle_t*>(&async_), nullptr);
        uv_run(&loop_, UV_RUN_DEFAULT);
        uv_loop_close(&loop_);
    }
    Libuv(const Libuv&) = delete;
    Libuv& operator=(const Libuv&) = delete;

    void post(bench::PostedFunction function, void* workload, std::uint64_t argument) {
        mutex_.lock();
        posted_.push_back({function, workload, argument});
        const bool first = posted_.size() == 1;
        mutex_.unlock();
        if (first) uv_async_send(&async_);
    }
    void run(std::uint64_t count, const std::uint64_t& told) {
        while (told < count) uv_run(&loop_, UV_RUN_ONCE);
    }

   private:
    struct Post {
        bench::PostedFunction function;
        void* workload;
        std::uint64_t argument;
    };

    static void on_async(uv_async_t* async) {
        Libuv& self = *static_cast<Libuv*>(async->data);
        self.mutex_.lock();
        self.taken_.swap(self.posted_);
        self.mutex_.unlock();
        for (const Post& post : self.taken_) post.function(post.workload, post.argument);
        self.taken_.clear();
    }

    uv_loop_t loop_;
    uv_async_t async_;
    std::mutex mutex_;
    std::vector<Post> posted_;
    std::vector<Post> taken_;
};

const bench::PostRows<Libuv> rows;

}  // namespace

#endif
