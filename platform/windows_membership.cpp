// Multicast on Windows: which groups to hear, which interface to send by, what interfaces there
// are. The catch: iphlpapi.dll knows the interfaces, and is loaded when somebody asks, so that a
// program links ws2_32 alone.
#ifdef _WIN32

#include <algorithm>
#include <memory>

#include "platform/windows_address.h"
#include "platform/windows_error.h"
#include "platform/windows_sockets.h"

namespace platform {

namespace {

// ---- Interfaces --------------------------------------------------------------------------------

using Adapters = std::unique_ptr<std::byte[]>;

// Null when the system does not tell, or there is no memory.
Adapters read_adapters() {
    static const auto ask = reinterpret_cast<decltype(&GetAdaptersAddresses)>(
        reinterpret_cast<void*>(GetProcAddress(
            LoadLibraryExW(L"iphlpapi.dll", nullptr, LOAD_LIBRARY_SEARCH_SYSTEM32),
            "GetAdaptersAddresses")));
    if (!ask) return nullptr;
    constexpr ULONG flags =
        GAA_FLAG_SKIP_ANYCAST | GAA_FLAG_SKIP_MULTICAST | GAA_FLAG_SKIP_DNS_SERVER;
    ULONG size = 16 * 1024;
    for (int attempt = 0; attempt < 4; attempt++) {  // Interfaces may come in between.
        Adapters adapters(new (std::nothrow) std::byte[size]);
        if (!adapters) return nullptr;
        const ULONG result = ask(AF_UNSPEC, flags, nullptr,
                                 reinterpret_cast<IP_ADAPTER_ADDRESSES*>(adapters.get()), &size);
        if (result == NO_ERROR) return adapters;
        if (result != ERROR_BUFFER_OVERFLOW) return nullptr;
    }
    return nullptr;
}

std::uint32_t index_of(const IP_ADAPTER_ADDRESSES& adapter) {
    return adapter.IfIndex != 0 ? adapter.IfIndex : adapter.Ipv6IfIndex;
}

// The first interface that the function says yes to; it is called with each of them.
template <class Function>
std::uint32_t find_interface(Function function) {
    const Adapters all = read_adapters();
    const auto* each = reinterpret_cast<const IP_ADAPTER_ADDRESSES*>(all.get());
    for (; each; each = each->Next) {
        if (index_of(*each) != 0 && function(*each)) return index_of(*each);
    }
    return 0;
}

Endpoint address_of(const IP_ADAPTER_UNICAST_ADDRESS& entry) {
    return to_endpoint(entry.Address.lpSockaddr,
                       static_cast<std::size_t>(entry.Address.iSockaddrLength));
}

bool has_address(const IP_ADAPTER_ADDRESSES& adapter, const Endpoint& wanted) {
    for (const auto* each = adapter.FirstUnicastAddress; each; each = each->Next) {
        const Endpoint present = address_of(*each);
        if (present.family != wanted.family) continue;
        const std::uint8_t* const bytes = present.bytes.data();
        if (std::equal(bytes, bytes + present.size, wanted.bytes.data())) return true;
    }
    return false;
}

// The index of the interface that is meant; 0 when there is no such.
std::uint32_t index_of(const Endpoint& interface) {
    if (interface.scope != 0) {
        return find_interface([&](const auto& each) { return index_of(each) == interface.scope; });
    }
    if (interface.family != Family::ipv4 || is_unspecified(interface)) return 0;
    return find_interface([&](const auto& each) { return has_address(each, interface); });
}

// How IPv4's calls name an interface: by an address of it; one that has none by 0.0.0.index; the
// system's choice by 0.0.0.0.
IN_ADDR ipv4_name(std::uint32_t index) {
    IN_ADDR name{};
    name.s_addr = htonl(index);
    (void)find_interface([&](const IP_ADAPTER_ADDRESSES& adapter) {
        const auto* each = adapter.FirstUnicastAddress;
        while (each && address_of(*each).family != Family::ipv4) each = each->Next;
        if (!each || index_of(adapter) != index) return false;
        name = to_ipv4(address_of(*each));
        return true;
    });
    return name;
}

bool is_multicast(const Endpoint& group) {
    if (group.family == Family::ipv4) return (group.bytes[0] & 0xf0) == 0xe0;
    return group.family == Family::ipv6 && group.bytes[0] == 0xff;
}

// Neither an index nor an address: the system's choice.
bool is_open_choice(const Endpoint& interface) {
    return interface.scope == 0 &&
           (interface.family == Family::none || is_unspecified(interface));
}

template <class Value>
Error set_value(SOCKET socket, int level, int option, const Value& value, Operation operation) {
    const int refused = setsockopt(socket, level, option, reinterpret_cast<const char*>(&value),
                                   sizeof value);
    return refused ? socket_error(socket, operation) : Error{};
}

// ---- Memberships -------------------------------------------------------------------------------

// A change of membership, on whatever interface it turns out to be.
struct Change {
    SOCKET socket;
    const Membership& membership;
    bool joins;

