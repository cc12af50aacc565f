// The end of a tick: a socket's queue leaves, as trains of equal datagrams where the system can cut
// them, as single ones otherwise, many in one call. What the kernel does not take waits its turn.
// A train that is refused goes again as datagrams in the same flush, so each gets its own result.
// See semantics 30 to 35.
#include <algorithm>
#include <new>

#include "net/datagram_state.h"
#include "net/directed.h"
#include "net/name.h"

namespace net {

namespace {

constexpr std::uint8_t retries_max = 5;  // After 1, 2, 4, 8 and 16 ms.

// How often a send is tried again because of news of those before it, which may come faster than
// the retries. No datagram is refused before it has left; all else may be its own fault, and stays.
int trips_max(Code code) {
    switch (code) {
        case Code::connection_refused:
        case Code::connection_reset: return 64;
        case Code::host_unreachable:
        case Code::network_unreachable:
        case Code::message_too_big:
        case Code::not_supported:
        case Code::operation_not_supported_by_protocol:
        case Code::unknown:
        case Code::access_denied: return 8;
        default: return 0;
    }
}

// How often in a row trains may be refused before a socket gives them up.
constexpr std::uint8_t train_failures_max = 3;

// Loopback carries segments of any size; the way to other hosts does not.
constexpr std::size_t off_loopback_segment_max = 1472;

// What cards, tunnels and kernels say of a train, but not of its datagrams.
bool is_about_trains(Code code) {
    return code == Code::input_output || code == Code::invalid_argument ||
           code == Code::message_too_big || code == Code::not_supported;
}

}  // namespace

// ---- What can leave ----------------------------------------------------------------------------

// Not a named one, which has no destination yet.
bool Datagram::State::for_connected_peer(const Request& request) {
    return request.kind == Request::Kind::send && request.peer == PeerTable::none &&
           request.stage != Request::Stage::named && !request.has_number;
}

bool Datagram::State::eligible(const Request& request) const {
    if (request.kind != Request::Kind::send || request.stage != Request::Stage::ready) return false;
    if (request.peer == PeerTable::none) return connection == Connection::connected;
    return !is_local() || !exchange->peers.blocked(request.peer, exchange->flush);
}

// The first at or after `at` that could leave; null at the end, or at `until`.
Request* Datagram::State::next_unsent(Request* at, const Request* until) const {
    while (at && at != until && !eligible(*at)) at = behind(*at);
    return at == until ? nullptr : at;
}

Request* Datagram::State::behind(const Request& request) const {
    return request.next || !request.waiting ? request.next : unsent;
}

void Datagram::State::flush_now() {
    if (!loop || (queued_count == 0 && steps == 0)) return;
    take_steps();
    flush();
}

void Datagram::State::flush(const Request* until) {
    if (queued_count > 0 && socket && !blocked && !(retries > 0 && !is_local() && retry.active())) {
        exchange->flush++;
        fire(waiting.first ? waiting.first : unsent, until);
        while (unsent && (unsent->kind != Request::Kind::send ||
                          unsent->stage == Request::Stage::done)) {
            unsent = unsent->next;
        }
    }
    if (until) return;
    if (pinned > 0) copy_pinned();
    if (socket && update_interest() && blocked) {
        blocked = false;  // The poller cannot tell when there is room: a timer does.
        const Error lost{Code::out_of_memory, Operation::send};
        if (!retry_later()) fail_sends(Failure(lost));
    }
    collect();
    if (queued_count > 0) return;
    retries = 0;
    exhausted = false;
    if (std::exchange(refused_full, false) && life == Life::open) announce(Request::Kind::drain);
}

// Volley after volley, until all has been offered or there is no more room.
void Datagram::State::fire(Request* first, const Request* until) {
    Volley volley;
    for (Request* at = next_unsent(first, until); at;) {
        volley.clear();
        while (at && volley.push(*at)) at = next_unsent(behind(*at), until);
        if (!is_local()) volley.regroup(exchange->peers);
        if (!offer(volley)) return;
    }
}

// False when nothing more can leave now.
bool Datagram::State::offer(Volley& volley) {
    while (volley.next < volley.size()) {
        const std::size_t count = load(volley);
        if (count == 0) continue;  // Only what had to be skipped.
        const std::span<const platform::Outgoing> outgoing(volley.outgoing.data(), count);
        const Result<std::size_t> sent = volley.uncut ? exchange->seldom.send_uncut(*this, outgoing)
                                                      : platform::send(socket, outgoing);
        if (!sent) {
            if (!judge(volley, volley.loads[0], sent.error())) return false;
            continue;
        }
        const std::size_t bytes = queued_bytes;
        const std::size_t datagrams = queued_count;
        for (std::size_t i = 0; i < *sent; i++) has_left(volley, volley.loads[i]);
        Counters& counted = tally();
        counted.sent += datagrams - queued_count;
        counted.sent_bytes += bytes - queued_bytes;
        retries = 0;
        exhausted = false;
        misled = false;
    }
    return true;
}

// ---- Loading -----------------------------------------------------------------------------------

// How long the datagrams of a train for this request's destination may be; 0: no trains.
std::size_t Datagram::State::segment_max(const Request& request) const {
    const std::size_t carried = exchange->peers.segment_max(peer_of(request));
    const bool stays_here = carried > off_loopback_segment_max;
    return stays_here || !exchange->trains.loopback_only ? carried : 0;
}

PeerTable::Index Datagram::State::peer_of(const Request& request) const {
    return request.peer == PeerTable::none ? peer : request.peer;
}

// Whether it can be more than one is looked at first: most programs send one at a time, and never
// need to know what the system makes of trains.
std::size_t Datagram::State::train_length(const Volley& volley, std::size_t begin) {
    if (!segmenting || begin + 1 == volley.size()) return 1;
    const Request& first = volley[begin];
    const Request& second = volley[begin + 1];
    if (second.peer != first.peer || second.size > first.size ||
        second.directed != first.directed) {
        return 1;
    }
    Exchange& to = *exchange;
    if (to.trains.segments_max == 0) to.trains = platform::segmentation(loop->poller());
    segmenting = to.trains.segments_max > 1;
    if (!segmenting) return 1;
    return volley.train_length(
        begin, {segment_max(first), to.trains.segments_max, Exchange::parts_max});
}

// False when memory is out.
bool Datagram::State::push_parts(const Request& request) {
    core::Growing<std::span<const std::byte>>& parts = exchange->parts;
    if (request.storage == Request::Storage::kept) return parts.push(request.keeper->bytes);
    if (request.storage != Request::Storage::list) {
        return parts.push({request.bytes, request.size});
    }
    for (const PartList* list = request.list; list; list = list->next) {
        for (std::uint32_t i = 0; i < list->count; i++) {
            if (!parts.push(list->parts[i])) return false;
        }
    }
    return true;
}

// Fills the arrays for one call of the system, from volley.next on. Zero: that has moved on,
// because the first could not be loaded.
std::size_t Datagram::State::load(Volley& volley) {
    Exchange& to = *exchange;
    std::size_t count = 0;
    std::size_t begin = volley.next;
    std::size_t parts_end = 0;  // Behind it lies what found no memory for the rest of it.
    const bool directing = to.directions != nullptr;  // Some send of this loop had options.
    to.parts.clear();
    while (begin < volley.size() && count < Volley::batch_max &&
           to.parts.size() < Exchange::parts_max) {
        const Request& first = volley[begin];
        if (!eligible(first)) {  // Its peer has turned out to have no room.
            if (count > 0) break;
            volley.next = ++begin;
            continue;
        }
        if (directing) {
            const bool uncut = is_uncut(first);
            if (count > 0 && uncut != volley.uncut) break;
            volley.uncut = uncut;
        }
        Volley::Load& each = volley.loads[count];
        each = {static_cast<std::uint16_t>(begin),
                static_cast<std::uint16_t>(train_length(volley, begin)),
                static_cast<std::uint32_t>(to.parts.size())};
        bool room = true;
        for (std::size_t i = 0; i < each.length && room; i++) room = push_parts(volley[begin + i]);
        if (!room && count > 0) break;  // No memory for so many at once.
        if (!room && each.length > 1) {
            volley.plain_end = begin + each.length;  // Nor for a train.
            to.parts.clear();
            continue;
        }
        if (!room) {
            fail(volley[begin], Error{Code::out_of_memory, Operation::send});
            volley.next = begin + 1;
            return 0;
        }
        begin += each.length;
        parts_end = to.parts.size();
        count++;
    }
    for (std::size_t i = count; i-- > 0;) {
        const Volley::Load& each = volley.loads[i];
        const Request& first = volley[each.begin];
        platform::Outgoing& outgoing = volley.outgoing[i];
        outgoing.parts = {to.parts.data() + each.first_part, parts_end - each.first_part};
        outgoing.peer = first.peer == PeerTable::none ? nullptr : &to.peers[first.peer];
        outgoing.info = directing && first.directed ? to.seldom.spell_out(to, first, i) : nullptr;
        outgoing.segment_size = static_cast<std::uint16_t>(each.length > 1 ? first.size : 0);
        parts_end = each.first_part;
    }
    return count;
}

// ---- What the system said ----------------------------------------------------------------------

void Datagram::State::has_left(Volley& volley, const Volley::Load& load) {
    volley.next = load.begin + load.length;
    if (load.length > 1) {
        train_failures = 0;
    } else if (volley.suspect) {
        // As a train it was refused, alone it was not: it is the train's fault.
        volley.suspect = false;
        const Request& request = volley[load.begin];
        exchange->peers.limit_segment(peer_of(request), request.size - 1);
        if (++train_failures == train_failures_max) segmenting = false;
    }
    for (std::size_t i = 0; i < load.length; i++) complete(volley[load.begin + i]);
}

// What an error means for the load it was reported of, and where to go on: there again (unless it
// has been tried too often), behind it, or not at all, which is false.
bool Datagram::State::judge(Volley& volley, const Volley::Load& load, Error failed) {
    Request& request = volley[load.begin];
    volley.trips = volley.tripped == &request ? volley.trips + 1 : 0;
    volley.tripped = &request;
    const bool train = load.length > 1;
    switch (failed.code) {
        case Code::interrupted: return true;
        case Code::would_block:
            if (is_local() && request.peer != PeerTable::none) {
                // The poller calls an unconnected sender writable whoever is full: a timer it is.
                exchange->peers.block(request.peer, exchange->flush);
                if (!retry_later()) break;
                return true;
            }
            // Called writable, and it is not: waiting for that again could spin.
            blocked = !misled || !retry_later();
            return false;
        case Code::no_buffer_space:
            // Nothing tells when there is room again. After its retries the first one gets the
            // error, and those behind it one try each until one succeeds.
            if (!exhausted && retries < retries_max && retry_later()) return false;
            exhausted = true;
            if (train) return send_plainly(volley, load, false);
            break;
        default:
            const bool connected = connection == Connection::connected;
            const bool hears = connected || icmp_queue;
            // It is told once that what left earlier was too big.
            const bool news = hears && failed.code == Code::message_too_big && volley.trips == 0;
            if (train && is_about_trains(failed.code) && !news) {
                return send_plainly(volley, load, true);
            }
            const bool refused = is_refusal(failed.code);
            if (!is_local() && (hears || refused) && volley.trips < trips_max(failed.code)) {
                if (connected && refused && !icmp_queue) note_refusal(failed);
                return true;
            }
            if (train) return send_plainly(volley, load, false);
    }
    volley.suspect = false;
    volley.next = load.begin + 1;
    fail(request, failed.during(Operation::send));
    return true;
}

// The same datagrams again, one by one.
bool Datagram::State::send_plainly(Volley& volley, const Volley::Load& load, bool suspect) {
    volley.plain_end = load.begin + load.length;
    volley.suspect = suspect;
    return true;
}

// False when memory is out.
bool Datagram::State::retry_later() {
    if (retry.active()) return true;
    const std::uint8_t step = std::min<std::uint8_t>(retries, retries_max - 1);
    if (retries < retries_max) retries++;
    retry = loop->after(std::chrono::milliseconds(1 << step), [this] { loop->request(*this); });
    return retry.active();
}

// ---- Refusals ----------------------------------------------------------------------------------

// 'error' for a datagram that left earlier, by way of the outcomes: this is inside a call.
void Datagram::State::note_refusal(Error refusal) {
    if (life != Life::open || options().errors == Errors::none) return;
    if (first_in_tick(refusal.code)) {
        refuse(refusal.during(Operation::receive), {});
    }
}

// At most one 'error' a tick for each code.
bool Datagram::State::first_in_tick(Code code) {
    const std::uint64_t bit = std::uint64_t{1} << (static_cast<unsigned>(code) % 64);
    if (std::exchange(refusals_tick, loop->tick()) != loop->tick()) refusals = 0;
    const bool first = !(refusals & bit);
    refusals |= bit;
    return first;
}

}  // namespace net
