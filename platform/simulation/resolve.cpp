// Names to addresses, as the world's script has it. Literals, localhost and the names of hosts are
// known without one.
#include <algorithm>

#include "platform/simulation/state.h"
#include "platform/simulation/text.h"

namespace simulation {

// Names of the domain name system know no case (RFC 4343).
std::string lowered(std::string_view name) {
    std::string text(name);
    for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return text;
}

namespace {

// The next answer of the script, or what is known anyway.
Answer answer_for(HostState& host, std::string_view name, Family family) {
    WorldState& world = *host.world;
    const auto script = world.answers.find(name);
    if (script != world.answers.end() && !script->second.answers.empty()) {
        const std::size_t last = script->second.answers.size() - 1;
        return script->second.answers[std::min(script->second.next++, last)];
    }
    Answer answer;
    const Endpoint literal = parse_address(name);
    if (literal.family != Family::none) {
        answer.addresses.push_back(literal);
        if (family != Family::none && literal.family != family) answer.error = Code::lookup_family;
    } else if (name == "localhost") {
        answer.addresses = {Address("127.0.0.1"), Address("::1")};
    } else {
        for (const HostState& each : world.hosts) {
            const bool near = each.network == host.network;
            const bool anybodys = each.network == &world.networks.front();
            if (lowered(each.name) != name || (!near && !anybodys)) continue;
            for (const Place& place : each.interfaces.back().places) {
                answer.addresses.push_back(endpoint_of({place}, Family::none));
            }
        }
    }
    return answer;
}

}  // namespace

}  // namespace simulation

namespace platform {

// The delay is added to the job that asks.
Result<std::size_t> resolve(Job&, std::string_view host, Family family,
                            std::span<Endpoint> endpoints) {
    using simulation::failed;
    constexpr std::size_t host_max = 255;
    const Error not_found = failed(Code::lookup_not_found, Operation::lookup);
    if (host.empty() || host.size() > host_max || host.find('\0') != host.npos) return not_found;
    if (family == Family::local) return failed(Code::lookup_family, Operation::lookup);
    simulation::Registry& all = simulation::registry();
    simulation::HostState& asking = all.host();
    const auto verdict = judge(asking, simulation::Site::resolve, Operation::lookup);
    if (verdict) return verdict.error;
    const std::string name = simulation::lowered(host);
    const simulation::Answer answer = simulation::answer_for(asking, name, family);
    asking.world->note(simulation::What::resolve, asking, nullptr, nullptr,
                       answer.addresses.size(), host);
    if (all.running) all.running->delay += answer.delay.count();
    if (answer.error != Code::ok) return failed(answer.error, Operation::lookup);
    std::size_t count = 0;
    for (const Endpoint& each : answer.addresses) {
        const bool wanted = answer.any_family || family == Family::none || each.family == family;
        if (wanted && count < endpoints.size()) endpoints[count++] = each;
    }
    if (count == 0) return not_found;
    if (verdict.lie == simulation::Fault::Kind::short_count) count = 1;
    if (verdict.lie == simulation::Fault::Kind::nameless) endpoints[0] = {};
    return count;
}

}  // namespace platform
