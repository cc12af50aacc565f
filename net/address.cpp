// Reading and writing addresses. One grammar for each family, written out here, because the
// systems' own parsers disagree: inet_aton takes "127.1" and "0177.0.0.1" for 127.0.0.1.
// Catch: a text whose last label is a number is never a name, so that no resolver gets to read it.
#include "net/address.h"

#include <algorithm>

#include "net/text.h"
#include "platform/platform.h"

namespace net {
namespace {

constexpr std::size_t zone_size_max = 255;  // Windows has the longest interface names.
constexpr std::size_t name_size_max = 253;  // RFC 1035, without the final dot.
constexpr std::size_t label_size_max = 63;
constexpr std::size_t path_size_max = 107;  // Others read sun_path up to a NUL.
constexpr std::size_t abstract_size_max = 108;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// -1: not a digit of base 16.
int hex_digit(char c) {
    if (is_digit(c)) return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

Address blank(Family family, std::uint16_t port) {
    Address address;
    address.family = family;
    address.port = port;
    address.size = family == Family::ipv4 ? 4 : family == Family::ipv6 ? 16 : 0;
    address.bytes.fill(0);
    return address;
}

bool starts_with(const Endpoint& address, std::initializer_list<std::uint8_t> bytes) {
    return address.family == Family::ipv6 &&
           std::equal(bytes.begin(), bytes.end(), address.bytes.begin());
}

unsigned group(const Endpoint& address, std::size_t index) {
    return unsigned{address.bytes[index * 2]} << 8 | address.bytes[index * 2 + 1];
}

// The longest run of zero groups, the first of equals; of one group it is not worth a "::".
struct Run {
    std::size_t begin = 8;
    std::size_t size = 0;
};
Run longest_zeros(const Endpoint& address, std::size_t groups) {
    Run longest;
    Run current;
    for (std::size_t i = 0; i < groups; i++) {
        if (group(address, i) != 0) {
            current.size = 0;
            continue;
        }
        if (current.size++ == 0) current.begin = i;
        if (current.size > longest.size) longest = current;
    }
    return longest.size >= 2 ? longest : Run{};
}

void write_ipv4(AddressText& text, const std::uint8_t* bytes) {
    for (int i = 0; i < 4; i++) {
        if (i != 0) text.append(".");
        text.append_number(bytes[i]);
    }
}

void write_ipv6(AddressText& text, const Address& address) {
    const bool mapped = address.is_mapped();
    const std::size_t groups = mapped ? 6 : 8;
    const Run zeros = longest_zeros(address, groups);
    for (std::size_t i = 0; i < groups; i++) {
        if (i == zeros.begin) {
            text.append("::");
            i += zeros.size - 1;
            continue;
        }
        if (i != 0 && i != zeros.begin + zeros.size) text.append(":");
        text.append_number(group(address, i), 16);
    }
    if (mapped) {
        text.append(":");
        write_ipv4(text, address.bytes.data() + 12);
    }
    if (address.scope != 0) {
        text.append("%");
        text.append_number(address.scope);
    }
}

void write_path(AddressText& text, const Address& address) {
    if (address.size == 0) return;
    const bool abstract = address.is_abstract();
    if (abstract) text.append("@");
    if (address.bytes[0] == '@') text.append("./");
    const std::size_t skipped = abstract ? 1 : 0;
    text.append({reinterpret_cast<const char*>(address.bytes.data()) + skipped,
                 address.size - skipped});
}

// Four decimal numbers without leading zeros, and nothing else.
bool read_ipv4(std::string_view text, std::uint8_t* bytes) {
    for (int i = 0; i < 4; i++) {
        std::size_t digits = 0;
        unsigned value = 0;
        for (; digits < std::min<std::size_t>(text.size(), 4) && is_digit(text[digits]); digits++) {
            value = value * 10 + static_cast<unsigned>(text[digits] - '0');
        }
        if (digits == 0 || value > 255 || (digits > 1 && text[0] == '0')) return false;
        bytes[i] = static_cast<std::uint8_t>(value);
        text.remove_prefix(digits);
        if (i == 3) break;
        if (!text.starts_with('.')) return false;
        text.remove_prefix(1);
    }
    return text.empty();
}

bool read_group(std::string_view text, std::uint8_t* bytes) {
    if (text.empty() || text.size() > 4) return false;
    unsigned value = 0;
    for (char c : text) {
        if (hex_digit(c) < 0) return false;
        value = value * 16 + static_cast<unsigned>(hex_digit(c));
    }
    bytes[0] = static_cast<std::uint8_t>(value >> 8);
    bytes[1] = static_cast<std::uint8_t>(value & 0xff);
    return true;
}

// RFC 4291, section 2.2, without the zone. `bytes` has room for sixteen.
bool read_ipv6(std::string_view text, std::uint8_t* bytes) {
    constexpr std::size_t none = 17;
    std::size_t filled = 0;
    std::size_t gap = none;  // Where the "::" stood.
    if (text.starts_with("::")) {
        gap = 0;
        text.remove_prefix(2);
    }
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(':'), text.size());
        const std::string_view part = text.substr(0, end);
        if (end == text.size() && part.find('.') != std::string_view::npos) {
            if (filled > 12 || !read_ipv4(part, bytes + filled)) return false;
            filled += 4;
            break;
        }
        if (filled == 16 || !read_group(part, bytes + filled)) return false;
        filled += 2;
        if (end == text.size()) break;
        text.remove_prefix(end + 1);
        if (text.empty()) return false;
        if (text[0] != ':') continue;
        if (gap != none) return false;
        gap = filled;
        text.remove_prefix(1);
    }
    if (gap == none) return filled == 16;
    if (filled == 16) return false;  // The "::" would stand for nothing.
    std::copy_backward(bytes + gap, bytes + filled, bytes + 16);
    std::fill(bytes + gap, bytes + gap + (16 - filled), std::uint8_t{0});
    return true;
}

bool takes_zone(const Address& address) {
    const bool multicast = starts_with(address, {0xff});
    const bool link_local = starts_with(address, {0xfe}) && (address.bytes[1] & 0xc0) == 0x80;
    const auto first = address.bytes.begin();
    return multicast || link_local || std::all_of(first, first + 16, [](auto b) { return !b; });
}

// Digits are always an index, so that what host() wrote means the same everywhere. Zero is refused:
// it is what a program gets that asked for the index of an interface that is not there.
Error read_zone(platform::Poller* poller, std::string_view zone, Address& address) {
    const bool sane = !zone.empty() && zone.size() <= zone_size_max &&
                      zone.find('\0') == std::string_view::npos;
    if (!sane || !takes_zone(address)) return {Code::invalid_argument};
    if (!std::all_of(zone.begin(), zone.end(), is_digit)) {
        if (!poller) return {Code::invalid_argument};
        const Result<std::uint32_t> index = platform::interface_index(*poller, zone);
        if (!index) return index.error().during(Operation::none);
        address.scope = *index;
    } else {
        std::uint64_t index = 0;
        for (char c : zone) {
            index = index * 10 + static_cast<std::uint64_t>(c - '0');
            if (index > UINT32_MAX) return {Code::no_such_device};
        }
        address.scope = static_cast<std::uint32_t>(index);
    }
    return address.scope != 0 ? Error{} : Error{Code::no_such_device};
}

bool ends_in_number(std::string_view text) {
    if (text.ends_with('.')) text.remove_suffix(1);
    std::string_view last = text.substr(text.rfind('.') + 1);  // npos + 1 is 0.
    if (last.starts_with("0x") || last.starts_with("0X")) {
        last.remove_prefix(2);
        return std::all_of(last.begin(), last.end(), [](char c) { return hex_digit(c) >= 0; });
    }
    return !last.empty() && std::all_of(last.begin(), last.end(), is_digit);
}

// Blanks and control characters are in no host's name, but some resolvers stop reading at them:
// "127.1 " would be a number again.
bool is_possible_name(std::string_view text) {
    if (text.size() > name_size_max) return false;
    for (char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte <= 0x20 || byte == 0x7f) return false;
    }
    if (text.ends_with('.')) text.remove_suffix(1);
    while (true) {
        const std::size_t size = std::min(text.find('.'), text.size());
        if (size == 0 || size > label_size_max) return false;
        if (size == text.size()) return true;
        text.remove_prefix(size + 1);
    }
}

