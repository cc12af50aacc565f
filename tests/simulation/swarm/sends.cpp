// Sending, in all its forms. The bytes of each send lie in a block of their own, which is freed as
// soon as the contract gives it back to the caller: whoever looks at it later is caught.
#include <algorithm>

#include "tests/simulation/swarm/stage.h"

namespace swarm {

namespace {

using Kind = Request::Kind;

// What a part is cut out of, and how: one in four lies outside.
struct Cut {
    std::size_t offset = 0;
    std::size_t length = 0;
    const char* outside = nullptr;
};

Cut cut_of(const Operation& operation) {
    const auto size = static_cast<std::size_t>(operation.number);
    if (operation.form != Form::part) return {0, size};
    switch (operation.number % 4) {
        case 1: return {size + 1, 0, "offset"};
        case 2: return {size / 2, size, "length"};
        case 3: return {size, 0};
        default: return {0, size};
    }
}

bool names_destination(const Operation& operation) {
    const bool may_lack = operation.form == Form::part || operation.form == Form::list ||
                          operation.form == Form::kept;
    return operation.form != Form::plain && !(may_lack && operation.target == Target::none);
}

}  // namespace

net::Datagram::SendCallback Stage::callback_of(Socket& socket, const Operation& operation,
                                               Request& request) {
    if (!operation.callback) return {};
    return [this, number = socket.number, asked = &request](const net::Failure& failure,
                                                            std::size_t bytes) {
        told_send(number, asked, failure, bytes);
    };
}

// At its bound the queue may refuse: what the kernel takes first is its own affair.
// So many of its size were asked for with the same call, and before it.
void Stage::expect_full(Socket& socket, const std::string& destination, std::size_t size,
                        Request& request, std::size_t before) {
    const std::size_t count = socket.object->get_send_queue_count() + before;
    const std::size_t bytes = socket.object->get_send_queue_size() + before * size;
    const bool room = count == 0 || (count < socket.plan.datagrams_max &&
                                     bytes + size <= socket.plan.bytes_max);
    if (room || !request.may_pass) return;
    request.failures.push_back("send ENOBUFS" + (destination.empty() ? "*" : " " + destination));
    socket.overflowed = request.may_overflow = true;
}

// What was accepted shows in the counters and the queue.
void Stage::note_taken(Socket& socket, const std::vector<Request*>& asked) {
    const net::Counters counted = socket.object->counters();
    const std::uint64_t taken =
        counted.sent + counted.failed + socket.object->get_send_queue_count();
    std::uint64_t least = socket.taken;
    std::uint64_t most = socket.taken;
    for (const Request* each : asked) {
        if (each->kind != Kind::send) continue;
        least += each->may_pass && each->refusals == 0 && !each->may_overflow;
        most += each->may_pass;
    }
    if (taken < least) fail("what was accepted is neither queued nor counted");
    if (taken > most) fail("what was refused is queued or counted");
    socket.taken = taken;
}

// Of sends without a destination: the peer, or those that connects under way may bring.
std::vector<net::Address> Stage::peers_to_come(const Socket& socket) const {
    if (const auto peer = socket.object->remote_address()) return {*peer};
    std::vector<net::Address> peers;
    for (const Request& each : socket.requests) {
        if (each.kind != Kind::connect || !each.may_pass || each.told) continue;
        peers.insert(peers.end(), each.addresses.begin(), each.addresses.end());
    }
    return peers;
}

void Stage::send(Slot& slot, const Operation& operation) {
    Socket& socket = *slot.model;
    const Cut cut = cut_of(operation);
    const bool named = names_destination(operation);
    Place place = place_of(plan_, socket.plan, operation.target, operation.port);
    if (operation.form == Form::port && !socket.is_local()) {
        place = place_of(plan_, socket.plan, Target::none, operation.port);
    }
    const bool path = socket.is_local() && operation.form != Form::port;
    const std::int32_t port = path ? 1 : operation.port;
    Verdict verdict = judge_send(socket, cut.outside, named, port);
    if (verdict.may_pass && named && socket.is_local() && !path) {
        verdict.refuse("The \"path\" argument must be specified");
    }
    if (verdict.may_pass && named && place.malformed) {
        verdict.refuse("send EINVAL " + place.text + ":" + std::to_string(port));
    }
    const Steps connection = connection_of(socket);
    if (!named) {
        place = {};
        place.addresses = peers_to_come(socket);
    }
    ask_implicit_bind(socket, verdict);
    Request& request = ask(socket, Kind::send, operation.callback, verdict);
    request.size = cut.length;
    request.addresses = place.addresses;
    const bool literal = !place.name && place.addresses.size() == 1 && (named || connection.done);
    if (literal && request.may_pass) request.destination = written(place.addresses[0]);
    if (place.name && request.may_pass && socket.plan.names != Names::later) {
        request.destination = place.text + ":" + std::to_string(port);
    }
    if (request.may_pass) {
        rely_on_steps(socket, request, !named);
        if (place.name) request.name = place.text;
        request.waits_for_name = place.name;
        expect_look_up(socket, place, request);
        expect_send(plan_, socket, place.addresses, request);
        expect_full(socket, literal ? request.destination : "", cut.length, request);
    }
    Record& record = traffic_.add(socket, cut.length);
    request.record = record.number;
    record.accepted = request.may_pass;
    record.to = place.addresses;
    record.literal = literal;
    record.asked_at = now(socket.host);
    const std::size_t before = socket.object->get_send_queue_count();
    hand_over(slot, operation, place, record, callback_of(socket, operation, request));
    const bool plain = request.may_pass && request.failures.empty();
    if (plain && socket.object->get_send_queue_count() != before + 1) {
        fail("a send was accepted, and is not queued");
    }
    note_taken(socket, {&request});
    if (!request.may_pass) record.bytes.reset();
}

void Stage::hand_over(Slot& slot, const Operation& operation, const Place& place, Record& record,
                      net::Datagram::SendCallback callback) {
    const Call call(*this);
    net::Datagram& object = *slot.object;
    const net::Bytes bytes(std::span<const std::byte>(record.bytes.get(), record.size));
    const Cut cut = cut_of(operation);
    const bool local = slot.model->is_local();
    const auto deliver = [&](net::Payload payload) {
        if (!names_destination(operation)) {
            object.send(std::move(payload), std::move(callback));
        } else if (operation.form == Form::port) {
            object.send(std::move(payload), operation.port, std::move(callback));
        } else if (local) {
            object.send(std::move(payload), place.text, std::move(callback));
        } else if (operation.form == Form::endpoint && !place.name && !place.malformed &&
                   operation.port >= 0 && operation.port <= 65535) {
            object.send(std::move(payload), place.addresses[0], std::move(callback));
        } else {
            object.send(std::move(payload), operation.port, place.text, std::move(callback));
        }
    };
    if (operation.form == Form::part) {
        const std::size_t inside = cut.outside ? 0 : cut.offset + cut.length;
        const std::size_t whole = std::max(inside, static_cast<std::size_t>(operation.number));
        auto block = std::make_unique<std::byte[]>(whole);
        if (!cut.outside) std::copy(bytes.begin(), bytes.end(), block.get() + cut.offset);
        record.bytes = std::move(block);
        const net::Bytes message(std::span<const std::byte>(record.bytes.get(), whole));
        return deliver(net::Payload(message, cut.offset, cut.length));
    }
    if (operation.form == Form::list) {
        const std::size_t half = record.size / 2;
        const net::Bytes parts[] = {bytes.first(half), {}, bytes.subspan(half)};
        return deliver(net::Payload(std::span<const net::Bytes>(parts)));
    }
    if (operation.form == Form::kept) {
        std::vector<std::byte> moved(bytes.begin(), bytes.end());
        record.bytes.reset();
        return deliver(net::Payload(std::move(moved)));
    }
    deliver(net::Payload(bytes));
}

// What is being told is sent on as it is, from its place in the receive arena.
void Stage::echo(Slot& slot, const Operation& operation) {
    Socket& socket = *slot.model;
    if (!message_ || message_socket_ != socket.number) return;
    const bool connected = connection_of(socket).done;
    const net::Address to = connected ? *socket.object->remote_address() : message_->sender;
    const std::int32_t port = socket.is_local() ? 1 : to.port;
    const Verdict verdict = judge_send(socket, nullptr, !connected, port);
    Request& request = ask(socket, Kind::send, operation.callback, verdict);
    request.size = message_->size();
    request.addresses = {to};
    if (request.may_pass) {
        request.destination = written(to);
        rely_on_steps(socket, request, false);
        expect_send(plan_, socket, request.addresses, request);
        expect_full(socket, request.destination, request.size, request);
    }
    Record& record = traffic_.add(socket, request.size, Traffic::content_of(message_->bytes));
    record.bytes.reset();
    request.record = record.number;
    record.accepted = request.may_pass;
    record.to = request.addresses;
    record.literal = true;
    record.asked_at = now(socket.host);
    auto callback = callback_of(socket, operation, request);
    {
        const Call call(*this);
        if (connected) {
            slot.object->send(message_->bytes, std::move(callback));
        } else {
            slot.object->send(message_->bytes, to, std::move(callback));
        }
    }
    note_taken(socket, {&request});
}

}  // namespace swarm
