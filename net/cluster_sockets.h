// The sockets that a cluster's primary has for its workers: one for each key, from the first worker
// that asks until the last one has let go of it. The primary binds them and never reads.
#pragma once

#include <cstdint>

#include "core/loop.h"
#include "net/cluster_protocol.h"
#include "platform/platform.h"

namespace net {

class SharedSockets {
    struct Entry;

   public:
    // That a worker has one; in a list of the worker's.
    struct Holding {
        Holding* next;
        Entry* entry;
        std::uint32_t number;  // By which the worker calls it.
    };

    SharedSockets() = default;
    ~SharedSockets();
    SharedSockets(const SharedSockets&) = delete;
    SharedSockets& operator=(const SharedSockets&) = delete;

    // The socket stays this one's. EINVAL: the worker has that number already. ENOMEM, EEXIST (the
    // primary itself uses that descriptor), and those of bind(2). After a failure nothing is held.
    Result<platform::Socket> hold(core::Loop&, Holding*& list, std::uint32_t number,
                                  const SharedKey&);
    void release(Holding*& list, std::uint32_t number);  // Harmless when there is no such number.
    void release_all(Holding*& list);

   private:
    Entry* find(const SharedKey&) const;
    Result<Entry*> make(core::Loop&, const SharedKey&);
    void drop(Entry&);

    Entry* first_ = nullptr;
};

}  // namespace net
