// What all sockets of one loop share: where received bytes lie, who is written to, the blocks that
// requests live in, and the arrays that are handed to the system.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "core/growing.h"
#include "core/loop.h"
#include "net/arena.h"
#include "net/arrivals.h"
#include "net/block_pool.h"
#include "net/counters.h"
#include "net/datagram.h"
#include "net/peer_table.h"
#include "net/request.h"
#include "platform/platform.h"

namespace net {

struct Parked;

struct Exchange : core::Service {
    static constexpr std::size_t parts_max = 256;  // Of a train: two of the longest kind.

    // The loop's own, made by the first socket. Null when memory is out.
    static Exchange* of(core::Loop&);

    explicit Exchange(platform::Poller&);
    static Counters counters(core::Loop&);

    platform::Poller& poller;
    Arena arena;
    PeerTable peers;
    const Options plain_options;  // Of most sockets.
    const Failure success;        // What most callbacks are told.
    BlockPool blocks;
    std::uint64_t flush = 0;  // Numbers the flushes, for PeerTable::block.
    Counters past;            // Of the sockets that are gone.

    // What few programs do, by pointer: only those whose calls set it link it.
    struct Seldom {
        Error (*connect)(Datagram::State&, const Endpoint& remote) = nullptr;
        Error (*adopt)(Datagram::State&, std::intptr_t descriptor) = nullptr;
        Error (*bind_path)(Datagram::State&, const Endpoint& local) = nullptr;
        void (*release_path)(Datagram::State&) = nullptr;
        void (*deliver_batch)(Datagram::State&) = nullptr;
        void (*drain_errors)(Datagram::State&) = nullptr;
        void (*park)(Datagram::State&) = nullptr;
        bool (*unpark)(Exchange&) = nullptr;
        void (*drop_parked)(Datagram::State&) = nullptr;
        const PacketInfo* (*spell_out)(Exchange&, const Request&, std::size_t place) = nullptr;
        Result<std::size_t> (*send_uncut)(Datagram::State&,
                                          std::span<const platform::Outgoing>) = nullptr;
        // Of a cluster's worker: asks for the socket of a bind, unless there is nothing to
        // share (false), and gives it back.
        bool (*share)(Datagram::State&, Request&) = nullptr;
        void (*unshare)(Datagram::State&) = nullptr;
        core::Source* worker = nullptr;  // Whose functions these are.
    };
    Seldom seldom;

    std::unique_ptr<PacketInfo[]> infos;       // Of each buffer of arrivals, if anybody asks.
    std::unique_ptr<PacketInfo[]> directions;  // Of each load of a call, the same.

    Arrivals arrivals{arena};
    // Whether this socket may read in this tick: not while there is something left over, nor when
    // somebody else was turned away because of that, and has not come back yet.
    bool lets_read(const core::Source&, std::uint64_t tick);

    Parked* parked = nullptr;  // What paused sockets had read: each one's in order.

    core::Growing<std::span<const std::byte>> parts;
    platform::Segmentation trains;  // All zero: not asked for yet.
    bool resumed = false;           // Some of `parked` is to be handed on.

   private:
    const core::Source* next_reader_ = nullptr;  // Only compared: it may have gone.
    std::uint64_t turned_away_in_ = 0;           // The tick; it is waited for until the next one.
};

}  // namespace net
