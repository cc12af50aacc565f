// Whom a target names: the text that is given to the library, and what may come of it.
#pragma once

#include <string>
#include <vector>

#include "tests/simulation/swarm/plan.h"

namespace swarm {

struct Place {
    std::string text{};
    std::vector<net::Address> addresses{};  // Candidates: more than one for a name that changes.
    bool name = false;                    // A resolver's business.
    bool malformed = false;
    std::vector<std::string> codes{};  // How its look-up may fail.
    bool answers = true;             // And whether it may succeed.
};

// Of a socket of this plan; the port is in the addresses.
Place place_of(const Plan&, const SocketPlan&, Target, std::int32_t port);

// "10.0.0.1", "fd00::1": what the world's hosts have.
std::string host_text(std::uint32_t host, bool six);
std::string path_text(std::int32_t number);

// As failures write it: "10.0.0.1:1000", "::1:1000", "/a".
std::string written(const net::Address&);

// Whether it is an address of this host; loopback is everybody's.
bool is_of_host(const net::Address&, std::uint32_t host);

constexpr const char* group_text = "239.1.1.1";
constexpr const char* group_text_six = "ff05::1:1";

}  // namespace swarm
