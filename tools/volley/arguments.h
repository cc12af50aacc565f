// The command line: options and what is left, as each verb declares them. Errors are one line that
// says what was wrong and what would be right.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "net/address.h"

namespace tool {

struct Option {
    std::string_view name;   // "--count"
    std::string_view value;  // What help calls its value; "" for a flag.
    std::string_view help;
};

struct Verb {
    std::string_view name;
    std::string_view usage;     // Behind "volley NAME ".
    std::string_view summary;   // One line.
    std::string_view details;   // Paragraphs for --help.
    std::vector<Option> options;
    int (*run)(const struct Arguments&);
};

struct Arguments {
    const Verb* verb = nullptr;
    std::string program;             // As it was called,
    std::vector<std::string> words;  // and with what: the verb and all that followed.
    std::vector<std::string> rest;
    std::vector<std::pair<std::string_view, std::string>> given;

    bool has(std::string_view name) const;
    std::string text(std::string_view name, std::string otherwise = {}) const;
    // Ends the program with status 2 when it is no number in the range.
    std::int64_t number(std::string_view name, std::int64_t otherwise, std::int64_t lowest,
                        std::int64_t highest) const;
    double seconds(std::string_view name, double otherwise) const;
};

Arguments parse(const Verb&, int count, char** arguments);
void print_help(const Verb&);

// Where to bind or send: "PORT", "HOST:PORT", "[IPV6]:PORT", "unix:PATH", "/path", "./path",
// "@abstract".
struct Place {
    bool local = false;
    bool ipv6 = false;   // Written as an IPv6 literal.
    std::string host;    // May be empty, or a name.
    int port = 0;
    std::string path;    // Of a local one.
};
Place parse_place(std::string_view text);

[[noreturn]] void usage_error(const std::string& what);  // Status 2.
[[noreturn]] void fatal(const std::string& what);        // Status 1.

// Text that is safe to print: control bytes, bidirectional controls and broken UTF-8 as \xNN.
std::string escaped(std::string_view bytes);

// "1 datagram", "2 datagrams".
std::string counted(std::uint64_t count, std::string_view noun);

}  // namespace tool
