// See cluster_sockets.h.
#include "net/cluster_sockets.h"

#include <memory>
#include <new>
#include <utility>

namespace net {

struct SharedSockets::Entry {
    Entry() = default;
    ~Entry() {
        if (!socket) return;
        const Result<Endpoint> local = platform::local_endpoint(socket);
        if (claim.inode != 0 && local) platform::release_path(*local, claim);
        platform::close(socket);
    }
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;

    Entry* next = nullptr;
    SharedKey key{};
    platform::Socket socket;
    platform::PathClaim claim;  // Of a path that is ours to remove: inode not 0.
    std::uint32_t holders = 0;
};

namespace {

Error bind_to(platform::Poller& poller, const SharedKey& key, platform::Socket& socket,
              platform::PathClaim& claim) {
    using platform::Option;
    if (key.ipv6_only && key.type == Type::udp4) return {Code::invalid_argument, Operation::bind};
    const Result<platform::Socket> opened = platform::open_datagram(poller, family_of(key.type));
    if (!opened) return opened.error();
    socket = *opened;
    Error failed;
    if (key.reuse_addr) failed = platform::set_option(socket, Option::reuse_address, 1);
    if (!failed && key.type == Type::udp6) {
        failed = platform::set_option(socket, Option::only_ipv6, key.ipv6_only);
    }
    if (failed) return failed;
    if (key.type != Type::unix_dgram) return platform::bind(socket, key.local);
    const Result<platform::PathClaim> claimed =
        platform::bind_path(socket, key.local, key.path_mode);
    if (claimed) claim = *claimed;
    return claimed.error();
}

// A descriptor that the primary was given, by whoever started it for example. It stays the
// primary's: this is a duplicate, so that its number may become another socket's.
Result<platform::Socket> copy_of(core::Loop& loop, const SharedKey& key) {
    const platform::Socket given{static_cast<std::intptr_t>(key.fd)};
    if (given.handle != key.fd) return Error{Code::bad_descriptor, Operation::bind};
    if (loop.attached(given)) return Error{Code::exists, Operation::bind};
    const Result<Family> family = platform::adopt(loop.poller(), given);
    if (!family) return family.error();
    if (*family != family_of(key.type)) {
        return Error{Code::invalid_descriptor_type, Operation::bind};
    }
    return platform::duplicate(given);
}

}  // namespace

SharedSockets::~SharedSockets() {
    while (Entry* const entry = first_) {
        first_ = entry->next;
        delete entry;
    }
}

SharedSockets::Entry* SharedSockets::find(const SharedKey& key) const {
    Entry* entry = first_;
    while (entry && !(entry->key == key)) entry = entry->next;
    return entry;
}

Result<SharedSockets::Entry*> SharedSockets::make(core::Loop& loop, const SharedKey& key) {
    std::unique_ptr<Entry> entry(new (std::nothrow) Entry);
    if (!entry) return Error{Code::out_of_memory, Operation::bind};
    entry->key = key;
    if (key.fd != 0) {
        const Result<platform::Socket> copy = copy_of(loop, key);
        if (!copy) return copy.error().during(Operation::bind);
        entry->socket = *copy;
    } else if (const Error failed = bind_to(loop.poller(), key, entry->socket, entry->claim)) {
        return failed.during(Operation::bind);
    }
    entry->next = first_;
    first_ = entry.get();
    return entry.release();
}

Result<platform::Socket> SharedSockets::hold(core::Loop& loop, Holding*& list,
                                             std::uint32_t number, const SharedKey& key) {
    for (const Holding* held = list; held; held = held->next) {
        if (held->number == number) return Error{Code::invalid_argument, Operation::bind};
    }
    std::unique_ptr<Holding> holding(new (std::nothrow) Holding{list, nullptr, number});
    if (!holding) return Error{Code::out_of_memory, Operation::bind};
    holding->entry = find(key);
    if (!holding->entry) {
        const Result<Entry*> made = make(loop, key);
        if (!made) return made.error();
        holding->entry = *made;
    }
    holding->entry->holders++;
    list = holding.release();
    return list->entry->socket;
}

void SharedSockets::drop(Entry& entry) {
    if (--entry.holders > 0) return;
    Entry** link = &first_;
    while (*link != &entry) link = &(*link)->next;
    *link = entry.next;
    delete &entry;
}

void SharedSockets::release(Holding*& list, std::uint32_t number) {
    for (Holding** link = &list; *link; link = &(*link)->next) {
        if ((*link)->number != number) continue;
        const std::unique_ptr<Holding> gone(std::exchange(*link, (*link)->next));
        return drop(*gone->entry);
    }
}

void SharedSockets::release_all(Holding*& list) {
    while (list) release(list, list->number);
}

}  // namespace net
