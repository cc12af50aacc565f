// Time for programs over the real kernel that passes only while everybody waits: what is due is
// awaited in no time, and in the same order each time. On loopback nothing needs more.
// Threads that work are waited for in real time; whether they do is known from how they wait.
// Catch: for Linux with glibc, and for one file of a program, beside tests/net/faults.h.
#pragma once

#include <dlfcn.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>

#include "tests/net/faults.h"

namespace walk {

inline std::int64_t system_time() {
    timespec time{};
    ::syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &time);
    return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

// Ahead of the system's, so that no thread's patience ends by itself.
inline std::atomic<std::int64_t> virtual_time{system_time() + 10'000'000'000'000};

// Threads that have been made and have not ended; those that do not wait for work; and how many
// were called to it and have not woken up yet.
inline std::atomic<int> threads{0};
inline std::atomic<int> busy{0};
inline std::atomic<int> waiting{0};
inline std::atomic<int> called{0};
inline thread_local bool is_worker = false;

inline int poll_now(int poller, epoll_event* events, int count, int milliseconds) {
    return static_cast<int>(::syscall(SYS_epoll_pwait, poller, events, count, milliseconds,
                                      static_cast<void*>(nullptr), std::size_t{0}));
}

inline int wait_virtually(int poller, epoll_event* events, int count, int timeout) {
    int ready = poll_now(poller, events, count, 0);
    if (ready != 0 || timeout == 0) return ready;
    while (ready == 0 && busy + called > 0) ready = poll_now(poller, events, count, 1);
    if (ready == 0) ready = poll_now(poller, events, count, 0);
    if (ready != 0) return ready;
    if (timeout < 0) std::abort();  // Nothing can ever happen again.
    virtual_time += std::int64_t{timeout} * 1'000'000;
    return 0;
}

struct Start {
    void* (*routine)(void*);
    void* argument;
};

inline void* work(void* given) {
    const Start start = *static_cast<Start*>(given);
    std::free(given);
    is_worker = true;
    void* const result = start.routine(start.argument);
    busy--;
    threads--;
    return result;
}

}  // namespace walk

extern "C" {

int clock_gettime(clockid_t clock, timespec* time) noexcept {
    if (clock != CLOCK_MONOTONIC) {
        return static_cast<int>(::syscall(SYS_clock_gettime, clock, time));
    }
    const std::int64_t now = walk::virtual_time;
    time->tv_sec = now / 1'000'000'000;
    time->tv_nsec = now % 1'000'000'000;
    return 0;
}

int nanosleep(const timespec* time, timespec*) {
    walk::virtual_time += static_cast<std::int64_t>(time->tv_sec) * 1'000'000'000 + time->tv_nsec;
    return 0;
}

int pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex, clockid_t clock,
                           const timespec* deadline) {
    static const auto next =
        test::next_version<int(pthread_cond_t*, pthread_mutex_t*, clockid_t, const timespec*)>(
            "pthread_cond_clockwait");
    if (!walk::is_worker) return next(condition, mutex, clock, deadline);
    walk::waiting++;
    walk::busy--;
    const int result = next(condition, mutex, clock, deadline);
    walk::busy++;
    walk::waiting--;
    if (walk::called > 0) walk::called--;
    return result;
}

int pthread_cond_signal(pthread_cond_t* condition) noexcept {
    static const auto next = test::next_version<int(pthread_cond_t*)>("pthread_cond_signal");
    if (walk::called < walk::waiting) walk::called++;
    return next(condition);
}

}  // extern "C"
