// Readiness and time. A wait does what is due, and where nothing is, moves the clock on to what
// comes next: the deadline, or an event of the world. Nothing ever sleeps.
// The catch: whoever waits without end for what cannot come would hang; here the program ends.
#include <algorithm>
#include <new>
#include <utility>

#include "platform/simulation/state.h"
#include "platform/simulation/text.h"

namespace simulation {

namespace {

constexpr unsigned questions_max = 1000;
constexpr Time tick_of_impatience = 1000;
constexpr unsigned waits_max = 100;

std::string describe(const SocketState& socket) {
    if (socket.is_local()) return "unix " + (socket.path.empty() ? "unnamed" : socket.path);
    return "udp " + full_text(endpoint_of(socket.local, socket.family));
}

// What waits, in the words of a report.
std::string all_that_waits(const WorldState& world) {
    std::string text;
    for (const Watcher* watcher : world.watchers) {
        if (!watcher) continue;
        text += text.empty() ? "" : ";";
        text += " host " + watcher->host->name;
        for (const auto& socket : registry().sockets) {
            if (socket && socket->watcher == watcher) text += ", " + describe(*socket);
        }
    }
    return text;
}

[[noreturn]] void report_deadlock(const WorldState& world) {
    platform::abandon("simulation: nothing can ever happen again, and somebody waits for it:" +
                      all_that_waits(world));
}

}  // namespace

void SocketState::changed() {
    if (!watcher) return;
    if (!listed) {
        listed = true;
        watcher->listed.push_back(this);
    }
    watcher->heat();
}

bool SocketState::writable() const {
    if (broken()) return true;
    if (is_local()) return local_writable(*this);
    return sending_bytes == 0 ||
           sending_bytes < static_cast<std::size_t>(option(platform::Option::send_buffer_size));
}

namespace {

platform::Event event_of(const SocketState& socket) {
    if (socket.broken()) return {socket.token, true, true};  // Whatever is of interest.
    return {socket.token, socket.interest.readable && socket.readable(),
            socket.interest.writable && socket.writable()};
}

}  // namespace

bool Watcher::has_something() const {
    return called.load(std::memory_order_relaxed) ||
           std::any_of(listed.begin(), listed.end(), [](const SocketState* socket) {
               const platform::Event event = event_of(*socket);
               return event.readable || event.writable;
           });
}

void Watcher::heat() {
    if (hot) return;
    hot = true;
    world->hot.push_back(this);
}

// Work takes no time, but without end it takes some: otherwise whoever always has something to do
// would never see a timer fire.
void Watcher::spend_time() {
    if (std::exchange(last_wait, world->now) != world->now) waits = 0;
    if (++waits <= waits_max) return;
    last_wait = world->now += tick_of_impatience;
}

void Watcher::collect() {
    constexpr std::size_t batch_max = 64;
    events.clear();
    std::size_t kept = 0;
    for (std::size_t i = 0; i < listed.size(); i++) {
        SocketState* const socket = listed[i];
        const platform::Event event =
            events.size() < batch_max ? event_of(*socket) : platform::Event{};
        const bool ready = event.readable || event.writable;
        if (ready) events.push_back(event);
        if (ready || events.size() >= batch_max) {
            listed[kept++] = socket;
        } else {
            socket->listed = false;
        }
    }
    listed.resize(kept);
    // The others' turn is next.
    std::rotate(listed.begin(), listed.begin() + static_cast<std::ptrdiff_t>(events.size()),
                listed.end());
}

// What a fault has it say: every socket that it watches has failed.
void Watcher::report_all() {
    events.clear();
    for (const auto& socket : registry().sockets) {
        if (socket && socket->watcher == this) events.push_back({socket->token, true, true});
    }
}

}  // namespace simulation

