// What happens to packets at their host: which socket hears them, and what it is told of ICMP.
#include <algorithm>

#include "platform/simulation/state.h"

namespace simulation {

namespace {

using platform::Option;

constexpr std::size_t reports_max = 64;

bool hears_family(const SocketState& socket, Family family) {
    if (socket.family == family) return true;
    return socket.family == Family::ipv6 && family == Family::ipv4 &&
           !socket.option(Option::only_ipv6);
}

bool is_member(const SocketState& socket, const Packet& packet) {
    const Place& source = packet.from.place;
    return std::any_of(
        socket.memberships.begin(), socket.memberships.end(), [&](const Membership& each) {
            if (each.group != packet.to.place || each.interface != packet.at->index) return false;
            return each.sources.empty() ||
                   std::find(each.sources.begin(), each.sources.end(), source) !=
                       each.sources.end();
        });
}

// Whether a socket of the host is a member; that may be enough for the others.
bool has_member(const HostState& host, const Packet& packet) {
    return std::any_of(host.ports.begin(), host.ports.end(), [&](const auto& port) {
        return std::any_of(port.second.begin(), port.second.end(),
                           [&](const SocketState* each) { return is_member(*each, packet); });
    });
}

// How well the socket fits; 0: not at all.
int fit(const SocketState& socket, const Packet& packet) {
    const Place& place = packet.to.place;
    const bool open = is_unspecified(socket.local.place);
    if (!hears_family(socket, place.family)) return 0;
    if (!open && socket.local.place != place) return 0;
    if (socket.connected && !socket.peer.same_as(packet.from)) return 0;
    if (is_multicast(place) && !is_member(socket, packet)) {
        const bool hears_all = socket.option(Option::multicast_all) != 0;
        if (!hears_all || !has_member(*socket.host, packet)) return 0;
    }
    return 1 + (socket.connected ? 4 : 0) + (open ? 0 : 2) + (socket.family == place.family);
}

// Spread by the sender, as a kernel does: one sender's datagrams stay together.
std::size_t share_of(const Name& from, std::size_t count) {
    std::uint64_t seed = from.port;
    for (const std::uint8_t byte : from.place.bytes) seed = seed * 31 + byte;
    return static_cast<std::size_t>(Random(seed).below(count));
}

// The best; of equals the youngest, unless they share the load.
SocketState* best_of(const std::vector<SocketState*>& sockets, const Packet& packet) {
    int best = 0;
    std::vector<SocketState*> equals;
    for (SocketState* socket : sockets) {
        const int how = fit(*socket, packet);
        if (how == 0 || how < best) continue;
        if (how > best) equals.clear();
        best = how;
        equals.push_back(socket);
    }
    if (equals.empty()) return nullptr;
    if (equals.size() == 1 || !equals.back()->option(Option::reuse_port)) return equals.back();
    return equals[share_of(packet.from, equals.size())];
}

// As RFC 792 and RFC 4443 number them.
void number(platform::Report& report, Family family) {
    const bool four = family == Family::ipv4;
    const Code code = report.error.code;
    if (code == Code::message_too_big) {
        report.type = four ? 3 : 2;
        report.code = four ? 4 : 0;
    } else {
        const bool refused = code == Code::connection_refused;
        report.type = four ? 3 : 1;
        report.code = four ? (refused ? 3 : 1) : (refused ? 4 : 3);
    }
}

// A complaint is for whoever sent the datagram; hard errors are told to connected sockets, all of
// them to those who have asked for ICMP.
void tell(HostState& host, const Packet& complaint) {
    const auto found = host.ports.find(complaint.to.port);
    if (complaint.mtu != 0) {
        host.path_mtus[complaint.about.place] =
            std::min(complaint.mtu, path_mtu(host, complaint.about.place));
    }
    if (found == host.ports.end()) return;
    SocketState* addressee = nullptr;
    for (SocketState* socket : found->second) {
        if (!hears_family(*socket, complaint.about.place.family)) continue;
        const bool its_peer = socket->connected && socket->peer.same_as(complaint.about);
        if (its_peer || (!socket->connected && !addressee)) addressee = socket;
    }
    if (!addressee) return;
    SocketState& socket = *addressee;
    const bool asked = socket.option(Option::icmp_errors);
    const bool hard = complaint.code != Code::host_unreachable;
    if (!asked && (!hard || !socket.connected)) return;
    const Endpoint destination = endpoint_of(complaint.about, socket.family);
    host.world->note(What::report, host, &destination, nullptr, 0, platform::name(complaint.code));
    socket.failure = complaint.code;
    if (asked && socket.reports.size() < reports_max) {
        platform::Report report{destination, endpoint_of(complaint.from, socket.family),
                                failed(complaint.code, Operation::receive)};
        report.mtu = complaint.mtu;
        number(report, complaint.about.place.family);
        socket.reports.push_back(report);
    }
    socket.changed();
}

void put(SocketState& socket, Packet* packet) {
    WorldState& world = *socket.world;
    const auto room = static_cast<std::size_t>(socket.option(Option::receive_buffer_size));
    if (!socket.is_local() && socket.received_bytes > room) {
        world.counts.dropped++;
        socket.overflows++;
        world.note(What::full, *socket.host, *packet);
        return world.free(packet);
    }
    world.counts.arrived++;
    if (!socket.is_local()) world.note(What::arrive, *socket.host, *packet);
    packet->arrived = world.now;
    packet->drops = socket.overflows;
    packet->next = nullptr;
    (socket.first ? socket.last->next : socket.first) = packet;
    socket.last = packet;
    socket.packets++;
    socket.received_bytes += packet->bytes.size() + packet_overhead;
    socket.changed();
}

}  // namespace

// A train goes to pieces for whoever has not asked for trains.
void enqueue(SocketState& socket, Packet* packet) {
    const std::size_t step = packet->segment_size;
    const bool whole = step == 0 || socket.option(Option::coalesce);
    if (step >= packet->bytes.size()) packet->segment_size = 0;
    if (whole || packet->segment_size == 0) return put(socket, packet);
    WorldState& world = *socket.world;
    for (std::size_t begin = 0; begin < packet->bytes.size(); begin += step) {
        Packet* const part = world.copy(*packet);
        const std::size_t end = std::min(begin + step, packet->bytes.size());
        part->bytes.assign(packet->bytes.begin() + static_cast<std::ptrdiff_t>(begin),
                           packet->bytes.begin() + static_cast<std::ptrdiff_t>(end));
        part->segment_size = 0;
        put(socket, part);
    }
    world.free(packet);
}

void deliver(HostState& host, Packet* packet) {
    WorldState& world = *host.world;
    if (packet->kind == Packet::Kind::complaint) {
        tell(host, *packet);
        return world.free(packet);
    }
    if (is_link_local(packet->from.place)) packet->from.scope = packet->at->index;
    const auto found = host.ports.find(packet->to.port);
    if (is_multicast(packet->to.place) || is_broadcast(packet->to.place)) {
        if (found != host.ports.end()) {
            for (SocketState* socket : found->second) {
                if (fit(*socket, *packet)) enqueue(*socket, world.copy(*packet));
            }
        }
        return world.free(packet);
    }
    SocketState* const socket =
        found == host.ports.end() ? nullptr : best_of(found->second, *packet);
    if (socket) return enqueue(*socket, packet);
    world.counts.dropped++;
    complain(host, *packet, Code::connection_refused);
    world.free(packet);
}

void arrive(WorldState& world, Packet* packet) {
    if (packet->kind == Packet::Kind::departure) {
        SocketState* const sender = registry().find(packet->handle, packet->serial);
        if (sender) {
            sender->sending_bytes -= packet->size;
            sender->changed();
        }
        return world.free(packet);
    }
    HostState& host = *packet->at->host;
    if (!packet->at->up) {
        world.counts.dropped++;
        world.note(What::nobody, host, *packet, "interface is down");
        return world.free(packet);
    }
    if (host.nat) {
        const bool from_inside = packet->at->network == host.inside;
        const bool taken = from_inside ? translate_outward(host, packet)
                                       : translate_inward(host, packet);
        if (taken) return;
    }
    deliver(host, packet);
}

}  // namespace simulation
