// The callbacks that other threads hand to a loop, first in, first out.
//
// They stand in arrays, so that a post allocates nothing as long as the loop keeps up, and the loop
// reads memory from front to back. The bell is a job in the loop's mailbox, posted by whoever finds
// nothing waiting: one wake-up for many. The catch: the first post costs a whole array, 4 KiB, and
// after a burst a few of them are kept.
#pragma once

#include <cstddef>

#include "core/callback.h"
#include "platform/platform.h"

namespace core {

class Posts {
   public:
    using Task = Callback<void()>;

    explicit Posts(platform::Mailbox* mailbox) : mailbox_(mailbox) {}
    ~Posts() {
        if (oldest_) bell_.discard(bell_);
    }
    Posts(const Posts&) = delete;
    Posts& operator=(const Posts&) = delete;

    bool post(Task&&);  // From any thread. False: out of memory.

   private:
    struct Block;
    struct Bell : platform::Job {  // Its functions come with the first post, for the linker's sake.
        explicit Bell(Posts& owner) : posts(owner) {}
        Posts& posts;
    };
    struct Due;

    void ring();
    void run();
    void put_back(std::size_t);
    void clear();  // When the loop has ended.
    Task& front();
    bool add_block();
    void leave_block();

    // The loop's side. What was posted first stands in the oldest block.
    platform::Mailbox* const mailbox_;
    Bell bell_{*this};
    Block* oldest_ = nullptr;
    std::size_t begin_ = 0;

    platform::SpinLock lock_;  // Of the other side.
    Block* newest_ = nullptr;
    std::size_t end_ = 0;
    std::size_t waiting_ = 0;
    Block* spare_ = nullptr;
    std::size_t spares_ = 0;
};

}  // namespace core
