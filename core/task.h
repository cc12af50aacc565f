// Coroutines on a loop: Task<T> is what a coroutine returns, spawn() lets one run. Opt-in: nothing
// else of the library includes this. What can be awaited inside: other tasks, what core/await.h and
// net/coroutine.h have, and whatever else can be.
// Catch: a coroutine's parameters live as long as it does, but a reference among them refers, and
// the captures of a lambda are the lambda's: give a coroutine values, or what outlives it.
#pragma once

#include <cassert>
#include <concepts>
#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

#include "core/loop.h"

namespace core {

class Strand;
template <class T>
class Task;

// The coroutine is next in its strand (see core/strand.h), once the one that runs has suspended.
void hand_on(Strand&, std::coroutine_handle<>) noexcept;

// What the coroutines of all tasks have, whatever they return.
class AnyPromise {
   public:
    std::suspend_always initial_suspend() const noexcept { return {}; }  // Nothing runs unawaited.
    auto final_suspend() const noexcept {
        struct HandOn {
            bool await_ready() const noexcept { return false; }
            void await_suspend(std::coroutine_handle<>) const noexcept {
                hand_on(*promise.strand, promise.awaiter);
            }
            void await_resume() const noexcept {}
            const AnyPromise& promise;
        };
        return HandOn{*this};
    }
    void unhandled_exception() noexcept { exception = std::current_exception(); }

    Strand* strand = nullptr;
    std::coroutine_handle<> awaiter;  // None: it was spawned.
    std::exception_ptr exception;
};

template <class T>
class Promise : public AnyPromise {
   public:
    Task<T> get_return_object() noexcept;
    template <class U>
        requires std::constructible_from<T, U>
    void return_value(U&& value) {
        value_.emplace(std::forward<U>(value));
    }
    T take() { return *std::move(value_); }

   private:
    std::optional<T> value_;
};

template <>
class Promise<void> : public AnyPromise {
   public:
    Task<void> get_return_object() noexcept;
    void return_void() const noexcept {}
    void take() const noexcept {}
};

// A coroutine that has not begun. It begins when it is awaited, or spawned, and gives its value, or
// throws its exception, to whoever awaits it: `T value = co_await std::move(task)`. Destroying it
// destroys its frame, wherever it waits; what it waited for is taken back. No memory for a frame is
// std::bad_alloc (or the end): frames are the user's own.
template <class T = void>
class [[nodiscard]] Task {
   public:
    using promise_type = Promise<T>;

    Task(Task&& other) noexcept : coroutine_(std::exchange(other.coroutine_, nullptr)) {}
    Task& operator=(Task&&) = delete;
    ~Task() {
        if (coroutine_) coroutine_.destroy();
    }

    class Awaiter {
       public:
        bool await_ready() const noexcept { return false; }
        template <std::derived_from<AnyPromise> P>
        void await_suspend(std::coroutine_handle<P> awaiter) const noexcept {
            Promise<T>& promise = coroutine_.promise();
            promise.strand = awaiter.promise().strand;
            promise.awaiter = awaiter;
            hand_on(*promise.strand, coroutine_);
        }
        T await_resume() const {
            Promise<T>& promise = coroutine_.promise();
            if (promise.exception) std::rethrow_exception(promise.exception);
            return promise.take();
        }

       private:
        friend class Task;
        explicit Awaiter(std::coroutine_handle<Promise<T>> coroutine) : coroutine_(coroutine) {}
        std::coroutine_handle<Promise<T>> coroutine_;
    };

    Awaiter operator co_await() && noexcept {
        assert(coroutine_ && !coroutine_.promise().strand && "a task is awaited once");
        return Awaiter(coroutine_);
    }

   private:
    friend class Promise<T>;
    friend class Strand;
    explicit Task(std::coroutine_handle<Promise<T>> coroutine) : coroutine_(coroutine) {}

    std::coroutine_handle<Promise<T>> coroutine_;
};

template <class T>
Task<T> Promise<T>::get_return_object() noexcept {
    return Task<T>(std::coroutine_handle<Promise>::from_promise(*this));
}

inline Task<void> Promise<void>::get_return_object() noexcept {
    return Task<void>(std::coroutine_handle<Promise>::from_promise(*this));
}

// A spawned task, for whoever may want to end it; letting go of this does not. Harmless after the
// task has ended, and after the loop.
class Spawned {
   public:
    Spawned() = default;
    Spawned(Spawned&& other) noexcept;
    Spawned& operator=(Spawned&& other) noexcept;
    ~Spawned();

    // Destroys the task where it waits, without a word to it. From inside of it: at its next await.
    void cancel();
    bool active() const { return strand_; }  // It has not ended.

   private:
    friend class Strand;
    friend Spawned spawn(Loop&, Task<>);
    void attach(Strand*);
    Strand* strand_ = nullptr;
};

// Begins in the loop's next phase of posted callbacks, never inside this call. The loop owns it: it
// ends by returning, by cancel(), or with the loop. It does not keep run() going; what it waits for
// does. What it throws passes through run(). No memory to spawn it with: run() returns ENOMEM.
Spawned spawn(Loop&, Task<>);

}  // namespace core
