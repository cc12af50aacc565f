// Rows timers_*, the limit: nodes in an array, linked into one of many lists and out of it, without
// any order. What it costs is the memory that has to be touched.
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "tests/bench/timers.h"

namespace {

class Raw {
   public:
    static constexpr bool ordered = false;
    static constexpr bool exact = false;

    Raw(std::size_t count, bench::Fired& fired) : fired_(fired), nodes_(count + list_count) {
        for (std::uint32_t i = 0; i < list_count; i++) nodes_[i].next = nodes_[i].previous = i;
        for (std::size_t i = list_count; i < nodes_.size(); i++) nodes_[i].call = on_timer;
    }

    template <class F>
    void run(F f) {
        f();
    }
    void start(std::size_t i, int delay) {
        const std::uint32_t list = static_cast<std::uint32_t>(delay) % list_count;
        const std::uint32_t index = static_cast<std::uint32_t>(i) + list_count;
        Node& node = nodes_[index];
        node.deadline = delay;
        node.next = list;
        node.previous = nodes_[list].previous;
        nodes_[node.previous].next = index;
        nodes_[list].previous = index;
    }
    void restart(std::size_t i, int delay) {
        stop(i);
        start(i, delay);
    }
    void stop(std::size_t i) {
        Node& node = nodes_[i + list_count];
        nodes_[node.previous].next = node.next;
        nodes_[node.next].previous = node.previous;
    }
    void expire() {
        for (std::uint32_t list = 0; list < list_count; list++) {
            while (nodes_[list].next != list) {
                const std::uint32_t index = nodes_[list].next;
                stop(index - list_count);
                nodes_[index].call(*this, index - list_count);
            }
        }
    }

   private:
    static constexpr std::uint32_t list_count = 512;
    struct Node {
        std::int64_t deadline = 0;
        std::uint32_t next = 0;
        std::uint32_t previous = 0;
        void (*call)(Raw&, std::size_t) = nullptr;
        std::array<std::uint64_t, 5> captures{};
    };
    static void on_timer(Raw& self, std::size_t i) { self.fired_.record(i); }

    bench::Fired& fired_;
    std::vector<Node> nodes_;
};

const bench::TimerRows<Raw> rows;

}  // namespace
