// Feeds the parsers of addresses with noise. Whatever comes: a literal is what the system's own
// parser reads, a name is no number to inet_aton, and text made of an address reads back the same.
// Catch: interfaces are those of the machine it runs on; only their absence is relied on.
#ifndef _WIN32
#include <arpa/inet.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "net/address.h"
#include "net/failure.h"
#include "platform/platform.h"

namespace {

using net::Address;
using net::Family;
using net::HostKind;

void require(bool holds) {
    if (!holds) std::abort();
}

platform::Poller& poller() {
    static auto opened = platform::Poller::open();
    require(static_cast<bool>(opened));
    return **opened;
}

// What the system reads, where the text has no zone and no NUL, of which it knows nothing.
void compare(const std::string& text, const net::Host& host) {
    std::uint8_t bytes[16];
    const bool ipv4 = inet_pton(AF_INET, text.c_str(), bytes) == 1;
    require(ipv4 == (host.kind == HostKind::ipv4));
    require(!ipv4 || std::equal(bytes, bytes + 4, host.address.bytes.begin()));
    const bool ipv6 = inet_pton(AF_INET6, text.c_str(), bytes) == 1;
    require(ipv6 == (host.kind == HostKind::ipv6));
    require(!ipv6 || std::equal(bytes, bytes + 16, host.address.bytes.begin()));
    in_addr number;
    require(host.kind != HostKind::name || inet_aton(text.c_str(), &number) == 0);
}

void check_host(std::string_view text) {
    const net::Host host = net::parse_host(poller(), text);
    const bool literal = host.kind == HostKind::ipv4 || host.kind == HostKind::ipv6;
    require(static_cast<bool>(host.error) == (host.kind == HostKind::malformed));
    require(literal || host.address == Address{});
    require((host.kind == HostKind::empty) == text.empty());
    const auto parsed = net::parse_literal(poller(), text, 9);
    require(static_cast<bool>(parsed) == literal);
    if (literal) {
        const auto again = net::parse_literal(host.address.host());
        require(again && *again == host.address);
    }
    if (host.kind == HostKind::name) require(text.size() <= 253);
    const bool plain = text.find('%') == text.npos && text.find('\0') == text.npos;
    if (plain) compare(std::string(text), host);
    const net::Failure failure = net::Failure::of_text(host.error, std::string(text), 80);
    require(failure.text().empty() == !host.error);
}

void check_path(std::string_view text) {
    const auto path = net::parse_path(text);
    if (!path) return;
    require(path->size == text.size());
    const std::string host = path->host();
    require(host.substr(1) == text.substr(1));
    const auto again = net::parse_path(host);
    require(again && *again == *path);
}

// Any bytes that a system might hand over.
void check_endpoint(std::string_view data) {
    if (data.size() < 8) return;
    Address address;
    const Family families[] = {Family::none, Family::ipv4, Family::ipv6, Family::local};
    const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(data[i]); };
    address.family = families[byte(0) % 4];
    address.port = static_cast<std::uint16_t>(byte(1) << 8 | byte(2));
    address.scope = 0;
    for (std::size_t i = 3; i < 7; i++) address.scope = address.scope << 8 | byte(i);
    data.remove_prefix(7);
    address.bytes.fill(0);
    data = data.substr(0, address.bytes.size());
    std::copy(data.begin(), data.end(), address.bytes.begin());
    address.size = static_cast<std::uint8_t>(data.size());
    if (address.family == Family::ipv4) address.size = 4;
    if (address.family == Family::ipv6) address.size = 16;
    require(address.text().size() <= 110);
    require(address.text().find(address.host()) != std::string::npos);
    if (address.family != Family::ipv4 && address.family != Family::ipv6) return;
    if (address.family == Family::ipv4) address.scope = 0;
    const auto again = net::parse_literal(address.host(), address.port);
    const bool zone = address.scope != 0;
    require(again ? *again == address : zone);  // A zone where none belongs does not read back.
    (void)(address.is_loopback() || address.is_multicast() || address.is_link_local());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    check_host(text);
    check_path(text);
    check_endpoint(text);
    return 0;
}
#endif
