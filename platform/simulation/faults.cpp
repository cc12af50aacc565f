// See faults.h. Counts the calls of each site, and asks the armed faults, the oldest first.
#include "platform/simulation/faults.h"

#include <algorithm>

#include "platform/simulation/state.h"

namespace simulation {

namespace {

constexpr std::string_view sites[] = {
    "open_poller",    "watch",           "wait",         "poll_handle",
    "open_datagram",  "adopt",           "bind",         "connect",
    "disconnect",     "local_endpoint",  "peer_endpoint", "path_mtu",
    "receive",        "send",            "segmentation", "receive_errors",
    "set_option",     "get_option",      "overflow_count", "set_multicast_interface",
    "join",           "leave",           "interface_index", "interface_name",
    "interface_indexes", "bind_path",    "submit",       "catch_interrupt",
    "resolve"};
static_assert(std::size(sites) == site_count);

constexpr std::string_view kinds[] = {"error",   "short_count", "truncated", "nameless",
                                      "nothing", "spurious",    "loopback"};
static_assert(std::size(kinds) == static_cast<std::size_t>(Fault::Kind::loopback) + 1);

}  // namespace

std::string_view name(Site site) { return sites[static_cast<std::size_t>(site)]; }

std::string_view name(Fault::Kind kind) { return kinds[static_cast<std::size_t>(kind)]; }

void Faults::arm(const Fault& fault, const HostState* host) {
    armed_.push_back({fault, host});
}

std::uint64_t Faults::lift() {
    armed_.clear();
    return std::exchange(struck_, 0);
}

// One that has struck as often as it was to is gone.
const Fault* Faults::strikes(const HostState& host, Site site) {
    for (auto each = armed_.begin(); each != armed_.end(); ++each) {
        if (each->fault.site != site || (each->host && each->host != &host)) continue;
        if (each->fault.skip > 0) {
            each->fault.skip--;
            continue;
        }
        last_ = each->fault;
        if (each->fault.times != Fault::for_ever && --each->fault.times == 0) armed_.erase(each);
        struck_++;
        return &last_;
    }
    return nullptr;
}

Verdict judge_armed(HostState& host, Site site, Operation operation) {
    WorldState& world = *host.world;
    const Fault* const fault = world.faults.strikes(host, site);
    if (!fault) return {};
    const bool fails = fault->kind == Fault::Kind::error;
    const std::string_view what = fails ? platform::name(fault->code) : name(fault->kind);
    world.note(What::fault, host, nullptr, nullptr, world.faults.calls(site),
               std::string(name(site)) + " " + std::string(what));
    if (!fails) return {{}, fault->kind};
    return {failed(fault->code, operation), fault->kind};
}

}  // namespace simulation
