// Rows post and post_latency_*: callbacks handed to the loop by another thread, for any contender
// that a small class adapts. Each must come once, in the order of the posts.
#pragma once

#include <sched.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

#include "tests/bench/row.h"

namespace bench {

using PostClock = std::chrono::steady_clock;

using PostedFunction = void (*)(void* workload, std::uint64_t argument);

// A contender has post(function, workload, argument), called by that other thread, and run(count,
// told), which returns when so many callbacks have been told.
template <class Contender>
class PostWorkload {
   public:
    static Outcome measure_rate(const Settings& settings) {
        constexpr std::uint64_t count = 1'000'000;
        double spent = 0;
        std::uint64_t posts = 0;
        PostWorkload workload;
        workload.burst(count);
        const PostClock::time_point begin = PostClock::now();
        do {
            spent += workload.burst(count);
            posts += count;
        } while (PostClock::now() - begin < std::chrono::duration<double>(settings.seconds));
        return {static_cast<double>(posts) / spent, posts, -1};
    }

    template <int percent>
    static Outcome measure_latency(const Settings& settings) {
        constexpr std::chrono::microseconds pause{100};  // Long enough for the loop to sleep.
        const auto count = static_cast<std::size_t>(settings.seconds * 5'000) + 100;
        PostWorkload workload;
        workload.latencies_.reserve(count);
        std::thread thread([&] {
            move_away();
            for (std::size_t i = 0; i < count; i++) {
                std::this_thread::sleep_for(pause);
                workload.post(on_late);
            }
        });
        workload.contender_.run(count, workload.told_);
        thread.join();
        std::vector<double>& latencies = workload.latencies_;
        std::sort(latencies.begin(), latencies.end());
        return {latencies[count * percent / 100], count, -1};
    }

   private:
    static std::uint64_t now() {
        return static_cast<std::uint64_t>(PostClock::now().time_since_epoch().count());
    }

    // Seconds.
    double burst(std::uint64_t count) {
        told_ = 0;
        const PostClock::time_point begin = PostClock::now();
        std::thread thread([&] {
            move_away();
            for (std::uint64_t i = 0; i < count; i++) contender_.post(on_counted, this, i);
        });
        contender_.run(count, told_);
        const std::chrono::duration<double> spent = PostClock::now() - begin;
        thread.join();
        return spent.count();
    }

    void post(PostedFunction function) { contender_.post(function, this, now()); }

    static void on_counted(void* self, std::uint64_t i) {
        if (static_cast<PostWorkload*>(self)->told_++ != i) fail("posts came out of order");
    }
    static void on_late(void* workload, std::uint64_t posted) {
        PostWorkload& self = *static_cast<PostWorkload*>(workload);
        self.latencies_.push_back(static_cast<double>(now() - posted) / 1e3);
        self.told_++;
    }

    // The driver gives a contender one processor; the other thread needs one of its own.
    static void move_away() {
        const int here = sched_getcpu();
        cpu_set_t others;
        CPU_ZERO(&others);
        for (int i = 0; i < CPU_SETSIZE; i++) {
            if (i != here) CPU_SET(i, &others);
        }
        sched_setaffinity(0, sizeof others, &others);
    }

    Contender contender_;
    std::uint64_t told_ = 0;
    std::vector<double> latencies_;
};

// One object of this registers all rows.
template <class Contender>
struct PostRows {
    using Workload = PostWorkload<Contender>;
    Row rate{"post", "1/s", Workload::measure_rate};
    Row median{"post_latency_p50", "us", Workload::template measure_latency<50>};
    Row tail{"post_latency_p99", "us", Workload::template measure_latency<99>};
};

}  // namespace bench
