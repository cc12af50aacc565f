// Unix-domain datagrams within a host: names in a map instead of a file system, abstract ones too.
// Nothing is lost and nothing overtakes; a full receiver makes the sender wait.
// The catch: there are no folders, so every path can be bound, and nobody's umask applies.
#include <algorithm>

#include "platform/simulation/state.h"

namespace simulation {

namespace {

constexpr std::size_t queue_max = 11;  // Linux: net.unix.max_dgram_qlen, and one.

std::string path_of(const Endpoint& endpoint) {
    return {reinterpret_cast<const char*>(endpoint.bytes.data()), endpoint.size};
}

bool is_abstract(const std::string& path) { return !path.empty() && path[0] == 0; }

SocketState* owner_of(const LocalNode& node) { return registry().find(node.handle, node.serial); }

// Who answers to a path, or why nobody does.
Result<SocketState*> look_up(HostState& host, const std::string& path, Operation operation) {
    const auto found = host.paths.find(path);
    if (found == host.paths.end()) {
        return failed(is_abstract(path) ? Code::connection_refused : Code::no_such_file, operation);
    }
    SocketState* const owner = owner_of(found->second);
    if (!owner) return failed(Code::connection_refused, operation);
    return owner;
}

// Whoever is connected hears its peer alone.
bool may_send(const SocketState& from, const SocketState& to) {
    return !to.connected || (to.peer_handle == from.handle && to.peer_serial == from.serial);
}

bool is_full(const SocketState& from, const SocketState& to) {
    const bool own_pair = to.connected && to.peer_handle == from.handle;
    return &from != &to && !own_pair && to.packets >= queue_max;
}

// Those that are connected to it.
void wake_senders(const SocketState& socket) {
    for (const auto& [serial, each] : socket.host->local_sockets) {
        if (each->connected && each->peer_serial == socket.serial) each->changed();
    }
}

Error put_path(SocketState& socket, const std::string& path) {
    LocalNode& node = socket.host->paths[path];
    node.handle = socket.handle;
    node.serial = socket.serial;
    node.inode = socket.world->next_id++;
    node.changed = socket.world->now;
    socket.path = path;
    return {};
}

}  // namespace

Endpoint endpoint_of_path(const std::string& path) {
    Endpoint endpoint;
    endpoint.family = Family::local;
    endpoint.size = static_cast<std::uint8_t>(path.size());
    std::copy(path.begin(), path.end(), endpoint.bytes.begin());
    return endpoint;
}

bool local_writable(const SocketState& socket) {
    if (!socket.connected) return true;
    const SocketState* const peer = registry().find(socket.peer_handle, socket.peer_serial);
    return !peer || !is_full(socket, *peer);
}

// Those who wait for it look again.
void made_room(SocketState& socket) {
    if (socket.packets + 1 != queue_max) return;
    wake_senders(socket);
}

Error bind_local(SocketState& socket, const Endpoint& endpoint) {
    const auto refused = [](Code code) { return failed(code, Operation::bind); };
    if (endpoint.family != Family::local) return refused(Code::family_not_supported);
    if (!socket.path.empty() || endpoint.size == 0) return refused(Code::invalid_argument);
    const std::string path = path_of(endpoint);
    if (socket.host->paths.contains(path)) return refused(Code::address_in_use);
    return put_path(socket, path);
}

Error connect_local(SocketState& socket, const Endpoint& endpoint) {
    if (endpoint.family != Family::local) {
        return failed(Code::invalid_argument, Operation::connect);
    }
    const std::string path = path_of(endpoint);
    const auto peer = look_up(*socket.host, path, Operation::connect);
    if (!peer) return peer.error();
    if (!may_send(socket, **peer)) return failed(Code::not_permitted, Operation::connect);
    socket.connected = true;
    socket.peer_path = path;
    socket.peer_handle = (*peer)->handle;
    socket.peer_serial = (*peer)->serial;
    return {};
}

void close_local(SocketState& socket) {
    if (is_abstract(socket.path)) socket.host->paths.erase(socket.path);
    socket.host->local_sockets.erase(socket.serial);
    wake_senders(socket);
}

Error send_local(SocketState& socket, const platform::Outgoing& outgoing) {
    const auto refused = [](Code code) { return failed(code, Operation::send); };
    if (outgoing.segment_size != 0) return refused(Code::not_supported);
    if (outgoing.parts.size() > 1024) return refused(Code::message_too_big);
    std::size_t size = 0;
    for (const auto& part : outgoing.parts) size += part.size();
    SocketState* peer = nullptr;
    if (outgoing.peer) {
        if (outgoing.peer->family == Family::none) return refused(Code::family_not_supported);
        if (outgoing.peer->family != Family::local || outgoing.peer->size == 0) {
            return refused(Code::invalid_argument);
        }
        const auto found = look_up(*socket.host, path_of(*outgoing.peer), Operation::send);
        if (!found) return found.error();
        peer = *found;
    } else {
        if (!socket.connected) return refused(Code::not_connected);
        peer = registry().find(socket.peer_handle, socket.peer_serial);
        if (!peer) {
            socket.connected = false;
            return refused(Code::connection_refused);
        }
    }
    const auto room = static_cast<std::size_t>(socket.option(platform::Option::send_buffer_size));
    if (size > room) return refused(Code::message_too_big);
    if (!may_send(socket, *peer)) return refused(Code::not_permitted);
    if (is_full(socket, *peer)) return refused(Code::would_block);
    WorldState& world = *socket.world;
    Packet* const packet = world.make();
    packet->sender_path = socket.path;
    for (const auto& part : outgoing.parts) {
        packet->bytes.insert(packet->bytes.end(), part.begin(), part.end());
    }
    const Endpoint to = endpoint_of_path(peer->path);
    world.note(What::send, *socket.host, nullptr, &to, size);
    world.trace.add_bytes(packet->bytes);
    world.counts.sent++;
    enqueue(*peer, packet);
    return {};
}

}  // namespace simulation

