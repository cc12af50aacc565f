// Where a plan is played: the world with its loops, the sockets, and the model that watches them.
// Everything that is wrong ends up in `failure`, the first one only.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/resolver.h"
#include "platform/simulation/simulation.h"
#include "tests/simulation/swarm/traffic.h"

namespace swarm {

struct Outcome {
    std::string failure;      // Empty: library and model agree.
    std::uint64_t hash = 0;   // Of all that happened, in the world and to the callbacks.
    std::size_t operations = 0;  // Of the plan, that were done.
    std::size_t events = 0;
    std::string trace;
};

Outcome play(const Plan&, bool trace = false);

struct Slot {
    std::optional<net::Datagram> object;
    Socket* model = nullptr;
    std::optional<core::StopSource> stop;
};

struct Ticking {  // A timer that was started.
    core::Timer timer;
    std::uint8_t host = 0;
    std::int64_t due = 0;
    std::int64_t period = 0;
    int fired = 0;
    bool active = true;
    bool referenced = true;
};

// Datagrams that were sent with one call and one callback.
struct Many {
    std::uint32_t socket = 0;
    std::vector<Request*> requests;  // The last one stands for their end.
    bool told = false;
};

struct Node {  // A host with what runs there.
    explicit Node(simulation::Host where) : host(where), loop(where) {}
    simulation::Host host;
    simulation::On<core::Loop> loop;
    std::uint32_t happened[static_cast<std::size_t>(Moment::count)] = {};
    std::deque<Request*> prompt;  // Refusals and the like that have not been told.
    std::uint32_t look_ups = 0;   // Of the Resolver itself, in flight.
    std::deque<net::LookupAnswer> answers;  // That a custom look-up keeps for later,
    std::deque<std::string> waiting_names;  // of these names.
    core::Timer heartbeat;
};

// Whose an 'error' may be: it does not say.
struct Explanation {
    Socket* socket = nullptr;
    Request* request = nullptr;
    int doubts = 0;
    std::size_t candidates = 0;
    bool uncertain = false;  // One that may never have been made would explain it as well.
    bool is_better_than(const Explanation& other) const {
        if (!request || !other.request) return request && !other.request;
        if (doubts != other.doubts) return doubts < other.doubts;
        // A send that cannot succeed will tell; another may have succeeded, and say nothing.
        const bool sends = request->kind == Request::Kind::send &&
                           other.request->kind == Request::Kind::send;
        if (sends && request->may_succeed != other.request->may_succeed) {
            return !request->may_succeed;
        }
        return request->number < other.request->number;
    }
};

class Stage {
   public:
    Stage(const Plan&, bool trace);
    ~Stage();
    Outcome run();

   private:
    struct Call {  // No callback may run while one of these lives.
        explicit Call(Stage& owner) : stage(owner) { stage.calls_++; }
        ~Call() { stage.calls_--; }
        Stage& stage;
    };

    // ---- The world, and its end (run.cpp) ----------------------------------------------------
    void script_names();
    void schedule();
    void settle();
    void finish();
    void check_told(Socket&);
    bool was_told_of_another(const Socket&, const Request&);
    void check_arrived(bool early);
    bool must_arrive(const Record&, const Socket& receiver) const;
    void check_alive(std::uint8_t host);
    void create(std::uint8_t slot);
    void listen(Socket&);
    void look_up_later(Socket&, std::string_view host, net::Family, net::LookupAnswer);
    void give(net::LookupAnswer, std::string_view host, net::Family);

