// What a world is made of: hosts and their networks, sockets, packets under way, and what is due.
// Everything that is gone through in order lies in ordered containers, and what is due at one
// instant comes in the order in which it was planned: equal seeds give equal runs.
// For platform/simulation/ only.
#pragma once

#include <array>
#include <atomic>
#include <compare>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "platform/job_queue.h"
#include "platform/simulation/faults.h"
#include "platform/simulation/random.h"
#include "platform/simulation/simulation.h"
#include "platform/simulation/trace.h"

namespace simulation {

using platform::Code;
using platform::Endpoint;
using platform::Error;
using platform::Family;
using platform::Instant;
using platform::Operation;
using platform::Result;

using Time = std::int64_t;  // Of the world, in nanoseconds.
constexpr Time never = INT64_MAX;
constexpr Time beginning = 1'000'000'000;  // So that Instant{} has passed.

constexpr std::uint32_t loopback_index = 1;
constexpr std::size_t packet_overhead = 512;  // In a receive buffer; roughly Linux's.

// ---- Addresses on the wire: IPv4 or IPv6, never IPv4 in the clothes of IPv6 -------------------

struct Place {
    Family family = Family::none;
    std::array<std::uint8_t, 16> bytes{};
    bool operator==(const Place&) const = default;
    bool operator<(const Place& other) const {  // Arrays have no <=> in libc++ before 17.
        return family != other.family ? family < other.family : bytes < other.bytes;
    }
};

struct Name {
    Place place;
    std::uint16_t port = 0;
    std::uint32_t scope = 0;
    bool same_as(const Name& other) const { return port == other.port && place == other.place; }
};

Place place_of(const Endpoint&);
Name name_of(const Endpoint&);
Endpoint endpoint_of(const Name&, Family of_socket);  // Mapped, for an IPv6 socket.
bool is_mapped(const Endpoint&);
bool is_unspecified(const Place&);
bool is_loopback(const Place&);
bool is_multicast(const Place&);
bool is_broadcast(const Place&);
bool is_link_local(const Place&);

// ---- Networks --------------------------------------------------------------------------------

struct Network;

struct Interface {
    HostState* host = nullptr;
    std::uint32_t index = 0;
    std::string name;
    std::vector<Place> places;
    Network* network = nullptr;  // Null: the loopback interface.
    bool up = true;
    bool gone = false;  // Its index is nobody's any more.
};

struct Network {
    HostState* gateway = nullptr;
    Interface* exit = nullptr;  // The gateway's interface in here.
    std::map<Place, Interface*> places;
    std::vector<Interface*> interfaces;
};

struct Packet {
    enum class Kind : std::uint8_t { datagram, complaint, departure };
    Kind kind = Kind::datagram;
    Name from;
    Name to;
    std::vector<std::byte> bytes;
    std::int16_t hop_limit = 64;
    std::int16_t traffic_class = 0;
    std::uint16_t segment_size = 0;  // A train, within one host only.
    Time arrived = 0;
    std::uint32_t drops = 0;     // Of its socket, until it arrived.

    Interface* at = nullptr;     // Where it arrives.
    std::string sender_path;     // Of a Unix socket; empty when it has none.
    Name about;                  // A complaint's: where the datagram went that it is about.
    Code code = Code::ok;        // And why it did not get there:
    std::uint32_t mtu = 0;       // it was longer than this.
    bool uncut = false;          // No fragments.
    std::intptr_t handle = -1;   // A departure's: whose bytes have left, and how many.
    std::uint64_t serial = 0;
    std::size_t size = 0;

    Packet* next = nullptr;
};

struct PathState {
    std::optional<Path> path;  // Nothing: the default.
    Time free_at = 0;       // When the last byte that waits for bandwidth is gone.
    Time last_arrival = 0;  // Of those that keep their order.
};

struct Cut {
    std::vector<bool> from;  // By the number of the host.
    std::vector<bool> to;
};

struct NatState {
    struct Mapping {
        Name inside;
        Name to;  // Endpoint-dependent ones only.
        std::uint16_t port = 0;
        Time used = 0;
        std::map<std::pair<Place, std::uint16_t>, Time> contacted;
    };
    using Key = std::tuple<Place, std::uint16_t, Place, std::uint16_t>;
    Nat rules;
    Place outside;
    std::map<Key, std::uint16_t> ports;
    std::map<std::uint16_t, Mapping> mappings;
    std::uint16_t next_port = 0;
};

// ---- Sockets and those who wait for them ------------------------------------------------------

struct Watcher;

struct Membership {
    Place group;
    std::uint32_t interface = 0;
    std::vector<Place> sources;  // Empty: all of them.
};

struct SocketState {
    SocketState(std::shared_ptr<WorldState> its_world, HostState& its_host, Family its_family)
        : world(std::move(its_world)), host(&its_host), family(its_family) {}

    std::shared_ptr<WorldState> world;
    HostState* host;
    Family family;
    std::intptr_t handle = -1;
    std::uint64_t serial = 0;

    Name local;  // Port 0: in no table yet.
    bool place_chosen = false;  // By the user, and so kept when it disconnects.
    bool port_chosen = false;
    bool connected = false;
    Name peer;

