// What a thread has of simulated things: sockets by handle, Pollers, and a world of its own if it
// makes none. A world stays in the thread that made it, so threads may run one each.
#include <algorithm>
#include <new>

#include "platform/simulation/state.h"

namespace simulation {

namespace {

// Kept when something in it outlives the thread's own objects, as static loops do.
struct Keeper {
    Registry* registry = nullptr;
    ~Keeper() {
        if (!registry || !registry->empty()) return;
        delete registry;
        registry = nullptr;
    }
};

thread_local Keeper keeper;

}  // namespace

Registry& registry() {
    if (!keeper.registry) {
        keeper.registry = new (std::nothrow) Registry;
        if (!keeper.registry) platform::abandon("simulation: out of memory");
    }
    return *keeper.registry;
}

bool Registry::empty() const {
    return pollers.empty() && sockets.size() == reserved + vacant.size();
}

HostState& Registry::host() {
    if (running) return *running->host;
    if (scope) return *scope;
    if (!own_world) {
        own_world.reset(new (std::nothrow) WorldState(Options{}));
        if (!own_world) platform::abandon("simulation: out of memory");
        own_world->add_host("localhost", own_world->networks.front(),
                            {place_of(Address("10.0.0.1")), place_of(Address("fd00::1"))});
    }
    return own_world->hosts.front();
}

SocketState* Registry::find(std::intptr_t handle) {
    if (handle < 0 || static_cast<std::size_t>(handle) >= sockets.size()) return nullptr;
    return sockets[static_cast<std::size_t>(handle)].get();
}

SocketState* Registry::find(std::intptr_t handle, std::uint64_t serial) {
    SocketState* const socket = find(handle);
    return socket && socket->serial == serial ? socket : nullptr;
}

Watcher& watcher_of(const platform::Poller& poller) {
    const auto found = registry().pollers.find(&poller);
    if (found == registry().pollers.end()) {
        platform::abandon("simulation: a Poller is used in a thread that did not open it");
    }
    return *found->second;
}

}  // namespace simulation
