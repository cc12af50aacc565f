// Questions and settings: answered at once. What changes how datagrams leave lets the earlier ones
// leave first, as the socket was set when they were asked for. See semantics 43 to 48.
#include "net/datagram_state.h"

namespace net {

using platform::Option;

// ---- Addresses -------------------------------------------------------------------------------

// A system that answers without an address has not answered.
Result<Endpoint> Datagram::State::named(const Result<Endpoint>& name) const {
    if (!name || name->family == family()) return name;
    return Error{Code::address_not_available, Operation::local_endpoint};
}

Result<Address> Datagram::address() const {
    const Error unbound{Code::bad_descriptor, Operation::local_endpoint};
    if (!state_ || state_->life == State::Life::closed || !state_->socket ||
        state_->binding != State::Binding::bound) {
        return unbound;
    }
    const Result<Endpoint> local = state_->named(platform::local_endpoint(state_->socket));
    if (!local) return local.error().during(Operation::local_endpoint);
    return Address(*local);
}

Result<Address> Datagram::remote_address() const {
    if (!state_ || state_->connection != State::Connection::connected) {
        return Error{Code::not_connected_to_peer, Operation::peer_endpoint};
    }
    return Address(state_->exchange->peers[state_->peer]);
}

// ---- Options ---------------------------------------------------------------------------------

// Whether a setting can be made at all; the sends before it have then left.
Error Datagram::State::check_setting(Operation operation) {
    if (!running()) return {Code::not_running, operation};
    if (binding != Binding::bound) return {Code::bad_descriptor, operation};
    flush_now();
    return {};
}

Error Datagram::State::set(Operation operation, Option option, std::int32_t value,
                           std::int32_t lowest, std::int32_t highest) {
    if (const Error refusal = check_setting(operation)) return refusal;
    if (value < lowest || value > highest) return {Code::invalid_argument, operation};
    const Error failed = platform::set_option(socket, option, value);
    return failed ? failed.during(operation) : failed;
}

Error Datagram::set_broadcast(bool on) {
    if (!state_) return {Code::out_of_memory, Operation::set_broadcast};
    return state_->set(Operation::set_broadcast, Option::broadcast, on, 0, 1);
}

Error Datagram::set_ttl(int hops) {
    if (!state_) return {Code::out_of_memory, Operation::set_ttl};
    return state_->set(Operation::set_ttl, Option::hop_limit, hops, 1, 255);
}

Error Datagram::set_multicast_ttl(int hops) {
    if (!state_) return {Code::out_of_memory, Operation::set_multicast_ttl};
    return state_->set(Operation::set_multicast_ttl, Option::multicast_hop_limit, hops, 0, 255);
}

Error Datagram::set_multicast_loopback(bool on) {
    if (!state_) return {Code::out_of_memory, Operation::set_multicast_loopback};
    return state_->set(Operation::set_multicast_loopback, Option::multicast_loopback, on, 0, 1);
}

// ---- Buffer sizes ----------------------------------------------------------------------------

Error Datagram::State::set_buffer_size(Operation operation, Option option, int bytes) {
    if (bytes <= 0) return {Code::bad_buffer_size, operation};
    if (life != Life::open || binding != Binding::bound) {
        return {running() ? Code::buffer_size_unavailable : Code::not_running, operation};
    }
    const Error failed = platform::set_option(socket, option, bytes);
    return failed ? failed.during(operation) : failed;
}

Result<int> Datagram::State::get_buffer_size(Operation operation, Option option) const {
    if (binding != Binding::bound || !socket) {
        return Error{Code::buffer_size_unavailable, operation};
    }
    const Result<std::int32_t> bytes = platform::get_option(socket, option);
    if (!bytes) return bytes.error().during(operation);
    return static_cast<int>(*bytes);
}

Error Datagram::set_recv_buffer_size(int bytes) {
    const Operation operation = Operation::set_receive_buffer_size;
    if (!state_) return {Code::out_of_memory, operation};
    return state_->set_buffer_size(operation, Option::receive_buffer_size, bytes);
}

Error Datagram::set_send_buffer_size(int bytes) {
    const Operation operation = Operation::set_send_buffer_size;
    if (!state_) return {Code::out_of_memory, operation};
    return state_->set_buffer_size(operation, Option::send_buffer_size, bytes);
}

Result<int> Datagram::get_recv_buffer_size() const {
    const Operation operation = Operation::get_receive_buffer_size;
    if (!state_) return Error{Code::out_of_memory, operation};
    return state_->get_buffer_size(operation, Option::receive_buffer_size);
}

Result<int> Datagram::get_send_buffer_size() const {
    const Operation operation = Operation::get_send_buffer_size;
    if (!state_) return Error{Code::out_of_memory, operation};
    return state_->get_buffer_size(operation, Option::send_buffer_size);
}

}  // namespace net
