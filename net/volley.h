// What leaves together: requests of one flush, regrouped so that those for one destination stand
// next to each other and can leave as trains of equal datagrams.
// Order holds for each destination, as asked; across destinations there is none (semantics 30).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "net/peer_table.h"
#include "net/request.h"
#include "platform/platform.h"

namespace net {

// Lives on the stack of a flush, and programs may have small ones: hence its size.
class Volley {
   public:
    static constexpr std::size_t size_max = 512;

    std::size_t size() const { return size_; }
    Request& operator[](std::size_t i) const { return *requests_[i]; }

    void clear();
    bool push(Request& request) {  // False when it is full.
        if (size_ == size_max) return false;
        mixed_ |= size_ > 0 && request.peer != requests_[0]->peer;
        requests_[size_++] = &request;
        return true;
    }

    // By destination, in the order of their first requests.
    void regroup(PeerTable&);

    struct Limits {
        std::size_t segment_bytes;  // Of each datagram; 0: no trains.
        std::size_t segments;
        std::size_t parts;          // Pieces of memory.
    };
    // How many from `begin` on can leave as one train: equal in size, the last may be shorter. At
    // least 1, which is no train.
    std::size_t train_length(std::size_t begin, const Limits&) const;

    // One call's worth: what leaves as one train, or alone, and where it stands.
    static constexpr std::size_t batch_max = 32;
    struct Load {
        std::uint16_t begin;       // Of the requests.
        std::uint16_t length;
        std::uint32_t first_part;  // In Exchange::parts.
    };
    std::array<Load, batch_max> loads;
    std::array<platform::Outgoing, batch_max> outgoing;

    std::size_t next = 0;       // What stands before it has left, has failed or has to wait.
    std::size_t plain_end = 0;  // Before it each goes alone: they were refused as a train,
    bool suspect = false;       // in a way that segmentation would explain.

    bool uncut = false;         // What is loaded may not be cut on its way.

    const Request* tripped = nullptr;  // Has met what may not be its own fault,
    int trips = 0;                     // so many times.

   private:
    std::array<Request*, size_max> requests_;
    std::size_t size_ = 0;
    bool mixed_ = false;  // There is more than one destination.
};

}  // namespace net
