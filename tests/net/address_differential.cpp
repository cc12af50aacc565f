// Our parser against the system's, over random texts. They must agree on every literal, and what we
// pass on as a name must be no number to inet_aton, which resolvers read with.
// Catch: the systems write ::/96 in dotted form, which RFC 5952 does not ask for.
#ifndef _WIN32
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <random>
#include <string>

#include "net/address.h"
#include "platform/platform.h"

namespace {

using net::Address;
using net::Family;
using net::HostKind;

platform::Poller& poller() {
    static auto opened = platform::Poller::open();
    if (!opened) platform::abandon("no poller for the tests");
    return **opened;
}

class Dice {
   public:
    explicit Dice(unsigned seed) : engine_(seed) {}
    std::size_t below(std::size_t end) { return static_cast<std::size_t>(engine_() % end); }
    bool one_in(std::size_t n) { return below(n) == 0; }
    template <class T, std::size_t n>
    const T& pick(const T (&items)[n]) {
        return items[below(n)];
    }

   private:
    std::mt19937_64 engine_;
};

Address random_ipv6(Dice& dice) {
    Address address = Address::any(Family::ipv6);
    for (std::size_t i = 0; i < 16; i += 2) {
        if (dice.one_in(2)) continue;
        if (dice.one_in(2)) address.bytes[i] = static_cast<std::uint8_t>(dice.below(256));
        address.bytes[i + 1] = static_cast<std::uint8_t>(dice.below(256));
    }
    if (dice.one_in(8)) {
        std::fill_n(address.bytes.begin(), 10, std::uint8_t{0});
        std::fill_n(address.bytes.begin() + 10, 2, std::uint8_t{0xff});
    }
    return address;
}

std::string random_pieces(Dice& dice) {
    static const std::string pieces[] = {":",   "::", ".",   "0",    "1",     "a",    "ffff", "FfF",
                                         "255", "25", "256", "1234", "12345", "0x7f", "07",   "00",
                                         "1.2.3.4", "::ffff:", "1:2:3:4", "g", "-", "x", " ", "e"};
    std::string text;
    const std::size_t size = 1 + dice.below(10);
    for (std::size_t i = 0; i < size; i++) text += dice.pick(pieces);
    return text;
}

// One that is right, with a few characters changed: most stay almost right.
std::string random_mutant(Dice& dice) {
    Address address = random_ipv6(dice);
    if (dice.one_in(2)) address.family = Family::ipv4;
    std::string text = address.host();
    for (std::size_t i = dice.below(3); i > 0 && !text.empty(); i--) {
        const std::size_t at = dice.below(text.size());
        const char c = "0123456789abcdefABCDEF:.:.:.x -_"[dice.below(32)];
        if (dice.one_in(3)) {
            text.erase(at, 1);
        } else if (dice.one_in(2)) {
            text.insert(at, 1, c);
        } else {
            text[at] = c;
        }
    }
    return text;
}

// Empty when both agree.
std::string disagreement(const std::string& text) {
    std::uint8_t bytes[16];
    const net::Host host = net::parse_host(poller(), text);
    const bool ipv4 = inet_pton(AF_INET, text.c_str(), bytes) == 1;
    if (ipv4 != (host.kind == HostKind::ipv4)) return "IPv4 or not";
    if (ipv4 && !std::equal(bytes, bytes + 4, host.address.bytes.begin())) return "IPv4 bytes";
    const bool ipv6 = inet_pton(AF_INET6, text.c_str(), bytes) == 1;
    if (ipv6 != (host.kind == HostKind::ipv6)) return "IPv6 or not";
    if (ipv6 && !std::equal(bytes, bytes + 16, host.address.bytes.begin())) return "IPv6 bytes";
    in_addr number;
    if (host.kind == HostKind::name && inet_aton(text.c_str(), &number)) return "name or number";
    return {};
}

TEST_CASE("the system's parser accepts the same texts, and no name is a number to it") {
    const unsigned seed = std::random_device()();
    CAPTURE(seed);
    Dice dice(seed);
    int literals = 0;
    int names = 0;
    for (int i = 0; i < 200'000; i++) {
        const std::string text = dice.one_in(2) ? random_pieces(dice) : random_mutant(dice);
        const std::string what = disagreement(text);
        if (!what.empty()) FAIL_CHECK(what << ": \"" << text << '"');
        const HostKind kind = net::parse_host(poller(), text).kind;
        literals += kind == HostKind::ipv4 || kind == HostKind::ipv6;
        names += kind == HostKind::name;
    }
    CHECK(literals > 10'000);  // Else the dice are bad, and nothing was compared.
    CHECK(names > 10'000);
}

TEST_CASE("IPv6 is written as the system writes it, and read back") {
    const unsigned seed = std::random_device()();
    CAPTURE(seed);
    Dice dice(seed);
    for (int i = 0; i < 100'000; i++) {
        const Address address = random_ipv6(dice);
        const std::string text = address.host();
        char system[INET6_ADDRSTRLEN];
        if (!inet_ntop(AF_INET6, address.bytes.data(), system, sizeof system)) system[0] = 0;
        const auto first = address.bytes.begin();
        const bool compatible = std::all_of(first, first + 12, [](auto byte) { return !byte; });
        if (!compatible && text != system) FAIL_CHECK(text << " is not " << system);
        const auto again = net::parse_literal(text);
        if (!again || !(*again == address)) FAIL_CHECK(text << " does not survive");
    }
}

TEST_CASE("IPv4 is written as the system writes it, and read back") {
    const unsigned seed = std::random_device()();
    CAPTURE(seed);
    Dice dice(seed);
    for (int i = 0; i < 50'000; i++) {
        Address address = Address::any(Family::ipv4);
        for (int k = 0; k < 4; k++) {
            address.bytes[static_cast<std::size_t>(k)] = static_cast<std::uint8_t>(dice.below(256));
        }
        char system[INET_ADDRSTRLEN];
        if (!inet_ntop(AF_INET, address.bytes.data(), system, sizeof system)) system[0] = 0;
        const std::string text = address.host();
        if (text != system) FAIL_CHECK(text << " is not " << system);
        const auto again = net::parse_literal(text);
        if (!again || !(*again == address)) FAIL_CHECK(text << " does not survive");
    }
}

TEST_CASE("[22] an interface's name is a zone, written back as its index") {
    struct if_nameindex* const interfaces = ::if_nameindex();
    REQUIRE(interfaces != nullptr);
    if (!interfaces) return;
    int seen = 0;
    for (const auto* each = interfaces; each->if_name; each++, seen++) {
        const std::string name = each->if_name;
        const std::string index = std::to_string(each->if_index);
        CAPTURE(name);
        for (const std::string host : {"fe80::1%", "ff02::1%", "::%"}) {
            const net::Host parsed = net::parse_host(poller(), host + name);
            CHECK(parsed.kind == HostKind::ipv6);
            CHECK(parsed.address.scope == each->if_index);
            CHECK(parsed.address.host() == host + index);
            CHECK(net::parse_host(poller(), host + index).address == parsed.address);
        }
        CHECK(net::parse_host(poller(), "::1%" + name).kind == HostKind::malformed);
        CHECK(net::parse_host(poller(), "127.0.0.1%" + name).kind == HostKind::malformed);
        CHECK(net::parse_host(poller(), "fe80::1%" + name + '\0').kind == HostKind::malformed);
    }
    ::if_freenameindex(interfaces);
    CHECK(seen > 0);
}

}  // namespace
#endif