namespace platform {

using simulation::Site;
using simulation::Verdict;
using simulation::failed;
using simulation::registry;

Result<PathClaim> bind_path(Socket handle, const Endpoint& endpoint, std::uint32_t) {
    simulation::SocketState* const socket = registry().find(handle.handle);
    if (!socket) return failed(Code::bad_descriptor, Operation::bind);
    const Verdict verdict = judge(*socket->host, Site::bind_path, Operation::bind);
    if (verdict) return verdict.error;
    if (endpoint.family != Family::local || endpoint.size == 0) {
        return failed(Code::invalid_argument, Operation::bind);
    }
    const std::string path = simulation::path_of(endpoint);
    if (!simulation::is_abstract(path) && path.find('\0') != path.npos) {
        return failed(Code::invalid_argument, Operation::bind);
    }
    auto& paths = socket->host->paths;
    const auto found = paths.find(path);
    const bool usable = socket->is_local() && socket->path.empty();
    if (usable && found != paths.end() && !simulation::owner_of(found->second)) paths.erase(found);
    if (const Error error = simulation::bind_local(*socket, endpoint)) return error;
    if (simulation::is_abstract(path)) return PathClaim{};
    const simulation::LocalNode& node = paths[path];
    return PathClaim{1 + std::uint64_t{socket->host->number}, node.inode, node.changed};
}

// The claim tells the host: there is no socket to ask.
void release_path(const Endpoint& endpoint, const PathClaim& claim) {
    if (endpoint.family != Family::local || endpoint.size == 0 || claim.inode == 0) return;
    for (const auto& [poller, watcher] : registry().pollers) {
        for (simulation::HostState& host : watcher->world->hosts) {
            if (claim.device != 1 + std::uint64_t{host.number}) continue;
            const auto found = host.paths.find(simulation::path_of(endpoint));
            if (found == host.paths.end() || found->second.inode != claim.inode) continue;
            host.paths.erase(found);
            return;
        }
    }
}

}  // namespace platform