namespace platform {

struct Poller::State {
    simulation::Watcher watcher;
};

Result<std::unique_ptr<Poller>> Poller::open() {
    const Error no_memory = simulation::failed(Code::out_of_memory, Operation::open);
    simulation::HostState& host = simulation::registry().host();
    const auto verdict = judge(host, simulation::Site::open_poller, Operation::open);
    if (verdict) return verdict.error;
    std::unique_ptr<State> state(new (std::nothrow) State);
    if (!state) return no_memory;
    simulation::Watcher& watcher = state->watcher;
    std::unique_ptr<Poller> poller(new (std::nothrow) Poller(std::move(state)));
    if (!poller) return no_memory;
    watcher.host = &host;
    watcher.world = host.world->shared_from_this();
    watcher.number = static_cast<std::uint32_t>(host.world->watchers.size());
    host.world->watchers.push_back(&watcher);
    simulation::registry().pollers[poller.get()] = &watcher;
    return poller;
}

Poller::Poller(std::unique_ptr<State> state) : state_(std::move(state)) {}

Poller::~Poller() {
    simulation::Watcher& watcher = state_->watcher;
    for (const auto& socket : simulation::registry().sockets) {
        if (!socket || socket->watcher != &watcher) continue;
        socket->watcher = nullptr;
        socket->listed = false;
    }
    if (watcher.hot) std::erase(watcher.world->hot, &watcher);
    watcher.world->watchers[watcher.number] = nullptr;
    simulation::registry().pollers.erase(this);
}

// Whoever asks again and again with nothing in between waits for the time to pass, so it does.
Instant Poller::now() const {
    simulation::WorldState& world = *state_->watcher.world;
    if (++world.questions > simulation::questions_max) world.now += simulation::tick_of_impatience;
    return {world.now + state_->watcher.host->ahead};
}

Error Poller::watch(Socket handle, Token token, Interest interest) {
    simulation::SocketState* const socket = simulation::registry().find(handle.handle);
    if (!socket) return simulation::failed(Code::bad_descriptor, Operation::watch);
    const auto verdict =
        judge(*state_->watcher.host, simulation::Site::watch, Operation::watch);
    if (verdict) return verdict.error;
    if (socket->watcher && socket->watcher != &state_->watcher && socket->listed) {
        std::erase(socket->watcher->listed, socket);
        socket->listed = false;
    }
    socket->watcher = &state_->watcher;
    socket->token = token;
    socket->interest = interest;
    socket->changed();
    return {};
}

void Poller::forget(Socket handle, Token) {
    simulation::SocketState* const socket = simulation::registry().find(handle.handle);
    if (!socket || socket->watcher != &state_->watcher) return;
    if (socket->listed) std::erase(state_->watcher.listed, socket);
    socket->listed = false;
    socket->watcher = nullptr;
}

Result<std::span<const Event>> Poller::wait(Instant deadline) {
    simulation::Watcher& watcher = state_->watcher;
    simulation::WorldState& world = *watcher.world;
    world.questions = 0;
    watcher.spend_time();
    const std::uint64_t scripts = world.scripts_run;
    const auto verdict = judge(*watcher.host, simulation::Site::wait, Operation::wait);
    if (verdict) return verdict.error;
    for (;;) {
        world.run_due();
        watcher.collect();
        if (verdict.lie == simulation::Fault::Kind::spurious) watcher.report_all();
        const bool called = watcher.called.exchange(false);
        if (called || !watcher.events.empty()) break;
        if (world.scripts_run != scripts) break;  // They may have asked the loop for something.
        // As the host's own clock has it, which may jump at any event.
        const simulation::Time ahead = watcher.host->ahead;
        if (world.now + ahead >= deadline.nanoseconds) break;
        const bool endless = deadline == Instant::never();
        const simulation::Time next = world.next_event();
        if (endless && next == simulation::never) simulation::report_deadlock(world);
        world.advance(endless ? next : std::min(next, deadline.nanoseconds - ahead));
    }
    if (verdict.lie == simulation::Fault::Kind::nothing) watcher.events.clear();
    return std::span<const Event>(watcher.events);
}

void Poller::wake() {
    if (state_->watcher.called.exchange(true)) return;
    state_->watcher.world->somebody_called.store(true);
}

Result<std::intptr_t> Poller::handle() const {
    const auto verdict =
        judge(*state_->watcher.host, simulation::Site::poll_handle, Operation::open);
    if (verdict) return verdict.error;
    return simulation::failed(Code::not_supported, Operation::open);
}

}  // namespace platform
