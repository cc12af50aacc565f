// bind and connect: steps that a socket takes in the order of the calls, in the tick's phase of
// requests or, for the _sync forms, at once. See semantics 13 to 27.
#include <new>

#include "net/datagram_state.h"
#include "net/name.h"

namespace net {

// ---- Asking ----------------------------------------------------------------------------------

Error Datagram::State::check_bind(int port) const {
    if (!running()) return {Code::not_running, Operation::bind};
    if (binding != Binding::unbound) return {Code::already_bound, Operation::bind};
    if (port < 0 || port > port_max) return {Code::bad_port, Operation::bind};
    return {};
}

Error Datagram::State::check_connect(int port) const {
    if (port < 1 || port > port_max) return {Code::bad_port, Operation::connect};
    if (!running()) return {Code::not_running, Operation::connect};
    if (connection != Connection::none) return {Code::already_connected, Operation::connect};
    return {};
}

// The callback becomes a one-shot listener of 'listening', whose id the request remembers.
Request* Datagram::State::make_bind(Request::Kind kind, Listener listener, bool shared) {
    Request* request = make_request(kind, {});
    if (!request) return nullptr;
    request->shared = shared;
    if (listener) request->size = listen_once(std::move(listener));
    binding = Binding::binding;
    steps++;
    return request;
}

void Datagram::bind(int port, Listener listener) {
    if (!state_ || !state_->loop) return;
    if (const Error refusal = state_->check_bind(port)) {
        return state_->refuse_number(refusal, port, {});
    }
    if (state_->is_local()) {
        return state_->refuse({Code::missing_argument, Operation::bind}, {});
    }
    state_->ask_bind(Address::any(state_->family(), static_cast<std::uint16_t>(port)),
                     std::move(listener), true);
}

void Datagram::bind(const Address& local, Listener listener) {
    if (!state_ || !state_->loop) return;
    if (const Error refusal = state_->check_bind(0)) return state_->refuse(refusal, {});
    state_->may_bind_paths();
    state_->ask_bind(local, std::move(listener), !state_->exclusive);
}

void Datagram::State::ask_bind(const Endpoint& local, Listener listener, bool shared) {
    Request* request = make_bind(Request::Kind::bind, std::move(listener), shared);
    if (!request) return;
    request->peer = exchange->peers.hold(local);
    ask(*request);
}

void Datagram::State::may_bind_paths() {
    if (!exchange) return;
    exchange->seldom.bind_path = [](State& self, const Endpoint& local) {
        return self.bind_path(local);
    };
    exchange->seldom.release_path = [](State& self) { self.release_path(); };
}

void Datagram::bind(std::string_view path, Listener listener) {
    if (!state_ || !state_->loop) return;
    if (const Error refusal = state_->check_bind(0)) return state_->refuse(refusal, {});
    const Result<Address> local = parse_path(path);
    if (!local) {
        return state_->refuse_failure(
            Failure::of_text(local.error().during(Operation::bind), path), {});
    }
    bind(*local, std::move(listener));
}

void Datagram::adopt(std::intptr_t descriptor, Listener listener) {
    if (!state_ || !state_->loop) return;
    state_->ask_adopt(descriptor, std::move(listener), false);
}

void Datagram::State::ask_adopt(std::intptr_t descriptor, Listener listener, bool shared) {
    if (const Error refusal = check_bind(0)) return refuse(refusal, {});
    Request* request = make_bind(Request::Kind::adopt, std::move(listener), shared);
    if (!request) return;
    request->descriptor = descriptor;
    exchange->seldom.adopt = [](State& self, std::intptr_t given) {
        return self.adopt_now(given);
    };
    ask(*request);
}

void Datagram::State::bind_any() {
    ask_bind(Address::any(family()), {}, false);
}

void Datagram::connect(int port, ConnectCallback callback) {
    if (!state_ || !state_->loop) return;
    if (const Error refusal = state_->check_connect(port)) {
        return state_->refuse_number(refusal, port, std::move(callback));
    }
    if (state_->is_local()) {
        return state_->refuse({Code::missing_argument, Operation::connect},
                              std::move(callback));
    }
    connect(Address::loopback(state_->family(), static_cast<std::uint16_t>(port)),
            std::move(callback));
}

void Datagram::connect(const Endpoint& remote, ConnectCallback callback) {
    if (!state_ || !state_->loop) return;
    const int port = remote.family == Family::local ? 1 : remote.port;
    if (const Error refusal = state_->check_connect(port)) {
        return state_->refuse_number(refusal, port, std::move(callback));
    }
    state_->bind_implicitly();
    Request* request = state_->make_connect(std::move(callback));
    if (!request) return;
    request->peer = state_->exchange->peers.hold(remote);  // Judged when its turn has come.
    state_->ask(*request);
}

void Datagram::connect(std::string_view path, ConnectCallback callback) {
    if (!state_ || !state_->loop) return;
    const Result<Address> remote = parse_path(path);
    if (!remote) {
        return state_->refuse_failure(
            Failure::of_text(remote.error().during(Operation::connect), path),
            std::move(callback));
    }
    connect(*remote, std::move(callback));
}

Request* Datagram::State::make_connect(Outcome outcome) {
    Request* request = make_request(Request::Kind::connect, std::move(outcome));
    if (!request) return nullptr;
    connection = Connection::connecting;
    steps++;
    exchange->seldom.connect = [](State& self, const Endpoint& remote) {
        return self.connect_now(remote);
    };
    return request;
}

// ---- The steps -------------------------------------------------------------------------------

void Datagram::State::take_steps() {
    while (steps > 0) {
        Request* step = nullptr;
        for (RequestList* list : {&waiting, &asked}) {
            for (Request* at = list->first; at && !step; at = at->next) {
                if (is_step(*at) && at->stage != Request::Stage::done) step = at;
            }
        }
        if (!step || step->stage != Request::Stage::ready) return;
        const auto share = step->shared ? exchange->seldom.share : nullptr;
        if (!share || !share(*this, *step)) take_step(*step);
    }
    if (is_local() && !socket && queued_count > 0) {
        if (const Error failed = open()) fail_sends(Failure(failed));
    }
}

void Datagram::State::take_step(Request& request) {
    const bool connects = request.kind == Request::Kind::connect;
    // When it was asked for, no memory was left for its address, or for the bind it implies.
    const bool unaddressed =
        request.kind != Request::Kind::adopt && request.peer == PeerTable::none;
    if (unaddressed || (connects && !is_local() && binding == Binding::unbound)) {
        const Operation operation = connects ? Operation::connect : Operation::bind;
        return step_failed(request, Failure(Error{Code::out_of_memory, operation}));
    }
    if (connects) {
        flush(&request);  // What was asked for before leaves before.
        const Endpoint remote = exchange->peers[request.peer];
        Error failed = check_destination(remote, Operation::connect);
        if (!failed) failed = exchange->seldom.connect(*this, remote);
        if (failed) return step_failed(request, Failure(failed, remote));
        return complete(request);
    }
    if (request.kind == Request::Kind::adopt) {
        const Error failed = exchange->seldom.adopt(*this, request.descriptor);
        if (failed) return step_failed(request, Failure(failed));
        apply_buffer_sizes();
        return complete(request);
    }
    const Endpoint local = exchange->peers[request.peer];
    const Error failed = bind_now(local);
    if (failed) return step_failed(request, Failure(failed, local));
    apply_buffer_sizes();
    complete(request);
}

// The socket is as before the step; what relied on it gets its error.
void Datagram::State::step_failed(Request& request, Failure failure) {
    if (request.kind == Request::Kind::send) return fail(request, std::move(failure));
    const bool binds = request.kind != Request::Kind::connect;
    if (binds) {
        binding = Binding::unbound;
    } else {
        connection = Connection::none;
    }
    bool told = !request.silent;  // A closed socket's bind tells nobody.
    each_undone([&](Request& other) {
        if (&other == &request) return;
        // A unix socket needs no name to send.
        const bool needs_bind = binds && !is_local();
        const bool relies = other.kind == Request::Kind::send
                                ? needs_bind || (!binds && for_connected_peer(other))
                                : needs_bind && other.kind == Request::Kind::connect;
        if (!relies) return;
        if (!other.outcome) other.silent = other.silent || told;  // One 'error' says it for all.
        told = told || !other.outcome;
        if (other.kind == Request::Kind::connect) connection = Connection::none;
        fail(other, failure);
    });
    fail(request, std::move(failure));
    collect();
}

void Datagram::State::fail_sends(const Failure& failure) {
    each_undone([&](Request& request) {
        if (request.kind == Request::Kind::send) fail(request, failure);
    });
}

Error Datagram::State::open() {
    if (socket) return {};
    const Result<platform::Socket> opened = platform::open_datagram(loop->poller(), family());
    if (!opened) return opened.error();
    socket = *opened;
    return {};
}

Error Datagram::State::bind_now(const Endpoint& local) {
    using platform::Option;
    if (local.family != family() || (options().ipv6_only && type == Type::udp4)) {
        return {Code::invalid_argument, Operation::bind};
    }
    const bool had_sent = static_cast<bool>(socket);  // A unix socket, which needs no name for it.
    Error failed = open();
    if (!failed && options().reuse_addr) {
        failed = platform::set_option(socket, Option::reuse_address, 1);
    }
    if (!failed && options().reuse_port) {
        failed = platform::set_option(socket, Option::reuse_port, 1);
    }
    if (!failed && type == Type::udp6) {
        failed = platform::set_option(socket, Option::only_ipv6, options().ipv6_only);
    }
    if (!failed) failed = prepare();
    if (!failed) {
        failed = is_local() ? exchange->seldom.bind_path(*this, local)
                            : platform::bind(socket, local);
    }
    if (!failed) failed = start_receiving();
    if (failed && (!had_sent || binding == Binding::bound)) close_descriptor();
    bare = !failed;
    return failed ? failed.during(Operation::bind) : failed;
}

Error Datagram::State::prepare() {
    for (const Preparation each : {options().packet_info.prepare, options().errors.prepare}) {
        const Error failed = each ? each(*this) : Error{};
        if (failed) return failed;
    }
    return {};
}

Error Datagram::State::bind_path(const Endpoint& local) {
    if (!make_extras()) return {Code::out_of_memory};
    const Result<platform::PathClaim> claimed =
        platform::bind_path(socket, local, options().path_mode);
    if (claimed) extras->claim = *claimed;
    return claimed.error();
}

void Datagram::State::release_path() {
    if (const Result<Endpoint> local = platform::local_endpoint(socket)) {
        platform::release_path(*local, extras->claim);
    }
    extras->claim = {};
}

Error Datagram::State::start_receiving() {
    binding = Binding::bound;
    receiving = life == Life::open && !paused;
    if (const Error failed = update_interest()) return failed;
    listening_due = true;
    update_hold();
    return {};
}

void Datagram::State::apply_buffer_sizes() {
    const auto apply = [this](int size, platform::Option option, Operation operation) {
        if (size == 0) return;
        Error failed = size < 0 ? Error{Code::bad_buffer_size}
                                : platform::set_option(socket, option, size);
        if (failed) refuse(failed.during(operation), {});
    };
    apply(options().recv_buffer_size, platform::Option::receive_buffer_size,
          Operation::set_receive_buffer_size);
    apply(options().send_buffer_size, platform::Option::send_buffer_size,
          Operation::set_send_buffer_size);
}

Error Datagram::State::adopt_now(std::intptr_t descriptor) {
    const platform::Socket given{descriptor};
    if (descriptor <= 0) return {Code::invalid_descriptor_type, Operation::bind};
    if (loop->attached(given)) return {Code::exists, Operation::bind};
    const Result<Family> kind = platform::adopt(loop->poller(), given);
    if (!kind) return kind.error().during(Operation::bind);
    if (*kind != family()) return {Code::invalid_descriptor_type, Operation::bind};
    const Result<Endpoint> remote = named(platform::peer_endpoint(given));
    if (!remote && remote.error().code != Code::not_connected) {
        return remote.error().during(Operation::bind);
    }
    const PeerTable::Index index = remote ? exchange->peers.hold(*remote) : PeerTable::none;
    if (remote && index == PeerTable::none) return {Code::out_of_memory, Operation::bind};
    if (connection == Connection::connected) {
        flush();
        leave_peer();
    }
    close_descriptor();  // Of a unix socket that has sent already.
    socket = given;
    Error failed = prepare();
    if (!failed) failed = start_receiving();
    if (failed) {
        socket = {};  // It stays the caller's.
        receiving = icmp_queue = false;
        exchange->peers.release(index);
        return failed.during(Operation::bind);
    }
    if (remote) set_peer(index);
    // Of an earlier owner's: nobody would empty that queue, and the poller would never sleep.
    // Whether trains arrive stays as it is, because somebody else may read from it as well.
    if (!icmp_queue) (void)platform::set_option(socket, platform::Option::icmp_errors, 0);
    return {};
}

void Datagram::State::take_over(Request& request) {
    if (request.kind != Request::Kind::adopt) return;
    if (request.shared && exchange->seldom.share) return;  // That descriptor is the primary's.
    (void)exchange->seldom.adopt(*this, request.descriptor);
}

void Datagram::State::set_peer(PeerTable::Index index) {
    peer = index;
    connection = Connection::connected;
    if (is_local() || icmp_queue || options().errors == Errors::none) return;
    if (!platform::set_option(socket, platform::Option::icmp_errors, 1)) start_draining();
}

// Linux forgets a port that the kernel chose, and would leave the socket deaf: it is bound again.
Error Datagram::State::keep_port(const Endpoint& before) {
    Result<Endpoint> after = named(platform::local_endpoint(socket));
    if (!after) return after.error().during(Operation::disconnect);
    if (after->port == before.port) return {};
    after->port = before.port;
    return platform::bind(socket, *after);
}

Error Datagram::State::connect_now(const Endpoint& remote) {
    if (const Error failed = open()) return failed.during(Operation::connect);
    PeerTable::Index index = exchange->peers.hold(remote);
    if (index == PeerTable::none) return {Code::out_of_memory, Operation::connect};
    if (const Error failed = platform::connect(socket, remote)) {
        exchange->peers.release(index);
        return failed.during(Operation::connect);
    }
    // 0.0.0.0 stands for this host: the system knows which address it chose. Whoever does not know
    // would take its own peer for a stranger.
    const Result<Endpoint> chosen = named(platform::peer_endpoint(socket));
    const PeerTable::Index better = chosen ? exchange->peers.hold(*chosen) : PeerTable::none;
    if (better != PeerTable::none) {
        exchange->peers.release(std::exchange(index, better));
    } else if (Address(remote).is_unspecified()) {
        exchange->peers.release(index);
        const Result<Endpoint> local = named(platform::local_endpoint(socket));
        (void)platform::disconnect(socket);
        if (local) (void)keep_port(*local);
        const Error failed = chosen ? Error{Code::out_of_memory} : chosen.error();
        return failed.during(Operation::connect);
    }
    set_peer(index);
    return {};
}

// ---- At once ---------------------------------------------------------------------------------

// The event follows on the next tick, as if it had been a request that was done at once.
void Datagram::State::announce(Request::Kind kind) {
    Request* request = make_request(kind, {});
    if (!request) {
        listening_due = false;
        return;
    }
    request->stage = Request::Stage::done;
    ask(*request);
}

Error Datagram::State::bind_at_once(const Endpoint& local) {
    if (const Error failed = bind_now(local)) return failed;
    apply_buffer_sizes();
    announce(Request::Kind::bind);
    return {};
}

Error Datagram::State::ensure_bound() {
    if (!running()) return {Code::not_running};
    if (binding == Binding::binding) {
        take_steps();  // What was asked for, earlier than planned.
        if (binding == Binding::binding) return {Code::already_in_progress};
        if (binding == Binding::unbound) return {Code::bad_descriptor};  // 'error' tells why.
    }
    if (binding == Binding::bound) return {};
    return bind_at_once(Address::any(family()));
}

Result<Address> Datagram::bind_sync(int port, std::string_view address) {
    if (!state_) return Error{Code::out_of_memory, Operation::bind};
    if (const Error refusal = state_->check_bind(port)) return refusal;
    state_->may_bind_paths();
    const std::uint16_t number = static_cast<std::uint16_t>(port);
    Address local = Address::any(state_->family(), number);
    if (!address.empty()) {
        const Result<Address> parsed = parse_literal(state_->loop->poller(), address, number);
        if (!parsed) return parsed.error().during(Operation::bind);
        local = *parsed;
    }
    if (const Error failed = state_->bind_at_once(local)) return failed;
    return this->address();
}

Result<Address> Datagram::bind_sync(std::string_view path) {
    if (!state_) return Error{Code::out_of_memory, Operation::bind};
    if (const Error refusal = state_->check_bind(0)) return refusal;
    state_->may_bind_paths();
    const Result<Address> local = parse_path(path);
    if (!local) return local.error().during(Operation::bind);
    if (const Error failed = state_->bind_at_once(*local)) return failed;
    return address();
}

Result<Address> Datagram::State::connect_at_once(const Endpoint& remote) {
    if (const Error refusal = check_destination(remote, Operation::connect)) return refusal;
    if (!is_local()) {
        if (const Error failed = ensure_bound()) return failed.during(Operation::connect);
    }
    flush_now();
    if (const Error failed = connect_now(remote)) return failed;
    announce(Request::Kind::connect);
    return Address(exchange->peers[peer]);
}

Result<Address> Datagram::connect_sync(int port, std::string_view address) {
    if (!state_) return Error{Code::out_of_memory, Operation::connect};
    if (const Error refusal = state_->check_connect(port)) return refusal;
    const std::uint16_t number = static_cast<std::uint16_t>(port);
    if (address.empty()) {
        return state_->connect_at_once(Address::loopback(state_->family(), number));
    }
    const Result<Address> remote = parse_literal(state_->loop->poller(), address, number);
    if (!remote) return remote.error().during(Operation::connect);
    return state_->connect_at_once(*remote);
}

Result<Address> Datagram::connect_sync(std::string_view path) {
    if (!state_) return Error{Code::out_of_memory, Operation::connect};
    if (const Error refusal = state_->check_connect(1)) return refusal;
    const Result<Address> remote = parse_path(path);
    if (!remote) return remote.error().during(Operation::connect);
    return state_->connect_at_once(*remote);
}

Error Datagram::disconnect() {
    if (!state_) return {Code::out_of_memory, Operation::disconnect};
    return state_->disconnect();
}

void Datagram::State::leave_peer() {
    each_undone([this](Request& request) {
        if (!for_connected_peer(request)) return;
        exchange->peers.hold(peer);
        request.peer = peer;
    });
    connection = Connection::none;
    exchange->peers.release(std::exchange(peer, PeerTable::none));
}

Error Datagram::State::disconnect() {
    if (!running()) return {Code::not_running, Operation::disconnect};
    if (connection != Connection::connected) {
        return {Code::not_connected_to_peer, Operation::disconnect};
    }
    flush_now();
    const Result<Endpoint> before = named(platform::local_endpoint(socket));
    if (!before && !is_local()) return before.error().during(Operation::disconnect);
    if (icmp_queue && options().errors != Errors::all) {
        (void)platform::set_option(socket, platform::Option::icmp_errors, 0);
        icmp_queue = false;
    }
    if (const Error failed = platform::disconnect(socket)) return failed;
    leave_peer();
    return is_local() ? Error{} : keep_port(*before);
}

}  // namespace net
