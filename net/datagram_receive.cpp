// Receiving: buffers and trains into the loop's arena, one 'message' for each datagram, no copy.
// After every listener the socket is looked at again: it may have been closed, or be gone. See
// semantics 25, 27, 38 to 41.
#include <algorithm>
#include <array>
#include <bit>
#include <new>

#include "net/datagram_state.h"

namespace net {

namespace {

// What one socket may take of a turn before the others have theirs.
constexpr int budget_datagrams = 256;
constexpr std::int64_t budget_nanoseconds = 1'000'000;

// A second place that stays empty tells that nothing is left, and costs less than to ask. Where it
// always stays empty one is read at a time, and what came behind it is reported in the next tick;
// one read in sixteen looks whether that is still so.
constexpr std::size_t batch_min = 2;
constexpr std::size_t batch_max = Arrivals::size_max;
constexpr std::size_t train_max = 128;
constexpr std::uint8_t lone_reads_max = 16;
constexpr std::uint8_t lone_reads_believed = 4;

// What ICMP makes of calls that have nothing to do with it; the queue tells it as well.
constexpr bool is_news(Code code) {
    return code == Code::message_too_big || code == Code::access_denied || code == Code::unknown ||
           code == Code::not_supported || code == Code::operation_not_supported_by_protocol;
}

}  // namespace

// A unix peer without a name is the other end of a pair, which nobody else can write to.
bool same_peer(const Endpoint& a, const Endpoint& b) {
    if (b.family == Family::local && b.size == 0) return true;
    return a.family == b.family && a.size == b.size && a.port == b.port &&
           std::equal(a.bytes.data(), a.bytes.data() + a.size, b.bytes.data()) &&
           (a.scope == b.scope || !Address(a).is_link_local());
}

// How long listeners may take. The clock is looked at ever more rarely while they are quick.
class Datagram::State::Patience {
   public:
    explicit Patience(const platform::Poller& poller)
        : poller_(poller), end_(poller.now().nanoseconds + budget_nanoseconds) {}

    // Asked after each call of listeners.
    bool lasts() {
        if (++calls_ < next_look_) return true;
        next_look_ = calls_ + std::min(calls_, 32);
        return poller_.now().nanoseconds < end_;
    }

