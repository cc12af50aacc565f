// Ctrl-C and its like on any Unix: a signal handler that posts to mailboxes.
// Everything that a handler touches is a lock-free atomic, or does not change while the handler
// is installed.
#ifndef _WIN32

#include <sched.h>
#include <signal.h>

#include <mutex>

#include "platform/platform.h"
#include "platform/posix_error.h"

namespace platform {

namespace {

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

// Why one cannot be caught, as errno has it; or 0.
int catch_signals() {
    wait_for_handlers();
    for (Signal& signal : signals) {
        if (signal.caught.load()) continue;
        struct sigaction present;
        if (sigaction(signal.number, nullptr, &present) < 0) return errno;
        // A shell's background job ignores Ctrl-C, which is meant for the one in the foreground.
        if (!(present.sa_flags & SA_SIGINFO) && present.sa_handler == SIG_IGN) continue;
        signal.previous = present;
        signal.caught.store(true);
        struct sigaction action {};
        action.sa_handler = on_signal;
        action.sa_flags = SA_RESTART;
        sigemptyset(&action.sa_mask);
        for (const Signal& each : signals) sigaddset(&action.sa_mask, each.number);
        if (sigaction(signal.number, &action, nullptr) == 0) continue;
        signal.caught.store(false);
        return errno;
    }
    return 0;
}

// Whoever is the last restores the program's own reactions.
void stop_waiting(Job& job) {
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
        const int error = catch_signals();
        if (error == 0) return {};
        stop_waiting(job);
        return to_error(error, Operation::interrupt);
    }
    return to_error(EBUSY, Operation::interrupt);
}

void release_interrupt(Job& job) {
    const Exclusive exclusive;
    stop_waiting(job);
}

}  // namespace platform

#endif
