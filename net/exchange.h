// What all sockets of one loop share: where received bytes lie, who is written to, the blocks that
// requests live in, and the arrays that are handed to the system.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "core/growing.h"
#include "core/loop.h"
#include "net/arena.h"
#include "net/block_pool.h"
#include "net/peer_table.h"
#include "net/request.h"
#include "platform/platform.h"

namespace net {

struct Exchange : core::Service {
    static constexpr std::size_t receive_batch_max = 16;
    static constexpr std::size_t send_batch_max = 32;

    // The loop's own, made by the first socket. Null when memory is out.
    static Exchange* of(core::Loop&);

    Exchange();

    Arena arena;
    PeerTable peers;
    BlockPool blocks;
    std::uint64_t flush = 0;  // Numbers the flushes, for PeerTable::block.

    std::array<platform::Incoming, receive_batch_max> incoming;
    std::array<Arena::Slot, receive_batch_max> incoming_slots;
    // Received and not handed on: an exception of a listener leaves them to the next turn.
    core::Source* incoming_owner = nullptr;
    std::size_t incoming_next = 0;
    std::size_t incoming_size = 0;

    std::array<platform::Outgoing, send_batch_max> outgoing;
    std::array<Request*, send_batch_max> outgoing_requests;
    core::Growing<std::span<const std::byte>> parts;
};

}  // namespace net
