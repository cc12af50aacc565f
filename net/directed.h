// A send with options of its own: what stands in its request in place of the bytes, as their
// keeper. So requests without options are none the bigger for it. Not part of the API.
#pragma once

#include <cstdint>

#include "net/payload.h"
#include "net/peer_table.h"
#include "net/request.h"

namespace net {

struct Exchange;

// The options, small enough for a block of the pool.
struct Direction {
    PeerTable::Index source = PeerTable::none;  // Held.
    std::uint32_t interface_index = 0;
    std::int16_t hop_limit = -1;
    std::int16_t traffic_class = -1;
    bool dont_fragment = false;
    bool operator==(const Direction&) const = default;
};

struct Directed : Keeper {
    Exchange* exchange;
    Keeper* inner;  // Of bytes that are not the caller's; or null.
    Direction direction;
};

static_assert(sizeof(Directed) <= BlockPool::block_size);

inline const Direction& direction_of(const Request& request) {
    return static_cast<const Directed*>(request.keeper)->direction;
}

// Whether they could leave together, in one piece.
inline bool same_direction(const Request& a, const Request& b) {
    if (a.directed != b.directed) return false;
    return !a.directed || direction_of(a) == direction_of(b);
}

inline bool is_uncut(const Request& request) {
    return request.directed && direction_of(request).dont_fragment;
}

}  // namespace net
