// A chained hash table over an array. Entries nobody holds stay findable until their place is
// needed, so a peer that is written to once a tick is hashed, compared and never moved.
#include "net/peer_table.h"

#include <utility>

#include "net/address.h"

namespace net {

namespace {

std::uint32_t hash_of(const platform::Endpoint& endpoint) {
    std::uint32_t hash = 2166136261u ^ endpoint.port ^ endpoint.scope << 16;  // FNV-1a
    for (std::size_t i = 0; i < endpoint.size; i++) {
        hash = (hash ^ endpoint.bytes[i]) * 16777619u;
    }
    return hash ^ hash >> 15;
}

// Of a datagram's payload, where nothing better is known: loopback carries all, and Ethernet 1,500
// bytes with the headers of IP and UDP.
std::uint16_t longest_segment(const platform::Endpoint& endpoint) {
    const Address address(endpoint);
    if (address.is_loopback()) return UINT16_MAX;
    if (endpoint.family == Family::ipv4 || address.is_mapped()) return 1472;
    return endpoint.family == Family::ipv6 ? 1452 : 0;
}

}  // namespace

PeerTable::Index PeerTable::hold_other(const platform::Endpoint& endpoint) {
    const std::uint32_t hash = hash_of(endpoint);
    Index index = find(endpoint, hash);
    if (index == none) {
        index = take_place();
        if (index == none) return none;
        Entry& entry = entries_[index];
        Index& bucket = buckets_[hash & (buckets_.size() - 1)];
        entry.endpoint = endpoint;
        entry.hash = hash;
        entry.holders = 0;
        entry.segment_max = longest_segment(endpoint);
        entry.blocked_in = 0;
        entry.mark = {};
        entry.next = std::exchange(bucket, index);
    }
    entries_[index].holders++;
    return last_ = index;
}

PeerTable::Index PeerTable::find(const platform::Endpoint& endpoint, std::uint32_t hash) const {
    if (buckets_.empty()) return none;
    Index index = buckets_[hash & (buckets_.size() - 1)];
    while (index != none &&
           (entries_[index].hash != hash || !(entries_[index].endpoint == endpoint))) {
        index = entries_[index].next;
    }
    return index;
}

// A forgotten entry's place if one is near, else one more.
PeerTable::Index PeerTable::take_place() {
    constexpr std::size_t small = 64;
    constexpr int search_max = 16;
    if (entries_.empty() && !entries_.push({})) return none;
    if (entries_.size() > small) {
        for (int i = 0; i < search_max; i++) {
            hand_ = hand_ + 1 < entries_.size() ? hand_ + 1 : 1;
            if (entries_[hand_].holders > 0) continue;
            unlink(hand_);
            return hand_;
        }
    }
    if (entries_.size() >= buckets_.size() && !rehash()) return none;
    if (!entries_.push({})) return none;
    return static_cast<Index>(entries_.size() - 1);
}

void PeerTable::unlink(Index index) {
    Index* link = &buckets_[entries_[index].hash & (buckets_.size() - 1)];
    while (*link != index) link = &entries_[*link].next;
    *link = entries_[index].next;
    if (last_ == index) last_ = none;
}

bool PeerTable::rehash() {
    const std::size_t count = buckets_.empty() ? 64 : buckets_.size() * 2;
    if (!buckets_.reserve(count)) return false;
    buckets_.clear();
    for (std::size_t i = 0; i < count; i++) (void)buckets_.push(none);
    for (Index index = 1; index < entries_.size(); index++) {
        Index& bucket = buckets_[entries_[index].hash & (count - 1)];
        entries_[index].next = std::exchange(bucket, index);
    }
    return true;
}

}  // namespace net
