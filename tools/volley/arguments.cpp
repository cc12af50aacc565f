// See arguments.h.
#include "tools/volley/arguments.h"

#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace tool {

namespace {

const Option* find_option(const Verb& verb, std::string_view name) {
    for (const Option& option : verb.options) {
        if (option.name == name) return &option;
    }
    return nullptr;
}

int parse_port(std::string_view text, std::string_view whole) {
    int port = -1;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, port);
    if (text.empty() || error != std::errc() || stop != end || port < 0 || port > 65535) {
        usage_error("'" + std::string(text) + "' in '" + std::string(whole) +
                    "' is no port: a number from 0 to 65535 is");
    }
    return port;
}

// Bidirectional controls, which show a line in another order: U+200E, U+200F, U+202A to U+202E,
// U+2066 to U+2069.
bool turns_around(std::string_view character) {
    return (character >= "\xe2\x80\x8e" && character <= "\xe2\x80\x8f") ||
           (character >= "\xe2\x80\xaa" && character <= "\xe2\x80\xae") ||
           (character >= "\xe2\x81\xa6" && character <= "\xe2\x81\xa9");
}

// How many bytes of well-formed UTF-8 begin here that are safe to print; 0 for none (RFC 3629).
std::size_t utf8_length(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = byte(0);
    const std::size_t length = first >= 0xc2 && first <= 0xdf   ? 2
                               : first >= 0xe0 && first <= 0xef ? 3
                               : first >= 0xf0 && first <= 0xf4 ? 4
                                                                : 0;
    if (length == 0 || text.size() < length) return 0;
    for (std::size_t i = 1; i < length; i++) {
        if (byte(i) < 0x80 || byte(i) > 0xbf) return 0;
    }
    const bool overlong = (first == 0xe0 && byte(1) < 0xa0) || (first == 0xf0 && byte(1) < 0x90);
    const bool beyond = (first == 0xed && byte(1) > 0x9f) || (first == 0xf4 && byte(1) > 0x8f);
    const bool control = first == 0xc2 && byte(1) < 0xa0;  // C1 controls move cursors too.
    return overlong || beyond || control || turns_around(text.substr(0, length)) ? 0 : length;
}

}  // namespace

bool Arguments::has(std::string_view name) const {
    for (const auto& [option, value] : given) {
        if (option == name) return true;
    }
    return false;
}

std::string Arguments::text(std::string_view name, std::string otherwise) const {
    for (const auto& [option, value] : given) {
        if (option == name) otherwise = value;
    }
    return otherwise;
}

std::int64_t Arguments::number(std::string_view name, std::int64_t otherwise, std::int64_t lowest,
                               std::int64_t highest) const {
    if (!has(name)) return otherwise;
    const std::string value = text(name);
    std::int64_t number = 0;
    const char* const end = value.data() + value.size();
    const auto [stop, error] = std::from_chars(value.data(), end, number);
    if (error != std::errc() || stop != end || number < lowest || number > highest) {
        usage_error("'" + value + "' is no value for " + std::string(name) + ": a number from " +
                    std::to_string(lowest) + " to " + std::to_string(highest) + " is");
    }
    return number;
}

double Arguments::seconds(std::string_view name, double otherwise) const {
    if (!has(name)) return otherwise;
    const std::string value = text(name);
    char* end = nullptr;
    const double seconds = std::strtod(value.c_str(), &end);
    if (value.empty() || *end != '\0' || !std::isfinite(seconds) || seconds < 0 || seconds > 1e9) {
        usage_error("'" + value + "' is no value for " + std::string(name) +
                    ": seconds are, such as 10 or 0.5");
    }
    return seconds;
}