    std::string path;                  // Unix: its own name,
    std::string peer_path;             // and the one it is connected to,
    std::intptr_t peer_handle = -1;    // which was this socket then.
    std::uint64_t peer_serial = 0;

    std::array<std::int32_t, 1 + static_cast<std::size_t>(platform::Option::dont_fragment)>
        options{};
    std::uint32_t multicast_interface = 0;
    std::vector<Membership> memberships;

    Packet* first = nullptr;
    Packet* last = nullptr;
    std::size_t packets = 0;
    std::size_t received_bytes = 0;
    std::uint32_t overflows = 0;
    std::size_t sending_bytes = 0;
    Code failure = Code::ok;
    std::deque<platform::Report> reports;

    Watcher* watcher = nullptr;
    platform::Token token;
    platform::Interest interest;
    bool listed = false;  // In the watcher's list of those that may be ready.

    std::int32_t option(platform::Option which) const {
        return options[static_cast<std::size_t>(which)];
    }
    void set(platform::Option which, std::int32_t value) {
        options[static_cast<std::size_t>(which)] = value;
    }
    bool is_local() const { return family == Family::local; }
    bool broken() const { return failure != Code::ok || !reports.empty(); }
    bool readable() const { return first || broken(); }
    bool writable() const;
    void changed();  // Its watcher looks at it again.
};

// What a Poller is: the sockets that may have something to tell, and whether somebody called.
struct Watcher {
    std::shared_ptr<WorldState> world;
    HostState* host = nullptr;
    std::uint32_t number = 0;
    std::atomic<bool> called{false};
    bool hot = false;  // In the world's list of watchers that may have something to tell.
    Time last_wait = 0;
    unsigned waits = 0;  // At this instant.
    std::vector<SocketState*> listed;
    std::vector<platform::Event> events;

    bool has_something() const;
    void heat();
    void spend_time();
    void collect();  // Into events: those that are ready, the longest waiting first.
    void report_all();
};

struct LocalNode {
    std::intptr_t handle = -1;  // Whose it is; what is dead stays until it is replaced.
    std::uint64_t serial = 0;
    std::uint64_t inode = 0;
    Time changed = 0;
};

struct HostState {
    WorldState* world = nullptr;
    std::uint32_t number = 0;
    std::string name;
    std::deque<Interface> interfaces;
    Network* network = nullptr;
    Network* inside = nullptr;  // A gateway's.
    std::unique_ptr<NatState> nat;
    std::map<std::uint16_t, std::vector<SocketState*>> ports;
    std::map<Place, std::uint32_t> path_mtus;  // Where ICMP has told of less than an interface's.
    std::map<std::string, LocalNode> paths;
    std::map<std::uint64_t, SocketState*> local_sockets;  // By age, so that their order is fixed.
    std::uint16_t next_port = 49152;
    Time ahead = 0;       // Of the world's clock, for good: the monotonic clock.
    Time wall_ahead = 0;  // The same of the wall clock.

    Interface* interface_of(const Place&);
    Interface* interface_at(std::uint32_t index);
    Interface* interface_called(std::string_view);
    Interface* first_outward(Family);  // Up, and with an address of that family; or null.
    bool owns(const Place&);           // And it is up; or it is loopback.
};

// ---- Work for other threads, which there are none ---------------------------------------------

struct Pool;
struct Work {
    Pool* pool = nullptr;  // Null: it has gone.
    platform::Job* job = nullptr;
    HostState* host = nullptr;
    Time delay = 0;  // How long it says that it takes.
};

// ---- The world -------------------------------------------------------------------------------

struct Event {
    enum class Kind : std::uint8_t { packet, job_starts, job_ends, script };
    Time at = 0;
    std::uint64_t sequence = 0;
    Kind kind = Kind::packet;
    Packet* packet = nullptr;
    std::uint64_t id = 0;
    bool operator<(const Event& other) const {  // For a heap with the earliest on top.
        return at != other.at ? at > other.at : sequence > other.sequence;
    }
};

struct Script {
    std::vector<Answer> answers;
    std::size_t next = 0;
};

class Faults {
   public:
    void arm(const Fault&, const HostState*);  // Null: of any host.
    std::uint64_t lift();  // How often they have struck since the last time.
    bool armed_after_counting(Site site) {
        calls_[static_cast<std::size_t>(site)]++;
        return !armed_.empty();
    }
    std::uint64_t calls(Site site) const { return calls_[static_cast<std::size_t>(site)]; }
    const Fault* strikes(const HostState&, Site);  // Valid until the next one.

   private:
    struct Armed {
        Fault fault;
        const HostState* host;
    };
    std::vector<Armed> armed_;
    std::array<std::uint64_t, site_count> calls_{};
    Fault last_;
    std::uint64_t struck_ = 0;
};

struct WorldState : std::enable_shared_from_this<WorldState> {
    explicit WorldState(Options);
    ~WorldState();

    // Time.
    Time now = beginning;
    void plan(Time at, Event::Kind, Packet*, std::uint64_t id = 0);
    void run_due();
    Time next_event() const { return events.empty() ? never : events.front().at; }
    void advance(Time to);

