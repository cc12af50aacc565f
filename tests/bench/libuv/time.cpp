// Rows timers_* with uv_timer_t: a heap of nodes inside the user's handles. Its time is the loop's
// own, too. The handles lie in one array and are initialised beforehand.
#ifndef _WIN32

#include <uv.h>

#include <cstddef>
#include <vector>

#include "tests/bench/timers.h"

namespace {

class Libuv {
   public:
    static constexpr bool ordered = true;
    static constexpr bool exact = true;

    Libuv(std::size_t count, bench::Fired& fired) : fired_(fired), timers_(count) {
        uv_loop_init(&loop_);
        for (uv_timer_t& timer : timers_) {
            uv_timer_init(&loop_, &timer);
            timer.data = this;
        }
    }
    ~Libuv() {
        for (uv_timer_t& timer : timers_) uv_close(reinterpret_cast<uv_handle_t*>(&timer), nullptr);
        uv_run(&loop_, UV_RUN_DEFAULT);
        uv_loop_close(&loop_);
    }
    Libuv(const Libuv&) = delete;
    Libuv& operator=(const Libuv&) = delete;

    template <class F>
    void run(F f) {
        uv_update_time(&loop_);
        f();
    }
    void start(std::size_t i, int delay) {
        uv_timer_start(&timers_[i], on_timer, static_cast<std::uint64_t>(delay), 0);
    }
    void restart(std::size_t i, int delay) { start(i, delay); }
    void stop(std::size_t i) { uv_timer_stop(&timers_[i]); }
    void expire() { uv_run(&loop_, UV_RUN_NOWAIT); }

   private:
    static void on_timer(uv_timer_t* timer) {
        Libuv& self = *static_cast<Libuv*>(timer->data);
        self.fired_.record(static_cast<std::size_t>(timer - self.timers_.data()));
    }

    bench::Fired& fired_;
    uv_loop_t loop_;
    std::vector<uv_timer_t> timers_;
};

const bench::TimerRows<Libuv> rows;

}  // namespace

#endif