    bool has_source() const { return membership.source.family != Family::none; }

    Operation operation() const {
        if (has_source()) {
            return joins ? Operation::add_source_membership : Operation::drop_source_membership;
        }
        return joins ? Operation::add_membership : Operation::drop_membership;
    }

    Error refuse(std::uint32_t number) const { return to_error(number, operation()); }

    // On the interface with this index; 0 for the system's choice. The calls are the old ones,
    // because Wine has no others; for IPv6 there are none for a source.
    Error apply(std::uint32_t index) const {
        if (membership.group.family == Family::ipv4) {
            return has_source() ? apply_ipv4_source(index) : apply_ipv4(index);
        }
        return has_source() ? apply_ipv6_source(index) : apply_ipv6(index);
    }

   private:
    template <class Request>
    Error set(int level, int join_option, int leave_option, const Request& request) const {
        return set_value(socket, level, joins ? join_option : leave_option, request, operation());
    }

    Error apply_ipv4(std::uint32_t index) const {
        IP_MREQ request{};
        request.imr_multiaddr = to_ipv4(membership.group);
        request.imr_interface = ipv4_name(index);
        return set(IPPROTO_IP, IP_ADD_MEMBERSHIP, IP_DROP_MEMBERSHIP, request);
    }

    Error apply_ipv4_source(std::uint32_t index) const {
        IP_MREQ_SOURCE request{};
        request.imr_multiaddr = to_ipv4(membership.group);
        request.imr_sourceaddr = to_ipv4(membership.source);
        request.imr_interface = ipv4_name(index);
        return set(IPPROTO_IP, IP_ADD_SOURCE_MEMBERSHIP, IP_DROP_SOURCE_MEMBERSHIP, request);
    }

    Error apply_ipv6(std::uint32_t index) const {
        IPV6_MREQ request{};
        std::memcpy(&request.ipv6mr_multiaddr, membership.group.bytes.data(), 16);
        request.ipv6mr_interface = index;
        return set(IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, IPV6_DROP_MEMBERSHIP, request);
    }

