// Delta debugging (Zeller, Hildebrandt 2002): halves of the operations are left out, then quarters,
// down to single ones; what is left is made plainer, field by field, and nearer to the plan's
// beginning. When that ends, pairs are left out, and single ones that others only counted by. A
// smaller plan counts if it fails with the same words, whatever the numbers in them.
#include <algorithm>
#include <cctype>
#include <chrono>
#include <utility>

#include "tests/simulation/swarm/isolate.h"

namespace swarm {

namespace {

constexpr int tries_max = 6000;
constexpr std::chrono::seconds time_max(100);  // Plans without end take long.
constexpr std::size_t few = 40;  // Operations, of which all pairs can be tried.

// Its first line, without numbers.
std::string kind_of(const std::string& failure) {
    std::string kind;
    for (const char each : failure.substr(0, failure.find('\n'))) {
        if (!std::isdigit(static_cast<unsigned char>(each))) kind += each;
    }
    return kind;
}

void erase(Plan& plan, std::size_t begin, std::size_t end) {
    const auto first = plan.operations.begin();
    plan.operations.erase(first + static_cast<std::ptrdiff_t>(begin),
                          first + static_cast<std::ptrdiff_t>(end));
}

class Shrinker {
   public:
    Shrinker(Plan plan, const std::string& failure)
        : plan_(std::move(plan)), kind_(kind_of(failure)) {}

    Plan run() {
        for (bool changed = true; changed && !is_over();) {
            changed = leave_out();
            changed = plainer_operations() || changed;
            changed = earlier_moments() || changed;
            changed = plainer_sockets() || changed;
            changed = plainer_world() || changed;
            if (!changed) changed = leave_out_counted() || leave_out_pairs() || join_sends();
        }
        return plan_;
    }

   private:
    bool keep(const Plan& smaller) {
        tries_++;
        if (is_over() || kind_of(judge_apart(smaller, true)) != kind_) return false;
        plan_ = smaller;
        return true;
    }

    bool is_over() const {
        return tries_ > tries_max || std::chrono::steady_clock::now() - start_ > time_max;
    }

    bool leave_out() {
        bool changed = false;
        for (std::size_t size = std::max<std::size_t>(plan_.operations.size() / 2, 1);; size /= 2) {
            for (std::size_t begin = 0; begin < plan_.operations.size();) {
                Plan smaller = plan_;
                const std::size_t end = std::min(begin + size, smaller.operations.size());
                erase(smaller, begin, end);
                keep(smaller) ? static_cast<void>(changed = true) : static_cast<void>(begin = end);
            }
            if (size <= 1) return changed;
        }
    }

    // Two that make up for each other: one opens what the other closes.
    bool leave_out_pairs() {
        bool changed = false;
        for (std::size_t i = 0; i < plan_.operations.size() && plan_.operations.size() < few; i++) {
            for (std::size_t k = i + 1; k < plan_.operations.size();) {
                Plan smaller = plan_;
                erase(smaller, k, k + 1);
                erase(smaller, i, i + 1);
                const bool kept = keep(smaller);
                changed = changed || kept;
                if (!kept) k++;
            }
        }
        return changed;
    }

    // One whose callbacks others only count: they come as much earlier.
    bool leave_out_counted() {
        bool changed = false;
        for (std::size_t i = 0; i < plan_.operations.size() && plan_.operations.size() < few;) {
            const auto without = [&](Moment moment) {
                Plan smaller = plan_;
                erase(smaller, i, i + 1);
                bool counted = false;
                for (Operation& each : smaller.operations) {
                    if (each.moment != moment || each.at < 2) continue;
                    each.at--;
                    counted = true;
                }
                return counted && keep(smaller);
            };
            bool kept = false;
            constexpr auto end = static_cast<std::uint8_t>(Moment::count);
            for (std::uint8_t moment = 1; moment < end && !kept; moment++) {
                kept = without(static_cast<Moment>(moment));
            }
            changed = changed || kept;
            if (!kept) i++;
        }
        return changed;
    }

    // It takes many to fill a queue: all that a socket sends at one moment, as one operation.
    bool join_sends() {
        bool changed = false;
        for (std::size_t i = 0; i < plan_.operations.size(); i++) {
            const Operation chosen = plan_.operations[i];
            if (chosen.what != Do::send) continue;
            const auto alike = [&](const Operation& each) {
                return each.what == Do::send && each.socket == chosen.socket &&
                       each.moment == chosen.moment && each.at == chosen.at;
            };
            Plan smaller = plan_;
            const auto count = std::count_if(smaller.operations.begin(), smaller.operations.end(),
                                             alike);
            if (count < 3) continue;
            Operation& many = smaller.operations[i];
            many.what = Do::send_many;
            many.number = static_cast<std::int32_t>(count);
            std::erase_if(smaller.operations, alike);
            changed = keep(smaller) || changed;
        }
        return changed;
    }

