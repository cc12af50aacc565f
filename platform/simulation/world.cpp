// What users ask of a world and its hosts. See simulation.h.
#include <algorithm>
#include <charconv>
#include <new>

#include "platform/simulation/state.h"
#include "platform/simulation/text.h"

namespace simulation {

namespace {

std::vector<Place> places_of(const std::vector<Address>& addresses) {
    std::vector<Place> places;
    for (const Address& address : addresses) places.push_back(place_of(address));
    return places;
}

}  // namespace

Address::Address(std::string_view text) : Endpoint(parse_address(text)) {
    if (family == Family::none) {
        platform::abandon("simulation: no address: '" + std::string(text) + "'");
    }
}

Address::Address(const char* text) : Address(std::string_view(text)) {}

// ---- Hosts -------------------------------------------------------------------------------------

std::string_view Host::name() const { return state_->name; }

Host Host::host(std::string_view name, std::vector<Address> addresses) {
    if (!state_->inside) {
        platform::abandon("simulation: " + state_->name + " is no gateway: nothing is behind it");
    }
    return Host(state_->world->add_host(name, *state_->inside, places_of(addresses)));
}

void Host::rebind() {
    if (!state_->nat) return;
    state_->nat->ports.clear();
    state_->nat->mappings.clear();
    state_->nat->next_port += 1000;
}

void Host::add_interface(std::string_view name, std::vector<Address> addresses) {
    state_->world->add_interface(*state_, name, state_->network, places_of(addresses));
}

void Host::remove_interface(std::string_view name) {
    Interface* const interface = state_->interface_called(name);
    if (!interface || !interface->network) {
        platform::abandon("simulation: no such interface: " + std::string(name));
    }
    down(name);
    interface->gone = true;
    std::erase(interface->network->interfaces, interface);
    for (const Place& place : interface->places) interface->network->places.erase(place);
    interface->places.clear();
    for (auto& [port, sockets] : state_->ports) {
        for (SocketState* socket : sockets) {
            std::erase_if(socket->memberships, [&](const Membership& each) {
                return each.interface == interface->index;
            });
        }
    }
}

void Host::down(std::string_view name) {
    Interface* const interface = state_->interface_called(name);
    if (!interface) platform::abandon("simulation: no such interface: " + std::string(name));
    interface->up = false;
    state_->world->note(What::down, *state_, nullptr, nullptr, interface->index);
}

void Host::up(std::string_view name) {
    Interface* const interface = state_->interface_called(name);
    if (!interface) platform::abandon("simulation: no such interface: " + std::string(name));
    interface->up = true;
    state_->world->note(What::up, *state_, nullptr, nullptr, interface->index);
}

void Host::jump(Duration duration) {
    state_->wall_ahead += duration.count();
    if (duration.count() > 0) state_->ahead += duration.count();
    WorldState& world = *state_->world;
    world.note(What::jump, *state_, nullptr, nullptr, static_cast<std::uint64_t>(duration.count()));
    world.scripts_run++;  // Deadlines lie elsewhere now.
}

void Host::inject(Fault fault) { state_->world->faults.arm(fault, state_); }

// ---- The world -------------------------------------------------------------------------------

World::World(Options options) : state_(new (std::nothrow) WorldState(std::move(options))) {
    if (!state_) platform::abandon("simulation: out of memory");
    registry().latest = state_.get();
}

// Its functions know what may be gone by now.
World::~World() {
    state_->save_trace();
    state_->scripts.clear();
    if (registry().latest == state_.get()) registry().latest = nullptr;
}

Host World::host(std::string_view name, std::vector<Address> addresses) {
    return Host(state_->add_host(name, state_->networks.front(), places_of(addresses)));
}

Host World::nat(std::string_view name, Address public_address, Nat rules) {
    HostState& gateway =
        state_->add_host(name, state_->networks.front(), {place_of(public_address)});
    Network& inside = state_->networks.emplace_back();
    gateway.inside = &inside;
    gateway.nat.reset(new (std::nothrow) NatState);
    if (!gateway.nat) platform::abandon("simulation: out of memory");
    gateway.nat->rules = rules;
    gateway.nat->outside = place_of(public_address);
    inside.gateway = &gateway;
    inside.exit = &state_->add_interface(gateway, "inside", &inside, {});
    return Host(gateway);
}

void World::path(Host from, Host to, Path path) {
    state_->path_between(*from.state_, *to.state_).path = path;
}

void World::link(Host a, Host b, Path both) {
    path(a, b, both);
    path(b, a, both);
}

void World::default_path(Path path) { state_->options.path = path; }

void World::cut(const std::vector<Host>& from, const std::vector<Host>& to) {
    const auto mark = [](std::vector<bool>& side, const std::vector<Host>& hosts) {
        for (const Host& host : hosts) {
            if (host.state_->number >= side.size()) side.resize(host.state_->number + 1);
            side[host.state_->number] = true;
        }
    };
    Cut& cut = state_->cuts.emplace_back();
    mark(cut.from, from);
    mark(cut.to, to);
    if (!from.empty()) state_->note(What::partition, *from.front().state_);
}

void World::partition(const std::vector<Host>& side, const std::vector<Host>& other) {
    cut(side, other);
    cut(other, side);
}

void World::heal() {
    state_->cuts.clear();
    state_->note(What::heal, state_->hosts.front());
}

void World::answer(std::string_view name, std::vector<Answer> answers) {
    state_->answers.insert_or_assign(lowered(name), Script{std::move(answers), 0});
}

void World::after(Duration delay, std::function<void()> function) {
    const std::uint64_t id = state_->next_id++;
    state_->scripts[id] = std::move(function);
    state_->plan(state_->now + delay.count(), Event::Kind::script, nullptr, id);
}

void World::inject(Fault fault) { state_->faults.arm(fault, nullptr); }

std::uint64_t World::lift_faults() { return state_->faults.lift(); }

std::uint64_t World::calls(Site site) const { return state_->faults.calls(site); }

void World::stop() { state_->stopping = true; }

Duration World::now() const { return Duration(state_->now - beginning); }

std::uint64_t World::hash() const { return state_->trace.hash(); }

const std::string& World::trace() const { return state_->trace.text(); }

World::Counts World::counts() const { return state_->counts; }

std::string WorldState::replay() const {
    const std::string command = options.command.empty() ? "the same program" : options.command;
    return command + " --seed=" + std::to_string(options.seed);
}

std::string World::replay() const { return state_->replay(); }

void World::fail(std::string_view why) const {
    registry().latest = state_.get();
    platform::abandon(why);
}

// ---- For run() -------------------------------------------------------------------------------

void World::run_due() { state_->run_due(); }

Instant World::next_event() const { return {state_->next_event()}; }

void World::advance(Instant to) { state_->advance(to.nanoseconds); }

Instant World::instant() const { return {state_->now}; }

bool World::take_stop() { return std::exchange(state_->stopping, false); }

bool World::take_scripts() {
    return std::exchange(state_->scripts_seen, state_->scripts_run) != state_->scripts_run;
}

std::optional<std::uint32_t> World::take_ready() {
    if (state_->somebody_called.exchange(false)) {
        for (Watcher* watcher : state_->watchers) {
            if (watcher && watcher->called.load()) watcher->heat();
        }
    }
    while (!state_->hot.empty()) {
        Watcher* const watcher = state_->hot.front();
        state_->hot.pop_front();
        watcher->hot = false;
        if (watcher->has_something()) return watcher->number;
    }
    return {};
}

void World::look_again(std::uint32_t poller) {
    Watcher* const watcher = state_->watchers[poller];
    if (watcher && watcher->has_something()) watcher->heat();
}

std::uint32_t World::number_of(const platform::Poller& poller) const {
    const Watcher& watcher = watcher_of(poller);
    if (watcher.world != state_) {
        platform::abandon("simulation: a loop of another world; is a Scope missing?");
    }
    return watcher.number;
}

Instant World::in_world(std::uint32_t poller, Instant of_the_host) const {
    const Watcher* const watcher = state_->watchers[poller];
    if (!watcher || of_the_host == Instant::never()) return of_the_host;
    return {of_the_host.nanoseconds - std::min(watcher->host->ahead, of_the_host.nanoseconds)};
}

// ---- Beside it ---------------------------------------------------------------------------------

Scope::Scope(Host host) : before_(std::exchange(registry().scope, host.state_)) {}

Scope::~Scope() { registry().scope = before_; }

Options arguments(int argc, char** argv, Options options) {
    constexpr std::string_view seed = "--seed=";
    constexpr std::string_view trace = "--trace=";
    if (argc > 0) options.command = argv[0];
    for (int i = 1; i < argc; i++) {
        const std::string_view argument = argv[i];
        if (argument.starts_with(trace)) {
            options.trace = true;
            options.trace_file = argument.substr(trace.size());
        }
        if (!argument.starts_with(seed)) continue;
        const char* const end = argument.data() + argument.size();
        const auto [rest, error] =
            std::from_chars(argument.data() + seed.size(), end, options.seed);
        if (error != std::errc{} || rest != end) {
            platform::abandon("simulation: no number: " + std::string(argument));
        }
    }
    return options;
}

std::size_t first_difference(std::string_view a, std::string_view b) {
    const auto [in_a, in_b] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
    if (in_a == a.end() && in_b == b.end()) return 0;
    return 1 + static_cast<std::size_t>(std::count(a.begin(), in_a, '\n'));
}

}  // namespace simulation
