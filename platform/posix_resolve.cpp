// Names to addresses by getaddrinfo(3). Alone in its object file, so that a program which never
// resolves a name does not link it (statically linked, it drags in half of libc).
#ifndef _WIN32

#include <netdb.h>

#include "platform/platform.h"
#include "platform/posix_address.h"
#include "platform/posix_error.h"
#include "platform/posix_options.h"

namespace platform {

namespace {

// Longer than any name on the wire (RFC 1035: 253 octets as text, and a final dot).
constexpr std::size_t host_max = 255;

Error lookup_error(int number, int system_number) {
    const auto failed = [&](Code code) { return Error{code, Operation::lookup, number}; };
    // Not a switch: some systems give several of these the same number. EAI_NODATA (the name
    // exists, without an address) is missing on others, where EAI_NONAME covers it.
    if (number == EAI_SYSTEM) return to_error(system_number, Operation::lookup);
    if (number == EAI_AGAIN) return failed(Code::lookup_again);
    if (number == EAI_FAMILY) return failed(Code::lookup_family);
    if (number == EAI_MEMORY) return failed(Code::out_of_memory);
    if (number == EAI_NONAME || number == no_address_number) return failed(Code::lookup_not_found);
    if (number == wrong_family_number) return failed(Code::lookup_family);
    return failed(Code::lookup_failed);
}

int to_hint(Family family) {
    switch (family) {
        case Family::ipv4: return AF_INET;
        case Family::ipv6: return AF_INET6;
        default: return AF_UNSPEC;
    }
}

}  // namespace

Result<std::size_t> resolve(Job&, std::string_view host, Family family,
                            std::span<Endpoint> endpoints) {
    const Error not_found{Code::lookup_not_found, Operation::lookup, EAI_NONAME};
    // A NUL inside would cut the name, and "localhost\0.example.com" is not localhost.
    if (host.empty() || host.size() > host_max || host.find('\0') != host.npos) return not_found;
    if (family == Family::local) return lookup_error(EAI_FAMILY, 0);
    char text[host_max + 1];
    host.copy(text, host.size());
    text[host.size()] = 0;

    addrinfo hints{};
    hints.ai_family = to_hint(family);
    hints.ai_socktype = SOCK_DGRAM;  // Otherwise each address comes once for every type.
    addrinfo* found = nullptr;
    const int number = getaddrinfo(text, nullptr, &hints, &found);
    if (number != 0) return lookup_error(number, errno);
    std::size_t count = 0;
    for (const addrinfo* each = found; each && count < endpoints.size(); each = each->ai_next) {
        const Endpoint endpoint = to_endpoint(each->ai_addr, each->ai_addrlen);
        const bool wanted = family == Family::none ? endpoint.family != Family::none
                                                   : endpoint.family == family;
        if (wanted) endpoints[count++] = endpoint;
    }
    freeaddrinfo(found);
    if (count == 0) return not_found;
    return count;
}

}  // namespace platform

#endif
