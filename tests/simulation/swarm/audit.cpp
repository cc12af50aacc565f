// What a socket answers at any moment, held against the model: before and after each operation, and
// at the beginning of each callback.
#include <algorithm>

#include "tests/simulation/swarm/stage.h"

namespace swarm {

void Stage::audit(Socket& socket) {
    if (socket.life == Life::destroyed || over_) return;
    for (Request& each : socket.requests) {  // By now it would have been told.
        const std::uint64_t tick = loop_of(socket.host).tick() + (between_turns_ ? 1 : 0);
        const bool gone = each.maybe && !each.told && tick > each.tick + 1;
        if (gone) each.dropped = true;
    }
    audit_steps(socket);
    audit_queue(socket);
    audit_counters(socket);
}

void Stage::audit_steps(Socket& socket) {
    const auto local = socket.object->address();
    const auto remote = socket.object->remote_address();
    if (!local && local.error().code != platform::Code::bad_descriptor) {
        fail("address() failed with " + net::text(local.error()));
    }
    if (!remote && remote.error().code != platform::Code::not_connected_to_peer) {
        fail("remote_address() failed with " + net::text(remote.error()));
    }
    if (socket.life == Life::closing || socket.adrift) return;
    if (socket.life == Life::closed) {
        if (local || remote) fail("a closed socket has an address");
        return;
    }
    if (socket.bound && !local) return fail("a bound socket has lost its address");
    if (socket.bound && local->port != socket.local.port) {
        return fail("a bound socket has another port: " + written(*local));
    }
    if (!socket.bound && local && !socket.has_untold(Request::Kind::bind)) {
        return fail("an address that nobody asked for");
    }
    if (socket.connected && !remote) return fail("a connected socket has lost its peer");
    if (socket.connected && written(*remote) != written(socket.peer)) {
        return fail("a connected socket has another peer");
    }
    const auto may_connect = [](const Request& each) {
        return each.kind == Request::Kind::connect && each.excused && !each.told;
    };
    const bool asked = socket.has_untold(Request::Kind::connect) ||
                       std::any_of(socket.requests.begin(), socket.requests.end(), may_connect);
    if (!socket.connected && remote && !asked) {
        return fail("a peer that nobody asked for");
    }
}

void Stage::audit_queue(Socket& socket) {
    const std::size_t count = socket.object->get_send_queue_count();
    const std::size_t size = socket.object->get_send_queue_size();
    std::size_t count_max = 0;
    std::size_t size_max = 0;
    for (const Request& each : socket.requests) {
        const bool queued = each.kind == Request::Kind::send && each.may_pass &&
                            (!each.told || each.blurred) && !each.dropped;
        count_max += queued;
        size_max += queued ? each.size : 0;
    }
    if (count > count_max || size > size_max) fail("more is queued than was asked for");
    if (count == 0 && size != 0) fail("no datagrams are queued, and yet bytes");
    if (count > 1 && (count > socket.plan.datagrams_max || size > socket.plan.bytes_max)) {
        fail("the queue is over its bound");
    }
    if (!socket.open() && !socket.waits_to_close && count > 0) fail("a closed socket has a queue");
}

// Whatever is accepted is queued until it has left or failed; whatever was received is told, or has
// been counted as something else, or will be.
void Stage::audit_counters(Socket& socket) {
    const net::Counters counted = socket.object->counters();
    const std::size_t queued = socket.object->get_send_queue_count();
    if (counted.sent + counted.failed + queued != socket.taken) {
        fail("what was sent, failed and is queued is not what was asked for");
    }
    const std::uint64_t dropped = counted.blocked + counted.strangers + counted.unheard;
    if (counted.received < socket.heard + dropped) fail("more was heard than was received");
    if (counted.received_bytes < socket.heard_bytes) fail("more bytes were heard than received");
    if (counted.truncated > 0) fail("a datagram was counted as cut");
    if (counted.blocked > 0 && !socket.plan.receive_list) fail("a sender was blocked by no list");
    if (counted.strangers > 0 && socket.peers.empty()) fail("a stranger to no peer");
    if (socket.object->paused() != socket.paused) fail("paused() is wrong");
}

// When all is quiet.
void Stage::check_counted(const Socket& socket) {
    if (socket.life == Life::destroyed) return;
    const net::Counters counted = socket.object->counters();
    std::uint64_t left = 0;
    std::uint64_t left_bytes = 0;
    std::uint64_t failed = 0;
    std::uint64_t unknown = 0;
    std::uint64_t unknown_bytes = 0;
    for (const Record& each : traffic_.all()) {
        if (each.sender != socket.number || !each.accepted || each.refused) continue;
        left += each.succeeded;
        failed += each.failed;
        left_bytes += each.succeeded ? each.size : 0;
        if (each.succeeded || each.failed) continue;
        unknown++;
        unknown_bytes += each.size;
    }
    if (counted.sent < left || counted.sent > left + unknown) {
        fail("other datagrams were counted as sent than were told to be");
    }
    if (counted.sent_bytes < left_bytes || counted.sent_bytes > left_bytes + unknown_bytes) {
        fail("other bytes were counted as sent than were told to be");
    }
    if (counted.failed > failed + unknown) fail("more sends failed than were told to");
    const bool known = !socket.plan.deaf && !socket.aborted;
    if (known && (counted.refused < socket.refused ||
                  counted.refused > socket.refused + socket.refused_max)) {
        fail("other sends were counted as refused than were told to be");
    }
    const std::uint64_t dropped = counted.blocked + counted.strangers + counted.unheard;
    if (!socket.paused && counted.received != socket.heard + dropped) {
        fail("what was received was neither heard nor dropped");
    }
}

// A call that changes how or where datagrams leave lets those before it leave first. What waits for
// a look-up cannot; nor does anything where a buffer may be full.
void Stage::expect_left(Socket& socket, const char* what) {
    const bool may_be_full = socket.is_local() || socket.plan.send_buffer_size != 0 ||
                             plan_.world.bandwidth != 0;
    if (may_be_full || socket.has_untold(Request::Kind::connect)) return;
    const auto waits = std::count_if(
        socket.requests.begin(), socket.requests.end(), [](const Request& each) {
            return each.waits_for_name && (!each.told || each.blurred);
        });
    if (socket.object->get_send_queue_count() > static_cast<std::size_t>(waits)) {
        fail(std::string(what) + " did not let earlier sends leave");
    }
}

}  // namespace swarm
