// Blocking work on threads of its own, for anything with POSIX threads.
// The state is shared by the pool and its threads and freed by whoever leaves last, because a
// look-up cannot be stopped: a pool that goes away abandons the thread that still runs one.
#ifndef _WIN32

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <new>

#include "platform/job_queue.h"
#include "platform/posix_error.h"

namespace platform {

namespace {

constexpr std::chrono::seconds idle_max{10};
constexpr std::size_t stack_size = 256 * 1024;  // getaddrinfo is content with less.

}  // namespace

struct Workers::State {
    State(Poller& owner, unsigned limit) : poller(&owner), threads_max(limit) {}

    std::mutex mutex;
    std::condition_variable work;
    Poller* poller;  // Null when the pool is gone.
    const unsigned threads_max;
    unsigned threads = 0;
    unsigned idle = 0;
    unsigned waiting = 0;  // How many jobs are in `submitted`.
    JobQueue submitted;
    JobQueue completed;
    std::atomic<bool> announced{false};  // Something is in `completed`, and the poller knows.
    JobQueue claimed;                    // Taken out of `completed`; the owner's thread only.
    const pid_t process = getpid();

    // After fork() only the calling thread is left, and a mutex may be held for ever.
    bool forked() const { return getpid() != process; }

    int start_thread();
    Job* next_job(std::unique_lock<std::mutex>&);
    void finish(Job&, std::unique_lock<std::mutex>&);
    static void* run(void*);
};

// With all signals blocked: their handlers belong to the program's own threads.
int Workers::State::start_thread() {
    pthread_attr_t attributes;
    if (const int error = pthread_attr_init(&attributes)) return error;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, stack_size);  // Too small here: the default will do.
    sigset_t all;
    sigset_t previous;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &previous);
    pthread_t thread;
    const int error = pthread_create(&thread, &attributes, run, this);
    pthread_sigmask(SIG_SETMASK, &previous, nullptr);
    pthread_attr_destroy(&attributes);
    if (!error) threads++;
    return error;
}

// Null when this thread is not needed any more.
Job* Workers::State::next_job(std::unique_lock<std::mutex>& lock) {
    const auto deadline = std::chrono::steady_clock::now() + idle_max;
    idle++;
    work.wait_until(lock, deadline, [this] { return submitted || !poller; });
    idle--;
    Job* const job = submitted.pop();
    if (job) waiting--;
    return job;
}

void Workers::State::finish(Job& job, std::unique_lock<std::mutex>& lock) {
    if (!poller) {
        lock.unlock();
        job.discard(job);
        lock.lock();
        return;
    }
    completed.push(job);
    // Under the lock, because the poller lives only as long as the pool.
    if (!announced.exchange(true)) poller->wake();
}

void* Workers::State::run(void* argument) {
    State* const state = static_cast<State*>(argument);
    std::unique_lock lock(state->mutex);
    while (Job* const job = state->next_job(lock)) {
        lock.unlock();
        job->run(*job);
        lock.lock();
        state->finish(*job, lock);
    }
    const bool last = --state->threads == 0 && !state->poller;
    lock.unlock();
    if (last) delete state;
    return nullptr;
}

Workers::Workers(Poller& poller, unsigned threads_max)
    : state_(new (std::nothrow) State(poller, threads_max > 0 ? threads_max : 1)) {}

Workers::~Workers() {
    if (!state_ || state_->forked()) return;  // The child of a fork leaves all to its exit.
    std::unique_lock lock(state_->mutex);
    state_->poller = nullptr;
    JobQueue unwanted[] = {state_->claimed, state_->completed.take_all(),
                           state_->submitted.take_all()};
    const bool last = state_->threads == 0;
    state_->work.notify_all();
    lock.unlock();
    if (last) delete state_;
    for (JobQueue& queue : unwanted) queue.discard_all();
}

Error Workers::submit(Job& job) {
    if (!state_) return to_error(ENOMEM, Operation::start_worker);
    if (state_->forked()) return to_error(ENOTSUP, Operation::start_worker);
    const std::unique_lock lock(state_->mutex);
    if (state_->waiting >= state_->idle && state_->threads < state_->threads_max) {
        const int error = state_->start_thread();
        // One thread fewer is no failure, as long as somebody comes round to the job.
        if (error && state_->threads == 0) return to_error(error, Operation::start_worker);
    }
    state_->submitted.push(job);
    state_->waiting++;
    state_->work.notify_one();
    return {};
}

Job* Workers::finished() {
    if (!state_) return nullptr;
    if (!state_->claimed && state_->announced.load() && !state_->forked()) {
        const std::unique_lock lock(state_->mutex);
        state_->announced.store(false);
        state_->claimed = state_->completed.take_all();
    }
    return state_->claimed.pop();
}

}  // namespace platform

#endif
