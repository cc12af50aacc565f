// Sending and receiving: what the local stack refuses, and what a receiver is told.
#include <algorithm>

#include "platform/simulation/state.h"

namespace simulation {

namespace {

using platform::Incoming;
using platform::Option;
using platform::Outgoing;
using platform::PacketInfo;

constexpr std::size_t parts_max = 1024;
constexpr std::size_t batch_max = 32;
constexpr std::size_t segments_max = 64;
constexpr Time epoch = 1'767'225'600'000'000'000;  // 2026-01-01, when worlds begin.

// ---- Sending -------------------------------------------------------------------------------

std::size_t size_of(const Outgoing& outgoing) {
    std::size_t size = 0;
    for (const auto& part : outgoing.parts) size += part.size();
    return size;
}

// What is wrong with a datagram before anybody asks where it goes.
Code judge_size(const Outgoing& outgoing, Family family) {
    const std::size_t size = size_of(outgoing);
    const std::size_t most = family == Family::ipv6 ? 65527 : 65507;
    if (outgoing.parts.size() > parts_max || size > most) return Code::message_too_big;
    if (size > outgoing.segment_size * segments_max && outgoing.segment_size != 0) {
        return Code::invalid_argument;
    }
    return Code::ok;
}

Code judge_destination(const SocketState& socket, const Endpoint& peer, const Name& to) {
    if (peer.family == Family::none) return Code::family_not_supported;
    if (peer.family != socket.family) return Code::family_not_supported;
    const bool four = to.place.family == Family::ipv4;
    if (socket.family == Family::ipv6 && four && socket.option(Option::only_ipv6)) {
        return Code::network_unreachable;
    }
    if (to.port == 0) return Code::invalid_argument;
    if (is_broadcast(to.place) && !socket.option(Option::broadcast)) return Code::access_denied;
    if (is_link_local(to.place) && to.scope == 0) return Code::invalid_argument;
    return Code::ok;
}

// Longer than anything that gets there uncut. Whoever hears of ICMP is told how long that is.
bool is_too_long(SocketState& socket, const Outgoing& outgoing, const Name& to) {
    if (!socket.option(Option::dont_fragment)) return false;
    const std::size_t step = outgoing.segment_size;
    const std::size_t size = step ? std::min(step, size_of(outgoing)) : size_of(outgoing);
    const std::uint32_t mtu = path_mtu(*socket.host, to.place);
    if (size + 8 + header_of(to.place) <= mtu) return false;
    if (socket.option(Option::icmp_errors)) {
        platform::Report report;
        report.destination = endpoint_of(to, socket.family);
        report.error = failed(Code::message_too_big, Operation::receive);
        report.mtu = mtu;
        socket.reports.push_back(report);
        socket.changed();
    }
    return true;
}

// The address that a datagram comes from: wanted, bound, or on the way to its destination.
Code choose_source(SocketState& socket, Packet& packet, const PacketInfo* info,
                   std::uint32_t interface_index) {
    HostState& host = *socket.host;
    const Place& to = packet.to.place;
    packet.from.port = socket.local.port;
    packet.from.place = socket.local.place;
    if (info && info->local.family != Family::none) {
        const Place wanted = place_of(info->local);
        if (info->local.family == Family::local) return Code::invalid_argument;
        if (!is_unspecified(wanted) && wanted.family != to.family) return Code::invalid_argument;
        if (!is_unspecified(wanted)) packet.from.place = wanted;
        if (!is_unspecified(wanted) && !host.owns(wanted)) return Code::invalid_argument;
    }
    const bool fits = packet.from.place.family == to.family && !is_unspecified(packet.from.place) &&
                      !is_multicast(packet.from.place) && !is_broadcast(packet.from.place);
    const bool many = is_multicast(to) || is_broadcast(to);
    if (fits) {
        const bool stays = host.owns(to) || (many && interface_index == loopback_index);
        return is_loopback(packet.from.place) && !stays && !many ? Code::invalid_argument
                                                                 : Code::ok;
    }
    if (host.owns(to)) {
        packet.from.place = is_loopback(to) && to.family == Family::ipv4
                                ? place_of(Address("127.0.0.1")) : to;
        return Code::ok;
    }
    const Interface* const out =
        interface_index ? host.interface_at(interface_index) : host.first_outward(to.family);
    if (!out) return interface_index ? Code::no_such_device : Code::network_unreachable;
    for (const Place& place : out->places) {
        if (place.family != to.family) continue;
        packet.from.place = place;
        return Code::ok;
    }
    return Code::network_unreachable;
}

Code take_failure(SocketState& socket) {
    const Code code = socket.failure;
    socket.failure = Code::ok;
    if (code != Code::ok) socket.changed();
    return code;
}

void gather(const Outgoing& outgoing, Packet& packet) {
    for (const auto& part : outgoing.parts) {
        packet.bytes.insert(packet.bytes.end(), part.begin(), part.end());
    }
}

// As one packet, or on a network as many as the train has segments.
Error depart(SocketState& socket, Packet* packet, std::size_t step, std::uint32_t interface_index) {
    WorldState& world = *socket.world;
    const bool train = step != 0 && step < packet->bytes.size();
    if (train && socket.host->owns(packet->to.place)) {
        packet->segment_size = static_cast<std::uint16_t>(step);
        world.counts.sent += (packet->bytes.size() + step - 1) / step;
    }
    if (!train || packet->segment_size != 0) {
        if (!train) world.counts.sent++;
        return transmit(*socket.host, packet, &socket, interface_index);
    }
    Error error;
    for (std::size_t begin = 0; begin < packet->bytes.size() && !error; begin += step) {
        Packet* const part = world.copy(*packet);
        const std::size_t end = std::min(begin + step, packet->bytes.size());
        part->bytes.assign(packet->bytes.begin() + static_cast<std::ptrdiff_t>(begin),
                           packet->bytes.begin() + static_cast<std::ptrdiff_t>(end));
        world.counts.sent++;
        error = transmit(*socket.host, part, &socket, interface_index);
    }
    world.free(packet);
    return error;
}

Error send_internet(SocketState& socket, const Outgoing& outgoing) {
    const auto refused = [](Code code) { return failed(code, Operation::send); };
    if (const Code code = judge_size(outgoing, socket.family); code != Code::ok) {
        return refused(code);
    }
    if (!outgoing.peer && !socket.connected) return refused(Code::destination_required);
    Name to = outgoing.peer ? name_of(*outgoing.peer) : socket.peer;
    if (outgoing.peer) {
        const Code code = judge_destination(socket, *outgoing.peer, to);
        if (code != Code::ok) return refused(code);
    }
    if (is_unspecified(to.place)) {
        to.place = place_of(Address(to.place.family == Family::ipv4 ? "127.0.0.1" : "::1"));
    }
    if (const Code code = take_failure(socket); code != Code::ok) return refused(code);
    if (!socket.writable()) return refused(Code::would_block);
    if (is_too_long(socket, outgoing, to)) return refused(Code::message_too_big);
    if (socket.local.port == 0) {
        if (const Error error = choose_port(socket, Operation::send)) return error;
    }
    WorldState& world = *socket.world;
    const PacketInfo* const info = outgoing.info;
    std::uint32_t interface_index = info ? info->interface_index : 0;
    const bool many = is_multicast(to.place);
    if (interface_index == 0 && many) interface_index = socket.multicast_interface;
    if (interface_index == 0 && is_link_local(to.place)) interface_index = to.scope;
    Packet* const packet = world.make();
    packet->to = to;
    const Code code = choose_source(socket, *packet, info, interface_index);
    if (code != Code::ok) {
        world.free(packet);
        return refused(code);
    }
    gather(outgoing, *packet);
    packet->uncut = socket.option(Option::dont_fragment);
    const Option hops = many ? Option::multicast_hop_limit : Option::hop_limit;
    packet->hop_limit = static_cast<std::int16_t>(socket.option(hops));
    if (info && info->hop_limit >= 0) packet->hop_limit = info->hop_limit;
    if (info && info->traffic_class >= 0) packet->traffic_class = info->traffic_class;
    world.note(What::send, *socket.host, *packet);
    world.trace.add_bytes(packet->bytes);
    return depart(socket, packet, outgoing.segment_size, interface_index);
}

// ---- Receiving -----------------------------------------------------------------------------

void fill_info(const SocketState& socket, const Packet& packet, PacketInfo& info) {
    info = PacketInfo{};
    info.local.family = Family::none;
    info.local.size = 0;
    if (!socket.option(Option::packet_info)) return;
    info.timestamp = epoch + packet.arrived - beginning + socket.host->wall_ahead;
    if (socket.is_local()) return;
    Name to = packet.to;
    to.port = 0;
    to.scope = is_link_local(to.place) ? packet.at->index : 0;
    info.local = endpoint_of(to, socket.family);
    info.interface_index = packet.at->index;
    info.hop_limit = packet.hop_limit;
    info.traffic_class = packet.traffic_class;
    info.to_many = is_multicast(packet.to.place) || is_broadcast(packet.to.place);
    info.drops = packet.drops;
}

void fill(const SocketState& socket, const Packet& packet, Incoming& incoming) {
    incoming.size = std::min(packet.bytes.size(), incoming.buffer.size());
    std::copy_n(packet.bytes.begin(), incoming.size, incoming.buffer.begin());
    incoming.truncated = packet.bytes.size() > incoming.size;
    incoming.segment_size = packet.segment_size;
    incoming.peer = socket.is_local() ? endpoint_of_path(packet.sender_path)
                                      : endpoint_of(packet.from, socket.family);
    if (incoming.info && !incoming.bare) fill_info(socket, packet, *incoming.info);
}

void take_first(SocketState& socket) {
    Packet* const packet = socket.first;
    socket.first = packet->next;
    socket.packets--;
    socket.received_bytes -= packet->bytes.size() + packet_overhead;
    socket.world->free(packet);
    if (socket.is_local()) made_room(socket);
}

}  // namespace

}  // namespace simulation

