// The sockets that a Poller watches on Windows, found by their handles. For iocp.cpp only.
#pragma once

#include <cstddef>
#include <new>

#include "platform/platform.h"
#include "platform/windows_afd.h"

namespace platform {

// One watched socket. The system writes to it while a poll is in flight, so it outlives forget()
// until that poll has come back. Until then it also keeps a second poll from being started, even
// for another socket that got the same handle.
struct Watch {
    IO_STATUS_BLOCK status{};
    PollInfo poll{};
    SOCKET socket = INVALID_SOCKET;
    SOCKET base = INVALID_SOCKET;
    Token token;
    Interest interest;
    ULONG in_flight = 0;      // What was asked for; zero when no poll is out.
    bool canceled = false;    // The poll that is out tells nothing any more.
    bool forgotten = false;   // To be freed.
    bool broken = false;      // Its poll has failed: nothing happens until the next watch().
    bool queued = false;      // In the list of those to be looked at by wait().
    Watch* next_queued = nullptr;
    Watch* next_in_bucket = nullptr;
};

// A table of chains. It grows when it can; without memory the chains get longer instead.
class Watches {
   public:
    Watches() = default;
    ~Watches() {
        for (std::size_t i = 0; i < size_; i++) {
            while (Watch* const watch = buckets_[i]) remove(watch);
        }
        if (buckets_ != &single_) delete[] buckets_;
    }
    Watches(const Watches&) = delete;
    Watches& operator=(const Watches&) = delete;

    Watch* find(SOCKET socket) const {
        Watch* watch = bucket(socket);
        while (watch && watch->socket != socket) watch = watch->next_in_bucket;
        return watch;
    }

    // Null when there is no memory.
    Watch* add(SOCKET socket) {
        Watch* const watch = new (std::nothrow) Watch;
        if (!watch) return nullptr;
        if (count_ >= size_) grow();
        watch->socket = socket;
        watch->next_in_bucket = bucket(socket);
        bucket(socket) = watch;
        count_++;
        return watch;
    }

    void remove(Watch* watch) {
        Watch** link = &bucket(watch->socket);
        while (*link != watch) link = &(*link)->next_in_bucket;
        *link = watch->next_in_bucket;
        delete watch;
        count_--;
    }

    template <class Function>
    void for_each(Function function) {
        for (std::size_t i = 0; i < size_; i++) {
            for (Watch* watch = buckets_[i]; watch; watch = watch->next_in_bucket) function(*watch);
        }
    }

   private:
    // Handles are multiples of four. The size is a power of two.
    Watch*& bucket(SOCKET socket) const { return buckets_[socket / 4 & (size_ - 1)]; }

    void grow() {
        const std::size_t old_size = size_;
        Watch** const old = buckets_;
        Watch** const grown = new (std::nothrow) Watch*[old_size * 2]();
        if (!grown) return;
        buckets_ = grown;
        size_ = old_size * 2;
        for (std::size_t i = 0; i < old_size; i++) {
            while (Watch* const watch = old[i]) {
                old[i] = watch->next_in_bucket;
                watch->next_in_bucket = bucket(watch->socket);
                bucket(watch->socket) = watch;
            }
        }
        if (old != &single_) delete[] old;
    }

    Watch* single_ = nullptr;  // A table of one, to begin with.
    Watch** buckets_ = &single_;
    std::size_t size_ = 1;
    std::size_t count_ = 0;
};

}  // namespace platform
