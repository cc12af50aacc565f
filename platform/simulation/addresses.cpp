// Endpoints as the seam has them, and places as the wire has them.
#include "platform/simulation/state.h"

namespace simulation {

namespace {

constexpr std::uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

}  // namespace

bool is_mapped(const Endpoint& endpoint) {
    return endpoint.family == Family::ipv6 &&
           std::equal(mapped_prefix, mapped_prefix + 12, endpoint.bytes.data());
}

Place place_of(const Endpoint& endpoint) {
    Place place;
    if (is_mapped(endpoint)) {
        place.family = Family::ipv4;
        std::copy(endpoint.bytes.data() + 12, endpoint.bytes.data() + 16, place.bytes.data());
        return place;
    }
    place.family = endpoint.family;
    const std::size_t size = endpoint.family == Family::ipv4 ? 4 : 16;
    std::copy(endpoint.bytes.data(), endpoint.bytes.data() + size, place.bytes.data());
    return place;
}

Name name_of(const Endpoint& endpoint) {
    return {place_of(endpoint), endpoint.port, endpoint.scope};
}

Endpoint endpoint_of(const Name& name, Family of_socket) {
    Endpoint endpoint;
    endpoint.port = name.port;
    endpoint.scope = name.scope;
    if (of_socket == Family::ipv6 && name.place.family == Family::ipv4) {
        endpoint.family = Family::ipv6;
        endpoint.size = 16;
        std::copy(mapped_prefix, mapped_prefix + 12, endpoint.bytes.data());
        std::copy(name.place.bytes.data(), name.place.bytes.data() + 4,
                  endpoint.bytes.data() + 12);
        return endpoint;
    }
    endpoint.family = name.place.family;
    endpoint.size = name.place.family == Family::ipv4 ? 4 : 16;
    std::copy(name.place.bytes.data(), name.place.bytes.data() + endpoint.size,
              endpoint.bytes.data());
    return endpoint;
}

bool is_unspecified(const Place& place) {
    return std::all_of(place.bytes.begin(), place.bytes.end(), [](auto byte) { return byte == 0; });
}

bool is_loopback(const Place& place) {
    if (place.family == Family::ipv4) return place.bytes[0] == 127;
    return place.bytes[15] == 1 && std::all_of(place.bytes.begin(), place.bytes.end() - 1,
                                               [](auto byte) { return byte == 0; });
}

bool is_multicast(const Place& place) {
    if (place.family == Family::ipv4) return (place.bytes[0] & 0xf0) == 0xe0;
    return place.family == Family::ipv6 && place.bytes[0] == 0xff;
}

bool is_broadcast(const Place& place) {
    const std::uint8_t first = place.bytes[0];
    return place.family == Family::ipv4 && (first == 255 || first == 127) &&
           std::all_of(place.bytes.begin() + 1, place.bytes.begin() + 4,
                       [](auto byte) { return byte == 255; });
}

bool is_link_local(const Place& place) {
    return place.family == Family::ipv6 && place.bytes[0] == 0xfe &&
           (place.bytes[1] & 0xc0) == 0x80;
}

// ---- What of them a host has ------------------------------------------------------------------

Interface* HostState::interface_of(const Place& place) {
    if (is_loopback(place)) return &interfaces.front();
    for (Interface& each : interfaces) {
        if (std::find(each.places.begin(), each.places.end(), place) != each.places.end()) {
            return &each;
        }
    }
    return nullptr;
}

Interface* HostState::interface_at(std::uint32_t index) {
    if (index == 0 || index > interfaces.size() || interfaces[index - 1].gone) return nullptr;
    return &interfaces[index - 1];
}

Interface* HostState::interface_called(std::string_view wanted) {
    for (Interface& each : interfaces) {
        if (each.name == wanted && !each.gone) return &each;
    }
    return nullptr;
}

Interface* HostState::first_outward(Family family) {
    for (Interface& each : interfaces) {
        if (!each.network || !each.up) continue;
        for (const Place& place : each.places) {
            if (place.family == family) return &each;
        }
    }
    return nullptr;
}

bool HostState::owns(const Place& place) {
    const Interface* const interface = interface_of(place);
    return interface && interface->up;
}

}  // namespace simulation
