// What leaves a raw socket in one system call, and what one brings in.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "tests/bench/plain.h"

namespace bench {

struct RawPeer {
    RawPeer() = default;
    explicit RawPeer(const Place& where) : place(where) {}
    Place place;
    mutable std::uint64_t round = 0;    // In which it has been given a group,
    mutable std::uint32_t group = 0;    // and which.
};

void accept_trains(int descriptor);

// A control message of one int, as a system call wants it.
struct alignas(cmsghdr) Control {
    std::array<std::byte, CMSG_SPACE(sizeof(int))> bytes{};
};

class Outgoing {
   public:
    explicit Outgoing(bool trains) : trains_(trains) {}

    bool empty() const { return pending_.empty(); }

    void add(Bytes bytes, const RawPeer& peer) {
        if (peer.round != round_) {
            peer.round = round_;
            peer.group = static_cast<std::uint32_t>(groups_.size());
            groups_.push_back({peer.place, 0, 0});
        }
        groups_[peer.group].count++;
        pending_.push_back({{const_cast<std::byte*>(bytes.data()), bytes.size()}, peer.group});
    }

    std::size_t leave(int descriptor);  // How many have left: all.

   private:
    struct Pending {
        iovec vector;
        std::uint32_t group;
    };
    struct Group {
        Place place;
        std::uint32_t count;
        std::uint32_t next;  // Where its next datagram stands among the sorted ones.
    };

    void sort();
    void add_group(Group& group);
    void add_message(Group& group, iovec* vectors, std::size_t count);

    static inline std::uint64_t next_round_ = 1;
    const bool trains_;
    std::uint64_t round_ = next_round_++;
    std::vector<Pending> pending_;
    std::vector<Group> groups_;
    std::vector<iovec> sorted_;
    std::vector<mmsghdr> messages_;
    std::vector<Control> controls_;
};

class Incoming {
   public:
    struct Train {
        Bytes bytes;
        std::size_t segment;
        const RawPeer& sender;
    };

    explicit Incoming(bool trains);
    bool receive(int descriptor);  // False: nothing was there.
    bool full() const { return trains_.size() == slots; }
    std::span<const Train> trains() const { return trains_; }

   private:
    static constexpr std::size_t slots = 64;

    const std::size_t slot_size_;
    std::unique_ptr<std::byte[]> buffer_;
    std::array<RawPeer, slots> senders_;
    std::array<iovec, slots> vectors_;
    std::array<mmsghdr, slots> messages_;
    std::vector<Control> controls_;
    std::vector<Train> trains_;
};

}  // namespace bench
