// volley echo: sends back what arrives, without a copy. An echo server can be made to answer
// somebody who never asked (CVE-2024-2169), so it binds loopback unless told otherwise, never
// answers the ports of services, and answers each source only so often.
#include <algorithm>
#include <cstdio>
#include <string>
#include <unordered_map>

#include "tools/volley/session.h"
#include "tools/volley/verbs.h"
#include "tools/volley/workers.h"

namespace tool {

namespace {

constexpr std::uint16_t service_ports_end = 1024;  // Below: echo, chargen, DNS, NTP and the like.

// So many answers a second for each host, with as many saved up; forgets the past when it knows
// too many hosts.
class Allowance {
   public:
    explicit Allowance(double per_second) : per_second_(per_second) {}

    bool spend(const net::Address& host, core::Instant now) {
        if (per_second_ == 0) return true;
        if (hosts_.size() >= hosts_max) hosts_.clear();
        const auto [entry, first] = hosts_.try_emplace(host.host(), Account{per_second_, now});
        Account& account = entry->second;
        const std::int64_t passed = now.nanoseconds - account.since.nanoseconds;
        account.left = std::min(per_second_,
                                account.left + static_cast<double>(passed) / 1e9 * per_second_);
        account.since = now;
        if (account.left < 1) return false;
        account.left -= 1;
        return true;
    }

   private:
    static constexpr std::size_t hosts_max = 4096;
    struct Account {
        double left;
        core::Instant since;
    };
    double per_second_;
    std::unordered_map<std::string, Account> hosts_;
};

Place place_of(const Arguments& arguments) {
    if (arguments.rest.size() > 1) {
        usage_error("echo wants one address at most; see 'volley echo --help'");
    }
    Place place = parse_place(arguments.rest.empty() ? "0" : arguments.rest[0]);
    if (!place.local && place.host.empty()) {
        const bool ipv6 = arguments.has("--ipv6");
        const net::Family family = ipv6 ? net::Family::ipv6 : net::Family::ipv4;
        place.host = arguments.has("--any") ? net::Address::any(family).host()
                                            : net::Address::loopback(family).host();
    }
    if (!arguments.has("--workers")) return place;
    if (arguments.has("--count")) usage_error("--count is for one process: not with --workers");
    if (arguments.has("--reuse-port") && place.port == 0) {
        usage_error("each worker binds the port by itself with --reuse-port: which one is missing");
    }
    return place;
}

std::string announcement(const net::Address& local) {
    std::string text = "echoing on " + escaped(local.text()) + "\n";
    if (local.family != net::Family::local && !local.is_loopback()) {
        text += "volley: warning: whoever forges a sender's address can make this echo answer a "
                "stranger\n";
    }
    return text;
}

int run(const Arguments& arguments) {
    const Place place = place_of(arguments);
    const std::int64_t count_max = arguments.number("--count", 0, 1, INT64_MAX);
    Allowance allowance(static_cast<double>(arguments.number("--rate", 1000, 0, 1'000'000'000)));
    std::uint64_t ignored = 0;

    Session session(arguments, type_of(place, arguments));
    Workers workers(session, arguments);
    if (workers.is_primary()) return workers.lead();
    session.socket.on_message([&](const net::Message& message) {
        session.received++;
        session.received_bytes += message.size();
        const bool nameless = message.sender.size == 0;
        const bool service = !place.local && message.sender.port < service_ports_end;
        if (nameless || service || !allowance.spend(message.sender, session.loop.now())) {
            ignored++;
        } else {
            session.socket.send(message.bytes, message.sender,
                                [&](const net::Failure& failure, std::size_t bytes) {
                                    if (failure) {
                                        ignored++;  // One peer's trouble is not the others'.
                                        return;
                                    }
                                    session.sent++;
                                    session.sent_bytes += bytes;
                                });
        }
        if (session.received == static_cast<std::uint64_t>(count_max)) session.end();
    });
    session.bind(place, [&] {
        const net::Result<net::Address> local = session.socket.address();
        if (local) workers.announce(announcement(*local));
    });
    const int status = session.run();
    if (ignored > 0) {
        std::fprintf(stderr, "%snot answered: %s\n", session.name.c_str(),
                     counted(ignored, "datagram").c_str());
    }
    return status;
}

}  // namespace

const Verb echo_verb{
    "echo",
    "[OPTION...] [ADDRESS]",
    "send back what arrives",
    "Sends every datagram back to its sender. Binds loopback unless an address or --any says\n"
    "otherwise; never answers ports below 1024, nor senders without a name.\n\n"
    "  volley echo 5000\n"
    "  volley echo --any --rate 10 5000\n"
    "  volley echo --workers 4 5000\n"
    "  volley echo /tmp/echo.sock",
    {{"--any", "", "bind every address of this host"},
     {"--workers", "N", "share the work among N processes, and replace those that die"},
     {"--rate", "N", "answers a second for each host, by each process (1000; 0: no limit)"},
     {"--count", "N", "end after N datagrams"},
     {"--duration", "SECONDS", "end after that time"},
     {"--ipv6", "", "bind IPv6"},
     {"--ipv6-only", "", "and not IPv4 as well"},
     {"--reuse", "", "share the address with other sockets that ask for it too"},
     {"--reuse-port", "", "let the kernel spread senders over all that ask for it"}},
    run};

}  // namespace tool
