// Addresses as text: IPv4 literals, and IPv6 ones as in RFC 5952.
#include "platform/simulation/text.h"

#include <optional>

namespace simulation {

namespace {

using platform::Endpoint;
using platform::Family;

std::optional<unsigned> digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return {};
}

// Takes digits from the front, at most `length` of them; nothing when there is none.
std::optional<unsigned> take_number(std::string_view& text, unsigned base, std::size_t length) {
    unsigned value = 0;
    std::size_t used = 0;
    while (used < text.size() && used < length) {
        const auto next = digit(text[used]);
        if (!next || *next >= base) break;
        value = value * base + *next;
        used++;
    }
    if (used == 0) return {};
    text.remove_prefix(used);
    return value;
}

bool take(std::string_view& text, std::string_view what) {
    if (!text.starts_with(what)) return false;
    text.remove_prefix(what.size());
    return true;
}

bool parse_ipv4(std::string_view text, std::uint8_t* bytes) {
    for (int i = 0; i < 4; i++) {
        if (i > 0 && !take(text, ".")) return false;
        const auto value = take_number(text, 10, 3);
        if (!value || *value > 255) return false;
        bytes[i] = static_cast<std::uint8_t>(*value);
    }
    return text.empty();
}

bool parse_ipv6(std::string_view text, std::uint8_t* bytes) {
    std::uint8_t groups[16] = {};
    std::size_t count = 0;
    std::optional<std::size_t> gap;
    if (take(text, "::")) gap = 0;
    while (!text.empty() && count < 16) {
        if (count <= 12 && text.find(':') == text.npos && parse_ipv4(text, groups + count)) {
            count += 4;
            text = {};
            break;
        }
        const auto value = take_number(text, 16, 4);
        if (!value) return false;
        groups[count++] = static_cast<std::uint8_t>(*value >> 8);
        groups[count++] = static_cast<std::uint8_t>(*value);
        if (text.empty()) break;
        if (!gap && take(text, "::")) {
            gap = count;
        } else if (!take(text, ":") || text.empty()) {
            return false;
        }
    }
    if (!text.empty() || (gap ? count > 14 : count != 16)) return false;
    const std::size_t front = gap.value_or(16);
    for (std::size_t i = 0; i < 16; i++) bytes[i] = 0;
    for (std::size_t i = 0; i < front && i < count; i++) bytes[i] = groups[i];
    for (std::size_t i = front; i < count; i++) bytes[16 - count + i] = groups[i];
    return true;
}

std::string ipv4_text(const std::uint8_t* bytes) {
    std::string text;
    for (int i = 0; i < 4; i++) text += (i > 0 ? "." : "") + std::to_string(bytes[i]);
    return text;
}

std::string hexadecimal(unsigned value) {
    constexpr char digits[] = "0123456789abcdef";
    std::string text;
    for (unsigned shift = 16; shift > 0; shift -= 4) {
        const unsigned next = value >> (shift - 4) & 15;
        if (next != 0 || !text.empty() || shift == 4) text += digits[next];
    }
    return text;
}

// The longest run of zero groups, at least two, is left out.
std::string ipv6_text(const std::uint8_t* bytes) {
    unsigned groups[8];
    for (int i = 0; i < 8; i++) groups[i] = bytes[2 * i] * 256u + bytes[2 * i + 1];
    int best = 8;
    int longest = 1;
    for (int i = 0; i < 8; i++) {
        int length = 0;
        while (i + length < 8 && groups[i + length] == 0) length++;
        if (length > longest) {
            best = i;
            longest = length;
        }
    }
    std::string text;
    for (int i = 0; i < 8; i++) {
        if (i == best) {
            text += "::";
            i += longest - 1;
            continue;
        }
        if (!text.empty() && text.back() != ':') text += ':';
        text += hexadecimal(groups[i]);
    }
    return text;
}

}  // namespace

Endpoint parse_address(std::string_view text) {
    Endpoint endpoint;
    if (parse_ipv4(text, endpoint.bytes.data())) {
        endpoint.family = Family::ipv4;
        endpoint.size = 4;
    } else if (parse_ipv6(text, endpoint.bytes.data())) {
        endpoint.family = Family::ipv6;
        endpoint.size = 16;
    }
    return endpoint;
}

std::string host_text(const Endpoint& endpoint) {
    switch (endpoint.family) {
        case Family::ipv4: return ipv4_text(endpoint.bytes.data());
        case Family::ipv6: return ipv6_text(endpoint.bytes.data());
        case Family::local: break;
        case Family::none: return "nobody";
    }
    std::string text(reinterpret_cast<const char*>(endpoint.bytes.data()), endpoint.size);
    if (text.empty()) return "unnamed";
    if (text[0] == 0) text[0] = '@';
    return text;
}

std::string full_text(const Endpoint& endpoint) {
    const std::string port = ":" + std::to_string(endpoint.port);
    if (endpoint.family == Family::ipv4) return host_text(endpoint) + port;
    if (endpoint.family == Family::ipv6) return "[" + host_text(endpoint) + "]" + port;
    return host_text(endpoint);
}

}  // namespace simulation
