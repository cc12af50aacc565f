// Who runs coroutines: a strand is one spawned task with all that it awaits, of which one runs at a
// time. For the layers that wait for something; programs meet it only through Task and spawn().
//
// A coroutine that ends, or begins another one, does not resume it: the strand does, once the first
// one has suspended. So no chain of them grows the stack, whatever the compiler makes of calls at
// the end of a function; and a strand can be ended from inside: it goes no further.
#pragma once

#include <coroutine>

#include "core/ring.h"
#include "core/task.h"

namespace core {

struct Strands;

// Something to do soon: in the loop's phase of posted callbacks, once, in the order of the calls.
// It needs no memory, and is forgotten when it is destroyed.
class Deferred : private Ring {
   public:
    using Function = void (*)(Deferred&);
    explicit Deferred(Function function) : function_(function) {}
    void schedule(Strands&);  // Harmless when it is already.

   private:
    friend struct Strands;
    Function function_;
};

class Strand : private Deferred {
   public:
    Loop& loop() const;
    Strands& strands() const { return strands_; }

    // In a phase of the loop: runs the coroutine and what it hands on to, until they wait. The
    // strand may be gone behind it. Throws what its task has thrown.
    void resume(std::coroutine_handle<>);

    // From anywhere: it is next, when nobody is on the stack that does not expect it.
    void hand_on(std::coroutine_handle<>) noexcept;

   private:
    friend struct Strands;
    friend class Spawned;
    friend Spawned spawn(Loop&, Task<>);
    struct Place : core::Ring {  // Among those of the loop.
        explicit Place(Strand& owner) : strand(owner) {}
        Strand& strand;
    };

    Strand(Strands&, Task<>);
    ~Strand();
    void run();
    void cancel();

    Strands& strands_;
    Place place_{*this};
    Task<> task_;
    Spawned* spawned_ = nullptr;
    std::coroutine_handle<> next_;
    bool running_ = false;
    bool canceled_ = false;
};

}  // namespace core
