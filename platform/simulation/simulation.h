// A platform that does not exist: hosts, their network and their time, in one thread.
//
// Link libvolley-simulation.a instead of libvolley.a and the same classes run in it. A program that
// makes no World gets one of its own with a single host. README.md beside this file tells the rest.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "platform/platform.h"
#include "platform/simulation/faults.h"

namespace simulation {

using Duration = std::chrono::nanoseconds;
using namespace std::chrono_literals;

struct HostState;
struct WorldState;

// "10.0.0.1", "fd00::1", or an Endpoint. A text that is neither ends the program.
struct Address : platform::Endpoint {
    Address(const char* text);
    Address(std::string_view text);
    Address(const std::string& text) : Address(std::string_view(text)) {}
    Address(const Endpoint& endpoint) : Endpoint(endpoint) {}
};

// One way from one host to another. Chances lie between 0 and 1.
struct Path {
    Duration delay = 1ms;
    Duration jitter{};            // Up to so much more; it alone keeps the order.
    double loss = 0;
    double duplicate = 0;
    double reorder = 0;           // Falls behind others by reorder_delay.
    Duration reorder_delay = 5ms;
    std::uint64_t bandwidth = 0;  // Bytes a second; 0: no limit.
    std::uint32_t queue = 0;      // Bytes that may wait for it, the rest is dropped; 0: no limit
                                  // but the senders' own buffers (EAGAIN).
    std::uint32_t mtu = 1500;     // What is longer travels in fragments: any lost one loses all.
    bool fragments = true;        // False: it is dropped, and ICMP says so (EMSGSIZE).
};

// What a gateway does to those behind it, in the terms of RFC 4787.
struct Nat {
    enum class Filter : std::uint8_t { none, address, address_and_port };
    bool endpoint_independent = true;  // One public port, whoever is spoken to; or "symmetric".
    Filter filter = Filter::address_and_port;
    Duration lifetime = 120s;  // Of a mapping that nothing leaves through.
    bool hairpin = false;      // Those behind it reach each other by its public address.
};

// What the resolver says when it is asked for a name.
struct Answer {
    std::vector<Address> addresses{};
    Duration delay{};
    platform::Code error = platform::Code::ok;  // lookup_not_found, lookup_again, ...
    bool any_family = false;  // Addresses of the wrong family are given too.
};

// A machine of the world; copies mean the same one.
class Host {
   public:
    std::string_view name() const;

    // Behind this one, which is a NAT gateway: in a network of its own.
    Host host(std::string_view name, std::vector<Address> addresses);
    void rebind();  // The gateway forgets its mappings, as after a restart.

    // One more interface in the same network. The first two are "lo" (1) and "eth0" (2).
    void add_interface(std::string_view name, std::vector<Address> addresses);
    // Takes it away, and the memberships on it. One that is added later has an index of its own.
    void remove_interface(std::string_view name);
    void down(std::string_view interface = "eth0");
    void up(std::string_view interface = "eth0");

    // Forward: all clocks, as after a suspended laptop. Back: the wall clock (timestamps) alone,
    // because the clock of loops and timers is monotonic.
    void jump(Duration);

    void inject(Fault);  // For this host's calls alone.

   private:
    friend class World;
    friend class Scope;
    explicit Host(HostState& state) : state_(&state) {}
    HostState* state_;
};

struct Options {
    std::uint64_t seed = 1;
    Path path{};           // Between hosts, unless World::path says otherwise.
    bool trace = false;    // Keep the trace as text. It is hashed anyway.
    std::string trace_file{};  // Save it there when the world ends, or a failure ends the program.
    std::string command{}; // How this program is called: for the line that replays a failure.
};

// --seed=N and --trace=FILE of a program's arguments, and its name.
Options arguments(int argc, char** argv, Options = {});

class World {
   public:
    explicit World(Options = {});
    ~World();  // Loops that are still there keep what they need of it.
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    Host host(std::string_view name, std::vector<Address> addresses);
    Host nat(std::string_view name, Address public_address, Nat = {});

