// The list of a signal's listeners: what is the same for every signature.
#include "core/signal.h"

#include <new>

namespace core {

AnySignal::~AnySignal() {
    assert(!depth_ && "a signal was destroyed during its emit");
    while (!depth_ && count()) clear();  // Again when dying captures have added listeners.
}

bool AnySignal::off(ListenerId id) {
    Node* const node = id ? find(id) : nullptr;
    if (node) remove(*node);
    return node != nullptr;
}

void AnySignal::clear() {
    for (Node* node = &first_; node; node = node->next) node->id = 0;
    sweep();
}

std::size_t AnySignal::count() const {
    std::size_t living = 0;
    for (const Node* node = &first_; node; node = node->next) living += node->id ? 1 : 0;
    return living;
}

ListenerId AnySignal::add(AnyCallback& listener, bool once) {
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

void AnySignal::remove(Node& node) {
    node.id = 0;
    sweep();
}

// Frees what was removed, captures last: their destructors may call us.
void AnySignal::sweep() {
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

AnySignal::Node* AnySignal::find(ListenerId id) {
    Node* node = &first_;
    while (node && node->id != id) node = node->next;
    return node;
}

}  // namespace core
