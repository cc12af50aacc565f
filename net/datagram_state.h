// What a Datagram stands for: state owned by the loop, so the user's object may go at any time.
// Not part of the API. The functions are grouped by the file that has them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "core/signal.h"
#include "core/source.h"
#include "net/datagram.h"
#include "net/exchange.h"
#include "net/groups.h"
#include "net/request.h"
#include "net/volley.h"

namespace net {

constexpr int port_max = 65535;

// What a connected socket hears of the datagrams before: not the fault of the next one.
constexpr bool is_refusal(Code code) {
    return code == Code::connection_refused || code == Code::host_unreachable ||
           code == Code::network_unreachable || code == Code::connection_reset;
}

// Whether both are the same peer: the zone counts where addresses are link-local.
bool same_peer(const Endpoint& a, const Endpoint& b);

// Comes into being with the first listener.
struct Listeners {
    core::Signal<const Message&> message;
    core::Signal<Messages> messages;
    core::Signal<> listening;
    core::Signal<> connect;
    core::Signal<const Failure&> error;
    core::Signal<> close;
    core::Signal<> drain;
    core::Signal<const Report&> report;

    void clear() {
        message.clear();
        messages.clear();
        listening.clear();
        connect.clear();
        error.clear();
        close.clear();
        drain.clear();
        report.clear();
    }
};

struct Datagram::State : core::Source {
    enum class Life : std::uint8_t { open, closing, closed };
    enum class Binding : std::uint8_t { unbound, binding, bound };
    enum class Connection : std::uint8_t { none, connecting, connected };

    struct Stopping : core::StopListener {
        explicit Stopping(State& state)
            : StopListener([&state] {
                  if (state.life == Life::open) state.close(false);
              }) {}
    };

    State(core::Loop&, Type, bool trains);
    ~State();
    static State* make(core::Loop&, Options&&);
    bool equip(Options&&);

    // ---- Life (datagram.cpp) -------------------------------------------------------------------
    bool running() const { return loop && life == Life::open; }
    void close(bool abort);
    void destroy();           // By the user.
    void orphan();            // By the loop.
    void let_go();            // What both begin with.
    void finish();            // The close phase.
    void close_descriptor();
    void update_hold();
    Error update_interest();

    // ---- Requests and outcomes (datagram.cpp) --------------------------------------------------
    Request* make_request(Request::Kind, Outcome&&);  // Null when memory is out.
    Request* lose_request();
    void ask(Request&);
    void refuse(Error, Outcome, const Endpoint* about = nullptr);
    void refuse_number(Error, std::int32_t number, Outcome);
    void refuse_failure(Failure, Outcome);
    void complete(Request&);  // Frees what only an undone one needs, and counts it out.
    void complete_other(Request&);
    void fail(Request&, Error);
    void fail(Request&, Failure);
    void collect();           // Completed ones that outlasted their tick are owed again.
    void conclude();
    void report(Request&);
    void retire(Request&);
    void tell(Request::Kind, Outcome&, std::size_t size);
    void tell_failure(Request::Kind, Outcome&, const Failure&, std::size_t size);
    void tell_connected(Outcome&);
    void emit_error(const Failure&);
    // To an event, and to 'listening' for a request (datagram_listeners.cpp).
    static ListenerId listen(State*, Event, core::AnyCallback&, bool once);
    static ListenerId listen_to_batches(State*, core::AnyCallback&, bool once);
    static bool off(State*, ListenerId);
    core::ListenerId listen_once(Listener);
    Failure failure_of(const Request&) const;
    void free_storage(Request& request) {
        if (request.slot != Arena::no_slot) unpin(request);
        if (request.storage != Request::Storage::none) drop_storage(request);
    }
    void unpin(Request&);
    void drop_storage(Request&);
    void release(Request&);  // All that it holds but its callback.
    void free_requests();
    Counters& tally() { return counters ? *counters : start_counting(); }
    Counters& start_counting();
    Counters counted() const;
    template <class F>
    void each_undone(F);
    void visit_undone(void (*visit)(void* visitor, Request&), void* visitor);

