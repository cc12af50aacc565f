// Addresses as text. An Address is an Endpoint that can become text; the parser is strict, because
// what looks like a number to one parser and like a name to another is how filters are evaded.
// Catch: a zone is written as an index ("fe80::1%2"), which every system reads back; a name of an
// interface is only ever read.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "platform/endpoint.h"
#include "platform/error.h"

namespace platform {
class Poller;
}

namespace net {

using platform::Code;
using platform::Endpoint;
using platform::Error;
using platform::Family;
using platform::Operation;
using platform::Result;

// The text of an address in a buffer of its own: made without an allocation. Ends with a NUL.
class AddressText {
   public:
    operator std::string_view() const { return {text_.data(), size_}; }
    std::string_view view() const { return *this; }
    const char* c_str() const { return text_.data(); }
    void append(std::string_view);  // What does not fit is left out; every address fits.
    void append_number(std::uint32_t value, unsigned base = 10);

   private:
    std::array<char, 127> text_{};
    std::uint8_t size_ = 0;
};

struct Address : platform::Endpoint {
    Address() = default;
    Address(const Endpoint& endpoint) : Endpoint(endpoint) {}

    // "127.0.0.1", "fe80::1%2", "/tmp/a", "@abstract"; "" when there is no name. IPv6 as in
    // RFC 5952. A file called "@x" is written "./@x", so that it is not read as an abstract name.
    std::string host() const;
    AddressText host_text() const;

    // With the port: "127.0.0.1:80", "[::1]:80"; a path has none.
    std::string text() const;
    AddressText full_text() const;

    std::string_view family_name() const;  // "IPv4", "IPv6", "unix"; "" for Family::none.

    static Address any(Family, std::uint16_t port = 0);       // 0.0.0.0 or ::
    static Address loopback(Family, std::uint16_t port = 0);  // 127.0.0.1 or ::1

    // Each sees through ::ffff:a.b.c.d, which the system treats as the IPv4 address.
    bool is_loopback() const;
    bool is_multicast() const;
    bool is_unspecified() const;
    bool is_link_local() const;
    bool is_mapped() const;    // ::ffff:a.b.c.d itself.
    bool is_abstract() const;  // A unix-domain name outside the file system.
    Address unmapped() const;  // IPv4 when it is mapped, else itself.
};

enum class HostKind : std::uint8_t { empty, ipv4, ipv6, name, malformed };

// What a text stands for. Only a `name` is a resolver's business.
struct Host {
    HostKind kind = HostKind::empty;
    Address address;  // Of ipv4 and ipv6; the port is 0.
    Error error{};    // Of malformed: ENOTFOUND during lookup for a name that no resolver may see,
                      // else EINVAL or ENODEV (an unknown zone), without an operation.
};
Host parse_host(platform::Poller&, std::string_view text);

// Literals only: a name is EINVAL. Without a Poller a zone has to be a number.
Result<Address> parse_literal(platform::Poller&, std::string_view text, std::uint16_t port = 0);
Result<Address> parse_literal(std::string_view text, std::uint16_t port = 0);

// "/tmp/a", or "@name" (also with a leading NUL) for a name outside the file system, in which every
// byte counts. ENAMETOOLONG: over 107 octets, or over 108 with the '@'.
Result<Address> parse_path(std::string_view text);

}  // namespace net
