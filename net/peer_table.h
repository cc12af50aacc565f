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

    // Until release(); none when memory is out. Most sends go where the one before went.
    Index hold(const platform::Endpoint& endpoint) {
        if (last_ == none || !(entries_[last_].endpoint == endpoint)) return hold_other(endpoint);
        entries_[last_].holders++;
        return last_;
    }
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

    // Marks of one volley: where its last request for this peer stands.
    struct Mark {
        std::uint64_t volley;
        std::uint16_t position;
    };
    std::uint64_t begin_volley() { return ++volley_; }  // A number that no mark has.
    Mark& mark(Index index) { return entries_[index].mark; }

    // How long a datagram to it may be and still travel in a train: what its way is believed to
    // carry without fragments, less what it has refused.
    std::size_t segment_max(Index index) const { return entries_[index].segment_max; }
    void limit_segment(Index index, std::size_t bytes) {
        entries_[index].segment_max = static_cast<std::uint16_t>(bytes);
    }

   private:
    struct Entry {
        platform::Endpoint endpoint;
        Index next;  // Of the same bucket.
        std::uint32_t hash;
        std::uint32_t holders;
        std::uint16_t segment_max;
        std::uint64_t blocked_in;
        Mark mark;
    };

    Index hold_other(const platform::Endpoint&);
    Index find(const platform::Endpoint&, std::uint32_t hash) const;
    Index take_place();
    void unlink(Index);
    bool rehash();

    core::Growing<Entry> entries_;  // The first stands for none.
    core::Growing<Index> buckets_;  // A power of two of them.
    Index last_ = none;             // Found last.
    Index hand_ = 1;                // Where the search for a forgotten entry goes on.
    std::uint64_t volley_ = 0;
};

}  // namespace net
