// What is due, and when: a heap of events, told apart by the order in which they were planned.
#include <algorithm>

#include "platform/simulation/state.h"
#include "platform/simulation/text.h"

namespace simulation {

WorldState::WorldState(Options wanted)
    : options(std::move(wanted)), random(options.seed), trace(options.trace) {
    networks.emplace_back();
}

WorldState::~WorldState() = default;

void WorldState::plan(Time at, Event::Kind kind, Packet* packet, std::uint64_t id) {
    events.push_back({std::max(at, now), sequence++, kind, packet, id});
    std::push_heap(events.begin(), events.end());
}

void WorldState::run_due() {
    while (!events.empty() && events.front().at <= now) {
        const Event event = events.front();
        std::pop_heap(events.begin(), events.end());
        events.pop_back();
        run(event);
    }
}

void WorldState::run(const Event& event) {
    switch (event.kind) {
        case Event::Kind::packet: return arrive(*this, event.packet);
        case Event::Kind::job_starts: return start_work(*this, event.id);
        case Event::Kind::job_ends: return end_work(*this, event.id);
        case Event::Kind::script: break;
    }
    const auto found = scripts.find(event.id);
    if (found == scripts.end()) return;
    const std::function<void()> function = std::move(found->second);
    scripts.erase(found);
    scripts_run++;
    function();
}

void WorldState::advance(Time to) {
    now = std::max(now, to);
    questions = 0;
}

// ---- Packets -----------------------------------------------------------------------------------

Packet* WorldState::make() {
    Packet* packet = unused;
    if (packet) {
        unused = packet->next;
    } else {
        packet = &packets.emplace_back();
    }
    std::vector<std::byte> room = std::move(packet->bytes);
    room.clear();
    *packet = Packet{};
    packet->bytes = std::move(room);
    return packet;
}

Packet* WorldState::copy(const Packet& packet) {
    Packet* const twin = make();
    *twin = packet;
    twin->next = nullptr;
    return twin;
}

void WorldState::free(Packet* packet) {
    packet->next = unused;
    unused = packet;
}

// ---- Hosts -------------------------------------------------------------------------------------

Interface& WorldState::add_interface(HostState& host, std::string_view name, Network* network,
                                     const std::vector<Place>& places) {
    Interface& interface = host.interfaces.emplace_back();
    interface.host = &host;
    interface.index = static_cast<std::uint32_t>(host.interfaces.size());
    interface.name = name;
    interface.places = places;
    interface.network = network;
    if (!network) return interface;
    for (const Place& place : places) {
        if (!network->places.emplace(place, &interface).second) {
            platform::abandon("simulation: " + std::string(name) + " of " + host.name +
                              ": another host of the network has the address " +
                              host_text(endpoint_of({place}, Family::none)));
        }
    }
    network->interfaces.push_back(&interface);
    return interface;
}

HostState& WorldState::add_host(std::string_view name, Network& network,
                                const std::vector<Place>& places) {
    HostState& host = hosts.emplace_back();
    host.world = this;
    host.number = static_cast<std::uint32_t>(hosts.size() - 1);
    host.name = name;
    host.network = &network;
    const std::vector<Place> here{place_of(Address("127.0.0.1")), place_of(Address("::1"))};
    add_interface(host, "lo", nullptr, here);
    if (!places.empty()) add_interface(host, "eth0", &network, places);
    return host;
}

PathState& WorldState::path_between(const HostState& from, const HostState& to) {
    const std::uint64_t key = std::uint64_t{from.number} << 32 | to.number;
    return paths[key];
}

bool WorldState::is_cut(const HostState& from, const HostState& to) const {
    const auto has = [](const std::vector<bool>& side, const HostState& host) {
        return host.number < side.size() && side[host.number];
    };
    return std::any_of(cuts.begin(), cuts.end(), [&](const Cut& cut) {
        return has(cut.from, from) && has(cut.to, to);
    });
}

// ---- The trace --------------------------------------------------------------------------------

void WorldState::note(What what, const HostState& host, const Endpoint* from, const Endpoint* to,
                      std::uint64_t number, std::string_view text) {
    trace.add({now - beginning, what, host.number, host.name, from, to, number, text});
}

void WorldState::note(What what, const HostState& host, const Packet& packet,
                      std::string_view text) {
    const Endpoint from = endpoint_of(packet.from, Family::none);
    const Endpoint to = endpoint_of(packet.to, Family::none);
    note(what, host, &from, &to, packet.bytes.size(), text);
}

}  // namespace simulation