    Error apply_ipv6_source(std::uint32_t index) const {
        GROUP_SOURCE_REQ request{};
        request.gsr_interface = index;
        to_sockaddr(membership.group, request.gsr_group);
        to_sockaddr(membership.source, request.gsr_source);
        return set(IPPROTO_IPV6, MCAST_JOIN_SOURCE_GROUP, MCAST_LEAVE_SOURCE_GROUP, request);
    }
};

// What no system should be asked: anything that is no group, or not of the socket's family.
Error judge(const Change& change) {
    const Membership& membership = change.membership;
    const Family family = family_of(change.socket);
    if (family == Family::none) return unavailable(change.socket, change.operation());
    const bool sound = is_multicast(membership.group) && membership.group.family == family &&
                       (!change.has_source() || membership.source.family == family);
    return sound ? Error{} : change.refuse(WSAEINVAL);
}

// The choice that the system would make today need not be the one it made when joining.
Error leave_any(const Change& change) {
    if (!change.apply(0)) return {};
    const auto index =
        find_interface([&](const auto& each) { return !change.apply(index_of(each)); });
    return index != 0 ? Error{} : change.refuse(WSAEADDRNOTAVAIL);
}

}  // namespace

// Whatever else is invalid has been refused before: Winsock says WSAEINVAL to somebody who joins
// twice, or leaves what is not joined, and for sources it swaps the numbers (RFC 3678).
Error join(Socket socket, const Membership& membership) {
    const Change change{handle_of(socket), membership, true};
    if (const Error error = judge(change)) return error;
    const std::uint32_t index = index_of(membership.interface);
    if (index == 0 && !is_open_choice(membership.interface)) {
        return {Code::no_such_device, change.operation(), WSAEADDRNOTAVAIL};
    }
    const Error error = change.apply(index);
    const Code repeated =
        change.has_source() ? Code::address_not_available : Code::invalid_argument;
    return error.code == repeated ? change.refuse(WSAEADDRINUSE) : error;
}

Error leave(Socket socket, const Membership& membership) {
    const Change change{handle_of(socket), membership, false};
    if (const Error error = judge(change)) return error;
    if (is_open_choice(membership.interface)) return leave_any(change);
    const std::uint32_t index = index_of(membership.interface);
    if (index == 0) return {Code::no_such_device, change.operation(), WSAEADDRNOTAVAIL};
    const Error error = change.apply(index);
    return error.code == Code::invalid_argument ? change.refuse(WSAEADDRNOTAVAIL) : error;
}

Error set_multicast_interface(Socket socket, const Endpoint& interface) {
    const SOCKET handle = handle_of(socket);
    const Operation operation = Operation::set_multicast_interface;
    const Family family = family_of(handle);
    if (family == Family::none) return unavailable(handle, operation);
    const bool foreign = interface.scope == 0 && interface.family != Family::none &&
                         interface.family != family;
    if (foreign) return to_error(WSAEPROTONOSUPPORT, operation);
    const DWORD index = index_of(interface);
    if (index == 0 && !is_open_choice(interface)) return to_error(WSAEADDRNOTAVAIL, operation);
    const IN_ADDR name = ipv4_name(index);
    if (family == Family::ipv4) {
        return set_value(handle, IPPROTO_IP, IP_MULTICAST_IF, name, operation);
    }
    const Error error = set_value(handle, IPPROTO_IPV6, IPV6_MULTICAST_IF, index, operation);
    // The IPv4 side of a dual-stack socket follows, where there is one.
    if (!error) (void)set_value(handle, IPPROTO_IP, IP_MULTICAST_IF, name, operation);
    return error;
}

// ---- Questions ---------------------------------------------------------------------------------

// By the name that Windows shows its users, such as "Ethernet 2".
Result<std::uint32_t> interface_index(Poller&, std::string_view name) {
    const Error unknown{Code::no_such_device, Operation::none, ERROR_FILE_NOT_FOUND};
    wchar_t wanted[IF_MAX_STRING_SIZE + 1];
    if (name.empty() || name.size() > IF_MAX_STRING_SIZE || name.find('\0') != name.npos) {
        return unknown;
    }
    const int size = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, name.data(),
                                         static_cast<int>(name.size()), wanted,
                                         IF_MAX_STRING_SIZE);
    if (size <= 0) return unknown;
    wanted[size] = 0;
    const std::uint32_t index = find_interface([&](const IP_ADAPTER_ADDRESSES& each) {
        return each.FriendlyName && lstrcmpiW(each.FriendlyName, wanted) == 0;
    });
    if (index == 0) return unknown;
    return index;
}

Result<std::uint32_t> interface_index(Poller&, const Endpoint& address) {
    const bool is_one = address.family != Family::none && !is_unspecified(address);
    const std::uint32_t index =
        is_one ? find_interface([&](const auto& each) { return has_address(each, address); }) : 0;
    if (index == 0) return Error{Code::no_such_device, Operation::none, ERROR_FILE_NOT_FOUND};
    return index;
}

Result<std::size_t> interface_name(Poller&, std::uint32_t index, std::span<char> name) {
    int size = 0;
    (void)find_interface([&](const IP_ADAPTER_ADDRESSES& each) {
        if (index_of(each) != index || !each.FriendlyName) return false;
        size = WideCharToMultiByte(CP_UTF8, 0, each.FriendlyName, lstrlenW(each.FriendlyName),
                                   name.data(), static_cast<int>(name.size()), nullptr, nullptr);
        return true;
    });
    if (size <= 0) return Error{Code::no_such_device, Operation::none, ERROR_FILE_NOT_FOUND};
    return static_cast<std::size_t>(size);
}

Result<std::size_t> interface_indexes(Poller&, std::span<std::uint32_t> indexes) {
    std::size_t count = 0;
    (void)find_interface([&](const IP_ADAPTER_ADDRESSES& each) {
        if (count < indexes.size()) indexes[count] = index_of(each);
        count++;
        return false;
    });
    if (count == 0) return to_error(ERROR_NOT_ENOUGH_MEMORY, Operation::none);
    return count;
}

}  // namespace platform

#endif
