// send_many(): as many sends as there are datagrams, which all have their outcomes, and one
// callback when the last of them has. They are of one size, so that the sums can be checked.
#include <algorithm>

#include "tests/simulation/swarm/stage.h"

namespace swarm {

namespace {

using Kind = Request::Kind;

constexpr std::size_t datagrams_max = 100;
constexpr std::size_t size_of_each = 17;

std::size_t count_of(const Operation& operation) {
    return static_cast<std::size_t>(operation.number) % (datagrams_max + 1);
}

}  // namespace

void Stage::send_many(Slot& slot, const Operation& operation) {
    Socket& socket = *slot.model;
    const std::size_t count = count_of(operation);
    const std::size_t queued = socket.object->get_send_queue_count();
    const std::size_t bytes = socket.object->get_send_queue_size();
    const bool tight = queued + count > socket.plan.datagrams_max ||
                       bytes + count * size_of_each > socket.plan.bytes_max;
    // What becomes of steps while room is made, in the midst of the call, is nobody's to know.
    if (tight && (binding_of(socket).asked || connection_of(socket).asked)) return;
    const bool named = operation.form != Form::plain;
    Place place = place_of(plan_, socket.plan, operation.target, operation.port);
    if (place.name || place.malformed || place.addresses.empty()) {
        place = place_of(plan_, socket.plan, Target::none, operation.port);
    }
    if (operation.port < 0 || operation.port > 65535) return;  // No endpoint has such a port.
    const std::size_t group = groups_.size();
    groups_.emplace_back().socket = socket.number;
    const std::size_t first = traffic_.all().size();
    ask_many(socket, operation, place, named, group);
    std::vector<net::Bytes> datagrams;
    std::vector<net::Addressed> addressed;
    for (std::size_t i = 0; i < count; i++) {
        const Record& record = traffic_.all()[first + i];
        datagrams.emplace_back(std::span<const std::byte>(record.bytes.get(), record.size));
        if (named) addressed.push_back({datagrams.back(), place.addresses[0]});
    }
    net::Datagram::SendManyCallback callback;
    if (operation.callback) {
        callback = [this, group](const net::Failure& failure, std::size_t sent, std::size_t size) {
            told_many(group, failure, sent, size);
        };
    }
    const bool spelled_out = operation.form == Form::list || operation.form == Form::options;
    {
        const Call call(*this);
        net::Datagram& object = *slot.object;
        if (!named) {
            object.send_many(datagrams, std::move(callback));
        } else if (spelled_out) {
            object.send_many(addressed, std::move(callback));
        } else {
            object.send_many(datagrams, place.addresses[0], std::move(callback));
        }
    }
    note_taken(socket, groups_[group].requests);
    for (std::size_t i = 0; i < count; i++) {
        Record& record = traffic_.all()[first + i];
        if (!record.accepted) record.bytes.reset();
    }
}

void Stage::ask_many(Socket& socket, const Operation& operation, const Place& place, bool named,
                     std::size_t group) {
    const std::size_t count = count_of(operation);
    const Steps connection = connection_of(socket);
    std::vector<net::Address> to = place.addresses;
    if (!named) to = peers_to_come(socket);
    bool all_refused = true;
    for (std::size_t i = 0; i < count; i++) {
        const std::int32_t port = socket.is_local() ? 1 : operation.port;
        const Verdict verdict = judge_send(socket, nullptr, named, port);
        ask_implicit_bind(socket, verdict);
        Request& request = ask(socket, Kind::send, operation.callback, verdict);
        request.many = operation.callback;
        // Their refusals have no outcome of their own, which would be prompt.
        if (operation.callback) std::erase(nodes_[socket.host].prompt, &request);
        request.size = size_of_each;
        request.addresses = to;
        if (request.may_pass) {
            all_refused = false;
            rely_on_steps(socket, request, !named);
            expect_send(plan_, socket, to, request);
            expect_full(socket, to.size() == 1 ? written(to[0]) : "", size_of_each, request, i);
            if (request.may_overflow && operation.callback) socket.refused_max++;
        }
        Record& record = traffic_.add(socket, size_of_each);
        request.record = record.number;
        record.accepted = request.may_pass;
        record.to = to;
        record.literal = named || connection.done;
        record.asked_at = now(socket.host);
        groups_[group].requests.push_back(&request);
    }
    if (!operation.callback) return;
    Request& end = ask(socket, Kind::other, true, {});
    end.many = true;
    groups_[group].requests.push_back(&end);
    if (all_refused) owe(socket, end);
}

void Stage::told_many(std::size_t index, const net::Failure& first, std::size_t sent,
                      std::size_t bytes) {
    Many& group = groups_[index];
    Socket& socket = sockets_[group.socket];
    const std::string text = first.text();
    if (!enter(Moment::sent, &socket, socket.host, "many, " + std::to_string(sent) + " " + text)) {
        return;
    }
    if (std::exchange(group.told, true)) fail("a second outcome of one send_many");
    const std::size_t count = group.requests.size() - 1;
    const Request& end = *group.requests.back();
    check_turn(socket, end);
    if (socket.close_told && !end.closing) fail("an outcome after 'close'");
    std::size_t sent_max = 0;
    bool explained = text.empty();
    for (Request* each : group.requests) {
        if (each == &end) continue;
        if (each->dropped) fail("an outcome of a request that was closed or destroyed");
        sent_max += each->may_pass && each->may_succeed;
        const bool closed = !socket.open() && (text.starts_with("send ETIMEDOUT") ||
                                               text.starts_with("send ECANCELED"));
        explained = explained || closed || may_fail_with(*each, text);
    }
    if (sent > sent_max) fail("send_many sent more than it could");
    if (bytes != sent * size_of_each) fail("send_many said the wrong number of bytes");
    if (text.empty() != (sent == count)) fail("send_many failed, and sent all; or neither");
    if (!explained) fail("send_many came to '" + text + "', which none of its sends could");
    for (Request* each : group.requests) {
        each->told = true;
        std::erase(nodes_[socket.host].prompt, each);
        if (each == &end) continue;
        Record& record = traffic_.at(each->record);
        record.bytes.reset();
        record.succeeded = sent == count;
        record.failed = sent == 0;
    }
    leave(Moment::sent, socket.host);
}

}  // namespace swarm
