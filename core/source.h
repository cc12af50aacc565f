// What takes part in a loop's turns: a socket's state, a watched descriptor. For the layers that
// build on the loop; programs meet it only through them.
//
// A table of functions stands in for virtual ones: one table a kind, one pointer an object, and
// one call for each phase of a turn rather than for each datagram.
#pragma once

#include "platform/platform.h"

namespace core {

struct Source {
    struct Operations {
        void (*ready)(Source&, platform::Event);  // The poller saw something.
        void (*prepare)(Source&);                 // Requests, first part: binds and connects.
        void (*flush)(Source&);                   // Requests, second part: sends.
        void (*conclude)(Source&);                // One outcome; called once for each owed.
        void (*finish)(Source&);                  // The very last event: 'close'.
        void (*orphan)(Source&);                  // The loop ends: let go of it, free what is due.
        void (*destroy)(Source&);                 // Nothing can be on the stack: free it.
    };

    explicit Source(const Operations& table) : operations(&table) {}
    Source(const Source&) = delete;
    Source& operator=(const Source&) = delete;

    const Operations* operations;
    platform::Socket socket;
    platform::Token token;
    bool requested = false;  // In the loop's list of requests.
    bool prepared = false;   // Out of it, and still to be flushed.
    bool finishing = false;  // In the loop's list of ends.
    Source* next_requested = nullptr;  // Or next buried: a source that is has been detached.
    Source* next_prepared = nullptr;
    Source* next_finishing = nullptr;
};

// First in, first out, through a link inside the source: queueing allocates nothing.
template <Source* Source::*next>
class SourceQueue {
   public:
    bool empty() const { return !first_; }
    Source* first() const { return first_; }
    void push(Source& source) {
        source.*next = nullptr;
        (last_ ? last_->*next : first_) = &source;
        last_ = &source;
    }
    Source* pop() {
        Source* source = first_;
        if (source && !(first_ = source->*next)) last_ = nullptr;
        return source;
    }
    // All that the other one has, behind what is here.
    void take(SourceQueue& other) {
        if (!other.first_) return;
        (last_ ? last_->*next : first_) = other.first_;
        last_ = other.last_;
        other = {};
    }
    void remove(Source& source) {
        Source* before = nullptr;
        for (Source* at = first_; at; before = at, at = at->*next) {
            if (at != &source) continue;
            (before ? before->*next : first_) = source.*next;
            if (last_ == &source) last_ = before;
            return;
        }
    }

   private:
    Source* first_ = nullptr;
    Source* last_ = nullptr;
};

// What a layer above keeps once for each loop: pools, an arena, the resolver.
struct Service {
    const void* key;                 // The address of something of the service's own.
    void (*destroy)(Service&);
    void (*work)(Service&) = nullptr;  // Every turn, with the posted callbacks.
    Service* next = nullptr;
    bool due = false;  // There is something for work() to do: the loop does not sleep.
};

}  // namespace core
