// A set of 128-bit numbers in which an IPv4 address is its own ::ffff: form: rules and peers of
// both families compare without a thought about who wrote what how.
// Catch: what an address means to a tunnel or a translator on the way is guessed from its prefix,
// so each form that can carry an IPv4 address is read as one.
#include "net/block_list.h"

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

#include "core/growing.h"
#include "net/text.h"

namespace net {
namespace {

// One number, the most significant half first.
struct Wide {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    auto operator<=>(const Wide&) const = default;
};

struct Range {
    Wide first;
    Wide last;
};

constexpr Wide loopback{0, 1};
constexpr std::uint32_t ipv4_loopback = 0x7f00'0001;

constexpr Wide mapped(std::uint32_t address) { return {0, 0xffff'0000'0000u | address}; }

bool is_ip(const Endpoint& address) {
    return address.family == Family::ipv4 || address.family == Family::ipv6;
}

std::uint64_t read(const std::uint8_t* bytes, int size) {
    std::uint64_t value = 0;
    for (int i = 0; i < size; i++) value = value << 8 | bytes[i];
    return value;
}

Wide number(const Endpoint& address) {
    const std::uint8_t* bytes = address.bytes.data();
    if (address.family == Family::ipv4) return mapped(static_cast<std::uint32_t>(read(bytes, 4)));
    return {read(bytes, 8), read(bytes + 8, 8)};
}

Address address_of(const Wide& number, Family family) {
    Address address = Address::any(family);
    const std::size_t size = address.size;
    for (std::size_t i = 0; i < size; i++) {
        const std::uint64_t half = size == 4 || i >= 8 ? number.low : number.high;
        address.bytes[i] = static_cast<std::uint8_t>(half >> ((size - 1 - i) % 8 * 8));
    }
    return address;
}

// The bits that a prefix of so many leaves to the hosts.
Wide host_bits(int prefix) {
    if (prefix >= 128) return {0, 0};
    if (prefix >= 64) return {0, ~std::uint64_t{0} >> (prefix - 64)};
    return {~std::uint64_t{0} >> prefix, ~std::uint64_t{0}};
}

// With room for at least one address between the two.
bool is_apart(const Range& below, const Range& above) {
    if (below.last >= above.first) return false;
    const Wide next{below.last.high + (below.last.low == UINT64_MAX), below.last.low + 1};
    return next < above.first;
}

}  // namespace

enum class BlockList::Kind : std::uint8_t { address, range, subnet };

struct BlockList::Rules {
    // As it was given: host bits of a subnet included.
    struct Rule {
        Kind kind = Kind::address;
        Family family = Family::none;
        std::uint8_t prefix = 0;
        Range ends;
        std::string text() const;
    };
    core::Growing<Rule> given;    // The latest last.
    core::Growing<Range> ranges;  // Ascending and apart from each other.

