// What a block list catches: each rule, each way of hiding an IPv4 address inside an IPv6 one, and
// nothing besides; against a model that compares byte by byte and looks at every rule.
// Catch: the global operators new and delete are replaced, to count allocations and to refuse them.
#include "net/block_list.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace {

std::size_t allocations = 0;
std::size_t allowed = SIZE_MAX;  // How many more of the fallible ones succeed.

void* allocate(std::size_t size) {
    allocations++;
    return std::malloc(size ? size : 1);
}

// Through a pointer: a compiler that inlines operator delete complains of free() beside new.
void (*volatile release)(void*) = std::free;

}  // namespace

void* operator new(std::size_t size) {
    void* const memory = allocate(size);
    if (!memory) std::abort();
    return memory;
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    if (allowed == 0) return nullptr;
    if (allowed != SIZE_MAX) allowed--;
    return allocate(size);
}
void operator delete(void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { release(memory); }

namespace {

using net::Address;
using net::BlockList;
using net::Code;
using net::Endpoint;
using net::Family;
using Text = std::string;  // What CAPTURE prints; it shows a char* as a number.
using platform::Error;

const Error invalid{Code::invalid_argument};
const Error no_memory{Code::out_of_memory};

Address at(std::string_view text) {
    const auto address = net::parse_literal(text, 80);
    CAPTURE(text);
    REQUIRE(address);
    return address ? *address : Address{};
}

bool blocks(const BlockList& list, std::string_view text) { return list.blocks(at(text)); }

using Bytes = std::array<std::uint8_t, 16>;

Endpoint ipv6(const Bytes& bytes) {
    Endpoint endpoint = Address::any(Family::ipv6, 9);
    std::copy(bytes.begin(), bytes.end(), endpoint.bytes.begin());
    return endpoint;
}

Endpoint ipv4(std::uint32_t number) {
    Endpoint endpoint = Address::any(Family::ipv4, 9);
    for (std::size_t i = 0; i < 4; i++) {
        endpoint.bytes[i] = static_cast<std::uint8_t>(number >> (24 - 8 * i));
    }
    return endpoint;
}

// Puts the four bytes of an IPv4 address where a form wants them.
Bytes hidden(Bytes form, std::array<std::size_t, 4> places, const Endpoint& inner,
             std::uint8_t flipped = 0) {
    for (std::size_t i = 0; i < 4; i++) {
        form[places[i]] = static_cast<std::uint8_t>(inner.bytes[i] ^ flipped);
    }
    return form;
}

// Every form that is known to reach an IPv4 address through an IPv6 one.
std::vector<Bytes> forms_of(const Endpoint& inner) {
    const std::array<std::size_t, 4> last{12, 13, 14, 15};
    const Bytes local_nat64{0, 0x64, 0xff, 0x9b, 0, 1};
    std::vector<Bytes> forms{
        hidden({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, last, inner),           // Mapped.
        hidden({}, last, inner),                                                   // Compatible.
        hidden({0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, last, inner),                 // SIIT.
        hidden({0, 0x64, 0xff, 0x9b}, last, inner),                                // NAT64.
        hidden({0x20, 0x02}, {2, 3, 4, 5}, inner),                                 // 6to4.
        hidden({0x20, 0x02, 0, 0, 0, 0, 7, 7, 7, 7, 7, 7, 7}, {2, 3, 4, 5}, inner),
        hidden({0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0x5e, 0xfe}, last, inner),     // ISATAP.
        hidden({0x20, 0x01, 0xd, 0xb8, 9, 9, 9, 9, 2, 0, 0x5e, 0xfe}, last, inner),
        hidden({0x20, 0x01, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8}, last, inner, 0xff),     // Teredo.
        hidden(local_nat64, last, inner),                                          // RFC 8215.
    };
    if (inner.bytes[0] != 0) {
        forms.push_back(hidden(local_nat64, {6, 7, 9, 10}, inner));
        forms.push_back(hidden(local_nat64, {7, 9, 10, 11}, inner));
        forms.push_back(hidden(local_nat64, {9, 10, 11, 12}, inner));
    }
    return forms;
}

TEST_CASE("an empty list blocks nothing") {
    const BlockList list;
    for (const Text text : {"0.0.0.0", "127.0.0.1", "::", "::1", "::ffff:1.2.3.4", "ff02::1"}) {
        CHECK_FALSE(blocks(list, text));
    }
    CHECK(list.rules().empty());
}

TEST_CASE("[38] an address is blocked, whatever its port and zone") {
    BlockList list;
    CHECK_FALSE(list.add_address("1.2.3.4"));
    CHECK_FALSE(list.add_address("fe80::1%7"));
    CHECK_FALSE(list.add_address(at("2001:db8::1")));
    CHECK(list.blocks(ipv4(0x01020304)));
    Endpoint peer = at("1.2.3.4");
    peer.port = 0;
    CHECK(list.blocks(peer));
    CHECK(blocks(list, "fe80::1"));
    CHECK(blocks(list, "fe80::1%2"));
    CHECK(blocks(list, "2001:db8::1"));
    for (const Text text : {"1.2.3.3", "1.2.3.5", "fe80::2", "fe80::", "2001:db8::2", "::1"}) {
        CAPTURE(text);
        CHECK_FALSE(blocks(list, text));
    }
}

TEST_CASE("[38] a range holds both of its ends, a subnet all of its hosts") {
    BlockList list;
    CHECK_FALSE(list.add_range("10.0.0.9", "10.0.1.2"));
    CHECK_FALSE(list.add_subnet("192.168.7.7", 22));  // Host bits are no mistake in Node.
    CHECK_FALSE(list.add_range("2001:db8::ffff:ffff:ffff:ffff", "2001:db8:0:1::"));
    CHECK_FALSE(list.add_subnet("fd00::", 8));
    CHECK_FALSE(list.add_subnet("2001:db8:1:2:3:4:5:6", 65));
    CHECK_FALSE(list.add_subnet("2001:db8:2::5", 128));
    CHECK_FALSE(list.add_subnet("2001:db8:3:4:5::", 64));
    CHECK_FALSE(list.add_subnet("172.16.0.5", 32));
    for (const Text text :
         {"10.0.0.9", "10.0.0.255", "10.0.1.0", "10.0.1.2", "192.168.4.0", "192.168.7.255",
          "2001:db8::ffff:ffff:ffff:ffff", "2001:db8:0:1::", "fd00::", "fdff::1",
          "2001:db8:1:2::", "2001:db8:1:2:7fff:ffff:ffff:ffff", "2001:db8:2::5", "172.16.0.5",
          "2001:db8:3:4::", "2001:db8:3:4:ffff:ffff:ffff:ffff"}) {
        CAPTURE(text);
        CHECK(blocks(list, text));
    }
    for (const Text text :
         {"10.0.0.8", "10.0.1.3", "192.168.3.255", "192.168.8.0", "2001:db8::ffff:ffff:ffff:fffe",
          "2001:db8:0:1::1", "fcff:ffff::", "fe00::", "2001:db8:1:2:8000::", "::",
          "2001:db8:2::4", "2001:db8:2::6", "172.16.0.4", "172.16.0.6", "2001:db8:3:3:ffff::",
          "2001:db8:3:5::"}) {
        CAPTURE(text);
        CHECK_FALSE(blocks(list, text));
    }
}

TEST_CASE("[38] each way of writing an IPv4 address inside an IPv6 one is seen through") {
    BlockList list;
    CHECK_FALSE(list.add_address("127.0.0.1"));
    CHECK_FALSE(list.add_subnet("10.0.0.0", 8));
    for (const Text text :
         {"127.0.0.1", "::ffff:127.0.0.1", "::ffff:7f00:1", "::127.0.0.1", "2002:7f00:1::",
          "2002:7f00:1::1", "64:ff9b::7f00:1", "64:ff9b::127.0.0.1", "::ffff:0:127.0.0.1",
          "fe80::5efe:127.0.0.1", "2001:db8::200:5efe:7f00:1", "2002:102:304::5efe:127.0.0.1",
          "2001::80ff:fffe", "2001:0:102:304:0:0:80ff:fffe", "64:ff9b:1::127.0.0.1",
          "64:ff9b:1:7f00:0:100::", "64:ff9b:1:7f:0:1::", "64:ff9b:1:0:7f:0:100:0",
          "::10.9.8.7", "2002:aff:ffff::", "64:ff9b::a00:0", "fe80::1:0:5efe:10.1.2.3"}) {
        CAPTURE(text);
        CHECK(blocks(list, text));
    }
    for (const Text text :
         {"::1", "127.0.0.2", "::ffff:127.0.0.2", "::127.0.0.2", "2002:7f00:2::",
          "2003:7f00:1::", "2001:1::80ff:fffe", "64:ff9b::1:7f00:1", "64:ff9c::7f00:1",
          "::fffe:127.0.0.1", "::ffff:1:7f00:1", "fe80::5eff:127.0.0.1", "fe80::100:5efe:7f00:1",
          "2001:db8::127.0.0.1", "1::ffff:127.0.0.1", "64:ff9b:2::127.0.0.1", "::1:7f00:1"}) {
        CAPTURE(text);
        CHECK_FALSE(blocks(list, text));
    }
}

TEST_CASE("[38] every encoding of random IPv4 addresses is judged as the address") {
    const unsigned seed = std::random_device()();
    CAPTURE(seed);
    std::mt19937 dice(seed);
    for (int i = 0; i < 500; i++) {
        const auto number = static_cast<std::uint32_t>(dice() >> (dice() % 3 * 8));
        BlockList list;
        CHECK_FALSE(list.add_address(ipv4(number)));
        BlockList mapped;
        CHECK_FALSE(mapped.add_address(ipv6(forms_of(ipv4(number))[0])));
        CHECK(mapped.blocks(ipv4(number)));
        for (const Bytes& form : forms_of(ipv4(number))) {
            const Address peer = ipv6(form);
            // Not as IPv4: they are what their own family says of them.
            if (peer.is_unspecified() || (peer.is_loopback() && !peer.is_mapped())) continue;
            CAPTURE(peer.text());
            CHECK(list.blocks(peer));
            CHECK(mapped.blocks(peer));
        }
        for (const Bytes& form : forms_of(ipv4(number ^ 0x80000000))) {
            const Address peer = ipv6(form);
            CAPTURE(peer.text());
            // The forms of another address, but for the readings of 64:ff9b:1::/48.
            if (form[1] != 0x64 || form[5] != 1) CHECK_FALSE(list.blocks(peer));
        }
    }
}

TEST_CASE("the zeros of a NAT64 prefix are not read as an address") {
    BlockList list;
    CHECK_FALSE(list.add_subnet("0.0.0.0", 8));
    CHECK_FALSE(blocks(list, "64:ff9b:1::8.8.8.8"));
    CHECK_FALSE(blocks(list, "64:ff9b:1:0:8:808:800:0"));
    CHECK(blocks(list, "64:ff9b:1::0.8.8.8"));
}

TEST_CASE("[38] a rule written as a mapped address holds for plain IPv4 peers") {
    BlockList list;
    CHECK_FALSE(list.add_subnet("::ffff:10.0.0.0", 104));
    CHECK_FALSE(list.add_address("::ffff:1.2.3.4"));
    CHECK_FALSE(list.add_range("::ffff:2.0.0.0", "::ffff:2.0.0.3"));
    for (const Text text : {"10.1.2.3", "1.2.3.4", "2.0.0.3", "::10.0.0.1", "2002:102:304::"}) {
        CAPTURE(text);
        CHECK(blocks(list, text));
    }
    for (const Text text : {"11.0.0.0", "1.2.3.5", "2.0.0.4"}) CHECK_FALSE(blocks(list, text));
}

TEST_CASE("a rule for all of IPv6 holds for IPv4 too, as in Node; the other way round not") {
    BlockList all;
    CHECK_FALSE(all.add_subnet("::", 0));
    CHECK(blocks(all, "9.9.9.9"));
    CHECK(blocks(all, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
    CHECK(blocks(all, "::"));
    BlockList ipv4_only;
    CHECK_FALSE(ipv4_only.add_subnet("0.0.0.0", 0));
    CHECK(blocks(ipv4_only, "255.255.255.255"));
    CHECK(blocks(ipv4_only, "0.0.0.0"));
    CHECK(blocks(ipv4_only, "::2"));  // A compatible form.
    CHECK(blocks(ipv4_only, "2002::"));
    CHECK_FALSE(blocks(ipv4_only, "::1"));
    CHECK_FALSE(blocks(ipv4_only, "2001:db8::1"));
}

TEST_CASE("the unspecified address is judged as loopback, where systems deliver it") {
    BlockList list;
    CHECK_FALSE(list.add_subnet("127.0.0.0", 8));
    for (const Text text : {"0.0.0.0", "::ffff:0.0.0.0", "::", "64:ff9b::"}) {
        CAPTURE(text);
        CHECK(blocks(list, text));
    }
    CHECK_FALSE(blocks(list, "0.0.0.1"));
    BlockList six;
    CHECK_FALSE(six.add_address("::1"));
    CHECK(blocks(six, "::"));
    CHECK(blocks(six, "::1"));
    CHECK_FALSE(blocks(six, "0.0.0.0"));
    BlockList another;
    CHECK_FALSE(another.add_address("0.0.0.1"));
    CHECK_FALSE(blocks(another, "::1"));
}

TEST_CASE("a bad rule is refused, and nothing is added") {
    BlockList list;
    for (const Text text : {"", "localhost", "127.1", "0x7f000001", "1.2.3.4/8", "::1%1", "1.2.3",
                            "fe80::1%lo", "[::1]", "::g", "/tmp/a"}) {
        CAPTURE(text);
        CHECK(list.add_address(text) == invalid);
        CHECK(list.add_subnet(text, 8) == invalid);
        CHECK(list.add_range(text, "1.2.3.4") == invalid);
        CHECK(list.add_range("1.2.3.4", text) == invalid);
    }
    CHECK(list.add_range("1.2.3.4", "1.2.3.3") == invalid);
    CHECK(list.add_range("::2", "::1") == invalid);
    CHECK(list.add_range("1.2.3.4", "::ffff:1.2.3.5") == invalid);
    CHECK(list.add_subnet("1.2.3.4", 33) == invalid);
    CHECK(list.add_subnet("1.2.3.4", -1) == invalid);
    CHECK(list.add_subnet("::", 129) == invalid);
    CHECK(list.add_subnet("::", -1) == invalid);
    CHECK(list.add_address(Address::any(Family::none)) == invalid);
    CHECK(list.add_address(Address::any(Family::local)) == invalid);
    CHECK(list.rules().empty());
    CHECK_FALSE(blocks(list, "1.2.3.4"));
}

TEST_CASE("paths are never blocked") {
    BlockList list;
    CHECK_FALSE(list.add_subnet("::", 0));
    const auto path = net::parse_path("/tmp/a");
    REQUIRE(path);
    if (path) CHECK_FALSE(list.blocks(*path));
    CHECK_FALSE(list.blocks(Address::any(Family::local)));
    CHECK_FALSE(list.blocks(Address::any(Family::none)));
}

TEST_CASE("rules are listed as Node lists them, the latest first") {
    BlockList list;
    CHECK_FALSE(list.add_address("1.2.3.4"));
    CHECK_FALSE(list.add_range("1.1.1.1", "1.1.1.5"));
    CHECK_FALSE(list.add_subnet("8.8.8.8", 24));
    CHECK_FALSE(list.add_subnet("FE80::1", 64));
    CHECK_FALSE(list.add_address("::ffff:1.2.3.4"));
    CHECK_FALSE(list.add_address("1.2.3.4"));
    const std::vector<std::string> expected{
        "Address: IPv4 1.2.3.4",     "Address: IPv6 ::ffff:1.2.3.4", "Subnet: IPv6 fe80::1/64",
        "Subnet: IPv4 8.8.8.8/24", "Range: IPv4 1.1.1.1-1.1.1.5",  "Address: IPv4 1.2.3.4"};
    CHECK(list.rules() == expected);
}

TEST_CASE("a copy is independent, and a list can be moved") {
    BlockList first;
    CHECK_FALSE(first.add_address("1.1.1.1"));
    BlockList second = first;
    CHECK_FALSE(second.add_address("2.2.2.2"));
    CHECK_FALSE(first.add_address("3.3.3.3"));
    CHECK(blocks(second, "1.1.1.1"));
    CHECK(blocks(second, "2.2.2.2"));
    CHECK_FALSE(blocks(second, "3.3.3.3"));
    CHECK_FALSE(blocks(first, "2.2.2.2"));
    const BlockList& itself = second;
    second = itself;
    CHECK(second.rules().size() == 2);
    BlockList third = std::move(second);
    CHECK(blocks(third, "2.2.2.2"));
    third = first;
    CHECK(blocks(third, "3.3.3.3"));
    CHECK_FALSE(blocks(third, "2.2.2.2"));
    third = BlockList();
    CHECK_FALSE(blocks(third, "1.1.1.1"));
}

TEST_CASE("judging allocates nothing") {
    BlockList list;
    for (std::uint32_t i = 0; i < 1000; i++) CHECK_FALSE(list.add_address(ipv4(i * 0x10001)));
    const std::vector<Bytes> forms = forms_of(ipv4(999 * 0x10001));
    const std::size_t before = allocations;
    bool all = true;
    for (const Bytes& form : forms) all = list.blocks(ipv6(form)) && all;
    const std::size_t after = allocations;
    CHECK(all);
    CHECK(after == before);
}

TEST_CASE("running out of memory adds nothing, and a copy without memory blocks everything") {
    BlockList list;
    for (std::uint32_t i = 0; i < 100; i++) {
        // With every count of allocations that succeed, up to the one at which the rule is in.
        bool added = false;
        for (std::size_t count = 0; !added; count++) {
            const std::size_t rules = list.rules().size();
            allowed = count;
            const Error error = list.add_address(ipv4(i * 2));
            allowed = SIZE_MAX;
            added = !error;
            if (error) CHECK(error == no_memory);
            CHECK(list.rules().size() == rules + (added ? 1 : 0));
            CHECK(list.blocks(ipv4(i * 2)) == added);
            CHECK(count < 8);
            if (count >= 8) return;
        }
    }
    for (std::size_t count = 0; count < 3; count++) {
        allowed = count;
        BlockList copy = list;
        allowed = SIZE_MAX;
        CHECK(blocks(copy, "9.9.9.9"));
        CHECK(blocks(copy, "2001:db8::1"));
        CHECK(copy.add_address("1.2.3.4") == no_memory);
        CHECK(copy.rules().empty());
        const BlockList again = copy;
        CHECK(blocks(again, "9.9.9.9"));
        BlockList assigned;
        assigned = again;
        CHECK(blocks(assigned, "9.9.9.9"));
        assigned = BlockList();
        CHECK_FALSE(blocks(assigned, "9.9.9.9"));
        copy = list;
        CHECK_FALSE(blocks(copy, "9.9.9.9"));
    }
}

// The model: every rule as two ends, compared byte by byte.
struct Model {
    std::vector<std::pair<Bytes, Bytes>> rules;
    bool contains(const Bytes& bytes) const {
        return std::any_of(rules.begin(), rules.end(), [&](const auto& rule) {
            return rule.first <= bytes && bytes <= rule.second;
        });
    }
};

// Few bits, at the borders of bytes and halves, so that rules meet, overlap and swallow each other.
// The first byte keeps out of every form that holds an IPv4 address.
Bytes random_bytes(std::mt19937& dice) {
    Bytes bytes{0xfd};
    for (std::size_t place : {1u, 7u, 8u, 15u}) {
        const std::uint8_t values[] = {0, 1, 2, 0xfe, 0xff};
        bytes[place] = values[dice() % 5];
    }
    return bytes;
}

TEST_CASE("a list agrees with a model that compares each rule byte by byte") {
    const unsigned seed = std::random_device()();
    CAPTURE(seed);
    std::mt19937 dice(seed);
    for (int round = 0; round < 300; round++) {
        BlockList list;
        Model model;
        for (std::size_t i = dice() % 20; i > 0; i--) {
            Bytes first = random_bytes(dice);
            Bytes last = random_bytes(dice);
            if (dice() % 2) {
                if (last < first) std::swap(first, last);
                CHECK_FALSE(list.add_range(ipv6(first), ipv6(last)));
            } else {
                const auto prefix = static_cast<unsigned>(8 + dice() % 121);
                CHECK_FALSE(list.add_subnet(ipv6(first), static_cast<int>(prefix)));
                last = first;
                for (unsigned bit = prefix; bit < 128; bit++) {
                    const auto mask = static_cast<std::uint8_t>(0x80 >> bit % 8);
                    first[bit / 8] = static_cast<std::uint8_t>(first[bit / 8] & ~mask);
                    last[bit / 8] = static_cast<std::uint8_t>(last[bit / 8] | mask);
                }
            }
            model.rules.emplace_back(first, last);
        }
        for (int i = 0; i < 200; i++) {
            const Bytes peer = random_bytes(dice);
            if (list.blocks(ipv6(peer)) != model.contains(peer)) {
                FAIL_CHECK(Address(ipv6(peer)).host());
            }
        }
    }
}

}  // namespace
