// Addresses as text, in both directions: tables of what is and what is not an address, and what
// has to survive a round trip. The comparison with the system's own parser is in
// address_differential.cpp, which needs system headers.
#include "net/address.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>

#include "platform/platform.h"

namespace {

using namespace std::string_literals;
using net::Address;
using net::Code;
using net::Family;
using net::Host;
using net::HostKind;
using platform::Error;
using platform::Operation;
using Text = std::string;  // What CAPTURE prints; it shows a char* as a number.

static_assert(std::is_trivially_copyable_v<Address>, "an Endpoint, and nothing more");
static_assert(sizeof(Address) == sizeof(platform::Endpoint));
static_assert(std::is_trivially_copyable_v<net::AddressText>, "owns no memory");

platform::Poller& poller() {
    static auto opened = platform::Poller::open();
    if (!opened) platform::abandon("no poller for the tests");
    return **opened;
}

Host parsed(std::string_view text) { return net::parse_host(poller(), text); }

Address ipv6(std::initializer_list<std::uint16_t> groups, std::uint32_t scope = 0) {
    Address address = Address::any(Family::ipv6);
    std::size_t at = 0;
    for (std::uint16_t group : groups) {
        address.bytes[at++] = static_cast<std::uint8_t>(group >> 8);
        address.bytes[at++] = static_cast<std::uint8_t>(group & 0xff);
    }
    address.scope = scope;
    return address;
}

Address local(std::string_view bytes) {
    Address address;
    address.family = Family::local;
    address.size = static_cast<std::uint8_t>(bytes.size());
    std::copy(bytes.begin(), bytes.end(), address.bytes.begin());
    return address;
}

void check_malformed(std::string_view text, Error error) {
    CAPTURE(Text(text));
    const Host host = parsed(text);
    CHECK(host.kind == HostKind::malformed);
    CHECK(host.error.code == error.code);
    CHECK(host.error.operation == error.operation);
    CHECK(host.address == Address{});
    // Where only literals are legal, what is no possible name is an invalid argument too.
    const auto literal = net::parse_literal(poller(), text);
    CHECK_FALSE(literal);
    const bool lookup = error.operation == Operation::lookup;
    CHECK(literal.error().code == (lookup ? Code::invalid_argument : error.code));
}

const Error invalid{Code::invalid_argument};
const Error no_device{Code::no_such_device};
const Error not_found{Code::lookup_not_found, Operation::lookup};

TEST_CASE("an IPv4 literal is four decimal numbers and nothing else") {
    for (const Text text : {"0.0.0.0", "127.0.0.1", "255.255.255.255", "1.20.30.4", "8.8.8.8"}) {
        CAPTURE(text);
        const Host host = parsed(text);
        CHECK(host.kind == HostKind::ipv4);
        CHECK_FALSE(host.error);
        CHECK(host.address.family == Family::ipv4);
        CHECK(host.address.size == 4);
        CHECK(host.address.port == 0);
        CHECK(host.address.host() == text);
    }
    const Address address = parsed("1.20.255.4").address;
    const std::uint8_t bytes[] = {1, 20, 255, 4};
    CHECK(std::equal(bytes, bytes + 4, address.bytes.begin()));
}

TEST_CASE("what only looks like an IPv4 literal is malformed, and no resolver sees it") {
    for (const Text text :
         {"127.1", "0x7f.1", "0177.0.0.1", "2130706433", "1.2.3.4.5", "1.2.3", "256.1.1.1",
          "0x7f000001", "0X7F000001", "127.0.0.0x1", "127.0.0.01", "00.0.0.0", "1.2.3.04",
          "127.0.0.1.", "1.2.3.", "1..2", ".1", "1.2.3.1000", "0", "4294967296", "0x", "1.2.3.0x",
          "example.1", "example.0xfF", "a.-1.2", " 127.0.0.1", "\t127.1", "0.0.0.256",
          "99999999999999999999999999.1", "1.2.3.4%1", "127.0.0.1%lo", "127.0.0.1%", "+1.2.3.4"}) {
        check_malformed(text, invalid);
    }
    CHECK(parsed("-1").kind == HostKind::name);  // No parser takes it for an address.
}

TEST_CASE("an IPv6 literal has any of the forms of RFC 4291") {
    const struct {
        std::string text;
        Address address;
    } table[] = {
        {"::", ipv6({})},
        {"::1", ipv6({0, 0, 0, 0, 0, 0, 0, 1})},
        {"1::", ipv6({1})},
        {"1:2:3:4:5:6:7:8", ipv6({1, 2, 3, 4, 5, 6, 7, 8})},
        {"1:2:3:4:5:6:7::", ipv6({1, 2, 3, 4, 5, 6, 7, 0})},
        {"::2:3:4:5:6:7:8", ipv6({0, 2, 3, 4, 5, 6, 7, 8})},
        {"1::8", ipv6({1, 0, 0, 0, 0, 0, 0, 8})},
        {"1:2::7:8", ipv6({1, 2, 0, 0, 0, 0, 7, 8})},
        {"FFFF:AbCd::09f", ipv6({0xffff, 0xabcd, 0, 0, 0, 0, 0, 0x9f})},
        {"0001:0000::", ipv6({1})},
        {"::1.2.3.4", ipv6({0, 0, 0, 0, 0, 0, 0x102, 0x304})},
        {"::ffff:1.2.3.4", ipv6({0, 0, 0, 0, 0, 0xffff, 0x102, 0x304})},
        {"1:2:3:4:5:6:1.2.3.4", ipv6({1, 2, 3, 4, 5, 6, 0x102, 0x304})},
        {"64:ff9b::255.0.0.1", ipv6({0x64, 0xff9b, 0, 0, 0, 0, 0xff00, 1})},
        {"1:2:3:4:5::1.2.3.4", ipv6({1, 2, 3, 4, 5, 0, 0x102, 0x304})},
    };
    for (const auto& row : table) {
        CAPTURE(row.text);
        const Host host = parsed(row.text);
        CHECK(host.kind == HostKind::ipv6);
        CHECK(host.address == row.address);
        CHECK(parsed(host.address.host()).address == row.address);
    }
}

TEST_CASE("a text with a colon that is no IPv6 literal is malformed") {
    for (const Text text :
         {":", ":::", "1:", ":1", "1:2", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "1:::2",
          "12345::", "0::00000", "g::", "::g", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8",
          "1:2:3:4::5:6:7:8", "::1.2.3", "::1.2.3.4.5", "::1.2.3.04", "::256.1.1.1", "1.2.3.4::",
          "::1.2.3.4:5", "1:2:3:4:5:6:7:1.2.3.4", "1::3:4:5:6:7:8:1.2.3.4", "1.2.3.4:80", "[::1]",
          "[::1]:80", "::1 ", " ::1", "::1/64", "example.com:80", "::-1", "::0x1", "::1\n",
          "1:2:3:4:5:6:1.2.3", "::.", "::1."}) {
        check_malformed(text, invalid);
    }
    check_malformed("::1\0"s, invalid);
    check_malformed("::\0001"s, invalid);
    check_malformed(std::string(100'000, ':'), invalid);
}

TEST_CASE("IPv6 is written as RFC 5952 wants it") {
    const struct {
        std::string text;
        Address address;
    } table[] = {
        {"::", ipv6({})},
        {"::1", ipv6({0, 0, 0, 0, 0, 0, 0, 1})},
        {"2001:db8::1", ipv6({0x2001, 0xdb8, 0, 0, 0, 0, 0, 1})},
        {"2001:db8:0:1:1:1:1:1", ipv6({0x2001, 0xdb8, 0, 1, 1, 1, 1, 1})},  // Not for one group.
        {"2001:0:0:1::1", ipv6({0x2001, 0, 0, 1, 0, 0, 0, 1})},             // The longest run.
        {"2001:db8::1:0:0:1", ipv6({0x2001, 0xdb8, 0, 0, 1, 0, 0, 1})},     // The first of equals.
        {"abcd:ef01::", ipv6({0xabcd, 0xef01})},                            // Lower case.
        {"1:2:3:4:5:6:7:0", ipv6({1, 2, 3, 4, 5, 6, 7, 0})},
        {"0:2:3:4:5:6:7:8", ipv6({0, 2, 3, 4, 5, 6, 7, 8})},
        {"::ffff:1.2.3.4", ipv6({0, 0, 0, 0, 0, 0xffff, 0x102, 0x304})},
        {"::ffff:0.0.0.0", ipv6({0, 0, 0, 0, 0, 0xffff, 0, 0})},
        {"::102:304", ipv6({0, 0, 0, 0, 0, 0, 0x102, 0x304})},
        {"::ffff:0:102:304", ipv6({0, 0, 0, 0, 0xffff, 0, 0x102, 0x304})},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
         ipv6({0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff})},
    };
    for (const auto& row : table) CHECK(row.address.host() == row.text);
}

TEST_CASE("[22] a zone is a number on link-local, multicast and unspecified addresses") {
    for (const Text text : {"fe80::1%2", "febf:ffff::1%2", "ff02::1%2", "ff0e::1%2", "::%2"}) {
        CAPTURE(text);
        const Host host = parsed(text);
        CHECK(host.kind == HostKind::ipv6);
        CHECK(host.address.scope == 2);
        CHECK(host.address.host() == text);
        CHECK(net::parse_literal(text));  // Without a poller: a number needs nobody to ask.
    }
    CHECK(parsed("fe80::1").address.scope == 0);
    CHECK(parsed("fe80::1%4294967295").address.scope == 4294967295);
    CHECK(parsed("fe80::1%4294967295").address.full_text().view() == "[fe80::1%4294967295]:0");
}

TEST_CASE("[22] an unknown zone, or one on another address, is an error") {
    for (const Text text : {"::1%2", "2001:db8::1%2", "fec0::1%2", "fe7f::%1", "::ffff:1.2.3.4%1",
                            "::1%no-such-if", "::%", "fe80::1%", "ff02::1%"}) {
        check_malformed(text, invalid);
    }
    const std::string long_zone(300, 'x');
    const std::string long_number(300, '1');
    check_malformed("fe80::1%" + long_zone, invalid);
    check_malformed("fe80::1%" + long_number, invalid);
    check_malformed("fe80::1%2\0"s, invalid);
    check_malformed("fe80::1%\0"s, invalid);
    check_malformed("fe80::1%no-such-if", no_device);
    check_malformed("fe80::1%%", no_device);
    check_malformed("fe80::1%-1", no_device);
    check_malformed("ff02::1%no-such-if", no_device);
    check_malformed("::%no-such-if", no_device);
    check_malformed("fe80::1%0", no_device);
    check_malformed("fe80::1%4294967296", no_device);
    check_malformed("fe80::1%99999999999999999999999999", no_device);
    const auto named = net::parse_literal("fe80::1%no-such-if");
    CHECK(named.error() == invalid);  // Nobody to ask.
}

TEST_CASE("what is neither a literal nor like one is a name") {
    for (const Text text : {"localhost", "example.com", "example.com.", "a_b-c.example", "-", "_",
                            "1.2.3.4.example", "0x7f.g", "0x7g", "1e3", "m\xc3\xbcnchen.example",
                            "127.0.0.1a", "a.b.c", "xn--mnchen-3ya", "0x7f.1x", "1.2.3.four"}) {
        CAPTURE(text);
        const Host host = parsed(text);
        CHECK(host.kind == HostKind::name);
        CHECK_FALSE(host.error);
        CHECK(host.address == Address{});
        CHECK(net::parse_literal(poller(), text).error() == invalid);
        CHECK(net::parse_literal(text).error() == invalid);
    }
    CHECK(parsed("").kind == HostKind::empty);
    CHECK(net::parse_literal(poller(), "").error() == invalid);
}

TEST_CASE("[37] a name with a NUL or of more than 253 octets is refused before any look-up") {
    check_malformed("localhost\0"s, not_found);
    check_malformed("\0"s, not_found);
    check_malformed("local\0host"s, not_found);
    check_malformed("127.0.0.1\0"s, not_found);
    const std::string label(63, 'a');
    const std::string longest = label + '.' + label + '.' + label + '.' + std::string(61, 'b');
    CHECK(longest.size() == 253);
    CHECK(parsed(longest).kind == HostKind::name);
    check_malformed(longest + 'b', not_found);
    check_malformed(longest + '.', not_found);
    check_malformed(std::string(100'000, 'a'), not_found);
}

TEST_CASE("[37] so are labels that no name can have") {
    const std::string label(63, 'a');
    CHECK(parsed(label).kind == HostKind::name);
    CHECK(parsed(label + ".b.").kind == HostKind::name);
    check_malformed(label + 'a', not_found);
    check_malformed("b." + label + "a.c", not_found);
    for (const Text text : {".", "..", ".a", "a..b", "a..", "a b", " a", "a ", "127.0.0.1 ",
                            "127.1 x", "a\n", "a\x7f", "\x01"}) {
        check_malformed(text, not_found);
    }
    for (const Text text : {"a%b", "localhost%lo", "%", "a.1%"}) check_malformed(text, invalid);
}

TEST_CASE("a literal takes its port from the caller") {
    const auto address = net::parse_literal(poller(), "127.0.0.1", 80);
    REQUIRE(address);
    if (!address) return;
    CHECK(*address == Address::loopback(Family::ipv4, 80));
    CHECK(address->text() == "127.0.0.1:80");
    CHECK(address->full_text().c_str() == "127.0.0.1:80"s);
    CHECK(Address::loopback(Family::ipv6, 65535).text() == "[::1]:65535");
    CHECK(Address::any(Family::ipv4).text() == "0.0.0.0:0");
    CHECK(Address::any(Family::ipv6, 7).text() == "[::]:7");
}

TEST_CASE("the longest address fits into its text") {
    const std::uint16_t f = 0xffff;
    Address address = ipv6({f, f, f, f, f, f, f, f}, 4294967295);
    address.port = 65535;
    CHECK(address.text() == "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535");
    const std::string path = '@' + std::string(107, 'x');
    CHECK(local(path).text() == "./" + path);
}

TEST_CASE("families have names") {
    CHECK(Address::any(Family::ipv4).family_name() == "IPv4");
    CHECK(Address::any(Family::ipv6).family_name() == "IPv6");
    CHECK(Address::any(Family::local).family_name() == "unix");
    CHECK(Address::any(Family::none).family_name() == "");
    CHECK(Address::any(Family::none).text() == "");
    CHECK(Address::loopback(Family::none).host() == "");
}

TEST_CASE("questions about an address see through the mapped form") {
    const auto is = [](std::string_view text) { return parsed(text).address; };
    for (const Text text : {"127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1"}) {
        CAPTURE(text);
        CHECK(is(text).is_loopback());
        CHECK_FALSE(is(text).is_multicast());
        CHECK_FALSE(is(text).is_unspecified());
    }
    for (const Text text : {"224.0.0.1", "239.255.255.255", "ff02::1", "::ffff:224.1.2.3"}) {
        CAPTURE(text);
        CHECK(is(text).is_multicast());
        CHECK_FALSE(is(text).is_loopback());
    }
    for (const Text text : {"0.0.0.0", "::", "::ffff:0.0.0.0"}) {
        CAPTURE(text);
        CHECK(is(text).is_unspecified());
        CHECK_FALSE(is(text).is_loopback());
    }
    for (const Text text : {"169.254.1.1", "fe80::1", "febf::", "::ffff:169.254.0.1"}) {
        CAPTURE(text);
        CHECK(is(text).is_link_local());
    }
    for (const Text text : {"128.0.0.1", "223.255.255.255", "240.0.0.1", "::2", "fec0::1", "1::1",
                            "169.253.1.1", "::127.0.0.1", "fe00::", "::ffff:8.8.8.8"}) {
        CAPTURE(text);
        CHECK_FALSE(is(text).is_loopback());
        CHECK_FALSE(is(text).is_multicast());
        CHECK_FALSE(is(text).is_unspecified());
        CHECK_FALSE(is(text).is_link_local());
    }
    CHECK_FALSE(Address{local("/a")}.is_unspecified());
    CHECK_FALSE(Address::any(Family::local).is_unspecified());
    CHECK_FALSE(local("\x7f").is_loopback());
}

TEST_CASE("a mapped address becomes its IPv4 address, with the port") {
    Address mapped = parsed("::ffff:1.2.3.4").address;
    mapped.port = 80;
    CHECK(mapped.is_mapped());
    CHECK(mapped.unmapped().text() == "1.2.3.4:80");
    CHECK(mapped.unmapped().family == Family::ipv4);
    CHECK_FALSE(parsed("::1.2.3.4").address.is_mapped());
    CHECK_FALSE(parsed("1.2.3.4").address.is_mapped());
    CHECK(parsed("fe80::1%2").address.unmapped() == parsed("fe80::1%2").address);
}

TEST_CASE("[52] a path that does not fit is refused") {
    const std::string longest(107, 'x');
    const auto fits = net::parse_path(longest);
    REQUIRE(fits);
    if (!fits) return;
    CHECK(fits->family == Family::local);
    CHECK(fits->host() == longest);
    CHECK(fits->text() == longest);
    CHECK_FALSE(fits->is_abstract());
    CHECK(net::parse_path(longest + 'x').error() == Error{Code::name_too_long});
    CHECK(net::parse_path(std::string(100'000, 'x')).error() == Error{Code::name_too_long});
}

TEST_CASE("[52] an abstract name starts with a NUL or an @, and every byte counts") {
    const auto by_sign = net::parse_path("@a\0b@"s);
    const auto by_nul = net::parse_path("\0a\0b@"s);
    REQUIRE(by_sign);
    REQUIRE(by_nul);
    if (!by_sign || !by_nul) return;
    CHECK(*by_sign == *by_nul);
    CHECK(by_sign->size == 5);
    CHECK(by_sign->is_abstract());
    CHECK(by_sign->host() == "@a\0b@"s);
    const auto shorter = net::parse_path("@a\0b"s);
    REQUIRE(shorter);
    if (shorter) CHECK_FALSE(*shorter == *by_sign);
    const auto longest = net::parse_path('@' + std::string(107, 'x'));
    REQUIRE(longest);
    if (longest) CHECK(longest->host() == '@' + std::string(107, 'x'));
    CHECK(net::parse_path('@' + std::string(108, 'x')).error() == Error{Code::name_too_long});
    const auto empty = net::parse_path("@");
    REQUIRE(empty);
    if (empty) CHECK(empty->is_abstract());
}

TEST_CASE("[52] a file's path holds no NUL and is not empty") {
    CHECK(net::parse_path("").error() == invalid);
    CHECK(net::parse_path("/tmp/a\0"s).error() == invalid);
    CHECK(net::parse_path("/tmp/\0/a"s).error() == invalid);
}

TEST_CASE("a sender without a name has the address \"\"") {
    CHECK(local("").host() == "");
    CHECK(local("").text() == "");
    CHECK(local("/tmp/a").host() == "/tmp/a");
}

TEST_CASE("a file called @x is not mistaken for an abstract name") {
    CHECK(local("@x").host() == "./@x");
    const auto again = net::parse_path(local("@x").host());
    REQUIRE(again);
    if (again) CHECK_FALSE(again->is_abstract());
}

}  // namespace
