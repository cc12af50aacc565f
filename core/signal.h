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
#include <new>
#include <type_traits>
#include <utility>

#include "core/callback.h"

namespace core {

// Unique among the listeners of one signal. Zero stands for none.
using ListenerId = std::uint32_t;

template <class... Arguments>
class Signal {
    static_assert(!(std::is_rvalue_reference_v<Arguments> || ...), "every listener gets the same");

   public:
    using Listener = Callback<void(Arguments...)>;

    Signal() = default;
    Signal(const Signal&) = delete;
    Signal& operator=(const Signal&) = delete;
    ~Signal() {
        assert(!depth_ && "a signal was destroyed during its emit");
        while (!depth_ && count()) clear();  // Again when dying captures have added listeners.
    }

    // Zero (and the listener destroyed) when it is empty or memory is out. The first listener of
    // a signal needs no memory.
    ListenerId on(Listener listener) { return add(std::move(listener), false); }
    ListenerId once(Listener listener) { return add(std::move(listener), true); }

    // False when there is no such listener, or not any more.
    bool off(ListenerId id) {
        Node* const node = id ? find(id) : nullptr;
        if (node) remove(*node);
        return node != nullptr;
    }

    void clear() {
        for (Node* node = &first_; node; node = node->next) node->id = 0;
        sweep();
    }

    std::size_t count() const {
        std::size_t living = 0;
        for (const Node* node = &first_; node; node = node->next) living += node->id ? 1 : 0;
        return living;
    }

    bool empty() const {
        for (const Node* node = &first_; node; node = node->next) {
            if (node->id) return false;
        }
        return true;
    }

    // False when nobody listened.
    bool emit(Arguments... arguments) {
        const Guard guard(*this);
        const Node* const end = last();
        bool heard = false;
        for (Node* node = &first_;; node = node->next) {
            if (node->id) {
                heard = true;
                if (node->once) remove(*node);
                node->call(arguments...);
            }
            if (node == end) return heard;
        }
    }

   private:
    struct Node {
        Listener call;
        Node* next = nullptr;
        ListenerId id = 0;  // Zero: removed, or vacant.
        bool once = false;
    };

    // While one exists, nodes neither move nor die.
    struct Guard {
        explicit Guard(Signal& owner) : signal(owner) { signal.depth_++; }
        ~Guard() {
            signal.depth_--;
            if (signal.removed_) signal.sweep();
        }
        Signal& signal;
    };

    ListenerId add(Listener listener, bool once) {
        if (!listener) return 0;
        Node* node = &first_;
        if (first_.call || first_.next) {  // In use; perhaps removed, and running.
            node = new (std::nothrow) Node;
            if (!node) return 0;
            last()->next = node;
        }
        do {  // After 2^32 of them the numbers come round again.
            last_id_++;
        } while (!last_id_ || find(last_id_));
        node->call = std::move(listener);
        node->id = last_id_;
        node->once = once;
        return node->id;
    }

    void remove(Node& node) {
        node.id = 0;
        sweep();
    }

    // Frees what was removed, captures last: their destructors may call us.
    void sweep() {
        removed_ = true;
        if (depth_) return;
        removed_ = false;
        Node* removed = nullptr;
        for (Node** link = &first_.next; *link;) {
            Node* const node = *link;
            if (node->id) {
                link = &node->next;
            } else {
                *link = node->next;
                node->next = std::exchange(removed, node);
            }
        }
        while (removed) delete std::exchange(removed, removed->next);
        if (!first_.id) first_.call.reset();
    }

    Node* find(ListenerId id) {
        Node* node = &first_;
        while (node && node->id != id) node = node->next;
        return node;
    }

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

}  // namespace core
