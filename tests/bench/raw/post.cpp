// Rows post and post_latency_*, the limit: a stack that is emptied as a whole, of nodes that lie
// ready in one array, and one write to an eventfd for each burst.
#ifdef __linux__

#include <sys/eventfd.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <vector>

#include "tests/bench/posts.h"

namespace {

class Raw {
   public:
    Raw() : nodes_(1'000'000), wake_(eventfd(0, EFD_NONBLOCK)) {}
    ~Raw() { close(wake_); }
    Raw(const Raw&) = delete;
    Raw& operator=(const Raw&) = delete;

    void post(bench::PostedFunction function, void* workload, std::uint64_t argument) {
        Node* const node = &nodes_[next_++ % nodes_.size()];
        *node = {function, workload, argument, newest_.load(std::memory_order_relaxed)};
        while (!newest_.compare_exchange_weak(node->next, node, std::memory_order_release,
                                              std::memory_order_relaxed)) {
        }
        const std::uint64_t one = 1;
        if (!node->next) (void)!write(wake_, &one, sizeof one);
    }
    void run(std::uint64_t count, const std::uint64_t& told) {
        while (told < count) {
            pollfd ready{wake_, POLLIN, 0};
            poll(&ready, 1, -1);
            std::uint64_t wakes;
            (void)!read(wake_, &wakes, sizeof wakes);
            Node* oldest = nullptr;
            for (Node* node = newest_.exchange(nullptr, std::memory_order_acquire); node;) {
                Node* const next = node->next;
                node->next = oldest;
                oldest = node;
                node = next;
            }
            for (; oldest; oldest = oldest->next) {
                oldest->function(oldest->workload, oldest->argument);
            }
        }
    }

   private:
    struct Node {
        bench::PostedFunction function;
        void* workload;
        std::uint64_t argument;
        Node* next;
    };
    std::vector<Node> nodes_;
    std::size_t next_ = 0;
    std::atomic<Node*> newest_{nullptr};
    int wake_;
};

const bench::PostRows<Raw> rows;

}  // namespace

#endif