Host malformed(Error error) { return {HostKind::malformed, {}, error}; }

Host parse(platform::Poller* poller, std::string_view text) {
    if (text.empty()) return {};
    Address address = blank(Family::ipv4, 0);
    if (read_ipv4(text, address.bytes.data())) return {HostKind::ipv4, address, {}};
    if (text.find(':') != std::string_view::npos) {
        address = blank(Family::ipv6, 0);
        const std::size_t percent = text.find('%');
        const bool literal = read_ipv6(text.substr(0, percent), address.bytes.data());
        if (!literal) return malformed({Code::invalid_argument});
        if (percent != std::string_view::npos) {
            const Error error = read_zone(poller, text.substr(percent + 1), address);
            if (error) return malformed(error);
        }
        return {HostKind::ipv6, address, {}};
    }
    const bool zone = text.find('%') != std::string_view::npos;
    if (zone || ends_in_number(text)) return malformed({Code::invalid_argument});
    if (!is_possible_name(text)) return malformed({Code::lookup_not_found, Operation::lookup});
    return {HostKind::name, {}, {}};
}

Result<Address> parse_literal(platform::Poller* poller, std::string_view text, std::uint16_t port) {
    Host host = parse(poller, text);
    if (host.kind == HostKind::ipv4 || host.kind == HostKind::ipv6) {
        host.address.port = port;
        return host.address;
    }
    const bool zone = host.kind == HostKind::malformed && host.error.operation == Operation::none;
    return zone ? host.error : Error{Code::invalid_argument};
}

}  // namespace