    // ---- Doing what the plan says (perform.cpp, sends.cpp, settings.cpp) ---------------------
    void perform(const Operation&);
    void perform_on(Slot&, const Operation&);
    void bind(Slot&, const Operation&);
    void bind_sync(Slot&, const Operation&);
    void connect(Slot&, const Operation&);
    void connect_sync(Slot&, const Operation&);
    void disconnect(Slot&);
    void lose_peer(Socket&);
    void send(Slot&, const Operation&);
    void echo(Slot&, const Operation&);
    void send_many(Slot&, const Operation&);
    void ask_many(Socket&, const Operation&, const Place&, bool named, std::size_t group);
    void told_many(std::size_t group, const net::Failure& first, std::size_t sent,
                   std::size_t bytes);
    void expect_left(Socket&, const char* what);
    void hand_over(Slot&, const Operation&, const Place&, Record&, net::Datagram::SendCallback);
    void expect_full(Socket&, const std::string& destination, std::size_t size, Request&,
                     std::size_t before = 0);
    void note_taken(Socket&, const std::vector<Request*>&);
    std::vector<net::Address> peers_to_come(const Socket&) const;
    net::Datagram::SendCallback callback_of(Socket&, const Operation&, Request&);
    void close(Slot&, const Operation&);
    void note_close(Socket&, bool abort);
    void destroy(Slot&);
    void bury(Socket&);
    void move(Slot&, const Operation&);
    void pause(Slot&, bool on);
    void setting(Slot&, const Operation&);
    void buffer_setting(Slot&, const Operation&);
    void membership(Slot&, const Operation&);
    void add_listener(Slot&, const Operation&);
    void remove_listener(Slot&, const Operation&);
    void timer(const Operation&, std::uint8_t host);
    void change_timer(const Operation&, std::uint8_t host);
    void post(std::uint8_t host);
    void look_up(const Operation&, std::uint8_t host);
    void change_world(const Operation&);
    Request& ask(Socket&, Request::Kind, bool callback, const Verdict&);
    void note_peers(Socket&, const Place&);
    void ask_implicit_bind(Socket&, const Verdict& next);
    void announced(Socket&, Request::Kind, const Place&);
    void note_bound_meanwhile(Socket&, const Steps& before);
    void rely_on_steps(Socket&, Request&, bool on_connect);
    void expect(Socket&, std::string_view what, platform::Code is, platform::Code wanted);

    // ---- Being called back (outcomes.cpp) ----------------------------------------------------
    bool enter(Moment, Socket*, std::uint8_t host, std::string_view text);  // False: over.
    void leave(Moment, std::uint8_t host);
    void told(Socket&, Request&, const std::string& text);
    void told_send(std::uint32_t socket, Request*, const net::Failure&, std::size_t bytes);
    void told_connect(std::uint32_t socket, Request*, const net::Failure&);
    void told_listening(std::uint32_t socket);
    void told_bind(std::uint32_t socket, Request*);
    void told_connected(std::uint32_t socket);
    void told_error(std::uint32_t socket, const std::string& text);
    void told_unhandled(std::uint8_t host, const std::string& text);
    Explanation explanation(Socket&, const std::string& text);
    void told_silently(const Explanation&, const std::string& text);
    bool is_complaint(Socket&, const std::string& text);
    void told_message(std::uint32_t socket, const net::Message&);
    void told_close(std::uint32_t socket);
    void told_drain(std::uint32_t socket);
    void check_order(Socket&, const Request&);
    bool is_in_turn(const Socket&, const Request&) const;
    void check_turn(const Socket&, const Request&);
    void audit(Socket&);
    void audit_steps(Socket&);
    void audit_queue(Socket&);
    void audit_counters(Socket&);
    void check_counted(const Socket&);
    void owe(const Socket&, Request&);
    void excuse_dependants(Socket&, const Request& step);
    void owe_dependants(Socket&, const Request& step);
    void note_look_up(Socket&, std::string_view host, bool fails);

    void fail(const std::string& why);
    void note(const std::string& line);
    std::int64_t now(std::uint8_t host) { return nodes_[host].loop->now().nanoseconds; }
    core::Loop& loop_of(std::uint8_t host) { return *nodes_[host].loop; }

    const Plan& plan_;
    bool trace_;
    Outcome outcome_;
    simulation::World world_;
    std::deque<Node> nodes_;
    std::deque<Socket> sockets_;  // All that there ever were: their addresses stay.
    std::vector<Slot> slots_;
    std::deque<Ticking> timers_;
    std::deque<Many> groups_;
    Traffic traffic_;
    std::uint32_t calls_ = 0;
    std::uint32_t depth_ = 0;  // Of operations within operations, which there must not be.
    std::uint32_t next_request_ = 0;
    std::uint32_t posts_ = 0;
    std::uint32_t posts_told_ = 0;
    const net::Message* message_ = nullptr;  // That is being told: for an echo.
    std::uint32_t message_socket_ = nothing;
    bool between_turns_ = false;  // The world does something, not a callback.
    bool ending_ = false;  // All is being closed: what is planned for callbacks is not done.
    bool over_ = false;    // Something was wrong, or all has been seen.
};

}  // namespace swarm
