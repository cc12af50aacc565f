// What comes in from other threads and from signal handlers: jobs by the mailbox, Ctrl-C by jobs.
// Everything that a handler touches is a lock-free atomic, or does not change while the handler
// is installed.
#ifndef _WIN32

#include <sched.h>
#include <signal.h>
#include <time.h>

#include <mutex>

#include "platform/platform.h"
#include "platform/posix_error.h"

namespace platform {

// ---- Mailbox -------------------------------------------------------------------------------

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

// ---- SpinLock ------------------------------------------------------------------------------

// Whoever holds it is about to let go, unless the system took its processor away: then it gets one
// here, whatever its priority is, because sleeping is for all.
void SpinLock::contend() {
    constexpr int spins_max = 1000;
    constexpr timespec nap{0, 50'000};
    do {
        for (int i = 0; held_.load(std::memory_order_relaxed); i++) {
            if (i >= spins_max) nanosleep(&nap, nullptr);
        }
    } while (held_.exchange(true, std::memory_order_acquire));
}

// ---- Interrupts ----------------------------------------------------------------------------

namespace {

static_assert(std::atomic<Job*>::is_always_lock_free, "a signal handler must not meet a lock");

// Claimed by its mailbox and loaded by its job, in this order, so a handler never sees half.
struct Waiting {
    std::atomic<Mailbox*> mailbox{nullptr};
    std::atomic<Job*> job{nullptr};
};

struct Signal {
    int number;
    struct sigaction previous;  // Written only while `caught` is false and no handler runs.
    std::atomic<bool> caught{false};
};

Waiting waiting[8];
Signal signals[2] = {{SIGINT, {}, {}}, {SIGTERM, {}, {}}};
std::atomic<int> handlers_running{0};
std::mutex registration;  // Never taken by the handler.

void restore_dispositions() {
    for (Signal& signal : signals) {
        if (signal.caught.exchange(false)) sigaction(signal.number, &signal.previous, nullptr);
    }
}

// Posts to everybody who waits. A signal that finds nobody, because somebody stopped waiting at
// this very moment or because it is the second one, is sent on to the disposition that was there
// before: it arrives when this handler returns.
void on_signal(int number) {
    const int saved = errno;
    handlers_running.fetch_add(1);
    restore_dispositions();
    bool posted = false;
    for (Waiting& each : waiting) {
        Job* const job = each.job.exchange(nullptr);
        if (!job) continue;
        each.mailbox.load()->post(*job);
        each.mailbox.store(nullptr);
        posted = true;
    }
    handlers_running.fetch_sub(1);
    if (!posted) raise(number);
    errno = saved;
}

// A handler on another thread may have taken a job without having posted it yet.
void wait_for_handlers() {
    while (handlers_running.load() != 0) sched_yield();
}

void catch_signals() {
    wait_for_handlers();
    for (Signal& signal : signals) {
        if (signal.caught.load()) continue;
        struct sigaction present;
        if (sigaction(signal.number, nullptr, &present) < 0) continue;
        // A shell's background job ignores Ctrl-C, which is meant for the one in the foreground.
        if (!(present.sa_flags & SA_SIGINFO) && present.sa_handler == SIG_IGN) continue;
        signal.previous = present;
        signal.caught.store(true);
        struct sigaction action {};
        action.sa_handler = on_signal;
        action.sa_flags = SA_RESTART;
        sigemptyset(&action.sa_mask);
        for (const Signal& each : signals) sigaddset(&action.sa_mask, each.number);
        sigaction(signal.number, &action, nullptr);
    }
}

// The registration lock, with our signals held back: a handler on this thread would otherwise
// find the table half changed and nobody to finish the change.
class Exclusive {
   public:
    Exclusive() {
        sigset_t ours;
        sigemptyset(&ours);
        for (const Signal& each : signals) sigaddset(&ours, each.number);
        pthread_sigmask(SIG_BLOCK, &ours, &previous_);
        registration.lock();
    }
    ~Exclusive() {
        registration.unlock();
        pthread_sigmask(SIG_SETMASK, &previous_, nullptr);
    }
    Exclusive(const Exclusive&) = delete;
    Exclusive& operator=(const Exclusive&) = delete;

   private:
    sigset_t previous_;
};

}  // namespace

Error catch_interrupt(Mailbox& mailbox, Job& job) {
    const Exclusive exclusive;
    for (Waiting& each : waiting) {
        Mailbox* nobody = nullptr;
        if (!each.mailbox.compare_exchange_strong(nobody, &mailbox)) continue;
        each.job.store(&job);
        catch_signals();
        return {};
    }
    return to_error(EBUSY, Operation::interrupt);
}

void release_interrupt(Job& job) {
    const Exclusive exclusive;
    bool others = false;
    for (Waiting& each : waiting) {
        Job* expected = &job;
        if (each.job.compare_exchange_strong(expected, nullptr)) {
            each.mailbox.store(nullptr);
        } else if (expected) {
            others = true;
        }
    }
    if (!others) restore_dispositions();
    wait_for_handlers();
}

}  // namespace platform

#endif
