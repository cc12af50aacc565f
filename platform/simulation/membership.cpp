// Multicast groups: which a socket hears, of which sources, on which interface; and by which it
// sends. What is refused is refused in the words of platform.h.
#include <algorithm>

#include "platform/simulation/state.h"

namespace platform {

using simulation::Place;
using simulation::Site;
using simulation::SocketState;
using simulation::Verdict;
using simulation::failed;
using simulation::registry;

namespace {

bool is_open_choice(const Endpoint& interface) {
    return interface.scope == 0 && (interface.family == Family::none ||
                                    simulation::is_unspecified(simulation::place_of(interface)));
}

// 0 when there is no such interface.
std::uint32_t index_of(simulation::HostState& host, const Endpoint& interface) {
    if (interface.scope != 0) return host.interface_at(interface.scope) ? interface.scope : 0;
    if (interface.family != Family::ipv4) return 0;
    const simulation::Interface* const found = host.interface_of(simulation::place_of(interface));
    return found ? found->index : 0;
}

struct Change {
    SocketState* socket;
    const platform::Membership& membership;
    bool joins;

    bool has_source() const { return membership.source.family != Family::none; }

    Error refuse(Code code) const {
        if (has_source()) {
            return failed(code, joins ? Operation::add_source_membership
                                      : Operation::drop_source_membership);
        }
        return failed(code, joins ? Operation::add_membership : Operation::drop_membership);
    }

    // What is no group, or not of the socket's family.
    Error judge() const {
        if (!socket) return refuse(Code::bad_descriptor);
        if (socket->is_local()) return refuse(Code::not_supported);
        const bool sound = membership.group.family == socket->family &&
                           simulation::is_multicast(group()) &&
                           (!has_source() || membership.source.family == socket->family);
        return sound ? Error{} : refuse(Code::invalid_argument);
    }

    Error struck(Site site) const {
        return simulation::judge(*socket->host, site, refuse(Code::ok).operation).error;
    }

    Place group() const { return simulation::place_of(membership.group); }

    auto find(std::uint32_t index) const {
        return std::find_if(
            socket->memberships.begin(), socket->memberships.end(), [&](const auto& each) {
                return each.group == group() && (index == 0 || each.interface == index);
            });
    }
};

Error leave_at(const Change& change, std::uint32_t index) {
    const auto found = change.find(index);
    auto& memberships = change.socket->memberships;
    if (found == memberships.end()) return change.refuse(Code::address_not_available);
    if (!change.has_source()) {
        memberships.erase(found);
        return {};
    }
    const Place source = simulation::place_of(change.membership.source);
    if (std::erase(found->sources, source) == 0) {
        return change.refuse(Code::address_not_available);
    }
    if (found->sources.empty()) memberships.erase(found);
    return {};
}

}  // namespace

Error join(Socket handle, const Membership& membership) {
    const Change change{registry().find(handle.handle), membership, true};
    if (const Error error = change.judge()) return error;
    if (const Error error = change.struck(Site::join)) return error;
    simulation::HostState& host = *change.socket->host;
    std::uint32_t index = index_of(host, membership.interface);
    if (is_open_choice(membership.interface)) {
        const simulation::Interface* const out = host.first_outward(membership.group.family);
        index = out ? out->index : 0;
        // As on Linux: where all sources are heard already, wherever that is.
        const auto heard = change.find(0);
        const bool all = heard != change.socket->memberships.end() && heard->sources.empty();
        if (change.has_source() && all) return change.refuse(Code::invalid_argument);
    }
    if (index == 0) return change.refuse(Code::no_such_device);
    const auto found = change.find(index);
    const bool known = found != change.socket->memberships.end();
    const Place source = simulation::place_of(membership.source);
    if (!known) {
        change.socket->memberships.push_back({change.group(), index, {}});
        if (change.has_source()) change.socket->memberships.back().sources.push_back(source);
        return {};
    }
    if (!change.has_source()) return change.refuse(Code::address_in_use);
    auto& sources = found->sources;
    if (sources.empty()) return change.refuse(Code::invalid_argument);
    if (std::find(sources.begin(), sources.end(), source) != sources.end()) {
        return change.refuse(Code::address_in_use);
    }
    sources.push_back(source);
    return {};
}

Error leave(Socket handle, const Membership& membership) {
    const Change change{registry().find(handle.handle), membership, false};
    if (const Error error = change.judge()) return error;
    if (const Error error = change.struck(Site::leave)) return error;
    if (is_open_choice(membership.interface)) return leave_at(change, 0);
    const std::uint32_t index = index_of(*change.socket->host, membership.interface);
    if (index == 0) return change.refuse(Code::no_such_device);
    return leave_at(change, index);
}

Error set_multicast_interface(Socket handle, const Endpoint& interface) {
    const auto refused = [](Code code) {
        return failed(code, Operation::set_multicast_interface);
    };
    SocketState* const socket = registry().find(handle.handle);
    if (!socket) return refused(Code::bad_descriptor);
    const Verdict verdict = judge(*socket->host, Site::set_multicast_interface,
                                  Operation::set_multicast_interface);
    if (verdict) return verdict.error;
    if (socket->is_local()) return refused(Code::not_supported);
    const bool foreign = interface.scope == 0 && interface.family != Family::none &&
                         interface.family != socket->family;
    if (foreign) return refused(Code::protocol_not_supported);
    std::uint32_t index = 0;
    if (!is_open_choice(interface)) {
        index = index_of(*socket->host, interface);
        if (index == 0) return refused(Code::address_not_available);
    }
    socket->multicast_interface = index;
    return {};
}

}  // namespace platform
