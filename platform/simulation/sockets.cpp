// Birth, names and ends of sockets, with the answers that Linux gives.
#include <algorithm>
#include <new>

#include "platform/simulation/state.h"

namespace simulation {

namespace {

using platform::Option;

constexpr std::uint16_t first_chosen_port = 49152;

bool balances(const SocketState& a, const SocketState& b) {
    return a.option(Option::reuse_port) && b.option(Option::reuse_port);
}

// Whether two sockets with one port can hear the same datagram.
bool overlap(const SocketState& socket, const Place& wanted, const SocketState& other) {
    const auto hears = [](const SocketState& each, const Place& place, Family family) {
        if (!is_unspecified(place)) return place.family == family;
        if (family == Family::ipv4 && each.family == Family::ipv6) {
            return !each.option(Option::only_ipv6);
        }
        return each.family == family;
    };
    for (const Family family : {Family::ipv4, Family::ipv6}) {
        if (!hears(socket, wanted, family) || !hears(other, other.local.place, family)) continue;
        if (is_unspecified(wanted) || is_unspecified(other.local.place)) return true;
        if (wanted == other.local.place) return true;
    }
    return false;
}

bool is_taken(const SocketState& socket, const Place& wanted, std::uint16_t port) {
    const auto found = socket.host->ports.find(port);
    if (found == socket.host->ports.end()) return false;
    return std::any_of(found->second.begin(), found->second.end(), [&](const SocketState* other) {
        const bool shared = socket.option(Option::reuse_address) &&
                            other->option(Option::reuse_address);
        return !shared && !balances(socket, *other) && overlap(socket, wanted, *other);
    });
}

// One that nobody else has, whatever is shared; 0 when there is none.
std::uint16_t free_port(HostState& host) {
    for (int tries = 65536 - first_chosen_port; tries > 0; tries--) {
        const std::uint16_t port = host.next_port++;
        if (host.next_port < first_chosen_port) host.next_port = first_chosen_port;
        if (!host.ports.contains(port)) return port;
    }
    return 0;
}

Error bind_internet(SocketState& socket, const Endpoint& endpoint) {
    const auto refused = [](Code code) { return failed(code, Operation::bind); };
    if (endpoint.family != socket.family) return refused(Code::family_not_supported);
    if (socket.local.port != 0) return refused(Code::invalid_argument);
    Name name = name_of(endpoint);
    if (is_mapped(endpoint) && socket.option(Option::only_ipv6)) {
        return refused(Code::invalid_argument);
    }
    const bool open = is_unspecified(name.place);
    if (!open && is_link_local(name.place) && name.scope == 0) {
        return refused(Code::invalid_argument);
    }
    const bool ours = open || is_multicast(name.place) || is_broadcast(name.place) ||
                      socket.host->owns(name.place);
    if (!ours) return refused(Code::address_not_available);
    socket.port_chosen = name.port != 0;
    if (name.port == 0) name.port = free_port(*socket.host);
    if (name.port == 0 || is_taken(socket, name.place, name.port)) {
        return refused(Code::address_in_use);
    }
    socket.place_chosen = !open;
    socket.local = name;
    socket.host->ports[name.port].push_back(&socket);
    return {};
}

// Where the route to a peer begins.
Result<Place> source_towards(SocketState& socket, const Place& peer) {
    HostState& host = *socket.host;
    if (host.owns(peer)) return peer;
    const Interface* out = host.first_outward(peer.family);
    if (is_multicast(peer) && socket.multicast_interface != 0) {
        out = host.interface_at(socket.multicast_interface);
    }
    if (out) {
        for (const Place& place : out->places) {
            if (place.family == peer.family) return place;
        }
    }
    return failed(Code::network_unreachable, Operation::connect);
}

Error connect_internet(SocketState& socket, const Endpoint& peer) {
    const auto refused = [](Code code) { return failed(code, Operation::connect); };
    if (peer.family != socket.family) return refused(Code::family_not_supported);
    Name name = name_of(peer);
    const bool four = name.place.family == Family::ipv4;
    if (socket.family == Family::ipv6 && four && socket.option(Option::only_ipv6)) {
        return refused(Code::network_unreachable);
    }
    if (is_unspecified(name.place)) {
        name.place = place_of(Address(four ? "127.0.0.1" : "::1"));
    }
    if (is_broadcast(name.place) && !socket.option(Option::broadcast)) {
        return refused(Code::access_denied);
    }
    if (is_link_local(name.place) && name.scope == 0) return refused(Code::invalid_argument);
    const bool from_loopback = is_loopback(socket.local.place) && socket.place_chosen;
    if (from_loopback && !socket.host->owns(name.place)) return refused(Code::invalid_argument);
    Place source = socket.local.place;
    if (!socket.place_chosen || is_unspecified(source)) {
        const Result<Place> found = source_towards(socket, name.place);
        if (!found) return found.error();
        source = *found;
    }
    if (socket.local.port == 0) {
        const Error error = choose_port(socket, Operation::connect);
        if (error) return error;
    }
    socket.local.place = source;
    socket.peer = name;
    socket.connected = true;
    return {};
}

}  // namespace

SocketState* open_socket(Watcher& watcher, Family family) {
    Registry& all = registry();
    std::unique_ptr<SocketState> made(
        new (std::nothrow) SocketState(watcher.world, *watcher.host, family));
    if (!made) return nullptr;
    SocketState& socket = *made;
    socket.local.place.family = family;
    socket.serial = all.next_serial++;
    socket.set(Option::hop_limit, 64);
    socket.set(Option::multicast_hop_limit, 1);
    socket.set(Option::multicast_loopback, 1);
    socket.set(Option::receive_buffer_size, 212'992);
    socket.set(Option::send_buffer_size, 212'992);
    if (family == Family::local) socket.host->local_sockets[socket.serial] = &socket;
    if (all.vacant.empty()) {
        socket.handle = static_cast<std::intptr_t>(all.sockets.size());
        all.sockets.push_back(std::move(made));
    } else {
        socket.handle = all.vacant.back();
        all.vacant.pop_back();
        all.sockets[static_cast<std::size_t>(socket.handle)] = std::move(made);
    }
    return &socket;
}

Error choose_port(SocketState& socket, Operation operation) {
    const std::uint16_t port = free_port(*socket.host);
    if (port == 0) return failed(Code::would_block, operation);
    if (socket.local.place.family == Family::none) socket.local.place.family = socket.family;
    socket.local.port = port;
    socket.host->ports[port].push_back(&socket);
    return {};
}

void leave_port(SocketState& socket) {
    const auto found = socket.host->ports.find(socket.local.port);
    if (socket.local.port == 0 || found == socket.host->ports.end()) return;
    std::erase(found->second, &socket);
    if (found->second.empty()) socket.host->ports.erase(found);
    socket.local.port = 0;
}

}  // namespace simulation

namespace platform {

using simulation::Fault;
using simulation::Site;
using simulation::SocketState;
using simulation::Verdict;
using simulation::failed;
using simulation::registry;

Result<Socket> open_datagram(Poller& poller, Family family) {
    if (family == Family::none) return failed(Code::family_not_supported, Operation::open);
    simulation::Watcher& watcher = simulation::watcher_of(poller);
    const Verdict verdict = judge(*watcher.host, Site::open_datagram, Operation::open);
    if (verdict) return verdict.error;
    const SocketState* const socket = simulation::open_socket(watcher, family);
    if (!socket) return failed(Code::out_of_memory, Operation::open);
    return Socket{socket->handle};
}

// What was opened elsewhere in the simulation; it stays on its host.
Result<Family> adopt(Poller&, Socket handle) {
    const SocketState* const socket = registry().find(handle.handle);
    if (!socket) return failed(Code::bad_descriptor, Operation::adopt);
    const Verdict verdict = judge(*socket->host, Site::adopt, Operation::adopt);
    if (verdict) return verdict.error;
    return socket->family;
}

void close(Socket handle) {
    simulation::Registry& all = registry();
    SocketState* const socket = all.find(handle.handle);
    if (!socket) return;
    if (socket->listed) std::erase(socket->watcher->listed, socket);
    leave_port(*socket);
    if (socket->is_local()) simulation::close_local(*socket);
    while (simulation::Packet* packet = socket->first) {
        socket->first = packet->next;
        socket->world->free(packet);
    }
    all.vacant.push_back(handle.handle);
    all.sockets[static_cast<std::size_t>(handle.handle)].reset();
}

Error bind(Socket handle, const Endpoint& local) {
    SocketState* const socket = registry().find(handle.handle);
    if (!socket) return failed(Code::bad_descriptor, Operation::bind);
    const Verdict verdict = judge(*socket->host, Site::bind, Operation::bind);
    if (verdict) return verdict.error;
    return socket->is_local() ? simulation::bind_local(*socket, local)
                              : simulation::bind_internet(*socket, local);
}

Error connect(Socket handle, const Endpoint& peer) {
    SocketState* const socket = registry().find(handle.handle);
    if (!socket) return failed(Code::bad_descriptor, Operation::connect);
    const Verdict verdict = judge(*socket->host, Site::connect, Operation::connect);
    if (verdict) return verdict.error;
    const Error error = socket->is_local() ? simulation::connect_local(*socket, peer)
                                           : simulation::connect_internet(*socket, peer);
    if (!error) socket->changed();
    return error;
}

// As Linux does it: what the user did not choose is forgotten.
Error disconnect(Socket handle) {
    SocketState* const socket = registry().find(handle.handle);
    if (!socket) return failed(Code::bad_descriptor, Operation::disconnect);
    const Verdict verdict = judge(*socket->host, Site::disconnect, Operation::disconnect);
    if (verdict) return verdict.error;
    socket->connected = false;
    socket->peer = {};
    socket->peer_path.clear();
    socket->peer_handle = -1;
    socket->failure = Code::ok;
    socket->changed();
    if (socket->is_local()) return {};
    if (!socket->place_chosen) {
        socket->local.place = {};
        socket->local.place.family = socket->family;
    }
    if (!socket->port_chosen) leave_port(*socket);
    return {};
}

Result<Endpoint> local_endpoint(Socket handle) {
    const SocketState* const socket = registry().find(handle.handle);
    if (!socket) return failed(Code::bad_descriptor, Operation::local_endpoint);
    const Verdict verdict = judge(*socket->host, Site::local_endpoint, Operation::local_endpoint);
    if (verdict) return verdict.error;
    if (verdict.lie == Fault::Kind::nameless) return Endpoint{};
    if (socket->is_local()) return simulation::endpoint_of_path(socket->path);
    return simulation::endpoint_of(socket->local, socket->family);
}

Result<Endpoint> peer_endpoint(Socket handle) {
    const SocketState* const socket = registry().find(handle.handle);
    if (!socket) return failed(Code::bad_descriptor, Operation::peer_endpoint);
    const Verdict verdict = judge(*socket->host, Site::peer_endpoint, Operation::peer_endpoint);
    if (verdict) return verdict.error;
    if (verdict.lie == Fault::Kind::nameless) return Endpoint{};
    if (!socket->connected) return failed(Code::not_connected, Operation::peer_endpoint);
    if (socket->is_local()) return simulation::endpoint_of_path(socket->peer_path);
    return simulation::endpoint_of(socket->peer, socket->family);
}

Result<std::int32_t> path_mtu(Socket handle) {
    const SocketState* const socket = registry().find(handle.handle);
    const auto refused = [](Code code) { return failed(code, Operation::get_path_mtu); };
    if (!socket) return refused(Code::bad_descriptor);
    const Verdict verdict = judge(*socket->host, Site::path_mtu, Operation::get_path_mtu);
    if (verdict) return verdict.error;
    if (socket->is_local()) return refused(Code::not_supported);
    if (!socket->connected) return refused(Code::not_connected);
    return static_cast<std::int32_t>(simulation::path_mtu(*socket->host, socket->peer.place));
}

}  // namespace platform