    void path(Host from, Host to, Path);  // One way.
    void link(Host a, Host b, Path);      // Both ways.
    void default_path(Path);              // For all pairs that were not named.

    // Nothing passes between the two sides, or from the one to the other, until heal().
    void partition(const std::vector<Host>& side, const std::vector<Host>& other);
    void cut(const std::vector<Host>& from, const std::vector<Host>& to);
    void heal();

    // One after the other, and the last one for ever. Literals, localhost and the names of hosts
    // need no answer; any other name is not found.
    void answer(std::string_view name, std::vector<Answer>);

    void after(Duration, std::function<void()>);  // Between turns; in a program that only calls
                                                  // run(), inside one.
    void inject(Fault);  // For calls of any host. Faults of one site strike in this order.
    std::uint64_t lift_faults();        // Disarms all; how often they have struck by now.
    std::uint64_t calls(Site) const;    // How often it was called, failed or not.

    void interrupt();  // Ctrl-C, for all loops of this thread.
    void stop();       // Ends simulation::run().

    Duration now() const;  // Since the world began.

    std::uint64_t hash() const;        // Of all that happened: equal for equal runs.
    const std::string& trace() const;  // A line for each thing that happened, with Options::trace.
    std::string replay() const;        // The command that does all this again.
    // Says so, and how to replay it, as every abandon() in a world does.
    [[noreturn]] void fail(std::string_view why) const;

    struct Counts {
        std::uint64_t sent = 0;        // Datagrams that left a socket.
        std::uint64_t arrived = 0;     // That a socket took.
        std::uint64_t lost = 0;        // By Path::loss.
        std::uint64_t duplicated = 0;
        std::uint64_t reordered = 0;
        std::uint64_t dropped = 0;     // Partitions, full queues and buffers, nobody there.
    };
    Counts counts() const;

    // ---- For run() ---------------------------------------------------------------------------

    void run_due();                         // All that is due by now; time stands still.
    platform::Instant next_event() const;   // never(): nothing will happen by itself.
    void advance(platform::Instant);        // Not beyond next_event().
    platform::Instant instant() const;
    bool take_stop();
    bool take_scripts();                    // Whether a function of after() has run.
    std::optional<std::uint32_t> take_ready();       // A Poller with something to tell.
    void look_again(std::uint32_t poller);
    std::uint32_t number_of(const platform::Poller&) const;
    platform::Instant in_world(std::uint32_t poller, platform::Instant of_the_host) const;

   private:
    std::shared_ptr<WorldState> state_;
};

// Where the first line of `a` and `b` that differs stands in both, counted from 1; 0: nowhere.
std::size_t first_difference(std::string_view a, std::string_view b);

// Pollers (and loops) that are opened in its lifetime belong to this host. Scopes nest.
class Scope {
   public:
    explicit Scope(Host);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    HostState* before_;
};

// Something that opens a Poller when it is made, on a host: `On<core::Loop> loop(host);`
template <class Made>
class On {
   public:
    template <class... Arguments>
    explicit On(Host host, Arguments&&... arguments) {
        const Scope scope(host);
        made_.emplace(std::forward<Arguments>(arguments)...);
    }
    operator Made&() { return *made_; }
    Made& operator*() { return *made_; }
    Made* operator->() { return &*made_; }

   private:
    std::optional<Made> made_;
};

enum class End : std::uint8_t {
    done,     // No loop has anything left to do.
    quiet,    // Some wait for what can never come: servers, usually. Not of run_for().
    late,     // The time is up.
    stopped,  // World::stop(), or a loop that failed.
};

// Turns whichever loop has something due, in an order that depends on the seed alone.
// A loop is to be touched from its own callbacks, by post(), from World::after, or before run().
template <class Loop>
class Runner {
   public:
    Runner(World& world, const std::vector<Loop*>& loops) : world_(world) {
        for (Loop* loop : loops) {
            const std::uint32_t number = world.number_of(loop->poller());
            if (number >= by_poller_.size()) by_poller_.resize(number + 1, none);
            by_poller_[number] = entries_.size();
            entries_.push_back({loop, number});
        }
    }

