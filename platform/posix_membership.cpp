// Multicast on any Unix with RFC 3678's calls: which groups to hear, which interface to send by.
// Systems word the same refusal differently; here it gets the words of platform.h.
// The catch is Linux, which lets a change of one source spoil a membership of all sources.
#ifndef _WIN32

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <cstring>
#include <memory>

#include "platform/posix_address.h"
#include "platform/posix_error.h"
#include "platform/posix_options.h"
#include "platform/posix_sockets.h"

namespace platform {

namespace {

bool is_multicast(const Endpoint& group) {
    if (group.family == Family::ipv4) return (group.bytes[0] & 0xf0) == 0xe0;
    return group.family == Family::ipv6 && group.bytes[0] == 0xff;
}

// Neither an index nor an address: the system's choice.
bool is_open_choice(const Endpoint& interface) {
    return interface.scope == 0 &&
           (interface.family == Family::none || is_unspecified(interface));
}

// The index of the interface with this address; 0 when there is none.
std::uint32_t index_of(const Endpoint& address) {
    ifaddrs* found = nullptr;
    const bool six = address.family == Family::ipv6;
    if ((address.family != Family::ipv4 && !six) || getifaddrs(&found) < 0) return 0;
    const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> all(found, freeifaddrs);
    for (const ifaddrs* each = found; each; each = each->ifa_next) {
        if (!each->ifa_addr || each->ifa_addr->sa_family != (six ? AF_INET6 : AF_INET)) continue;
        const Endpoint present =
            to_endpoint(each->ifa_addr, six ? sizeof(sockaddr_in6) : sizeof(sockaddr_in));
        if (std::equal(address.bytes.data(), address.bytes.data() + address.size,
                       present.bytes.data())) {
            return if_nametoindex(each->ifa_name);
        }
    }
    return 0;
}

// Whether the function, called with one index after the other, said yes to one.
template <class Function>
bool any_interface(Function function) {
    struct if_nameindex* const all = ::if_nameindex();
    if (!all) return false;
    bool found = false;
    for (const auto* each = all; !found && each->if_index != 0; each++) {
        found = function(std::uint32_t{each->if_index});
    }
    if_freenameindex(all);
    return found;
}

// A change of membership, on whatever interface it turns out to be.
struct Change {
    int descriptor;
    const Membership& membership;
    bool joins;

    bool has_source() const { return membership.source.family != Family::none; }

    Operation operation() const {
        if (has_source()) {
            return joins ? Operation::add_source_membership : Operation::drop_source_membership;
        }
        return joins ? Operation::add_membership : Operation::drop_membership;
    }

    Error refuse(int number) const { return to_error(number, operation()); }

    // On the interface with this index; 0 for the system's choice.
    Error apply(std::uint32_t index) const {
        sockaddr_storage group{};
        sockaddr_storage source{};
        to_sockaddr(membership.group, group);
        to_sockaddr(membership.source, source);
        if (has_source() && hears_all_sources(index)) return refuse(joins ? EINVAL : EADDRNOTAVAIL);
        const sockaddr_storage* const of = has_source() ? &source : nullptr;
        if (change_group(descriptor, joins, index, group, of) == 0) return {};
        return last_error(operation());
    }

    // Whether the group is joined as a whole. On the system's choice: anywhere.
    bool hears_all_sources(std::uint32_t index) const {
        if (index == 0) {
            return any_interface([this](std::uint32_t each) { return hears_all_sources(each); });
        }
        sockaddr_storage group{};
        to_sockaddr(membership.group, group);
        return has_open_filter(descriptor, index, group);
    }
};

// What no system should be asked: anything that is no group, or not of the socket's family.
Error judge(const Change& change) {
    const Membership& membership = change.membership;
    const Family family = family_of(change.descriptor);
    if (family != Family::ipv4 && family != Family::ipv6) {
        return unavailable(change.descriptor, change.operation());
    }
    const bool sound = is_multicast(membership.group) && membership.group.family == family &&
                       (!change.has_source() || membership.source.family == family);
    return sound ? Error{} : change.refuse(EINVAL);
}

// The choice that the system would make today need not be the one it made when joining, and
// without a multicast route it makes none (ENODEV): every interface is tried.
Error leave_any(const Change& change) {
    if (!change.has_source() && !change.apply(0)) return {};
    const bool left = any_interface([&](std::uint32_t index) { return !change.apply(index); });
    return left ? Error{} : change.refuse(EADDRNOTAVAIL);
}

}  // namespace

Error join(Socket socket, const Membership& membership) {
    const Change change{descriptor_of(socket), membership, true};
    if (const Error error = judge(change)) return error;
    const Endpoint& interface = membership.interface;
    const std::uint32_t index = interface.scope != 0 ? interface.scope : index_of(interface);
    if (index == 0 && !is_open_choice(interface)) return change.refuse(ENODEV);
    const Error error = change.apply(index);
    // Linux, for a source that is joined already.
    const bool repeated = change.has_source() && error.code == Code::address_not_available;
    return repeated ? change.refuse(EADDRINUSE) : error;
}

Error leave(Socket socket, const Membership& membership) {
    const Change change{descriptor_of(socket), membership, false};
    if (const Error error = judge(change)) return error;
    const Endpoint& interface = membership.interface;
    if (is_open_choice(interface)) return leave_any(change);
    const std::uint32_t index = interface.scope != 0 ? interface.scope : index_of(interface);
    if (index == 0) return change.refuse(ENODEV);
    const Error error = change.apply(index);
    // Linux, for a source of a group never joined. Whatever else is invalid was refused before.
    const bool absent = change.has_source() && error.code == Code::invalid_argument;
    return absent ? change.refuse(EADDRNOTAVAIL) : error;
}

Result<std::uint32_t> interface_index(Poller&, const Endpoint& address) {
    const std::uint32_t index = index_of(address);
    if (index == 0) return to_error(ENODEV, Operation::none);
    return index;
}

Error set_multicast_interface(Socket socket, const Endpoint& interface) {
    const int descriptor = descriptor_of(socket);
    const Operation operation = Operation::set_multicast_interface;
    const Family family = family_of(descriptor);
    if (family != Family::ipv4 && family != Family::ipv6) return unavailable(descriptor, operation);
    const bool foreign = interface.scope == 0 && interface.family != Family::none &&
                         interface.family != family;
    if (foreign) return to_error(EPROTONOSUPPORT, operation);
    in_addr address{};
    if (interface.family == Family::ipv4) {
        std::memcpy(&address, interface.bytes.data(), sizeof address);
    }
    if (family == Family::ipv4) {
        const bool done = choose_interface(descriptor, interface.scope, address) == 0;
        return done ? Error{} : last_error(operation);
    }
    if (interface.scope == 0 && !is_open_choice(interface)) {
        return to_error(EADDRNOTAVAIL, operation);
    }
    const int index = static_cast<int>(interface.scope);
    const Error error = set_integer(descriptor, IPPROTO_IPV6, IPV6_MULTICAST_IF, index);
    if (error) return error.during(operation);
    // The IPv4 side of a dual-stack socket follows, where there is one.
    (void)choose_interface(descriptor, interface.scope, address);
    return {};
}

}  // namespace platform

#endif
