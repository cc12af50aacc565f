// What the system has handed over and no listener has seen yet: datagrams, and trains of them that
// are taken apart here without a copy. Usually empty again before the next socket is looked at; a
// listener that throws, or takes long, leaves the rest to the next turn.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

#include "core/source.h"
#include "net/address.h"
#include "net/arena.h"
#include "net/counters.h"
#include "net/payload.h"
#include "platform/platform.h"

namespace net {

class Arrivals {
   public:
    static constexpr std::size_t size_max = 16;

    explicit Arrivals(Arena& arena) : arena_(arena) {}

    // Room for so many buffers; fewer when the arena has no more. Bare: see platform::Incoming;
    // infos: where to tell more of each, or null.
    std::span<platform::Incoming> make_room(std::size_t wanted, bool bare,
                                            platform::PacketInfo* infos = nullptr);
    // So many of these buffers were filled, for this socket.
    void fill(core::Source& owner, std::size_t count, std::size_t room);

    bool empty() const { return next_ == size_; }
    core::Source* owner() const { return owner_; }  // Null when it has gone.
    void disown(const core::Source& owner) {
        if (owner_ == &owner) owner_ = nullptr;
    }

    // The buffer whose datagrams come next, whether none of them has been taken, and what is left
    // of it. Only while it is not empty.
    const platform::Incoming& front() const { return incoming_[next_]; }
    bool front_is_whole() const { return offset_ == 0; }
    std::span<const std::byte> front_rest() const {
        return incoming_[next_].buffer.subspan(offset_, incoming_[next_].size - offset_);
    }
    std::size_t front_count() const { return count_of(incoming_[next_], offset_); }
    std::size_t count(Counters&) const;  // Of all buffers: read in whole, and counted there.

    // Takes the next datagram, whose bytes stay where they are for as long as the slots are held.
    Bytes take(HeldSlots&);
    // Takes all that is left of the front buffer, unseen.
    void drop_front();

   private:
    static std::size_t count_of(const platform::Incoming& incoming, std::size_t offset) {
        if (incoming.segment_size == 0) return 1;
        const std::size_t segment = incoming.segment_size;
        return (incoming.size - offset + segment - 1) / segment;
    }

    Arena& arena_;
    std::array<platform::Incoming, size_max> incoming_;
    std::array<Arena::Slot, size_max> slots_;
    core::Source* owner_ = nullptr;
    std::size_t next_ = 0;
    std::size_t size_ = 0;
    std::size_t offset_ = 0;  // In the front buffer.
};

inline std::size_t Arrivals::count(Counters& counters) const {
    std::size_t datagrams = 0;
    std::size_t bytes = 0;
    std::size_t truncated = 0;
    for (std::size_t i = next_; i < size_; i++) {
        datagrams += count_of(incoming_[i], 0);
        bytes += incoming_[i].size;
        truncated += incoming_[i].truncated;
    }
    counters.received += datagrams;
    counters.received_bytes += bytes;
    counters.truncated += truncated;
    return datagrams;
}

inline Bytes Arrivals::take(HeldSlots& held) {
    const platform::Incoming& from = incoming_[next_];
    const std::size_t left = from.size - offset_;
    const std::size_t size =
        from.segment_size ? std::min<std::size_t>(from.segment_size, left) : left;
    const Bytes bytes = from.buffer.subspan(offset_, size);
    offset_ += size;
    if (offset_ == from.size) {
        held.add(slots_[next_]);
        next_++;
        offset_ = 0;
    }
    return bytes;
}

}  // namespace net