    End run(platform::Instant until = platform::Instant::never()) {
        look_at_all();
        for (;;) {
            turn_all_due();
            if (failed_ || world_.take_stop()) return End::stopped;
            if (alive_ == 0) return End::done;
            platform::Instant next = next_due();
            if (next == platform::Instant::never()) {
                look_at_all();  // Somebody may have touched a loop from outside.
                next = next_due();
            }
            if (next == until && until == platform::Instant::never()) return End::quiet;
            if (next > until) {
                world_.advance(until);
                return End::late;
            }
            world_.advance(next);
        }
    }

   private:
    static constexpr std::size_t none = SIZE_MAX;
    struct Entry {
        Loop* loop;
        std::uint32_t poller;
        bool alive = false;
        platform::Instant due = platform::Instant::never();
    };

    platform::Instant next_due() const {
        const platform::Instant event = world_.next_event();
        return due_.empty() ? event : std::min(event, due_.begin()->first);
    }

    void turn_all_due() {
        for (;;) {
            world_.run_due();
            if (world_.take_scripts()) look_at_all();
            if (const std::optional<std::uint32_t> poller = world_.take_ready()) {
                const std::size_t index = *poller < by_poller_.size() ? by_poller_[*poller] : none;
                if (index != none && entries_[index].alive) turn(index);
            } else if (!due_.empty() && due_.begin()->first <= world_.instant()) {
                turn(due_.begin()->second);
            } else {
                return;
            }
            if (failed_) return;
        }
    }

    void turn(std::size_t index) {
        Entry& entry = entries_[index];
        if (entry.loop->turn({})) failed_ = true;
        look_at(index);
        world_.look_again(entry.poller);
    }

    void look_at_all() {
        for (std::size_t i = 0; i < entries_.size(); i++) {
            look_at(i);
            if (entries_[i].alive) world_.look_again(entries_[i].poller);
        }
    }

    void look_at(std::size_t index) {
        Entry& entry = entries_[index];
        const bool alive = entry.loop->alive();
        alive_ += std::size_t{alive} - std::size_t{entry.alive};
        entry.alive = alive;
        const platform::Instant due =
            alive ? world_.in_world(entry.poller, entry.loop->next_deadline())
                  : platform::Instant::never();
        if (due == entry.due) return;
        if (entry.due != platform::Instant::never()) due_.erase({entry.due, index});
        if (due != platform::Instant::never()) due_.insert({due, index});
        entry.due = due;
    }

    World& world_;
    std::vector<Entry> entries_;
    std::vector<std::size_t> by_poller_;
    std::set<std::pair<platform::Instant, std::size_t>> due_;
    std::size_t alive_ = 0;
    bool failed_ = false;
};

template <class Loop>
concept Turnable = requires(Loop& loop) { loop.turn(platform::Instant{}); };

template <class Loop>
End run(World& world, const std::vector<Loop*>& loops) {
    return Runner<Loop>(world, loops).run();
}

template <Turnable Loop, class... Loops>
End run(World& world, Loop& loop, Loops&... loops) {
    return run(world, std::vector<Loop*>{&loop, &static_cast<Loop&>(loops)...});
}

// So much of the world's time, if nothing ends it earlier.
template <class Loop>
End run_for(World& world, Duration time, const std::vector<Loop*>& loops) {
    return Runner<Loop>(world, loops).run({world.instant().nanoseconds + time.count()});
}

template <Turnable Loop, class... Loops>
End run_for(World& world, Duration time, Loop& loop, Loops&... loops) {
    return run_for(world, time, std::vector<Loop*>{&loop, &static_cast<Loop&>(loops)...});
}

}  // namespace simulation
