// The listeners of one event, called in the order of their registration.
//
// Inside a listener everything is legal: on(), off(), clear() and another emit(). One that was
// removed does not run any more, one that was added takes part from the next emit, and what a
// running listener captured stays alive until the outermost emit has returned. The one thing that
// is not: to destroy the Signal during an emit. Its owner has to be buried until that is over.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "core/callback.h"

namespace core {

// Unique among the listeners of one signal. Zero stands for none.
using ListenerId = std::uint32_t;

// What all signals have in common, whatever they tell.
class AnySignal {
   public:
    AnySignal() = default;
    AnySignal(const AnySignal&) = delete;
    AnySignal& operator=(const AnySignal&) = delete;
    ~AnySignal();

    bool off(ListenerId);  // False when there is no such listener, or not any more.
    void clear();
    std::size_t count() const;
    bool empty() const {
        for (const Node* node = &first_; node; node = node->next) {
            if (node->id) return false;
        }
        return true;
    }

    // on() or once() of the signal's own type, for a listener that is of that type too.
    ListenerId add(AnyCallback& listener, bool once);

   protected:
    struct Node {
        AnyCallback call;
        Node* next = nullptr;
        ListenerId id = 0;  // Zero: removed, or vacant.
        bool once = false;
    };

    // While one exists, nodes neither move nor die.
    struct Guard {
        explicit Guard(AnySignal& owner) : signal(owner) { signal.depth_++; }
        ~Guard() {
            signal.depth_--;
            if (signal.removed_) signal.sweep();
        }
        AnySignal& signal;
    };

    void remove(Node&);
    void sweep();
    Node* find(ListenerId);
    Node* last() {
        Node* node = &first_;
        while (node->next) node = node->next;
        return node;
    }

    Node first_;
    ListenerId last_id_ = 0;
    std::uint32_t depth_ : 31 = 0;   // Of emits in progress.
    std::uint32_t removed_ : 1 = 0;  // A sweep is due.
};

template <class... Arguments>
class Signal : public AnySignal {
    static_assert(!(std::is_rvalue_reference_v<Arguments> || ...), "every listener gets the same");

   public:
    using Listener = Callback<void(Arguments...)>;

    // Zero (and the listener destroyed) when it is empty or memory is out. The first listener of
    // a signal needs no memory.
    ListenerId on(Listener listener) { return add(listener, false); }
    ListenerId once(Listener listener) { return add(listener, true); }

    // False when nobody listened.
    bool emit(Arguments... arguments) {
        const Guard guard(*this);
        const Node* const end = last();
        bool heard = false;
        for (Node* node = &first_;; node = node->next) {
            if (node->id) {
                heard = true;
                if (node->once) remove(*node);
                Listener::call(node->call, arguments...);
            }
            if (node == end) return heard;
        }
    }
};

}  // namespace core