void AddressText::append(std::string_view text) {
    const std::size_t size = std::min(text.size(), text_.size() - 1 - size_);
    std::copy_n(text.begin(), size, text_.begin() + size_);
    size_ = static_cast<std::uint8_t>(size_ + size);
}

void AddressText::append_number(std::uint32_t value, unsigned base) {
    std::array<char, 10> digits;
    std::size_t first = digits.size();
    do {
        digits[--first] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    append({digits.data() + first, digits.size() - first});
}

std::string Address::host() const { return Text(host_text()).joined(); }

AddressText Address::host_text() const {
    AddressText text;
    if (family == Family::ipv4) write_ipv4(text, bytes.data());
    if (family == Family::ipv6) write_ipv6(text, *this);
    if (family == Family::local) write_path(text, *this);
    return text;
}

std::string Address::text() const { return Text(full_text()).joined(); }

AddressText Address::full_text() const {
    if (family != Family::ipv4 && family != Family::ipv6) return host_text();
    AddressText text;
    if (family == Family::ipv6) text.append("[");
    text.append(host_text());
    text.append(family == Family::ipv6 ? "]:" : ":");
    text.append_number(port);
    return text;
}

std::string_view Address::family_name() const {
    if (family == Family::ipv4) return "IPv4";
    if (family == Family::ipv6) return "IPv6";
    return family == Family::local ? "unix" : "";
}

Address Address::any(Family family, std::uint16_t port) { return blank(family, port); }

Address Address::loopback(Family family, std::uint16_t port) {
    Address address = blank(family, port);
    if (family == Family::ipv4) address.bytes[0] = 127;
    if (family == Family::ipv4) address.bytes[3] = 1;
    if (family == Family::ipv6) address.bytes[15] = 1;
    return address;
}

bool Address::is_loopback() const {
    const Address inner = unmapped();
    if (inner.family == Family::ipv4) return inner.bytes[0] == 127;
    return starts_with(inner, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
}

bool Address::is_multicast() const {
    const Address inner = unmapped();
    if (inner.family == Family::ipv4) return (inner.bytes[0] & 0xf0) == 0xe0;
    return starts_with(inner, {0xff});
}

bool Address::is_unspecified() const {
    const Address inner = unmapped();
    if (inner.family != Family::ipv4 && inner.family != Family::ipv6) return false;
    const auto first = inner.bytes.begin();
    return std::all_of(first, first + inner.size, [](auto byte) { return byte == 0; });
}

bool Address::is_link_local() const {
    const Address inner = unmapped();
    if (inner.family == Family::ipv4) return inner.bytes[0] == 169 && inner.bytes[1] == 254;
    return starts_with(inner, {0xfe}) && (inner.bytes[1] & 0xc0) == 0x80;
}

bool Address::is_mapped() const {
    return starts_with(*this, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff});
}

bool Address::is_abstract() const {
    return family == Family::local && size != 0 && bytes[0] == 0;
}

Address Address::unmapped() const {
    if (!is_mapped()) return *this;
    Address inner = blank(Family::ipv4, port);
    std::copy_n(bytes.begin() + 12, 4, inner.bytes.begin());
    return inner;
}

Host parse_host(platform::Poller& poller, std::string_view text) { return parse(&poller, text); }

Result<Address> parse_literal(platform::Poller& poller, std::string_view text,
                              std::uint16_t port) {
    return parse_literal(&poller, text, port);
}

Result<Address> parse_literal(std::string_view text, std::uint16_t port) {
    return parse_literal(nullptr, text, port);
}

Result<Address> parse_path(std::string_view text) {
    if (text.empty()) return Error{Code::invalid_argument};
    const bool abstract = text[0] == '@' || text[0] == '\0';
    if (text.size() > (abstract ? abstract_size_max : path_size_max)) {
        return Error{Code::name_too_long};
    }
    if (!abstract && text.find('\0') != std::string_view::npos) {
        return Error{Code::invalid_argument};
    }
    Address address = blank(Family::local, 0);
    std::copy(text.begin(), text.end(), address.bytes.begin());
    if (abstract) address.bytes[0] = 0;
    address.size = static_cast<std::uint8_t>(text.size());
    return address;
}

}  // namespace net