    // ---- bind, connect (datagram_bind.cpp) -----------------------------------------------------
    Error check_bind(int port) const;
    Error check_connect(int port) const;
    Request* make_bind(Request::Kind, Listener, bool shared);
    void ask_bind(const Endpoint&, Listener, bool shared);
    void ask_adopt(std::intptr_t descriptor, Listener, bool shared);
    void may_bind_paths();
    Request* make_connect(Outcome);
    // A unix socket that only sends needs no name; the others get a port of the kernel's choice.
    void bind_implicitly() {
        if (binding == Binding::unbound && !is_local()) bind_any();
    }
    void bind_any();
    bool accept(Request&, const Endpoint&);  // Judges a destination; a refused request fails.
    // What no system is asked for: an address of another family, or a blocked one.
    Error check_destination(const Endpoint& destination, Operation operation) const {
        if (destination.family != family()) return {Code::invalid_argument, operation};
        const bool judged = extras && extras->options.send_block_list;
        if (!judged || operation == Operation::bind) return {};
        return extras->options.send_block_list->blocks(destination)
                   ? Error{Code::blocked, operation} : Error{};
    }
    void take_steps();                       // The binds and connects that can be done.
    void take_step(Request&);
    void step_failed(Request&, Failure);
    void fail_sends(const Failure&);
    Result<Endpoint> named(const Result<Endpoint>&) const;
    Error open();
    Error prepare();                         // What options ask of an open socket.
    Error bind_now(const Endpoint&);
    Error bind_path(const Endpoint&);
    void release_path();
    Error adopt_now(std::intptr_t descriptor);
    void take_over(Request&);                // A descriptor that was handed over is closed too.
    Error connect_now(const Endpoint&);
    void set_peer(PeerTable::Index);         // Takes over a hold of it.
    Error start_receiving();
    void apply_buffer_sizes();
    void announce(Request::Kind);
    Error bind_at_once(const Endpoint&);
    Result<Address> connect_at_once(const Endpoint&);
    Error ensure_bound();                    // For settings that bind implicitly.
    Error keep_port(const Endpoint& before);
    void leave_peer();                       // Unsent datagrams stay addressed to it.
    Error disconnect();

    // ---- send (datagram_send.cpp) --------------------------------------------------------------
    Error check_send(const Payload&, bool has_destination, int port) const;
    void refuse_send(Error, const Payload&, int port, Outcome);
    Request* make_send(Payload&, const Endpoint* destination, Outcome&&);  // Null: it was refused.
    bool store(Request&, Payload&);
    bool has_room(std::size_t size) const;
    bool make_room(std::size_t size);
    void ask_send(Request&);

    // ---- send_many (datagram_many.cpp) ---------------------------------------------------------
    struct Many;
    class Share;
    class SendingMany;

    // ---- flush (datagram_flush.cpp) ------------------------------------------------------------
    bool eligible(const Request&) const;
    static bool for_connected_peer(const Request&);
    Request* next_unsent(Request*, const Request* until) const;
    Request* behind(const Request&) const;
    void flush(const Request* until = nullptr);
    void flush_now();                        // Inside a call: what was asked for leaves early.
    void fire(Request* first, const Request* until);
    bool offer(Volley&);
    std::size_t segment_max(const Request&) const;
    PeerTable::Index peer_of(const Request&) const;
    std::size_t train_length(const Volley&, std::size_t begin);
    bool push_parts(const Request&);
    std::size_t load(Volley&);
    void has_left(Volley&, const Volley::Load&);
    bool judge(Volley&, const Volley::Load&, Error);
    static bool send_plainly(Volley&, const Volley::Load&, bool suspect);
    bool retry_later();
    void copy_pinned();
    bool copy_out(Request&);
    void note_refusal(Error);
    bool first_in_tick(Code);

    // ---- sends with options, packet information (datagram_packets.cpp) -------------------------
    static Error tell_more(core::Source&);
    Error check_options(const SendOptions&) const;
    Error direct(Request&, const SendOptions&);
    bool gather(Request&);
    void send_directed(Payload&, const Endpoint* destination, const SendOptions&, Outcome);
    Result<std::size_t> send_uncut(std::span<const platform::Outgoing>);

