// The timer wheel compared with a plain model, in hundreds of thousands of random actions.
// A failure prints the seed that leads to it.
#include "core/timers.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace {

using core::TimerId;
using core::Timers;

constexpr std::int64_t never = Timers::never;

// Every timer has a deadline and a number that tells when it was started, and fires in that order.
// Each action is done twice, to the wheel and to the model, between expirations and inside them.
class Comparison {
   public:
    Comparison(std::uint64_t seed, std::int64_t now, int scale_bits)
        : random_(seed), now_(now), scale_bits_(scale_bits), timers_(now) {}

    bool right() const { return right_; }
    std::size_t fired() const { return fired_; }

    void step() {
        const auto dice = random_() % 100;
        if (dice < 35) {
            start();
        } else if (dice < 50) {
            restart();
        } else if (dice < 60) {
            cancel();
        } else if (dice < 65) {
            reference();
        } else if (!expiring_) {
            expire();
        }
        const bool same = timers_.next_deadline() == earliest() && timers_.referenced() == held();
        right_ = right_ && same;
    }

   private:
    struct Timer {
        TimerId id;
        std::int64_t deadline = 0;
        std::int64_t period = 0;
        std::uint64_t number = 0;
        bool armed = false;
        bool referenced = true;
        bool cancelled = true;  // Or fired: its place in the model is free.
    };
    struct Due {
        std::int64_t deadline;
        std::uint64_t number;
        std::size_t name;
    };

    std::size_t any_name() { return static_cast<std::size_t>(random_() % model_.size()); }

    // Of all magnitudes alike, and often equal to another.
    std::int64_t distance() {
        const auto bits = static_cast<int>(random_() % static_cast<std::uint64_t>(scale_bits_));
        auto value = static_cast<std::int64_t>(random_() >> (63 - bits));
        if (random_() % 2) value &= ~std::int64_t{7};
        return value > never - now_ ? never - now_ : value;
    }

    std::int64_t deadline() {
        const Timer& other = model_[any_name()];
        if (random_() % 4 == 0 && other.armed) return other.deadline;
        if (random_() % 16 == 0) return random_() % 2 ? never : now_ - now_ % 100;
        return now_ + distance();
    }

    void arm(Timer& timer, std::int64_t deadline) {
        timer.deadline = std::max(deadline, now_);
        timer.number = ++numbers_;
        timer.armed = true;
    }

    void start() {
        const std::size_t name = any_name();
        Timer& timer = model_[name];
        if (!timer.cancelled) return;
        const std::int64_t period = random_() % 3 ? 0 : distance();
        const std::int64_t first = deadline();
        timer = {};
        timer.id = timers_.start(first, period, [this, name] { fire(name); });
        timer.period = period;
        timer.cancelled = false;
        arm(timer, first);
        right_ = right_ && timer.id && timers_.active(timer.id);
    }

    void restart() {
        Timer& timer = model_[any_name()];
        const std::int64_t next = deadline();
        right_ = right_ && timers_.restart(timer.id, next) == !timer.cancelled;
        if (!timer.cancelled) arm(timer, next);
    }

    void cancel() {
        Timer& timer = model_[any_name()];
        right_ = right_ && timers_.active(timer.id) == timer.armed;
        right_ = right_ && timers_.cancel(timer.id) == timer.armed;
        if (!timer.armed) return;
        timer.armed = false;
        timer.cancelled = true;
        right_ = right_ && !timers_.active(timer.id) && !timers_.cancel(timer.id);
    }

    void reference() {
        Timer& timer = model_[any_name()];
        timer.referenced = random_() % 2;
        right_ = right_ && timers_.set_referenced(timer.id, timer.referenced) == !timer.cancelled;
    }

    void expire() {
        const std::int64_t next = earliest();
        if (next != never && random_() % 2) {
            now_ = std::max(now_, next);  // As a loop that sleeps until then.
        } else if (random_() % 4) {
            now_ += std::min<std::int64_t>(never - now_, static_cast<std::int64_t>(random_() % 40));
        } else {
            now_ += distance();
        }
        due_.clear();
        for (std::size_t name = 0; name < model_.size(); name++) {
            const Timer& timer = model_[name];
            if (timer.armed && timer.deadline <= now_) {
                due_.push_back({timer.deadline, timer.number, name});
            }
        }
        std::sort(due_.begin(), due_.end(), [](const Due& a, const Due& b) {
            return a.deadline != b.deadline ? a.deadline < b.deadline : a.number < b.number;
        });
        next_due_ = 0;
        expiring_ = true;
        timers_.expire(now_);
        expiring_ = false;
        skip();
        right_ = right_ && next_due_ == due_.size();
    }

    // Over those that were cancelled or restarted since.
    void skip() {
        while (next_due_ < due_.size()) {
            const Timer& timer = model_[due_[next_due_].name];
            if (timer.armed && timer.number == due_[next_due_].number) break;
            next_due_++;
        }
    }

    void fire(std::size_t name) {
        fired_++;
        skip();
        right_ = right_ && next_due_ < due_.size() && due_[next_due_].name == name;
        if (!right_) return;
        next_due_++;
        Timer& timer = model_[name];
        timer.armed = false;
        if (timer.period) {
            std::int64_t latest = timer.deadline;
            for (int i = 0; i < 1000 && now_ - latest >= timer.period; i++) latest += timer.period;
            latest += (now_ - latest) / timer.period * timer.period;
            arm(timer, timer.period > never - latest ? never : latest + timer.period);
        }
        for (auto steps = random_() % 3; steps; steps--) step();
        if (!timer.armed) timer.cancelled = true;
    }

    std::int64_t earliest() const {
        std::int64_t result = never;
        for (const Timer& timer : model_) {
            if (timer.armed) result = std::min(result, timer.deadline);
        }
        return result;
    }

    std::uint32_t held() const {
        std::uint32_t result = 0;
        for (const Timer& timer : model_) result += timer.armed && timer.referenced;
        return result;
    }

    std::mt19937_64 random_;
    std::int64_t now_;
    int scale_bits_;
    std::vector<Timer> model_ = std::vector<Timer>(50);
    std::vector<Due> due_;
    std::size_t next_due_ = 0;
    std::uint64_t numbers_ = 0;
    std::size_t fired_ = 0;
    bool expiring_ = false;
    bool right_ = true;
    Timers timers_;
};

TEST_CASE("[5] 200,000 random actions on all scales of time: as a plain model has it") {
    constexpr std::int64_t block = std::int64_t{1} << 32;
    std::uint64_t seed = 0;
    std::size_t fired = 0;
    for (const int scale_bits : {3, 9, 15, 21, 33, 45, 63}) {
        for (const std::int64_t now : {std::int64_t{0}, block - 50, 7 * block - 1}) {
            seed++;
            CAPTURE(seed);
            CAPTURE(scale_bits);
            Comparison comparison(seed, now, scale_bits);
            for (int i = 0; i < 10'000 && comparison.right(); i++) comparison.step();
            CHECK(comparison.right());
            fired += comparison.fired();
        }
    }
    MESSAGE("seeds 1 to ", seed, ", ", fired, " timers fired");
    CHECK(fired > 50'000);
}

}  // namespace
