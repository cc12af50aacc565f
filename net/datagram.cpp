// The life of a socket: requests and their outcomes, close, destruction.
//
// Each request is in one of three lists: `asked` in its tick, `waiting` when it outlasts that, then
// `done`. The loop is owed one conclude() for each entry of `asked` and `done`, so outcomes come in
// the order of the calls, across all sockets of the loop.
#include "net/datagram.h"

#include <new>

#include "net/datagram_state.h"
#include "net/name.h"

namespace net {

namespace {

// The type and the wish for trains are kept apart.
bool is_plain(const Options& options, const Options& plain) {
    return !options.reuse_addr && !options.reuse_port && !options.ipv6_only &&
           options.recv_buffer_size == 0 && options.send_buffer_size == 0 && !options.lookup &&
           !options.packet_info && options.errors == plain.errors &&
           !options.stop && !options.send_block_list && !options.receive_block_list &&
           !options.rejoin &&
           options.linger == plain.linger && options.path_mode == plain.path_mode &&
           options.send_queue_datagrams_max == plain.send_queue_datagrams_max &&
           options.send_queue_bytes_max == plain.send_queue_bytes_max;
}

}  // namespace

const core::Source::Operations Datagram::State::phases{
    [](core::Source& self, platform::Event event) { static_cast<State&>(self).ready(event); },
    [](core::Source& self) { static_cast<State&>(self).take_steps(); },
    [](core::Source& self) { static_cast<State&>(self).flush(); },
    [](core::Source& self) { static_cast<State&>(self).conclude(); },
    [](core::Source& self) { static_cast<State&>(self).finish(); },
    [](core::Source& self) { static_cast<State&>(self).orphan(); },
    [](core::Source& self) { delete static_cast<State*>(&self); },
};

// ---- Birth and death -------------------------------------------------------------------------

Datagram::State::State(core::Loop& owner, Type kind, bool trains)
    : core::Source(phases), loop(&owner), type(kind),
      segmenting(trains && kind != Type::unix_dgram) {}

Datagram::State::~State() {
    delete listeners;
    delete counters;
}

// Both false when memory is out.
bool Datagram::State::equip(Options&& options) {
    exchange = Exchange::of(*loop);
    return exchange &&
           (is_plain(options, exchange->plain_options) || make_extras(std::move(options)));
}

bool Datagram::State::make_extras(Options&& options) {
    if (!extras) extras.reset(new (std::nothrow) Extras(std::move(options)));
    return extras != nullptr;
}

// A state that could not be attached has no loop: it answers questions, and run() says why.
Datagram::State* Datagram::State::make(core::Loop& loop, Options&& options) {
    // Idle sockets are many, so what each has is bounded: the kernel's part is ten times as much.
    static_assert(sizeof(Datagram) == sizeof(void*));
    static_assert(sizeof(State) <= 256);
    State* const state = new (std::nothrow) State(loop, options.type, options.segmentation);
    Error failed = loop.open_error();
    const bool equipped = state && (failed || state->equip(std::move(options)));
    if (!equipped) failed = Error{Code::out_of_memory, Operation::open};
    if (!failed) failed = loop.attach(*state);
    if (failed) loop.fail(failed);
    if (failed && state) state->loop = nullptr;
    return state;
}

Datagram::Datagram(core::Loop& loop, Options options, MessageListener listener)
    : state_(State::make(loop, std::move(options))) {
    if (!state_ || !state_->loop) return;
    if (listener) on_message(std::move(listener));
    const core::StopToken& token = state_->options().stop;
    if (token.stopped()) {
        close();
    } else if (token) {
        token.listen(state_->extras->stopping.emplace(*state_));
    }
}

Datagram::~Datagram() {
    if (state_) state_->destroy();
}

Datagram& Datagram::operator=(Datagram&& other) noexcept {
    if (this == &other) return *this;
    State* const old = std::exchange(state_, std::exchange(other.state_, nullptr));
    if (old) old->destroy();
    return *this;
}

void Datagram::State::destroy() {
    if (extras) extras->stopping.reset();
    destroyed = true;
    if (!loop) {
        delete this;
        return;
    }
    core::Loop& owner = *loop;
    let_go();
    if (counters) exchange->past += *counters;
    if (std::exchange(held, false)) owner.release();
    owner.detach(*this);
    if (listeners) listeners->clear();  // An emit in progress goes no further.
    owner.bury(*this);
}

void Datagram::State::let_go() {
    if (life != Life::closed) {
        if (queued_count > 0) flush_now();  // Offered to the kernel once.
        each_undone([this](Request& request) {
            take_over(request);
        });
        close_descriptor();
    }
    life = Life::closed;
    retry.cancel();
    linger.cancel();
    free_requests();
}

// The user's object remains, without a loop: its questions are answered, its requests dropped.
// Unless a callback held it, and takes it along.
void Datagram::State::orphan() {
    if (extras) extras->stopping.reset();
    let_go();
    if (destroyed) return;
    loop->detach(*this);
    loop = nullptr;
    exchange = nullptr;
}

void Datagram::State::close_descriptor() {
    receiving = false;
    exchange->arrivals.disown(*this);
    if (parked) exchange->seldom.drop_parked(*this);
    if (socket) {
        if (watched.readable || watched.writable) loop->poller().forget(socket, token);
        watched = {};
        if (extras) extras->groups.reset();
        if (extras && extras->claim.inode != 0) exchange->seldom.release_path(*this);
        if (counters) counters->overflowed += platform::overflow_count(socket);
        platform::close(std::exchange(socket, {}));
        if (std::exchange(in_cluster, false)) exchange->seldom.unshare(*this);
    }
    exchange->peers.release(std::exchange(peer, PeerTable::none));
    binding = Binding::unbound;
    if (connection == Connection::connected) connection = Connection::none;
    icmp_queue = false;
    blocked = false;
}

// Without the memory for its own, the loop's know of it at least.
Counters& Datagram::State::start_counting() {
    counters = new (std::nothrow) Counters;
    return counters ? *counters : exchange->past;
}

Counters Datagram::State::counted() const {
    Counters all = counters ? *counters : Counters{};
    if (socket) all.overflowed += platform::overflow_count(socket);
    return all;
}

Counters Datagram::counters() const {
    return state_ ? state_->counted() : Counters{};
}

// ---- close -----------------------------------------------------------------------------------

void Datagram::close(Listener callback) {
    if (!state_) return;
    if (callback && state_->running()) (void)once_close(std::move(callback));
    state_->close(false);
}

void Datagram::abort(Listener callback) {
    if (!state_) return;
    if (callback && state_->running()) (void)once_close(std::move(callback));
    state_->close(true);
}

void Datagram::State::close(bool abort) {
    if (!loop) return;
    if (life != Life::open) return refuse(Error{Code::not_running, Operation::close}, {});
    life = Life::closing;
    receiving = paused = false;
    const bool sends_wait = queued_count > 0 && !abort;
    for (RequestList* list : {&waiting, &done, &asked}) {
        for (Request* request = list->first; request; request = request->next) {
            if (request->kind == Request::Kind::refusal || request->kind == Request::Kind::send) {
                continue;
            }
            request->silent = true;
            if (request->stage == Request::Stage::done || sends_wait) continue;
            take_over(*request);
            complete(*request);
        }
    }
    if (abort) {
        each_undone([this](Request& request) {
            fail(request, Error{Code::canceled, Operation::send});
        });
        collect();
    } else if (sends_wait) {
        const auto expire = [this] {
            flush_now();  // Time may have run out before the first chance to leave.
            each_undone([this](Request& request) {
                fail(request, Error{Code::timed_out, Operation::send});
            });
            loop->request(*this);
        };
        linger = loop->after(options().linger, expire);
        if (!linger.active()) expire();  // No memory to wait with.
    }
    if (outstanding == 0) {
        loop->finish(*this);
    } else {
        loop->request(*this);
    }
    (void)update_interest();  // Pausing cannot fail.
    update_hold();
}

void Datagram::State::finish() {
    if (life == Life::closed) return;
    linger.cancel();
    retry.cancel();
    if (extras) extras->stopping.reset();
    close_descriptor();
    life = Life::closed;
    update_hold();
    if (listeners) listeners->close.emit();
}

Datagram& Datagram::ref() {
    if (state_) {
        state_->referenced = true;
        if (state_->loop) state_->update_hold();
    }
    return *this;
}

Datagram& Datagram::unref() {
    if (state_) {
        state_->referenced = false;
        if (state_->loop) state_->update_hold();
    }
    return *this;
}

// What the poller has to say of this socket: a closing one is watched only for room.
Error Datagram::State::update_interest() {
    if (!socket) return {};
    const platform::Interest wanted{receiving, blocked};
    if (wanted == watched) return {};
    if (wanted == platform::Interest{}) {
        loop->poller().forget(socket, token);
    } else if (const Error failed = loop->poller().watch(socket, token, wanted)) {
        return failed;
    }
    watched = wanted;
    return {};
}

// ---- Requests --------------------------------------------------------------------------------

// The callback is destroyed, and one 'error' says ENOMEM.
Request* Datagram::State::lose_request() {
    out_of_memory = true;
    loop->owe(*this);
    return nullptr;
}

void Datagram::State::refuse(Error refusal, Outcome outcome, const Endpoint* about) {
    Request* request = make_request(Request::Kind::refusal, std::move(outcome));
    if (!request) return;
    if (about) request->peer = exchange->peers.hold(*about);
    fail(*request, refusal);
    ask(*request);
}

void Datagram::State::refuse_number(Error refusal, std::int32_t number, Outcome outcome) {
    const bool applies =
        refusal.code == Code::bad_port || refusal.code == Code::buffer_out_of_bounds;
    if (!applies) return refuse(refusal, std::move(outcome));
    Request* request = make_request(Request::Kind::refusal, std::move(outcome));
    if (!request) return;
    request->number = number;
    request->has_number = true;
    fail(*request, refusal);
    ask(*request);
}

void Datagram::State::refuse_failure(Failure failure, Outcome outcome) {
    Request* request = make_request(Request::Kind::refusal, std::move(outcome));
    if (!request) return;
    fail(*request, std::move(failure));
    ask(*request);
}

void Datagram::State::complete_other(Request& request) {
    if (request.stage == Request::Stage::named) Name::cancel(request);
    if (request.stage == Request::Stage::shared) exchange->seldom.unshare(*this);
    free_storage(request);
    if (request.stage == Request::Stage::done) return;
    request.stage = Request::Stage::done;
    if (request.kind == Request::Kind::send) {
        queued_count--;
        queued_bytes -= request.size;
    } else if (is_step(request)) {
        steps--;
    }
}

void Datagram::State::fail(Request& request, Error failed) {
    if (is_queued(request)) tally().failed++;
    const bool to_peer = for_connected_peer(request);
    complete(request);
    if (to_peer && peer != PeerTable::none) {
        exchange->peers.hold(peer);  // The address to name, should the socket disconnect meanwhile.
        request.peer = peer;
    }
    request.storage = Request::Storage::error;
    ::new (&request.error) Error(failed);
}

void Datagram::State::fail(Request& request, Failure failure) {
    const Error failed = failure.error;
    Failure* kept = new (std::nothrow) Failure(std::move(failure));
    if (!kept) return fail(request, failed);
    if (is_queued(request)) tally().failed++;
    complete(request);
    request.storage = Request::Storage::failure;
    request.failure = kept;
}

void Datagram::State::unpin(Request& request) {
    exchange->arena.release(std::exchange(request.slot, Arena::no_slot));
    pinned--;
}

void Datagram::State::drop_storage(Request& request) {
    const Request::Storage storage = request.storage;
    request.storage = Request::Storage::none;
    switch (storage) {
        case Request::Storage::none:
        case Request::Storage::error: break;
        case Request::Storage::list:
            for (PartList* list = request.list; list;) {
                exchange->blocks.give(std::exchange(list, list->next));
            }
            break;
        case Request::Storage::kept:
            request.keeper->drop(*request.keeper);
            request.directed = false;
            break;
        case Request::Storage::failure: delete request.failure; break;
    }
    request.bytes = nullptr;
}

void Datagram::State::free_requests() {
    for (RequestList* list : {&done, &waiting, &asked}) {
        while (Request* request = list->pop()) {
            if (is_queued(*request)) tally().failed++;
            complete(*request);
            release(*request);
            request->~Request();
            exchange->blocks.give(request);
        }
    }
    unsent = nullptr;
}

void Datagram::State::visit_undone(void (*visit)(void*, Request&), void* visitor) {
    for (RequestList* list : {&waiting, &asked}) {
        for (Request* request = list->first; request;) {
            Request* const next = request->next;
            if (request->stage != Request::Stage::done) visit(visitor, *request);
            request = next;
        }
    }
}

// ---- Outcomes --------------------------------------------------------------------------------

// Moves what has been done out of `waiting`: it is owed an outcome again. While outcomes are told
// that is the next one: none that was asked for later may come before it.
void Datagram::State::collect() {
    RequestList undone;
    while (Request* request = waiting.pop()) {
        if (request->stage == Request::Stage::done) {
            done.push(*request);
            loop->concluding() ? loop->owe_now(*this) : loop->owe_late(*this);
        } else {
            undone.push(*request);
        }
    }
    waiting = undone;
}

void Datagram::State::conclude() {
    if (std::exchange(out_of_memory, false)) {
        return emit_error(Failure(Error{Code::out_of_memory}));
    }
    Request* request = done.pop();
    if (!request) {
        request = asked.pop();
        if (!request) return;
        if (request == unsent) unsent = request->next;
        if (request->stage != Request::Stage::done) {
            request->waiting = true;
            waiting.push(*request);
            // Not before: even a look-up that answers at once costs its tick. It may do anything.
            if (request->stage == Request::Stage::named) request->name->start(*request->name);
            return;
        }
    }
    report(*request);
}

// The socket knows nothing of the request any more when the user's code runs, which may do anything
// to it; the callback runs where it lies, and its place is given back behind it.
void Datagram::State::report(Request& request) {
    struct Place {
        ~Place() {
            request.~Request();
            blocks.give(&request);
        }
        BlockPool& blocks;
        Request& request;
    } const place{exchange->blocks, request};
    const Request::Kind kind = request.kind;
    if (request.failed()) {
        const Failure failure = failure_of(request);
        retire(request);
        if (!request.silent) tell_failure(kind, request.outcome, failure, request.size);
    } else {
        if (kind == Request::Kind::bind || kind == Request::Kind::adopt) listening_due = false;
        retire(request);
        if (!request.silent) tell(kind, request.outcome, request.size);
    }
}

void Datagram::State::tell_failure(Request::Kind kind, Outcome& outcome, const Failure& failure,
                                   std::size_t size) {
    const bool bound = kind == Request::Kind::bind || kind == Request::Kind::adopt;
    if (bound && listeners && size) {
        listeners->listening.off(static_cast<core::ListenerId>(size));
    }
    outcome ? outcome(failure, 0) : emit_error(failure);
}

void Datagram::State::tell(Request::Kind kind, Outcome& outcome, std::size_t size) {
    switch (kind) {
        case Request::Kind::bind:
        case Request::Kind::adopt:
            if (listeners) listeners->listening.emit();
            break;
        case Request::Kind::connect: return tell_connected(outcome);
        case Request::Kind::send:
            if (outcome) outcome(exchange->success, size);
            break;
        case Request::Kind::drain:
            if (listeners) listeners->drain.emit();
            break;
        case Request::Kind::refusal: break;
    }
}

// The event, then the callback: on a later tick, when a listener of the event throws.
void Datagram::State::tell_connected(Outcome& outcome) {
    struct Remainder {
        ~Remainder() {
            if (!outcome || state.destroyed) return;
            Request* later = state.make_request(Request::Kind::send, std::move(outcome));
            if (!later) return;
            later->stage = Request::Stage::done;  // A send of nothing, which has left.
            state.ask(*later);
        }
        State& state;
        Outcome& outcome;
    } const remainder{*this, outcome};
    if (listeners) listeners->connect.emit();
    if (!outcome || destroyed) return;
    Outcome callback = std::move(outcome);
    callback(exchange->success, 0);
}

Failure Datagram::State::failure_of(const Request& request) const {
    if (request.storage == Request::Storage::failure) return *request.failure;
    if (request.has_number) {
        if (request.error.code == Code::bad_port) {
            return Failure::of_argument(request.error, "port", request.number);
        }
        if (request.error.code == Code::buffer_out_of_bounds) {
            return Failure::of_argument(request.error, request.number ? "length" : "offset");
        }
        return Failure(request.error);
    }
    if (request.peer == PeerTable::none) return Failure(request.error);
    return Failure(request.error, exchange->peers[request.peer]);
}

void Datagram::State::emit_error(const Failure& failure) {
    if (destroyed) return;
    if (listeners && listeners->error.emit(failure)) return;
    loop->unhandled_error(failure.error, failure.text());
}

}  // namespace net