Arguments parse(const Verb& verb, int count, char** arguments) {
    Arguments parsed;
    parsed.verb = &verb;
    bool options_end = false;
    for (int i = 0; i < count; i++) {
        const std::string_view argument = arguments[i];
        if (options_end || argument.size() < 2 || argument[0] != '-') {
            parsed.rest.emplace_back(argument);
            continue;
        }
        if (argument == "--") {
            options_end = true;
            continue;
        }
        const std::size_t equals = argument.find('=');
        const std::string_view name = argument.substr(0, equals);
        const Option* option = find_option(verb, name);
        if (!option) {
            usage_error("'" + std::string(name) + "' is no option of " + std::string(verb.name) +
                        ": see 'volley " + std::string(verb.name) + " --help'");
        }
        std::string value;
        if (equals != std::string_view::npos) {
            if (option->value.empty()) usage_error(std::string(name) + " takes no value");
            value = argument.substr(equals + 1);
        } else if (!option->value.empty()) {
            if (++i == count) {
                usage_error(std::string(name) + " wants a value: " + std::string(name) + " " +
                            std::string(option->value));
            }
            value = arguments[i];
        }
        parsed.given.emplace_back(option->name, value);
    }
    return parsed;
}

void print_help(const Verb& verb) {
    std::printf("usage: volley %.*s %.*s\n\n%.*s\n\n", static_cast<int>(verb.name.size()),
                verb.name.data(), static_cast<int>(verb.usage.size()), verb.usage.data(),
                static_cast<int>(verb.details.size()), verb.details.data());
    for (const Option& option : verb.options) {
        const std::string left = std::string(option.name) + (option.value.empty() ? "" : " ") +
                                 std::string(option.value);
        std::printf("  %-24s %.*s\n", left.c_str(), static_cast<int>(option.help.size()),
                    option.help.data());
    }
}

Place parse_place(std::string_view text) {
    Place place;
    const bool marked = text.starts_with("unix:");
    if (marked || text.starts_with("@") || text.find('/') != std::string_view::npos) {
        place.local = true;
        place.path = marked ? text.substr(5) : text;
        if (place.path.empty()) usage_error("'unix:' lacks its path, as in unix:server.sock");
        return place;
    }
    if (text.starts_with("[")) {
        const std::size_t end = text.find(']');
        if (end == std::string_view::npos || end + 1 >= text.size() || text[end + 1] != ':') {
            usage_error("'" + std::string(text) +
                        "' is no address: [IPV6]:PORT is, as in [::1]:5000");
        }
        place.ipv6 = true;
        place.host = text.substr(1, end - 1);
        place.port = parse_port(text.substr(end + 2), text);
        return place;
    }
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos) {
        place.port = parse_port(text, text);
        return place;
    }
    if (text.find(':', colon + 1) != std::string_view::npos) {
        usage_error("'" + std::string(text) +
                    "' has more than one colon: IPv6 stands in brackets, as in [::1]:5000");
    }
    place.host = text.substr(0, colon);
    place.port = parse_port(text.substr(colon + 1), text);
    return place;
}

void usage_error(const std::string& what) {
    std::fprintf(stderr, "volley: %s\n", escaped(what).c_str());
    std::exit(2);
}

void fatal(const std::string& what) {
    std::fflush(stdout);
    std::fprintf(stderr, "volley: %s\n", escaped(what).c_str());
    std::exit(1);
}

std::string escaped(std::string_view bytes) {
    std::string text;
    while (!bytes.empty()) {
        const unsigned char first = static_cast<unsigned char>(bytes[0]);
        const std::size_t length = first >= 0x20 && first < 0x7f ? 1 : utf8_length(bytes);
        if (first == '\\') {
            text += "\\\\";
        } else if (length > 0) {
            text += bytes.substr(0, length);
        } else if (first == '\n') {
            text += "\\n";
        } else {
            char hex[5];
            std::snprintf(hex, sizeof hex, "\\x%02x", first);
            text += hex;
        }
        bytes.remove_prefix(length > 0 ? length : 1);
    }
    return text;
}

std::string counted(std::uint64_t count, std::string_view noun) {
    return std::to_string(count) + " " + std::string(noun) + (count == 1 ? "" : "s");
}

}  // namespace tool
