// volley listen: prints what arrives, one line a datagram, escaped so that no payload can play with
// the terminal.
#include <cstdio>

#include "tools/volley/session.h"
#include "tools/volley/verbs.h"

namespace tool {

namespace {

int run(const Arguments& arguments) {
    if (arguments.rest.size() != 1) {
        usage_error("listen wants one address, as in 'volley listen 5000'; "
                    "see 'volley listen --help'");
    }
    const Place place = parse_place(arguments.rest[0]);
    const std::string group = arguments.text("--group");
    if (group.empty() && (arguments.has("--interface") || arguments.has("--source"))) {
        usage_error("--interface and --source say how to join a group: --group is missing");
    }
    const auto count_max =
        static_cast<std::uint64_t>(arguments.number("--count", INT64_MAX, 1, INT64_MAX));
    const bool raw = arguments.has("--raw");
    const bool quiet = arguments.has("--quiet");

    Session session(arguments, type_of(place, arguments));
    session.socket.on_message([&](const net::Message& message) {
        if (session.received == count_max) return;
        session.received++;
        session.received_bytes += message.size();
        if (raw) {
            std::fwrite(message.bytes.data(), 1, message.size(), stdout);
        } else if (!quiet) {
            const std::string sender = message.sender.text();
            std::printf("%s %s%s: %s\n", sender.empty() ? "(unnamed)" : escaped(sender).c_str(),
                        counted(message.size(), "byte").c_str(),
                        message.truncated ? " (truncated)" : "", escaped(message.text()).c_str());
        }
        std::fflush(stdout);
        if (session.received == count_max) session.end();
    });
    session.bind(place, [&] {
        if (!group.empty() && !session.join(group)) return;
        const net::Result<net::Address> local = session.socket.address();
        if (local) std::fprintf(stderr, "listening on %s\n", escaped(local->text()).c_str());
    });
    return session.run();
}

}  // namespace

const Verb listen_verb{
    "listen",
    "[OPTION...] ADDRESS",
    "print what arrives",
    "Prints one line for each datagram: sender, size, payload. Control bytes and what is not\n"
    "UTF-8 are written \\xNN.\n\n"
    "  volley listen 5000\n"
    "  volley listen --count 1 [::1]:5000\n"
    "  volley listen --group 224.0.0.114 --interface 127.0.0.1 --reuse 1234\n"
    "  volley listen /tmp/server.sock",
    {{"--count", "N", "end after N datagrams"},
     {"--duration", "SECONDS", "end after that time"},
     {"--group", "GROUP", "join this multicast group"},
     {"--interface", "NAME", "join it on this interface: eth1, 2, 10.0.0.2, fd00::2"},
     {"--source", "ADDRESS", "hear only this sender in it (source-specific multicast)"},
     {"--ipv6", "", "listen on IPv6 (and, unless --ipv6-only, IPv4)"},
     {"--ipv6-only", "", "not on IPv4 as well"},
     {"--reuse", "", "share the address with other sockets that ask for it too"},
     {"--reuse-port", "", "let the kernel spread senders over all that ask for it"},
     {"--raw", "", "write the payloads alone, as they are"},
     {"--quiet", "", "only the summary"}},
    run};

}  // namespace tool