    // Outside of callbacks; or inside the first one of its kind.
    bool earlier_moments() {
        bool changed = false;
        for (std::size_t i = 0; i < plan_.operations.size(); i++) {
            const auto moved = [&](Moment moment, std::uint32_t at) {
                Plan other = plan_;
                Operation& it = other.operations[i];
                if (it.moment == moment && it.at <= at) return false;
                it.moment = moment;
                it.at = at;
                return keep(other);
            };
            const Operation it = plan_.operations[i];
            const bool counts = it.moment != Moment::outside;
            const bool free = counts && it.what != Do::echo;
            changed = (free && moved(Moment::outside, 0)) ||
                      (counts && it.at > 1 &&
                       (moved(it.moment, 1) || moved(it.moment, it.at - 1))) ||
                      changed;
        }
        return changed;
    }

    // A field to a value, if the plan still fails then.
    template <class Field, class Value>
    bool set(Field& field, Value value) {
        const auto wanted = static_cast<Field>(value);
        if (field == wanted) return false;
        const auto before = std::exchange(field, wanted);
        const Plan smaller = plan_;
        field = before;
        return keep(smaller);
    }

    bool plainer_operations() {
        bool changed = false;
        const auto each = [&](auto change) {
            for (std::size_t i = 0; i < plan_.operations.size(); i++) {
                changed = change(plan_.operations[i]) || changed;
            }
        };
        each([this](Operation& it) { return set(it.callback, false); });
        each([this](Operation& it) { return set(it.target, Target::none); });
        each([this](Operation& it) { return set(it.form, Form::text); });
        each([this](Operation& it) {
            return set(it.number, 0) || (it.number > 17 && set(it.number, 17));
        });
        each([this](Operation& it) { return it.port != 1000 && set(it.port, 1000); });
        each([this](Operation& it) { return it.moment == Moment::outside && set(it.at, 0); });
        return changed;
    }

    bool plainer_sockets() {
        bool changed = false;
        const SocketPlan plain;
        for (std::size_t i = 0; i < plan_.sockets.size(); i++) {
            const auto plainer = [&](auto SocketPlan::*field) {
                changed = set(plan_.sockets[i].*field, plain.*field) || changed;
            };
            plainer(&SocketPlan::host);
            plainer(&SocketPlan::type);
            plainer(&SocketPlan::reuse_addr);
            plainer(&SocketPlan::reuse_port);
            plainer(&SocketPlan::ipv6_only);
            plainer(&SocketPlan::segmentation);
            plainer(&SocketPlan::deaf);
            plainer(&SocketPlan::batches);
            plainer(&SocketPlan::send_list);
            plainer(&SocketPlan::receive_list);
            plainer(&SocketPlan::recv_buffer_size);
            plainer(&SocketPlan::send_buffer_size);
            plainer(&SocketPlan::datagrams_max);
            plainer(&SocketPlan::bytes_max);
            plainer(&SocketPlan::linger_ms);
            plainer(&SocketPlan::names);
        }
        // Those that nothing is done with, from the last one on.
        while (plan_.sockets.size() > 1) {
            const std::size_t last = plan_.sockets.size() - 1;
            const bool used = std::any_of(plan_.operations.begin(), plan_.operations.end(),
                                          [&](const Operation& it) { return it.socket == last; });
            Plan smaller = plan_;
            smaller.sockets.pop_back();
            if (used || !keep(smaller)) break;
            changed = true;
        }
        return changed;
    }

    bool plainer_world() {
        bool changed = false;
        const WorldPlan plain;
        const auto plainer = [&](auto WorldPlan::*field) {
            changed = set(plan_.world.*field, plain.*field) || changed;
        };
        plainer(&WorldPlan::jitter_ms);
        plainer(&WorldPlan::loss);
        plainer(&WorldPlan::duplicate);
        plainer(&WorldPlan::reorder);
        plainer(&WorldPlan::bandwidth);
        plainer(&WorldPlan::queue);
        plainer(&WorldPlan::mtu);
        plainer(&WorldPlan::fragments);
        plainer(&WorldPlan::delay_ms);
        plainer(&WorldPlan::heartbeat);
        const bool one_host = std::all_of(plan_.sockets.begin(), plan_.sockets.end(),
                                          [](const SocketPlan& it) { return it.host == 0; });
        if (one_host) plainer(&WorldPlan::hosts);
        return changed;
    }

    Plan plan_;
    std::string kind_;
    int tries_ = 0;
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace

Plan shrink(Plan plan, const std::string& failure) {
    return Shrinker(std::move(plan), failure).run();
}

}  // namespace swarm