    // Packets come from a pool and go back to it.
    Packet* make();
    Packet* copy(const Packet&);
    void free(Packet*);

    // Hosts and the ways between them.
    HostState& add_host(std::string_view name, Network&, const std::vector<Place>&);
    Interface& add_interface(HostState&, std::string_view name, Network*,
                             const std::vector<Place>&);
    PathState& path_between(const HostState& from, const HostState& to);
    bool is_cut(const HostState& from, const HostState& to) const;

    void note(What, const HostState&, const Endpoint* from = nullptr, const Endpoint* to = nullptr,
              std::uint64_t number = 0, std::string_view text = {});
    void note(What, const HostState&, const Packet&, std::string_view text = {});
    std::string replay() const;
    void save_trace();  // Once, if there is a file for it.

    Options options;
    Random random;
    Trace trace;
    World::Counts counts;
    Faults faults;
    std::deque<Network> networks;
    std::deque<HostState> hosts;
    std::unordered_map<std::uint64_t, PathState> paths;  // Looked up, never gone through.
    std::vector<Cut> cuts;
    std::map<std::string, Script, std::less<>> answers;
    std::map<std::uint64_t, std::function<void()>> scripts;
    std::map<std::uint64_t, Work> work;
    std::uint64_t next_id = 1;
    std::vector<Watcher*> watchers;  // By number; null: closed.
    std::deque<Watcher*> hot;
    std::atomic<bool> somebody_called{false};
    bool stopping = false;
    std::uint64_t scripts_run = 0;
    std::uint64_t scripts_seen = 0;  // By simulation::run().
    unsigned questions = 0;  // For the time, in a row.

   private:
    void run(const Event&);

    std::vector<Event> events;  // A heap.
    std::uint64_t sequence = 0;
    std::deque<Packet> packets;
    Packet* unused = nullptr;
};

// ---- What this thread has ----------------------------------------------------------------------

struct Registry {
    std::map<const platform::Poller*, Watcher*> pollers;
    static constexpr std::size_t reserved = 3;  // Handles that elsewhere are stdin and its like.
    std::vector<std::unique_ptr<SocketState>> sockets{reserved};  // By handle.
    std::vector<std::intptr_t> vacant;
    std::uint64_t next_serial = 1;
    HostState* scope = nullptr;
    WorldState* latest = nullptr;           // For last words: the last World made here, or null.
    std::shared_ptr<WorldState> own_world;  // Of a program that makes none.
    Work* running = nullptr;                // The job whose function is being called.
    struct Waiting {
        platform::Mailbox* mailbox = nullptr;
        platform::Job* job = nullptr;
    } interrupts[8];

    bool empty() const;
    HostState& host();  // Of what is opened now.
    SocketState* find(std::intptr_t handle);
    SocketState* find(std::intptr_t handle, std::uint64_t serial);
};
Registry& registry();

Watcher& watcher_of(const platform::Poller&);

inline Error failed(Code code, Operation operation) {
    return {code, operation, static_cast<std::int32_t>(code)};
}

// ---- What its files ask of each other ---------------------------------------------------------

// faults.cpp: what is to become of this call. An error is returned; a lie is the call's own matter.
struct Verdict {
    Error error{};
    Fault::Kind lie = Fault::Kind::error;  // None.
    explicit operator bool() const { return static_cast<bool>(error); }
};
Verdict judge_armed(HostState&, Site, Operation);
inline Verdict judge(HostState& host, Site site, Operation operation) {
    const bool armed = host.world->faults.armed_after_counting(site);
    return armed ? judge_armed(host, site, operation) : Verdict{};
}

// sockets.cpp
SocketState* open_socket(Watcher&, Family);  // Null: memory is out.
Error choose_port(SocketState&, Operation);  // For a socket that has none.
void leave_port(SocketState&);

// resolve.cpp
std::string lowered(std::string_view name);

// network.cpp: takes the packet, which has a source and a destination.
Error transmit(HostState&, Packet*, SocketState* sender, std::uint32_t interface_index);
void carry(Interface& from, Interface& to, Packet*, SocketState* sender);
void complain(HostState& offender, const Packet& about, Code why, std::uint32_t mtu = 0);
std::size_t header_of(const Place& destination);  // IP's, in bytes.
std::uint32_t path_mtu(HostState&, const Place& destination);

// delivery.cpp
void arrive(WorldState&, Packet*);
void deliver(HostState&, Packet*);
void enqueue(SocketState&, Packet*);

// nat.cpp: true when it took the packet.
bool translate_outward(HostState& gateway, Packet*);
bool translate_inward(HostState& gateway, Packet*);

// local.cpp
Error send_local(SocketState&, const platform::Outgoing&);
Error connect_local(SocketState&, const Endpoint&);
Error bind_local(SocketState&, const Endpoint&);
void close_local(SocketState&);
Endpoint endpoint_of_path(const std::string&);
bool local_writable(const SocketState&);
void made_room(SocketState&);

// workers.cpp
void start_work(WorldState&, std::uint64_t id);
void end_work(WorldState&, std::uint64_t id);

}  // namespace simulation
