// Blocking work on threads of its own, by Windows' own calls, because std::thread does not compile
// with every mingw.
// The state is shared by the pool and its threads and freed by whoever leaves last, because a
// look-up cannot be stopped: a pool that goes away abandons the thread that still runs one.
#ifdef _WIN32

#include <new>

#include "platform/job_queue.h"
#include "platform/windows_error.h"
#include "platform/windows_system.h"

namespace platform {

namespace {

constexpr ULONGLONG idle_milliseconds_max = 10'000;

class Lock {
   public:
    explicit Lock(SRWLOCK& lock) : lock_(lock) { AcquireSRWLockExclusive(&lock_); }
    ~Lock() { ReleaseSRWLockExclusive(&lock_); }
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;

   private:
    SRWLOCK& lock_;
};

}  // namespace

struct Workers::State {
    State(Poller& owner, unsigned limit) : poller(&owner), threads_max(limit) {}

    SRWLOCK lock = SRWLOCK_INIT;
    CONDITION_VARIABLE work = CONDITION_VARIABLE_INIT;
    Poller* poller;  // Null when the pool is gone.
    const unsigned threads_max;
    unsigned threads = 0;
    unsigned idle = 0;
    unsigned waiting = 0;  // How many jobs are in `submitted`.
    JobQueue submitted;
    JobQueue completed;
    std::atomic<bool> announced{false};  // Something is in `completed`, and the poller knows.
    JobQueue claimed;                    // Taken out of `completed`; the owner's thread only.

    bool start_thread();
    Job* next_job();
    bool finish(Job&);
    static DWORD WINAPI run(void*);
};

bool Workers::State::start_thread() {
    const HANDLE thread = CreateThread(nullptr, 0, run, this, 0, nullptr);
    if (!thread) return false;
    CloseHandle(thread);  // It goes on; nobody waits for it.
    threads++;
    return true;
}

// Null when this thread is not needed any more. Called, like finish(), under the lock.
Job* Workers::State::next_job() {
    const ULONGLONG start = GetTickCount64();
    idle++;
    while (!submitted && poller) {
        const ULONGLONG passed = GetTickCount64() - start;
        if (passed >= idle_milliseconds_max) break;
        SleepConditionVariableSRW(&work, &lock, static_cast<DWORD>(idle_milliseconds_max - passed),
                                  0);
    }
    idle--;
    Job* const job = submitted.pop();
    if (job) waiting--;
    return job;
}

// False when the pool is gone, and the job is nobody's.
bool Workers::State::finish(Job& job) {
    if (!poller) return false;
    completed.push(job);
    // Under the lock, because the poller lives only as long as the pool.
    if (!announced.exchange(true)) poller->wake();
    return true;
}

DWORD WINAPI Workers::State::run(void* argument) {
    State* const state = static_cast<State*>(argument);
    AcquireSRWLockExclusive(&state->lock);
    while (Job* const job = state->next_job()) {
        ReleaseSRWLockExclusive(&state->lock);
        job->run(*job);
        AcquireSRWLockExclusive(&state->lock);
        if (state->finish(*job)) continue;
        ReleaseSRWLockExclusive(&state->lock);
        job->discard(*job);
        AcquireSRWLockExclusive(&state->lock);
    }
    const bool last = --state->threads == 0 && !state->poller;
    ReleaseSRWLockExclusive(&state->lock);
    if (last) delete state;
    return 0;
}

Workers::Workers(Poller& poller, unsigned threads_max)
    : state_(new (std::nothrow) State(poller, threads_max > 0 ? threads_max : 1)) {}

Workers::~Workers() {
    if (!state_) return;
    AcquireSRWLockExclusive(&state_->lock);
    state_->poller = nullptr;
    JobQueue unwanted[] = {state_->claimed, state_->completed.take_all(),
                           state_->submitted.take_all()};
    const bool last = state_->threads == 0;
    WakeAllConditionVariable(&state_->work);
    ReleaseSRWLockExclusive(&state_->lock);
    if (last) delete state_;
    for (JobQueue& queue : unwanted) queue.discard_all();
}

Error Workers::submit(Job& job) {
    if (!state_) return to_error(ERROR_NOT_ENOUGH_MEMORY, Operation::start_worker);
    const Lock lock(state_->lock);
    if (state_->waiting >= state_->idle && state_->threads < state_->threads_max) {
        // One thread fewer is no failure, as long as somebody comes round to the job.
        if (!state_->start_thread() && state_->threads == 0) {
            return last_error(Operation::start_worker);
        }
    }
    state_->submitted.push(job);
    state_->waiting++;
    WakeConditionVariable(&state_->work);
    return {};
}

Job* Workers::finished() {
    if (!state_) return nullptr;
    if (!state_->claimed && state_->announced.load()) {
        const Lock lock(state_->lock);
        state_->announced.store(false);
        state_->claimed = state_->completed.take_all();
    }
    return state_->claimed.pop();
}

}  // namespace platform

#endif