    bool copy(const Rules&);
    bool add(const Rule&, const Range&);
    bool contains(const Wide&) const;
    bool contains_ipv4(std::uint64_t address) const;
    bool contains_inner(const Wide&) const;
};

std::string BlockList::Rules::Rule::text() const {
    const Address first = address_of(ends.first, family);
    static constexpr std::string_view words[] = {"Address: ", "Range: ", "Subnet: "};
    const AddressText begin = first.host_text();
    const AddressText end = address_of(ends.last, family).host_text();
    Text text(words[static_cast<std::size_t>(kind)]);
    text.add(first.family_name()).add_word(begin);
    if (kind == Kind::range) text.add("-").add(end);
    if (kind == Kind::subnet) text.add("/").add_number(prefix);
    return text.joined();
}

bool BlockList::Rules::copy(const Rules& other) {
    if (!given.reserve(other.given.size()) || !ranges.reserve(other.ranges.size())) return false;
    bool fits = true;
    for (std::size_t i = 0; i < other.given.size(); i++) fits &= given.push(other.given[i]);
    for (std::size_t i = 0; i < other.ranges.size(); i++) fits &= ranges.push(other.ranges[i]);
    return fits;
}

// All or nothing; false when memory is out.
bool BlockList::Rules::add(const Rule& rule, const Range& range) {
    if (!given.push(rule)) return false;
    Range* const first = std::partition_point(
        ranges.begin(), ranges.end(), [&](const Range& other) { return is_apart(other, range); });
    Range* const behind = std::partition_point(
        first, ranges.end(), [&](const Range& other) { return !is_apart(range, other); });
    if (first == behind) {
        const std::ptrdiff_t at = first - ranges.begin();
        if (!ranges.push(range)) {
            given.pop();
            return false;
        }
        std::rotate(ranges.begin() + at, ranges.end() - 1, ranges.end());
        return true;
    }
    *first = {std::min(first->first, range.first), std::max((behind - 1)->last, range.last)};
    Range* const end = std::move(behind, ranges.end(), first + 1);
    while (ranges.end() != end) ranges.pop();
    return true;
}

bool BlockList::Rules::contains(const Wide& address) const {
    std::size_t low = 0;
    std::size_t high = ranges.size();
    while (low < high) {
        const std::size_t middle = low + (high - low) / 2;
        if (ranges[middle].last < address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < ranges.size() && ranges[low].first <= address;
}

// Systems deliver 0.0.0.0 to themselves.
bool BlockList::Rules::contains_ipv4(std::uint64_t address) const {
    const auto bits = static_cast<std::uint32_t>(address);
    return contains(mapped(bits)) || (bits == 0 && contains(mapped(ipv4_loopback)));
}

bool BlockList::Rules::contains_inner(const Wide& address) const {
    const auto [high, low] = address;
    const std::uint64_t above = low >> 32;  // What stands before the last 32 bits.
    if (high == 0 && above == 0xffff) return contains_ipv4(low);
    if (high == 0 && low == 0) return contains(loopback) || contains(mapped(ipv4_loopback));
    if (address == loopback) return false;
    const bool last_bits = (high == 0 && above == 0) ||                      // Compatible.
                           (high == 0 && above == 0xffff'0000) ||            // SIIT, RFC 7915.
                           (high == 0x0064'ff9b'0000'0000 && above == 0) ||  // NAT64, RFC 6052.
                           (above & 0xfdff'ffff) == 0x5efe;                  // ISATAP, RFC 5214.
    if (last_bits && contains_ipv4(low)) return true;
    if (high >> 48 == 0x2002) return contains_ipv4(high >> 16);    // 6to4, RFC 3056.
    if (high >> 32 == 0x2001'0000) return contains_ipv4(~low);     // Teredo, RFC 4380.
    if (high >> 16 != 0x0064'ff9b'0001) return false;
    // NAT64 within one network (RFC 8215): its prefix may end at 48, 56, 64 or 96, and the bits
    // from 64 to 71 are skipped. 0.x.y.z is no destination, but zeros of the prefix read wrongly.
    if (contains_ipv4(low)) return true;
    const std::uint64_t readings[] = {(high & 0xffff) << 16 | (low >> 40 & 0xffff),
                                      (high & 0xff) << 24 | (low >> 32 & 0xff'ffff),
                                      low >> 24 & 0xffff'ffff};
    return std::any_of(std::begin(readings), std::end(readings), [&](std::uint64_t reading) {
        return reading >> 24 != 0 && contains_ipv4(reading);
    });
}

BlockList::BlockList() = default;
BlockList::~BlockList() = default;
BlockList::BlockList(BlockList&&) noexcept = default;

BlockList::BlockList(const BlockList& other) : lost_(other.lost_), judge_(other.judge_) {
    if (!other.rules_) return;
    rules_.reset(new (std::nothrow) Rules);
    if (rules_ && rules_->copy(*other.rules_)) return;
    rules_.reset();
    lost_ = true;
}

BlockList& BlockList::operator=(BlockList other) noexcept {
    std::swap(rules_, other.rules_);
    std::swap(lost_, other.lost_);
    std::swap(judge_, other.judge_);
    return *this;
}

Error BlockList::add(Kind kind, const Endpoint& first, const Endpoint& last, int prefix) {
    const int bits = first.family == Family::ipv4 ? 32 : 128;
    const Range ends{number(first), number(last)};
    const bool sane = is_ip(first) && first.family == last.family && ends.first <= ends.last &&
                      prefix >= 0 && prefix <= bits;
    if (!sane) return {Code::invalid_argument};
    if (!rules_ && !lost_) rules_.reset(new (std::nothrow) Rules);
    if (!rules_) return {Code::out_of_memory};
    judge_ = &judge;
    Range range = ends;
    if (kind == Kind::subnet) {
        const Wide hosts = host_bits(128 - bits + prefix);
        range.first = {ends.first.high & ~hosts.high, ends.first.low & ~hosts.low};
        range.last = {ends.first.high | hosts.high, ends.first.low | hosts.low};
    }
    const bool added =
        rules_->add({kind, first.family, static_cast<std::uint8_t>(prefix), ends}, range);
    return {added ? Code::ok : Code::out_of_memory};
}

Error BlockList::add_address(std::string_view text) {
    const Result<Address> address = parse_literal(text);
    return address ? add_address(*address) : address.error();
}

Error BlockList::add_address(const Endpoint& address) {
    return add(Kind::address, address, address, 0);
}

Error BlockList::add_range(std::string_view first_text, std::string_view last_text) {
    const Result<Address> first = parse_literal(first_text);
    const Result<Address> last = parse_literal(last_text);
    if (!first) return first.error();
    return last ? add_range(*first, *last) : last.error();
}

Error BlockList::add_range(const Endpoint& first, const Endpoint& last) {
    return add(Kind::range, first, last, 0);
}

Error BlockList::add_subnet(std::string_view text, int prefix) {
    const Result<Address> network = parse_literal(text);
    return network ? add_subnet(*network, prefix) : network.error();
}

Error BlockList::add_subnet(const Endpoint& network, int prefix) {
    return add(Kind::subnet, network, network, prefix);
}

bool BlockList::judge(const BlockList& list, const Endpoint& peer) {
    if (!is_ip(peer)) return false;
    if (!list.rules_) return list.lost_;
    const Wide address = number(peer);
    return list.rules_->contains(address) || list.rules_->contains_inner(address);
}

std::vector<std::string> BlockList::rules() const {
    std::vector<std::string> texts;
    const std::size_t size = rules_ ? rules_->given.size() : 0;
    texts.reserve(size);
    for (std::size_t i = size; i > 0; i--) texts.push_back(rules_->given[i - 1].text());
    return texts;
}

}  // namespace net
