// See posts.h. The lock is held for a few instructions, now and then for an allocation; never
// while a callback runs or is destroyed, nor while the poller is woken.
#include "core/posts.h"

#include <new>
#include <utility>

namespace core {

namespace {

constexpr std::size_t spares_max = 16;  // 64 KiB.

}  // namespace

// Filled at its end by whoever has the lock, emptied at its front by the loop's thread, as far as
// that one knows it to be filled.
struct Posts::Block {
    static constexpr std::size_t capacity = 127;

    Block() {}
    ~Block() {}

    Block* next = nullptr;
    union {
        Task tasks[capacity];
    };
};

// What the loop runs now. An exception puts the rest back, in front of what came meanwhile.
struct Posts::Due {
    explicit Due(Posts& owner) : posts(owner) {
        const platform::SpinLock::Hold hold(posts.lock_);
        count = std::exchange(posts.waiting_, 0);
    }
    ~Due() {
        if (count > 0) posts.put_back(count);
    }
    Posts& posts;
    std::size_t count;
};

bool Posts::post(Task&& task) {
    bool first;
    {
        const platform::SpinLock::Hold hold(lock_);
        if ((!newest_ || end_ == Block::capacity) && !add_block()) return false;
        ::new (&newest_->tasks[end_++]) Task(std::move(task));
        first = waiting_++ == 0;
    }
    if (first) ring();
    return true;
}

// By whoever finds nothing waiting: nobody else does before the loop has answered.
void Posts::ring() {
    bell_.run = [](platform::Job& job) { static_cast<Bell&>(job).posts.run(); };
    bell_.discard = [](platform::Job& job) { static_cast<Bell&>(job).posts.clear(); };
    mailbox_->post(bell_);
}

bool Posts::add_block() {
    Block* const block = spare_ ? spare_ : new (std::nothrow) Block;
    if (!block) return false;
    if (spare_) {
        spare_ = std::exchange(block->next, nullptr);
        spares_--;
    }
    (newest_ ? newest_->next : oldest_) = block;
    newest_ = block;
    end_ = 0;
    return true;
}

Posts::Task& Posts::front() {
    if (begin_ == Block::capacity) leave_block();
    return oldest_->tasks[begin_++];
}

void Posts::leave_block() {
    Block* left = std::exchange(oldest_, oldest_->next);
    begin_ = 0;
    {
        const platform::SpinLock::Hold hold(lock_);
        if (spares_ < spares_max) {
            spares_++;
            left->next = spare_;
            spare_ = std::exchange(left, nullptr);
        }
    }
    delete left;
}

// A task is called in its place, and gone after the call, also by an exception.
void Posts::run() {
    struct Last {
        ~Last() { task.~Task(); }
        Task& task;
    };
    for (Due due(*this); due.count > 0;) {
        due.count--;
        const Last last{front()};
        if (last.task) last.task();
    }
}

void Posts::put_back(std::size_t count) {
    bool first;
    {
        const platform::SpinLock::Hold hold(lock_);
        first = waiting_ == 0;
        waiting_ += count;
    }
    if (first) ring();
}

void Posts::clear() {
    for (; waiting_ > 0; waiting_--) front().~Task();
    delete std::exchange(oldest_, nullptr);
    while (Block* const spare = spare_) {
        spare_ = spare->next;
        delete spare;
    }
}

}  // namespace core
