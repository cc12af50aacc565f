// What travels beside the payload, for those who ask: packet information of what arrives, options
// of single sends, and how long a packet may be.
// The catch: systems know fragments as a setting of the socket, not of a send. It is set around
// those that must not be cut, which therefore leave in a call of their own.
#include <algorithm>
#include <new>

#include "net/datagram_state.h"
#include "net/directed.h"
#include "net/volley.h"

namespace net {

using platform::Option;

// ---- Received --------------------------------------------------------------------------------

Error PacketInfoSwitch::start(core::Source& source) { return Datagram::State::tell_more(source); }

Error Datagram::State::tell_more(core::Source& source) {
    State& self = static_cast<State&>(source);
    auto& infos = self.exchange->infos;
    if (!infos) infos.reset(new (std::nothrow) PacketInfo[Arrivals::size_max]);
    if (!infos) return {Code::out_of_memory, Operation::bind};
    return platform::set_option(self.socket, Option::packet_info, 1);
}

SendOptions reply_to(const Message& message) {
    SendOptions options;
    if (!message.info || message.info->to_many) return options;
    const Address asked(message.info->local);
    const bool everybody = asked.family == Family::ipv4 &&
                           asked.bytes[0] == 255 && asked.bytes[3] == 255;
    if (!asked.is_multicast() && !everybody) options.source = asked;
    return options;
}

// ---- Sent ------------------------------------------------------------------------------------

namespace {

bool is_within(int value, int least, int most) {
    return value == -1 || (value >= least && value <= most);
}

void drop(Keeper& keeper) {
    Directed& self = static_cast<Directed&>(keeper);
    Exchange& exchange = *self.exchange;
    if (self.inner) self.inner->drop(*self.inner);
    exchange.peers.release(self.direction.source);
    exchange.blocks.give(&self);
}

// What the system wants to know of the load at this place of a call.
const PacketInfo* spell_out(Exchange& exchange, const Request& request, std::size_t place) {
    const Direction& direction = direction_of(request);
    PacketInfo& info = exchange.directions[place];
    info.local.family = Family::none;
    if (direction.source != PeerTable::none) info.local = exchange.peers[direction.source];
    info.interface_index = direction.interface_index;
    info.hop_limit = direction.hop_limit;
    info.traffic_class = direction.traffic_class;
    return &info;
}

}  // namespace

// One copy of its parts, which a Directed has no room for. False when memory is out.
bool Datagram::State::gather(Request& request) {
    void* const memory = ::operator new(sizeof(Keeper) + request.size, std::nothrow);
    if (!memory) return false;
    std::byte* const copy = static_cast<std::byte*>(memory) + sizeof(Keeper);
    std::byte* end = copy;
    for (const PartList* list = request.list; list; list = list->next) {
        for (std::uint32_t i = 0; i < list->count; i++) {
            end = std::copy(list->parts[i].begin(), list->parts[i].end(), end);
        }
    }
    drop_storage(request);
    request.keeper = ::new (memory) Keeper{[](Keeper& self) { ::operator delete(&self); },
                                           {copy, request.size}};
    request.storage = Request::Storage::kept;
    return true;
}

Error Datagram::State::check_options(const SendOptions& options) const {
    if (is_local()) return {Code::not_supported, Operation::send};
    const bool valid = is_within(options.hop_limit, 1, 255) &&
                       is_within(options.traffic_class, 0, 255) &&
                       options.source.family != Family::local;
    if (!valid) return {Code::invalid_argument, Operation::send};
    return {};
}

// The bytes stay where they are, unless they lie in several places.
Error Datagram::State::direct(Request& request, const SendOptions& options) {
    if (request.stage == Request::Stage::done) return {};
    if (const Error refusal = check_options(options)) return refusal;
    const Error no_memory{Code::out_of_memory, Operation::send};
    Exchange& to = *exchange;
    if (!to.directions) to.directions.reset(new (std::nothrow) PacketInfo[Volley::batch_max]);
    void* const block = to.directions ? to.blocks.take() : nullptr;
    if (!block) return no_memory;
    Directed& made = *::new (block) Directed{{drop, {}}, exchange, nullptr, {}};
    if (options.source.family != Family::none) {
        Address source = options.source;
        source.port = 0;
        made.direction.source = to.peers.hold(source);
    }
    made.direction.interface_index = options.interface_index;
    made.direction.hop_limit = static_cast<std::int16_t>(options.hop_limit);
    made.direction.traffic_class = static_cast<std::int16_t>(options.traffic_class);
    made.direction.dont_fragment = options.dont_fragment;
    const bool sourceless = made.direction.source == PeerTable::none;
    const bool lost = sourceless && options.source.family != Family::none;
    if (lost || (request.storage == Request::Storage::list && !gather(request))) {
        drop(made);
        return no_memory;
    }
    if (request.storage == Request::Storage::kept) {
        made.inner = request.keeper;
        made.bytes = made.inner->bytes;
    } else {
        made.bytes = {request.bytes, request.size};
    }
    request.storage = Request::Storage::kept;
    request.keeper = &made;
    request.directed = true;
    to.seldom.spell_out = spell_out;
    if (options.dont_fragment) {
        to.seldom.send_uncut = [](State& self, std::span<const platform::Outgoing> outgoing) {
            return self.send_uncut(outgoing);
        };
    }
    return {};
}

Result<std::size_t> Datagram::State::send_uncut(std::span<const platform::Outgoing> outgoing) {
    const auto before = platform::get_option(socket, Option::dont_fragment);
    if (!before) return before.error().during(Operation::send);
    if (*before != 0) return platform::send(socket, outgoing);
    const Error failed = platform::set_option(socket, Option::dont_fragment, 1);
    if (failed) return failed.during(Operation::send);
    const auto sent = platform::send(socket, outgoing);
    (void)platform::set_option(socket, Option::dont_fragment, 0);  // It could be set.
    return sent;
}

void Datagram::State::send_directed(Payload& payload, const Endpoint* destination,
                                    const SendOptions& options, Outcome outcome) {
    const bool path = destination && destination->family == Family::local;
    const int port = !destination ? 0 : path ? 1 : destination->port;
    if (const Error refusal = check_send(payload, destination, port)) {
        return refuse_send(refusal, payload, port, std::move(outcome));
    }
    Request* const request = make_send(payload, destination, std::move(outcome));
    if (!request) return;
    if (const Error refusal = direct(*request, options)) {
        if (destination) request->peer = exchange->peers.hold(*destination);
        fail(*request, refusal);
    } else if (destination) {
        (void)accept(*request, *destination);  // A refused one has failed: that is its outcome.
    }
    ask_send(*request);
}

void Datagram::send(Payload payload, const Endpoint& destination, const SendOptions& options,
                    SendCallback callback) {
    if (!state_ || !state_->loop) return;
    state_->send_directed(payload, &destination, options, std::move(callback));
}

void Datagram::send(Payload payload, const SendOptions& options, SendCallback callback) {
    if (!state_ || !state_->loop) return;
    state_->send_directed(payload, nullptr, options, std::move(callback));
}

// ---- Fragments -------------------------------------------------------------------------------

Error Datagram::set_dont_fragment(bool on) {
    if (!state_) return {Code::out_of_memory, Operation::set_dont_fragment};
    return state_->set(Operation::set_dont_fragment, Option::dont_fragment, on, 0, 1);
}

Result<int> Datagram::path_mtu() const {
    const Operation operation = Operation::get_path_mtu;
    if (!state_ || state_->connection != State::Connection::connected) {
        return Error{Code::not_connected_to_peer, operation};
    }
    const Result<std::int32_t> bytes = platform::path_mtu(state_->socket);
    if (!bytes) return bytes.error().during(operation);
    return static_cast<int>(*bytes);
}

// Asked of a socket that lives as long as the question: only connected ones can tell.
Result<int> Datagram::path_mtu(const Endpoint& destination) const {
    const Operation operation = Operation::get_path_mtu;
    if (!state_ || !state_->running()) return Error{Code::not_running, operation};
    const auto socket = platform::open_datagram(state_->loop->poller(), destination.family);
    if (!socket) return socket.error().during(operation);
    const Error failed = platform::connect(*socket, destination);
    Result<std::int32_t> bytes = failed ? Result<std::int32_t>(failed)
                                        : platform::path_mtu(*socket);
    platform::close(*socket);
    if (!bytes) return bytes.error().during(operation);
    return static_cast<int>(*bytes);
}

}  // namespace net
