// Where a scenario plays: a loop and sockets whose every event and outcome is written down, so that
// whatever was made to fail, somebody can judge afterwards what was told, and what was not.
// Catch: it allocates with the ordinary new, which never fails here.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "net/datagram.h"
#include "net/resolver.h"

namespace walk {

using namespace std::chrono_literals;
using net::Address;
using net::Failure;
using net::Message;
using net::Messages;
using net::Type;
using platform::Code;
using platform::Error;

// What goes well is counted, so that it can be missed.
enum class Deed : std::uint8_t {
    listening,
    connected,
    sent,
    heard,
    drained,
    closed,
    answered,  // Questions and settings.
    found,     // Names.
    fired,     // Timers.
    posted,
    ready,     // Descriptors of the user's own.
    dropped,   // Datagrams of strangers, and blocked ones.
    reported,  // By ICMP.
    informed,  // Datagrams that say where they were sent to.
    ended,     // Coroutines.
    count,
};
using Deeds = std::array<int, static_cast<std::size_t>(Deed::count)>;
std::string text(const Deeds&);
// What was told: how often, by whom (0: not a socket), in which way, and which code.
enum class Way : std::uint8_t { event, callback, answer };
using Tales = std::map<std::tuple<int, Way, Code>, int>;
bool is_more(const Tales& tales, const Tales& than);

class Stage;
class Seat;

// A promise that a callback is called once, held by the callback.
class Ticket {
   public:
    enum class What : std::uint8_t { send, connect, bind, close, lookup, timer, post, task };
    struct Entry {
        What what;
        Seat* seat;
        int calls = 0;
        bool gone = false;
        bool dropped = false;  // By the user: cancelled, destroyed.
    };

    Ticket(Stage& stage, Entry& entry) : stage_(&stage), entry_(&entry) {}
    Ticket(Ticket&& other) noexcept
        : stage_(other.stage_), entry_(std::exchange(other.entry_, nullptr)) {}
    Ticket& operator=(Ticket&&) = delete;
    ~Ticket() {
        if (entry_) entry_->gone = true;
    }
    void called();  // Complains of a second time.
    Seat* seat() const { return entry_->seat; }
    Stage& stage() const { return *stage_; }

   private:
    Stage* stage_;
    Entry* entry_;
};

// A socket, all of whose events are written down, and what the scenario makes of them beside that.
class Seat {
   public:
    using Then = std::function<void()>;

    Seat(Stage&, net::Options, bool in_batches);
    Seat(const Seat&) = delete;
    Seat& operator=(const Seat&) = delete;

    net::Datagram* operator->() {  // Whoever asks a closed one has to expect its refusals.
        asked_late = asked_late || closing;
        return &*socket;
    }
    Address bind(std::string_view place);  // To a literal, or a path, at once.
    net::Datagram::SendCallback sent(Then = {});  // Then: when it went well.
    net::Datagram::SendManyCallback sent_many(std::size_t count, Then = {});  // Then: in any case.
    net::Datagram::ConnectCallback connected(Then = {});
    net::Datagram::Listener bound(Then = {});
    void close();
    void abort();
    void destroy();           // Silently.
    void replace();           // By one that was never used.
    bool alive() const { return socket.has_value(); }
    bool idle() const { return !socket || socket->get_send_queue_count() == 0; }

    std::function<void(const Message&)> on_message;
    std::function<void(Messages)> on_messages;
    std::function<void(const Failure&)> on_error;
    std::function<void(const net::Report&)> on_report;
    Then on_listening;
    Then on_connect;
    Then on_drain;
    Then on_close;

    Stage& stage;
    std::optional<net::Datagram> socket;
    Address address;
    int number = 0;
    int errors = 0;
    int closes = 0;
    bool closing = false;
    bool destroyed = false;
    bool deaf_to_close = false;  // No memory for that listener.
    bool asked_late = false;     // The scenario asks for more when it is closed.
    const bool informed;         // Options::packet_info.

   private:
    friend class Stage;
    void listen(bool in_batches);
    void listen_to_reports();
    void hear(const Message&);
    bool happens(std::string_view what);
};

class Stage {
   public:
    Stage();
    ~Stage();
    Stage(const Stage&) = delete;
    Stage& operator=(const Stage&) = delete;

    core::Loop& loop() { return *loop_; }
    bool has_loop() const { return loop_.has_value(); }
    Seat& seat(net::Options options = {}, bool in_batches = false);
    Seat& seat(Type type) { return seat(net::Options{.type = type}); }
    Seat& bound_seat(Type = Type::udp4);  // To a port of loopback, at once.
    Ticket ticket(Ticket::What, Seat* = nullptr);
    Ticket::Entry& last_entry() { return entries_.back(); }

    // Answers and settings: true when it went well.
    bool well(const Error&);
    template <class Value>
    bool well(const net::Result<Value>& result) {
        return well(result ? Error{} : result.error());
    }
    core::Timer after(std::chrono::nanoseconds, std::function<void()> = {});
    void post(std::function<void()> = {});
    net::Resolver::Id look_up(std::string_view host, net::Family, std::function<void()> = {});

    // For what callbacks refer to: lives as long as the stage.
    template <class Value, class... Arguments>
    Value& keep(Arguments&&... arguments) {
        const auto kept = std::make_shared<Value>(std::forward<Arguments>(arguments)...);
        kept_.push_back(kept);
        return *kept;
    }

    void did(Deed deed, int times = 1) { deeds[static_cast<std::size_t>(deed)] += times; }
    void tell(const Error&, Way = Way::answer, const Seat* = nullptr);  // Somebody was told.
    void complain(std::string);
    void excuse(Seat*);  // Its callbacks may go uncalled; null: all.

    // ---- For whoever runs it -------------------------------------------------------------------

    // False when so much time has not passed in so many turns.
    bool play(std::chrono::nanoseconds, int turns_max);
    bool spun() const { return turns_left == 0 && told - told_before_ < turns_made_ / 2; }
    bool rests();            // No spin: at most five turns in 100 ms with nothing to do.
    void close_all();
    bool is_idle() const;
    void end_loop();
    void judge();
    void finish();           // Ends all of it; nothing may have been kept.

    Deeds deeds{};
    int told = 0;
    Tales tales;
    int turns_left = 0;       // Of the last play().
    bool memory_told = false;
    bool loop_failed = false;
    bool loop_first = false;  // It ends before its sockets.
    bool silent = false;      // Something was destroyed, and what it had to say with it.
    bool tight = false;       // No room to wait in: delays become refusals.
    std::vector<std::string> complaints;

   private:
    void judge(const Ticket::Entry&);
    void judge_counters();
    int told_before_ = 0;
    int turns_made_ = 0;

    std::deque<std::shared_ptr<void>> kept_;
    std::deque<Ticket::Entry> entries_;
    std::deque<Seat> seats_;
    std::optional<core::Loop> loop_;
};

struct Scenario {
    std::string_view name;
    void (*play)(Stage&);
};
using Scenarios = std::vector<Scenario>;

// Each file adds its own.
void add_sending(Scenarios&);
void add_receiving(Scenarios&);
void add_binding(Scenarios&);
void add_connecting(Scenarios&);
void add_closing(Scenarios&);
void add_closing_inside(Scenarios&);
void add_settings(Scenarios&);
void add_local(Scenarios&);
void add_resolving(Scenarios&);
void add_looping(Scenarios&);
void add_flow(Scenarios&);
void add_groups(Scenarios&);
void add_packets(Scenarios&);
void add_coroutines(Scenarios&);

}  // namespace walk
