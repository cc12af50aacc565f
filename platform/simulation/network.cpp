// How packets travel: by which interface, to whom, and what a path does to them on the way.
// Within a host they arrive at once, as on a real loopback interface.
#include <algorithm>

#include "platform/simulation/state.h"

namespace simulation {

namespace {

constexpr std::size_t udp_header = 8;
constexpr std::uint32_t interface_mtu = 1500;  // Linux's usual; a path's may be less, or more.
constexpr std::uint32_t loopback_mtu = 65536;

const Path& path_of(const WorldState& world, const PathState& state) {
    return state.path ? *state.path : world.options.path;
}

std::size_t header_of(const Packet& packet) { return simulation::header_of(packet.to.place); }

std::size_t fragments_of(const Packet& packet, const Path& path) {
    const std::size_t header = header_of(packet);
    const std::size_t payload = packet.bytes.size() + udp_header;
    const std::size_t room = path.mtu > header + 8 ? (path.mtu - header) / 8 * 8 : 8;
    return payload + header <= path.mtu ? 1 : (payload + room - 1) / room;
}

// A fragment is a packet of its own to whatever loses packets.
bool is_lost(WorldState& world, const Path& path, std::size_t fragments) {
    for (std::size_t i = 0; i < fragments; i++) {
        if (world.random.happens(path.loss)) return true;
    }
    return false;
}

// When the last bit has left, or `never` when the queue has no room.
Time departure_of(WorldState& world, PathState& state, std::size_t size) {
    const Path& path = path_of(world, state);
    if (path.bandwidth == 0) return world.now;
    constexpr std::uint64_t second = 1'000'000'000;
    const Time begin = std::max(world.now, state.free_at);
    const auto waiting = static_cast<std::uint64_t>(begin - world.now);
    // In parts, so that no product overflows.
    const std::uint64_t queued = waiting / second * path.bandwidth +
                                 waiting % second / 1000 * path.bandwidth / (second / 1000);
    if (path.queue != 0 && queued + size > path.queue) return never;
    state.free_at = begin + static_cast<Time>(size * second / path.bandwidth);
    return state.free_at;
}

Time arrival_of(WorldState& world, PathState& state, Packet& packet, Time departure) {
    const Path& path = path_of(world, state);
    const Time jitter = static_cast<Time>(
        world.random.below(static_cast<std::uint64_t>(std::max<Time>(path.jitter.count(), 0))));
    const Time arrival = departure + path.delay.count() + jitter;
    if (path.reorder > 0 && world.random.happens(path.reorder)) {
        world.counts.reordered++;
        world.note(What::reorder, *packet.at->host, packet);
        return arrival + path.reorder_delay.count();
    }
    state.last_arrival = std::max(arrival, state.last_arrival);
    return state.last_arrival;
}

// The sender's buffer is taken until the bytes have left.
void occupy(WorldState& world, SocketState& sender, std::size_t size, Time until) {
    if (until <= world.now) return;
    Packet* const departure = world.make();
    departure->kind = Packet::Kind::departure;
    departure->handle = sender.handle;
    departure->serial = sender.serial;
    departure->size = size;
    sender.sending_bytes += size;
    world.plan(until, Event::Kind::packet, departure);
}

// Nobody has this address, which the sender's own network finds out.
void complain_of_nobody(Interface& out, const Packet& about) {
    WorldState& world = *out.host->world;
    world.note(What::nobody, *out.host, about);
    world.counts.dropped++;
    if (about.kind != Packet::Kind::datagram) return;
    Packet* const complaint = world.make();
    complaint->kind = Packet::Kind::complaint;
    complaint->from.place = about.from.place;
    complaint->to = about.from;
    complaint->about = about.to;
    complaint->code = Code::host_unreachable;
    complaint->at = &out;
    world.plan(world.now + 2 * world.options.path.delay.count(), Event::Kind::packet, complaint);
}

void spread(HostState& host, Interface& out, Packet* packet, bool hears_itself) {
    WorldState& world = *host.world;
    if (hears_itself) {
        Packet* const twin = world.copy(*packet);
        twin->at = &out;
        deliver(host, twin);
    }
    if (out.network && packet->hop_limit > 0) {
        for (Interface* each : out.network->interfaces) {
            if (each != &out) carry(out, *each, world.copy(*packet), nullptr);
        }
    }
    world.free(packet);
}

Error unreachable(WorldState& world, Packet* packet) {
    world.free(packet);
    return failed(Code::network_unreachable, Operation::send);
}

Interface* exit_for(HostState& host, const Packet& packet, std::uint32_t wanted) {
    if (wanted != 0) return host.interface_at(wanted);
    Interface* const own = host.interface_of(packet.from.place);
    if (own && own->network) return own;
    return host.first_outward(packet.to.place.family);
}

}  // namespace

std::size_t header_of(const Place& destination) {
    return destination.family == Family::ipv4 ? 20 : 40;
}

// What is believed of it: as long as nobody complains, an interface's own.
std::uint32_t path_mtu(HostState& host, const Place& destination) {
    if (host.owns(destination)) return loopback_mtu;
    const auto known = host.path_mtus.find(destination);
    return known == host.path_mtus.end() ? interface_mtu : known->second;
}

void carry(Interface& from, Interface& to, Packet* packet, SocketState* sender) {
    WorldState& world = *from.host->world;
    const auto lose = [&](What why, std::uint64_t& count) {
        count++;
        world.note(why, *from.host, *packet);
        world.free(packet);
    };
    packet->at = &to;
    if (!world.cuts.empty() && world.is_cut(*from.host, *to.host)) {
        return lose(What::cut, world.counts.dropped);
    }
    PathState& state = world.path_between(*from.host, *to.host);
    const Path& path = path_of(world, state);
    const std::size_t fragments = fragments_of(*packet, path);
    if (fragments > 1 && (packet->uncut || !path.fragments)) {
        complain(*to.host, *packet, Code::message_too_big, path.mtu);
        return lose(What::too_big, world.counts.dropped);
    }
    const std::size_t size = packet->bytes.size() + udp_header + header_of(*packet) * fragments;
    const Time departure = departure_of(world, state, size);
    if (departure == never) return lose(What::overflow, world.counts.dropped);
    if (sender) occupy(world, *sender, packet->bytes.size(), departure);
    if (is_lost(world, path, fragments)) return lose(What::lose, world.counts.lost);
    if (path.duplicate > 0 && world.random.happens(path.duplicate)) {
        world.counts.duplicated++;
        world.note(What::duplicate, *from.host, *packet);
        Packet* const twin = world.copy(*packet);
        world.plan(arrival_of(world, state, *twin, departure), Event::Kind::packet, twin);
    }
    world.plan(arrival_of(world, state, *packet, departure), Event::Kind::packet, packet);
}

Error transmit(HostState& host, Packet* packet, SocketState* sender, std::uint32_t wanted) {
    WorldState& world = *host.world;
    const Place& to = packet->to.place;
    if (is_multicast(to) || is_broadcast(to)) {
        if (wanted == 0 && sender && is_multicast(to)) wanted = sender->multicast_interface;
        if (is_loopback(to)) wanted = loopback_index;  // 127.255.255.255
        Interface* const out = wanted ? host.interface_at(wanted) : host.first_outward(to.family);
        if (!out || !out->up) return unreachable(world, packet);
        const bool echo = is_broadcast(to) || !sender ||
                          sender->option(platform::Option::multicast_loopback);
        spread(host, *out, packet, echo);
        return {};
    }
    if (host.owns(to)) {
        packet->at = &host.interfaces.front();
        deliver(host, packet);
        return {};
    }
    Interface* const out = exit_for(host, *packet, wanted);
    if (!out || !out->up || !out->network) return unreachable(world, packet);
    Network& network = *out->network;
    const auto found = network.places.find(to);
    if (found != network.places.end()) {
        carry(*out, *found->second, packet, sender);
    } else if (network.gateway && network.gateway != &host && to.family == Family::ipv4) {
        carry(*out, *network.exit, packet, sender);
    } else {
        complain_of_nobody(*out, *packet);
        world.free(packet);
    }
    return {};
}

// ICMP: never about ICMP, nor about what went to many.
void complain(HostState& offender, const Packet& about, Code why, std::uint32_t mtu) {
    const bool to_many = is_multicast(about.to.place) || is_broadcast(about.to.place);
    if (about.kind != Packet::Kind::datagram || to_many) return;
    WorldState& world = *offender.world;
    Packet* const complaint = world.make();
    complaint->kind = Packet::Kind::complaint;
    complaint->from = {about.to.place, 0, 0};
    if (!offender.owns(about.to.place) && about.at && !about.at->places.empty()) {
        complaint->from.place = about.at->places.front();
    }
    complaint->to = about.from;
    complaint->about = about.to;
    complaint->code = why;
    complaint->mtu = mtu;
    world.note(What::refuse, offender, *complaint, platform::name(why));
    (void)transmit(offender, complaint, nullptr, 0);
}

}  // namespace simulation
