// Network address translation (RFC 4787): those inside share the gateway's address, each of their
// ports appears as one of its own, and nothing comes in that was not asked for.
#include <algorithm>

#include "platform/simulation/state.h"

namespace simulation {

namespace {

using Mapping = NatState::Mapping;

constexpr std::uint16_t first_port = 20'000;

void drop(HostState& gateway, Packet* packet, What why, std::string_view text = {}) {
    gateway.world->counts.dropped++;
    gateway.world->note(why, gateway, *packet, text);
    gateway.world->free(packet);
}

bool has_expired(const NatState& nat, const Mapping& mapping, Time now) {
    return now - mapping.used > nat.rules.lifetime.count();
}

NatState::Key key_of(const NatState& nat, const Name& inside, const Name& to) {
    if (nat.rules.endpoint_independent) return {inside.place, inside.port, {}, 0};
    return {inside.place, inside.port, to.place, to.port};
}

// Ports are given out in turn; one whose mapping has expired is free again.
std::uint16_t unused_port(NatState& nat, Time now) {
    for (int tries = 65536 - first_port; tries > 0; tries--) {
        if (nat.next_port < first_port) nat.next_port = first_port;
        const std::uint16_t port = nat.next_port++;
        const auto found = nat.mappings.find(port);
        if (found == nat.mappings.end()) return port;
        if (!has_expired(nat, found->second, now)) continue;
        nat.ports.erase(key_of(nat, found->second.inside, found->second.to));
        nat.mappings.erase(found);
        return port;
    }
    return 0;
}

// The mapping for what leaves, made if need be; null when no port is left.
Mapping* mapping_for(HostState& gateway, const Packet& packet) {
    NatState& nat = *gateway.nat;
    const Time now = gateway.world->now;
    const NatState::Key key = key_of(nat, packet.from, packet.to);
    const auto known = nat.ports.find(key);
    if (known != nat.ports.end()) {
        Mapping& mapping = nat.mappings[known->second];
        if (!has_expired(nat, mapping, now)) return &mapping;
        nat.mappings.erase(known->second);
        nat.ports.erase(known);
    }
    const std::uint16_t port = unused_port(nat, now);
    if (port == 0) return nullptr;
    nat.ports[key] = port;
    Mapping& mapping = nat.mappings[port];
    mapping.inside = packet.from;
    mapping.to = packet.to;
    mapping.port = port;
    return &mapping;
}

bool lets_in(const NatState& nat, const Mapping& mapping, const Name& from) {
    switch (nat.rules.filter) {
        case Nat::Filter::none: return true;
        case Nat::Filter::address_and_port:
            return mapping.contacted.contains({from.place, from.port});
        case Nat::Filter::address: break;
    }
    const auto first = mapping.contacted.lower_bound({from.place, 0});
    return first != mapping.contacted.end() && first->first.first == from.place;
}

}  // namespace

bool translate_outward(HostState& gateway, Packet* packet) {
    NatState& nat = *gateway.nat;
    WorldState& world = *gateway.world;
    const Place& to = packet->to.place;
    const bool to_itself = gateway.owns(to) && to != nat.outside;
    if (to_itself || is_multicast(to) || is_broadcast(to)) return false;
    if (packet->kind == Packet::Kind::complaint) {  // About what came in.
        drop(gateway, packet, What::filter, "ICMP");
        return true;
    }
    const bool back_inside = to == nat.outside;
    if (back_inside && !nat.rules.hairpin) {
        drop(gateway, packet, What::filter, "hairpin");
        return true;
    }
    if (--packet->hop_limit <= 0) {
        drop(gateway, packet, What::filter, "hop limit");
        return true;
    }
    Mapping* const mapping = mapping_for(gateway, *packet);
    if (!mapping) {
        drop(gateway, packet, What::filter, "no port left");
        return true;
    }
    mapping->used = world.now;
    mapping->contacted[{to, packet->to.port}] = world.now;
    packet->from = {nat.outside, mapping->port, 0};
    world.note(What::translate, gateway, *packet);
    if (back_inside) return translate_inward(gateway, packet);
    // Nobody to tell when there is no way out: a router's ICMP would come back in here.
    (void)transmit(gateway, packet, nullptr, 0);
    return true;
}

// What is for no mapping is for the gateway's own sockets.
bool translate_inward(HostState& gateway, Packet* packet) {
    NatState& nat = *gateway.nat;
    WorldState& world = *gateway.world;
    if (packet->to.place != nat.outside) return false;
    const auto found = nat.mappings.find(packet->to.port);
    if (found == nat.mappings.end()) {
        if (gateway.ports.contains(packet->to.port)) return false;
        drop(gateway, packet, What::filter, "no mapping");
        return true;
    }
    const Mapping& mapping = found->second;
    const bool complaint = packet->kind == Packet::Kind::complaint;
    const bool wanted = complaint || lets_in(nat, mapping, packet->from);
    if (has_expired(nat, mapping, world.now) || !wanted) {
        drop(gateway, packet, What::filter, wanted ? "expired" : "not asked for");
        return true;
    }
    packet->to = mapping.inside;
    if (!complaint && --packet->hop_limit <= 0) {
        drop(gateway, packet, What::filter, "hop limit");
        return true;
    }
    world.note(What::translate, gateway, *packet);
    const auto target = gateway.inside->places.find(packet->to.place);
    if (target == gateway.inside->places.end()) {
        drop(gateway, packet, What::nobody);
    } else {
        carry(*gateway.inside->exit, *target->second, packet, nullptr);
    }
    return true;
}

}  // namespace simulation
