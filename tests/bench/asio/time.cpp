// Rows timers_* with Asio's steady_timer: a heap of timers, and an operation for each wait. Equal
// deadlines have no order among them.
#ifndef _WIN32

#include <asio.hpp>

#include <chrono>
#include <cstddef>
#include <utility>
#include <vector>

#include "tests/bench/timers.h"

namespace {

class Asio {
   public:
    static constexpr bool ordered = true;
    static constexpr bool exact = false;

    Asio(std::size_t count, bench::Fired& fired) : fired_(fired) {
        timers_.reserve(count);
        for (std::size_t i = 0; i < count; i++) timers_.emplace_back(context_);
    }

    template <class F>
    void run(F f) {
        now_ = bench::TimerClock::now();
        f();
        if (std::exchange(cancelled_, false)) work();  // Waits that were cancelled are told.
    }
    void start(std::size_t i, int delay) {
        timers_[i].expires_at(now_ + std::chrono::milliseconds(delay));
        timers_[i].async_wait([this, i](const asio::error_code& error) {
            if (!error) fired_.record(i);
        });
    }
    void restart(std::size_t i, int delay) {
        cancelled_ = true;
        start(i, delay);
    }
    void stop(std::size_t i) { timers_[i].cancel(); }
    void expire() { work(); }

   private:
    void work() {
        context_.restart();
        context_.poll();
    }

    bench::Fired& fired_;
    asio::io_context context_{1};
    bench::TimerClock::time_point now_;
    bool cancelled_ = false;
    std::vector<asio::steady_timer> timers_;
};

const bench::TimerRows<Asio> rows;

}  // namespace

#endif