namespace platform {

using simulation::Fault;
using simulation::Site;
using simulation::SocketState;
using simulation::Verdict;
using simulation::failed;
using simulation::registry;

// Nobody packs anything: nothing of a PacketInfo has the form of a system.
struct PacketCodec {};
const PacketCodec packet_codec{};

Result<std::size_t> receive(Socket handle, std::span<Incoming> incoming) {
    if (incoming.empty()) return failed(Code::invalid_argument, Operation::receive);
    SocketState* const socket = registry().find(handle.handle);
    if (!socket) return failed(Code::bad_descriptor, Operation::receive);
    socket->world->questions = 0;
    const Verdict verdict = judge(*socket->host, Site::receive, Operation::receive);
    if (verdict) return verdict.error;
    const Code failure = simulation::take_failure(*socket);
    if (failure != Code::ok) return failed(failure, Operation::receive);
    std::size_t count = 0;
    const bool one = verdict.lie == Fault::Kind::short_count;
    const std::size_t most = one ? 1 : std::min(incoming.size(), simulation::batch_max);
    while (count < most && socket->first) {
        Incoming& each = incoming[count++];
        simulation::fill(*socket, *socket->first, each);
        simulation::take_first(*socket);
        if (verdict.lie == Fault::Kind::truncated) each.truncated = true;
        if (verdict.lie == Fault::Kind::nameless) each.peer = {};
    }
    if (count == 0) return failed(Code::would_block, Operation::receive);
    return count;
}

Result<std::size_t> send(Socket handle, std::span<const Outgoing> outgoing) {
    SocketState* const socket = registry().find(handle.handle);
    if (!socket) return failed(Code::bad_descriptor, Operation::send);
    if (outgoing.empty()) return failed(Code::invalid_argument, Operation::send);
    socket->world->questions = 0;
    const Verdict verdict = judge(*socket->host, Site::send, Operation::send);
    if (verdict) return verdict.error;
    const bool one = verdict.lie == Fault::Kind::short_count;
    std::size_t done = 0;
    for (const Outgoing& each : one ? outgoing.first(1) : outgoing) {
        if (done > 0 && socket->failure != Code::ok) break;  // Asking again tells it.
        const Error error = socket->is_local() ? simulation::send_local(*socket, each)
                                               : simulation::send_internet(*socket, each);
        if (error && done == 0) return error;
        if (error) break;
        done++;
    }
    return done;
}

Segmentation segmentation(Poller& poller) {
    const Verdict verdict =
        judge(*simulation::watcher_of(poller).host, Site::segmentation, Operation::send);
    if (verdict.lie == Fault::Kind::nothing) return {};
    const bool loopback = verdict.lie == Fault::Kind::loopback;
    return {static_cast<std::uint16_t>(simulation::segments_max), loopback};
}

Result<std::size_t> receive_errors(Socket handle, std::span<Report> reports) {
    SocketState* const socket = registry().find(handle.handle);
    if (!socket) return failed(Code::bad_descriptor, Operation::receive);
    const Verdict verdict = judge(*socket->host, Site::receive_errors, Operation::receive);
    if (verdict) return verdict.error;
    if (verdict.lie == Fault::Kind::nothing) return std::size_t{0};
    if (verdict.lie == Fault::Kind::short_count) reports = reports.first(1);
    std::size_t count = 0;
    while (count < reports.size() && !socket->reports.empty()) {
        reports[count++] = socket->reports.front();
        socket->reports.pop_front();
    }
    if (count > 0) {  // As on Linux: the error of the next report stands, or none.
        socket->failure =
            socket->reports.empty() ? Code::ok : socket->reports.front().error.code;
        socket->changed();
    }
    return count;
}

}  // namespace platform
