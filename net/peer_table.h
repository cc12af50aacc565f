// Endpoints by a small number, so that a queued send names its destination in four bytes, and
// equal destinations are equal numbers. One for each loop.
#pragma once

#include <cstdint>

#include "core/growing.h"
#include "platform/endpoint.h"

namespace net {

class PeerTable {
   public:
    using Index = std::uint32_t;
    static constexpr Index none = 0;  // A connected socket's peer; also: no memory.

    Index hold(const platform::Endpoint&);  // Until release(); none when memory is out.
    void hold(Index index) { entries_[index].holders++; }
    void release(Index index) {
        if (index != none) entries_[index].holders--;
    }
    // Stays where it is until the next hold() of an endpoint.
    const platform::Endpoint& operator[](Index index) const { return entries_[index].endpoint; }

    // Marks of one flush: which peers have no room.
    void block(Index index, std::uint64_t flush) { entries_[index].blocked_in = flush; }
    bool blocked(Index index, std::uint64_t flush) const {
        return entries_[index].blocked_in == flush;
    }

   private:
    struct Entry {
        platform::Endpoint endpoint;
        Index next;  // Of the same bucket.
        std::uint32_t hash;
        std::uint32_t holders;
        std::uint64_t blocked_in;
    };

    Index find(const platform::Endpoint&, std::uint32_t hash) const;
    Index take_place();
    void unlink(Index);
    bool rehash();

    core::Growing<Entry> entries_;  // The first stands for none.
    core::Growing<Index> buckets_;  // A power of two of them.
    Index last_ = none;             // Found last: most sends go where the one before went.
    Index hand_ = 1;                // Where the search for a forgotten entry goes on.
};

}  // namespace net
