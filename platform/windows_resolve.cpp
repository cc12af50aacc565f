// Names to addresses by GetAddrInfoW, which knows names in all scripts. Alone in its object file,
// so that a program which never resolves a name does not link it.
#ifdef _WIN32

#include "platform/windows_address.h"
#include "platform/windows_error.h"
#include "platform/windows_sockets.h"

namespace platform {

namespace {

// Longer than any name on the wire (RFC 1035: 253 octets as text, and a final dot).
constexpr std::size_t host_max = 255;

Error lookup_error(int number) {
    const auto failed = [&](Code code) { return Error{code, Operation::lookup, number}; };
    switch (number) {
        case WSATRY_AGAIN: return failed(Code::lookup_again);
        case WSAHOST_NOT_FOUND:
        case WSANO_DATA: return failed(Code::lookup_not_found);
        case WSANO_RECOVERY: return failed(Code::lookup_failed);
        case WSAEAFNOSUPPORT: return failed(Code::lookup_family);
        case WSA_NOT_ENOUGH_MEMORY: return failed(Code::out_of_memory);
        default: return failed(Code::lookup_failed);
    }
}

int to_hint(Family family) {
    switch (family) {
        case Family::ipv4: return AF_INET;
        case Family::ipv6: return AF_INET6;
        default: return AF_UNSPEC;
    }
}

// How many endpoints of the family were written.
std::size_t copy_found(const ADDRINFOW* found, Family family, std::span<Endpoint> endpoints) {
    std::size_t count = 0;
    for (const auto* each = found; each && count < endpoints.size(); each = each->ai_next) {
        const Endpoint endpoint = to_endpoint(each->ai_addr, each->ai_addrlen);
        const bool wanted = family == Family::none ? endpoint.family != Family::none
                                                   : endpoint.family == family;
        if (wanted) endpoints[count++] = endpoint;
    }
    return count;
}

}  // namespace

Result<std::size_t> resolve(Job&, std::string_view host, Family family,
                            std::span<Endpoint> endpoints) {
    const Error not_found = lookup_error(WSAHOST_NOT_FOUND);
    // A NUL inside would cut the name, and "localhost\0.example.com" is not localhost.
    if (host.empty() || host.size() > host_max || host.find('\0') != host.npos) return not_found;
    if (family == Family::local) return lookup_error(WSAEAFNOSUPPORT);
    if (const Error error = start_winsock(Operation::lookup)) return error;
    wchar_t text[host_max + 1];
    const int size = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, host.data(),
                                         static_cast<int>(host.size()), text, host_max);
    if (size <= 0) return not_found;
    text[size] = 0;

    ADDRINFOW hints{};
    hints.ai_family = to_hint(family);
    hints.ai_socktype = SOCK_DGRAM;  // Otherwise each address comes once for every type.
    ADDRINFOW* found = nullptr;
    const int number = GetAddrInfoW(text, nullptr, &hints, &found);
    if (number != 0) return lookup_error(number);
    const std::size_t count = copy_found(found, family, endpoints);
    FreeAddrInfoW(found);
    if (count == 0) return not_found;
    return count;
}

}  // namespace platform

#endif
