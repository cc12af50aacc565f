// Jobs from other threads: a stack of posts, emptied as a whole. Everything that a poster touches
// is a lock-free atomic, because it may be a signal handler.
#include "platform/platform.h"

namespace platform {

static_assert(std::atomic<Job*>::is_always_lock_free, "a signal handler must not meet a lock");

Mailbox::Mailbox(Poller& poller) : poller_(poller) {}

Mailbox::~Mailbox() {
    for (Job* job = take(); job;) {
        Job* const next = job->next;
        job->discard(*job);
        job = next;
    }
}

// A stack that is only ever emptied as a whole, so no job can come back while somebody looks at
// it. Whoever finds it empty wakes the poller; the others' jobs are taken along by that wake-up.
void Mailbox::post(Job& job) {
    Job* newest = newest_.load(std::memory_order_relaxed);
    do {
        job.next = newest;
    } while (!newest_.compare_exchange_weak(newest, &job, std::memory_order_release,
                                            std::memory_order_relaxed));
    if (!newest) poller_.wake();
}

Job* Mailbox::take() {
    if (!newest_.load(std::memory_order_relaxed)) return nullptr;
    Job* newest = newest_.exchange(nullptr, std::memory_order_acquire);
    Job* oldest = nullptr;
    while (newest) {
        Job* const next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

}  // namespace platform
