// The model of the contract: what each socket has been asked and told, and what it may still be
// told. It never looks into the library: where the contract leaves a moment open (a bind that has
// failed, but has not said so yet), both answers are allowed.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/simulation/swarm/places.h"

namespace swarm {

constexpr std::uint32_t nothing = UINT32_MAX;

// One call that owes an outcome.
struct Request {
    enum class Kind : std::uint8_t { bind, connect, send, other };
    Kind kind = Kind::other;
    std::uint32_t number = 0;      // In the order of all calls of the run.
    bool callback = false;         // Without one, a failure is 'error', and success may be silent.
    std::size_t refusals = 0;      // So many of its failures are refusals.
    bool may_pass = true;          // It may be accepted,
    bool may_succeed = true;       // and may then succeed.
    std::vector<std::string> failures;  // How it may fail; '*' stands for anything.
    std::vector<const Request*> relies;  // On steps whose failure would be its own.
    bool told = false;
    bool maybe = false;            // Whether it was made at all is open.
    bool blurred = false;          // It was told, or another one was: nobody could say which.
    std::vector<std::string> texts;  // What it was told then, each perhaps another one's.
    bool excused = false;          // Another one's 'error' may have spoken for it.
    bool called = false;           // The callback of a bind, inside its 'listening'.
    bool event_told = false;       // Of a connect: 'connect' came, the callback has not.
    bool dropped = false;          // It must not be told any more.
    bool spent = false;            // A connect that has been disconnected before it was told.
    std::uint64_t tick = 0;        // When it was asked for,
    std::uint64_t owed_tick = 0;   // and when its outcome was known.
    std::string name{};            // To look up, and nobody has yet.
    bool waits_for_name = false;   // It has one, and may not have been told yet.
    bool many = false;             // One of many, with one callback for all.
    std::string destination;       // Sends with the same one keep their order.
    std::vector<net::Address> addresses;  // Candidates.
    std::uint32_t record = nothing;       // Its datagram.
    std::size_t size = 0;
    bool is_refusal(const std::string& text) const {
        for (std::size_t i = 0; i < refusals; i++) {
            if (failures[i] == text) return true;
        }
        return false;
    }
    bool prompt() const { return !may_pass || at_once; }
    bool may_overflow = false;     // The queue may have had no room for it.
    bool at_once = false;          // Its event is owed to the next round of outcomes.
    bool closing = false;          // Asked of a socket that was closing or closed.
};

enum class Life : std::uint8_t { open, closing, closed, destroyed };

struct Listening {
    net::Event event = net::Event::message;
    net::ListenerId id = 0;
    bool once = false;
    bool active = true;
};

struct Socket {
    std::uint32_t number = 0;
    std::uint8_t host = 0;
    SocketPlan plan;
    net::Datagram* object = nullptr;  // Where it lies now.
    Life life = Life::open;
    bool referenced = true;
    bool adrift = false;  // Its interface was down when it needed its port again.
    std::int64_t closed_at = 0;  // When it was asked to, by its loop's clock.
    std::uint32_t closed_by = 0;  // The number of that call.
    std::uint64_t closed_tick = 0;
    bool aborted = false;
    bool waits_to_close = false;  // Sends were accepted before.
    bool close_told = false;
    int close_callbacks = 0;
    int close_callbacks_told = 0;
    std::uint32_t listened = 0;  // How often 'listening' has been told.
    bool bound = false;       // It has, or a bind_sync has answered,
    net::Address local;       // and this is the address; of port 0 before.
    std::set<std::uint16_t> ports;  // All that it ever had,
    bool any_port = false;          // but for one that it got while it ended.
    bool connected = false;   // 'connect' has been told, and nothing since.
    net::Address peer;
    std::vector<net::Address> peers;   // All that it was ever connected to.
    std::deque<Request> requests;      // All of them: their addresses stay.
    const Request* listening = nullptr;  // Whose 'listening' is being told.
    bool overflowed = false;  // A send may have been refused since the last 'drain',
    bool drain_owed = false;  // and one was.
    std::map<std::string, std::uint64_t> complaints;  // The tick of the last one of each text.
    std::vector<Listening> listeners;
    std::set<std::pair<std::string, std::string>> memberships;  // Group and source.
    bool joined_everywhere = false;
    std::set<std::string> joined_ever;
    bool broadcasts = false;
    std::int64_t changed_at = 0;   // When what it can hear has changed last,
    std::uint32_t changes = 0;     // and how often.
    std::int64_t bound_at = -1;
    bool paused = false;
    std::uint64_t taken = 0;      // Sends that are queued, have left or have failed,
    std::uint64_t refused = 0;    // and those told that there was no room,
    std::uint64_t refused_max = 0;  // and those of whom that is not known.
    std::uint64_t heard = 0;      // Datagrams that listeners got,
    std::uint64_t heard_bytes = 0;

    bool open() const { return life == Life::open; }
    void change(std::int64_t when) {
        changed_at = when;
        changes++;
    }
    bool is_local() const { return plan.type == net::Type::unix_dgram; }
    net::Family family() const {
        return plan.type == net::Type::udp4   ? net::Family::ipv4
               : plan.type == net::Type::udp6 ? net::Family::ipv6
                                              : net::Family::local;
    }
    bool has_untold(Request::Kind) const;  // That may have been accepted.
};

// What is possible now.
struct Steps {
    bool none = false;    // Unbound; not connected.
    bool asked = false;   // On the way.
    bool done = false;
};
Steps binding_of(const Socket&);
Steps connection_of(const Socket&);

// What a call may come to: the refusals, if any, and whether it may pass.
struct Verdict {
    std::vector<std::string> refusals;
    bool may_pass = true;
    void refuse(std::string text) {
        refusals.push_back(std::move(text));
        may_pass = false;
    }
};
Verdict judge_bind(const Socket&, std::int32_t port);
Verdict judge_connect(const Socket&, std::int32_t port);
Verdict judge_send(const Socket&, const char* outside, bool has_destination, std::int32_t port);

// How an accepted one may fail because of where it goes.
void expect_look_up(const Socket&, const Place&, Request&);
void expect_bind(const Plan&, const Socket&, const Place&, Request&);
void expect_connect(const Plan&, const Socket&, const Place&, Request&);
void expect_send(const Plan&, const Socket&, const std::vector<net::Address>&, Request&);

bool changes_world(const Plan&);  // Partitions, interfaces that go down.
bool matches(const std::string& pattern, const std::string& text);
bool fails_itself_with(const Request&, const std::string& text);
bool may_fail_with(const Request&, const std::string& text);  // Or with what it relies on.

}  // namespace swarm
