// The few places of these worlds. Hosts have 10.0.0.1, 10.0.0.2, ... and fd00::1, ...; names have
// scripts, which run.cpp gives to the world.
#include "tests/simulation/swarm/places.h"

namespace swarm {

namespace {

net::Address literal(const std::string& text, std::int32_t port) {
    const auto parsed = net::parse_literal(text, static_cast<std::uint16_t>(port));
    return parsed ? *parsed : net::Address{};
}

Place of_literal(std::string text, std::int32_t port) {
    Place place;
    place.addresses.push_back(literal(text, port));
    place.text = std::move(text);
    return place;
}

Place of_name(std::string name, const std::string& host, std::int32_t port) {
    Place place = of_literal(host, port);
    place.text = std::move(name);
    place.name = true;
    return place;
}

// The empty address means loopback to connect and send.
Place of_nothing(bool six, std::int32_t port) {
    Place place = of_literal(six ? "::1" : "127.0.0.1", port);
    place.text.clear();
    return place;
}

Place of_path(std::int32_t number) {
    Place place;
    place.text = path_text(number);
    const auto parsed = net::parse_path(place.text);
    if (parsed) place.addresses.push_back(*parsed);
    return place;
}

}  // namespace

std::string host_text(std::uint32_t host, bool six) {
    return (six ? "fd00::" : "10.0.0.") + std::to_string(host + 1);
}

std::string path_text(std::int32_t number) {
    static const char* const paths[] = {"/a", "/b", "@c"};
    return paths[static_cast<std::uint32_t>(number) % 3];
}

std::string written(const net::Address& address) {
    std::string text = address.host();
    if (address.family != net::Family::local && address.port != 0) {
        text += ":" + std::to_string(address.port);
    }
    return text;
}

bool is_of_host(const net::Address& address, std::uint32_t host) {
    const net::Address inner = address.unmapped();
    return inner.is_loopback() || inner.is_unspecified() ||
           inner.host() == host_text(host, inner.family == net::Family::ipv6);
}

Place place_of(const Plan& plan, const SocketPlan& socket, Target target, std::int32_t port) {
    if (socket.type == net::Type::unix_dgram) return of_path(port);
    const bool six = socket.type == net::Type::udp6;
    const std::uint32_t next = (socket.host + 1u) % plan.world.hosts;
    const std::string near = host_text(next, six);
    switch (target) {
        case Target::none: return of_nothing(six, port);
        case Target::loopback: return of_literal(six ? "::1" : "127.0.0.1", port);
        case Target::own: return of_literal(host_text(socket.host, six), port);
        case Target::next: return of_literal(near, port);
        case Target::nobody: return of_literal(six ? "fd00::99" : "10.0.0.99", port);
        case Target::other_family: return of_literal(host_text(next, !six), port);
        case Target::mapped: return of_literal("::ffff:" + host_text(next, false), port);
        case Target::everybody: return of_literal("255.255.255.255", port);
        case Target::group: return of_literal(six ? group_text_six : group_text, port);
        case Target::any: return of_literal(six ? "::" : "0.0.0.0", port);
        case Target::name: return of_name("host.example", host_text(0, six), port);
        case Target::slow_name: return of_name("slow.example", host_text(0, six), port);
        case Target::flaky_name: {
            Place place = of_name("flaky.example", host_text(0, six), port);
            place.codes = {"EAI_AGAIN"};
            return place;
        }
        case Target::missing_name: {
            Place place = of_name("missing.example", near, port);
            place.addresses.clear();
            place.codes = {"ENOTFOUND"};
            place.answers = false;
            return place;
        }
        case Target::wrong_name: {  // The resolver finds none of the right family.
            Place place = of_name(six ? "four.example" : "six.example", host_text(0, !six), port);
            place.codes = {"ENOTFOUND"};
            return place;
        }
        case Target::malformed: {
            Place place;
            place.text = "127.1";
            place.malformed = true;
            return place;
        }
        case Target::count: break;
    }
    return {};
}

}  // namespace swarm