    // ---- settings (datagram_settings.cpp, datagram_membership.cpp) ------------------------------
    Error check_setting(Operation);
    Error set(Operation, platform::Option, std::int32_t value, std::int32_t lowest,
              std::int32_t highest);
    Error set_buffer_size(Operation, platform::Option, int bytes);
    Result<int> get_buffer_size(Operation, platform::Option) const;
    Result<Address> parse_member(Operation, std::string_view) const;
    Error find_interface(const Interface&, Wish&) const;
    Result<platform::Membership> parse_membership(Operation, std::string_view source,
                                                  std::string_view group, const Interface&, Wish&);
    Error join(Operation, std::string_view source, std::string_view group, const Interface&);
    Error join_everywhere(std::string_view group);
    Error leave(Operation, std::string_view source, std::string_view group, const Interface&);
    Error set_multicast_all(bool on);
    Groups* open_groups();  // Null when memory is out.
    Error prepare_join();
    bool enlist(const Wish&, std::uint32_t index);
    void strike(const Wish&);
    bool forget(const Wish&);
    bool leave_absent(Wish);
    platform::Membership membership_of(const Wish&, std::uint32_t index) const;
    // datagram_rejoin.cpp
    Error start_rejoining();
    void rejoin();
    void rejoin(const Wish&, std::span<const std::uint32_t> indexes);

    // ---- receive (datagram_receive.cpp) --------------------------------------------------------
    void ready(platform::Event);
    class Patience;
    void receive();
    static void work(core::Service&);
    int note(std::size_t buffers);
    void coalesce();
    void adapt_batch(std::size_t brought);
    static void not_received(Exchange&, State* owner);
    static bool hand_on(Exchange&, Patience&);
    bool receive_failed(Error);
    bool turn_away(const Arrivals&, std::uint64_t Counters::* as);
    bool accepts(const Arrivals&);
    bool deliver_front(Arrivals&, Patience&);
    void deliver_batch();

    // ---- reports (datagram_reports.cpp) --------------------------------------------------------
    static Error hear_all(core::Source&);
    void start_draining();
    void drain_errors();
    void tell_report(const platform::Report&);

    // ---- pause (datagram_pause.cpp) ------------------------------------------------------------
    void pause();
    void resume();
    void park();
    static bool unpark(Exchange&);
    void drop_parked();

    Family family() const {
        return type == Type::udp4   ? Family::ipv4
               : type == Type::udp6 ? Family::ipv6
                                    : Family::local;
    }
    bool is_local() const { return type == Type::unix_dgram; }

    const Options& options() const {
        return extras ? extras->options : exchange->plain_options;
    }
    bool make_extras(Options&& = {});

    // What few sockets need: those that were made with options, and those with a path.
    struct Extras {
        explicit Extras(Options&& chosen) : options(std::move(chosen)) {}
        Options options;
        std::optional<Stopping> stopping;
        std::unique_ptr<Groups> groups;
        platform::PathClaim claim;  // Of a path that is ours to remove: inode not 0.
    };

    static const Operations phases;

    core::Loop* loop;             // Null once the loop has gone, or never was.
    Exchange* exchange = nullptr;
    Listeners* listeners = nullptr;
    std::unique_ptr<Extras> extras;