   private:
    const platform::Poller& poller_;
    std::int64_t end_;
    int calls_ = 0;
    int next_look_ = 1;
};

void Datagram::State::ready(platform::Event event) {
    if (event.writable && blocked) {
        blocked = false;
        misled = true;
        loop->request(*this);
    }
    if (listening_due) return;  // It ends this tick: what has arrived is reported again.
    if (icmp_queue && event.readable && event.writable) exchange->seldom.drain_errors(*this);
    if (receiving && event.readable && !parked) receive();
}

// Level-triggered: what is not read now is reported again, so a read that says only "nothing more"
// is never made.
void Datagram::State::receive() {
    exchange->work = work;
    // What was left over came first, and has its share of this turn after the sockets.
    if (!exchange->lets_read(*this, loop->tick())) return;
    Patience patience(loop->poller());
    std::size_t buffers = 0;
    PacketInfo* const infos =
        extras && extras->options.packet_info ? exchange->infos.get() : nullptr;
    for (int left = budget_datagrams; left > 0 && receiving;) {
        if (!exchange->arena.open()) {
            return emit_error(Failure(Error{Code::out_of_memory, Operation::receive}));
        }
        if (exchange->arena.free_count() == 0) loop->flush_requests();  // Pinned sends leave early.
        const bool lonely = lone_reads >= lone_reads_believed && lone_reads < lone_reads_max;
        const int batch = lonely ? 1 : receive_batch;
        const int fitting = datagrams_per_buffer == 1 ? left : left / datagrams_per_buffer;
        const int wanted = std::clamp<int>(fitting, 1, batch);
        const std::span<platform::Incoming> room =
            exchange->arrivals.make_room(static_cast<std::size_t>(wanted), bare && !infos,
                                          infos);
        const Result<std::size_t> received = platform::receive(socket, room);
        exchange->arrivals.fill(*this, received ? *received : 0, room.size());
        if (!received) {
            if (!receive_failed(received.error())) return;
            left--;
            continue;
        }
        left -= note(*received);
        const bool more = !lonely && *received == room.size();
        const bool quick = hand_on(*exchange, patience) && (!more || patience.lasts());
        buffers += *received;
        adapt_batch(quick ? buffers : 0);
        if (!more || !quick) return;
    }
}

// What was left over, and what those who were paused had read before.
void Datagram::State::work(core::Service& self) {
    Exchange& from = static_cast<Exchange&>(self);
    if (!from.due) return;
    Patience patience(from.poller);
    while (hand_on(from, patience) && from.resumed && from.seldom.unpark(from)) continue;
}

// What a read has found is what the next ones ask for. How many datagrams.
int Datagram::State::note(std::size_t buffers) {
    const std::size_t count = exchange->arrivals.count(tally());
    datagrams_per_buffer = static_cast<std::uint8_t>(
        count == buffers ? 1 : std::min(count / buffers, train_max));
    lone_reads = count > 1                     ? std::uint8_t{0}
                 : lone_reads < lone_reads_max ? static_cast<std::uint8_t>(lone_reads + 1)
                                               : lone_reads_believed;
    if (bare && buffers > 1 && segmenting && !is_local()) coalesce();
    return static_cast<int>(count);
}

// Not before there is something to gain: the first socket of a machine that asks for it, and the
// last to close, make Linux patch its own code, which takes as long as thirty sockets. Without it
// trains arrive as datagrams, which costs time and nothing else.
void Datagram::State::coalesce() {
    bare = false;
    datagrams_per_buffer = train_max;  // Until it is known: not to take more than a turn's share.
    (void)platform::set_option(socket, platform::Option::coalesce, 1);
}

// How much to ask for next time: more than this turn has brought, so that one call tells that
// nothing is left. Listeners that take long get less: timers wait for all of it.
void Datagram::State::adapt_batch(std::size_t brought) {
    const std::size_t size = std::max<std::size_t>(receive_batch / 2, std::bit_ceil(brought + 1));
    receive_batch = static_cast<std::uint8_t>(std::clamp(size, batch_min, batch_max));
}

// What was read for a socket that does not want it any more, or not now.
void Datagram::State::not_received(Exchange& from, State* owner) {
    if (owner && owner->paused) return from.seldom.park(*owner);
    (owner ? owner->tally() : from.past).unheard += from.arrivals.front_count();
    from.arrivals.drop_front();
}

// Each is taken out before its listener runs, which may throw, close the socket or destroy it.
// False when time is up: the rest belongs to the next turn.
bool Datagram::State::hand_on(Exchange& from, Patience& patience) {
    Arrivals& arrivals = from.arrivals;
    from.due = true;
    while (!arrivals.empty()) {
        State* const owner = static_cast<State*>(arrivals.owner());
        if (!owner || !owner->receiving) {
            not_received(from, owner);
        } else if (!owner->accepts(arrivals)) {
            arrivals.drop_front();
        } else if (!owner->listeners->messages.empty()) {
            from.seldom.deliver_batch(*owner);
            if (!arrivals.empty() && !patience.lasts()) return false;
        } else if (!owner->deliver_front(arrivals, patience)) {
            return false;
        }
    }
    from.due = from.resumed;
    return true;
}

// Whether it is worth another try in this turn: a refusal stands before what can be read.
bool Datagram::State::receive_failed(Error failed) {
    if (failed.code == Code::would_block || failed.code == Code::interrupted) return false;
    const bool refusal = is_refusal(failed.code);
    const bool deaf = connection != Connection::connected || options().errors == Errors::none;
    if (icmp_queue ? refusal || is_news(failed.code) : refusal && deaf) return true;
    if (first_in_tick(failed.code)) emit_error(Failure(failed.during(Operation::receive)));
    return refusal;
}

// The front buffer is not for the listeners, and is counted as what it is. False.
bool Datagram::State::turn_away(const Arrivals& arrivals, std::uint64_t Counters::* as) {
    tally().*as += arrivals.front_count();
    return false;
}

// Judges the sender of the front buffer.
bool Datagram::State::accepts(const Arrivals& arrivals) {
    const Endpoint& sender = arrivals.front().peer;
    if (connection == Connection::connected && !same_peer(sender, exchange->peers[peer])) {
        return turn_away(arrivals, &Counters::strangers);
    }
    const BlockList* const list = extras ? extras->options.receive_block_list.get() : nullptr;
    if (list && list->blocks(sender)) return turn_away(arrivals, &Counters::blocked);
    return listeners || turn_away(arrivals, &Counters::unheard);
}

// The datagrams of the front buffer, one by one. False when time is up and there are more.
bool Datagram::State::deliver_front(Arrivals& arrivals, Patience& patience) {
    const platform::Incoming& front = arrivals.front();
    const Address sender(front.peer);
    const bool truncated = front.truncated;
    const PacketInfo* const info = front.info;
    for (;;) {
        HeldSlots slots(exchange->arena);
        const Message message{arrivals.take(slots), sender, truncated, info};
        const bool last = arrivals.front_is_whole();
        if (!listeners->message.emit(message)) tally().unheard++;
        if (arrivals.empty()) return true;
        if (!patience.lasts()) return false;
        const bool stranger = connection == Connection::connected &&
                              !same_peer(sender, exchange->peers[peer]);
        if (last || !receiving || stranger || !listeners->messages.empty()) return true;
    }
}

// What there is, as one span; one by one where somebody listens to 'message' as well.
void Datagram::State::deliver_batch() {
    Arrivals& arrivals = exchange->arrivals;
    constexpr std::size_t messages_max = train_max;
    alignas(Message) std::byte room[messages_max * sizeof(Message)];
    alignas(Address) std::byte senders[Arrivals::size_max * sizeof(Address)];
    const bool one_by_one = !listeners->message.empty();
    const std::size_t count_max = one_by_one ? 1 : messages_max;
    HeldSlots slots(exchange->arena);
    Message* const messages = reinterpret_cast<Message*>(room);
    std::size_t count = 0;
    for (Address* next = reinterpret_cast<Address*>(senders);
         !arrivals.empty() && count < count_max;) {
        if (!accepts(arrivals)) {
            arrivals.drop_front();
            continue;
        }
        const Address& sender = *::new (next++) Address(arrivals.front().peer);
        const bool truncated = arrivals.front().truncated;
        const PacketInfo* const info = arrivals.front().info;
        do {
            ::new (messages + count) Message{arrivals.take(slots), sender, truncated, info};
            count++;
        } while (count < count_max && !arrivals.empty() && !arrivals.front_is_whole());
    }
    if (count > 0) listeners->messages.emit({messages, count});
    if (one_by_one && count > 0 && life == Life::open) {
        listeners->message.emit(*messages);
    }
}

}  // namespace net