    Type type;
    Life life = Life::open;
    Binding binding = Binding::unbound;
    Connection connection = Connection::none;
    bool referenced = true;
    bool held = false;
    bool receiving = false;       // Bound, open and not paused.
    bool paused = false;
    bool parked = false;          // Has read what it was paused before: that comes first.
    bool listening_due = false;   // No message before it.
    bool destroyed = false;
    bool icmp_queue = false;      // The error queue tells of refusals, so calls need not.
    bool exclusive = false;       // The bind that is being asked for is not to be shared.
    bool in_cluster = false;      // The socket is the primary's, and other workers have it too.
    bool out_of_memory = false;   // A request could not even be made: one 'error' says so.
    bool refused_full = false;    // 'drain' is owed when the queue has emptied.
    bool blocked = false;         // Until the poller says writable,
    bool misled = false;          // which it has said, and nothing has left since.
    bool exhausted = false;       // ENOBUFS has outlasted its retries: one try each.
    bool segmenting;              // Trains are worth a try.
    bool bare = false;            // Nothing but the payload arrives: no trains were asked for.
    std::uint8_t train_failures = 0;  // In a row.
    platform::Interest watched;
    std::uint8_t retries = 0;
    std::uint8_t receive_batch = 2;   // Buffers to ask for at once.
    std::uint8_t datagrams_per_buffer = 1;  // As seen last; more than one: trains.
    std::uint8_t lone_reads = 0;      // That found one datagram, in a row.
    std::uint16_t steps = 0;      // Binds and connects that are not done.
    PeerTable::Index peer = PeerTable::none;  // Of a connected socket.

    RequestList asked;            // In call order; each is owed an outcome in its tick.
    RequestList waiting;          // What outlasted its tick.
    RequestList done;             // Of those, what is owed again.
    Request* unsent = nullptr;    // In `asked`: nothing before it is left to send.
    std::uint32_t outstanding = 0;   // Requests not reported.
    std::uint32_t queued_count = 0;  // Sends that have not left.
    std::size_t queued_bytes = 0;
    std::uint32_t pinned = 0;        // Of these, with bytes in the arena.
    core::Timer retry;
    core::Timer linger;
    std::uint64_t refusals = 0;      // Codes reported in tick `refusals_tick`.
    std::uint64_t refusals_tick = 0;
    Counters* counters = nullptr;    // Made with the first datagram: most sockets idle.
};

// ---- What every datagram passes ----------------------------------------------------------------

inline Request* Datagram::State::make_request(Request::Kind kind, Outcome&& outcome) {
    if (!loop) return nullptr;
    void* const block = exchange->blocks.take();
    return block ? ::new (block) Request(kind, std::move(outcome)) : lose_request();
}

inline void Datagram::State::ask(Request& request) {
    asked.push(request);
    if (life != Life::open && request.kind == Request::Kind::refusal) request.uncounted = true;
    if (!request.uncounted) outstanding++;
    loop->owe(*this);
    loop->request(*this);
    update_hold();
}

inline void Datagram::State::update_hold() {
    const bool wanted = outstanding > 0 || life == Life::closing ||
                        (referenced && binding == Binding::bound && life == Life::open);
    if (wanted == held) return;
    held = wanted;
    wanted ? loop->hold() : loop->release();
}

inline bool Datagram::State::accept(Request& request, const Endpoint& destination) {
    const Operation operation =
        request.kind == Request::Kind::bind      ? Operation::bind
        : request.kind == Request::Kind::connect ? Operation::connect
                                                 : Operation::send;
    request.peer = exchange->peers.hold(destination);
    Error refusal = check_destination(destination, operation);
    if (!refusal && request.peer == PeerTable::none) refusal = {Code::out_of_memory, operation};
    if (!refusal) return true;
    step_failed(request, Failure(refusal, destination));
    return false;
}

inline void Datagram::State::complete(Request& request) {
    const bool plain = request.kind == Request::Kind::send &&
                       request.stage == Request::Stage::ready &&
                       request.storage == Request::Storage::none &&
                       request.slot == Arena::no_slot;
    if (!plain) return complete_other(request);
    request.stage = Request::Stage::done;
    queued_count--;
    queued_bytes -= request.size;
}

inline void Datagram::State::release(Request& request) {
    free_storage(request);
    if (!request.has_number) exchange->peers.release(request.peer);
    if (!request.uncounted) outstanding--;
}

inline void Datagram::State::retire(Request& request) {
    release(request);
    if (life == Life::closing && outstanding == 0) loop->finish(*this);
    update_hold();
}

template <class F>
void Datagram::State::each_undone(F f) {
    visit_undone([](void* visitor, Request& request) { (*static_cast<F*>(visitor))(request); }, &f);
}

}  // namespace net
