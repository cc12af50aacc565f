// volley send: one datagram for each text, or for each line of standard input.
#include <cstdio>
#include <memory>
#include <utility>

#include "tools/volley/input.h"
#include "tools/volley/session.h"
#include "tools/volley/verbs.h"

namespace tool {

namespace {

class Sender {
   public:
    explicit Sender(const Arguments& arguments)
        : arguments_(arguments), place_(destination(arguments)),
          session_(arguments, type_of(place_, arguments)),
          input_(session_.loop, [this] { go_on(); }),
          repeats_(static_cast<std::uint64_t>(
              arguments.number("--count", 1, 1, 1'000'000'000'000))),
          interval_(nanoseconds(arguments.seconds("--interval", 0))),
          wait_(nanoseconds(arguments.seconds("--wait", 0))) {}

    int run() {
        session_.socket.on_message([this](const net::Message& message) { print(message); });
        session_.socket.on_drain([this] { go_on(); });
        session_.socket.on_close([this] {  // Whatever the reason: nothing is left to wait for.
            done_ = true;
            input_.stop();
            pause_.cancel();
        });
        const std::string from = arguments_.text("--from");
        Place local = from.empty() ? Place{} : parse_place(from);
        if (!from.empty() && local.local != place_.local) {
            usage_error("--from and the destination must both be UDP, or both unix sockets");
        }
        if (from.empty() && place_.local) {
            session_.loop.after({}, [this] { begin(); });  // A unix sender needs no name.
        } else {
            session_.bind(local, [this] { begin(); });
        }
        return session_.run();
    }

   private:
    static constexpr std::size_t queue_max = 256;

    static Place destination(const Arguments& arguments) {
        if (arguments.rest.empty()) {
            usage_error("send wants an address, as in 'volley send localhost:5000 hello'; see "
                        "'volley send --help'");
        }
        Place place = parse_place(arguments.rest[0]);
        if (!place.local && place.port == 0) {
            usage_error("nothing can be sent to port 0: a number from 1 to 65535 is right");
        }
        return place;
    }

    void begin() {
        if (arguments_.has("--interface")) {
            const std::string interface = arguments_.text("--interface");
            const platform::Error error = session_.socket.set_multicast_interface(interface);
            if (error) return session_.fail(net::text(error) + " " + interface);
        }
        go_on();
    }

    // Sends until there is enough in the queue; the callbacks of these go on.
    void go_on() {
        const std::size_t texts = arguments_.rest.size() - 1;
        while (!done_ && ready()) {
            if (texts > 0) {
                send_text(arguments_.rest[1 + static_cast<std::size_t>(next_ % texts)]);
                if (++next_ == repeats_ * texts) finish();
            } else if (auto line = input_.next()) {
                send_text(*std::move(line));
            } else if (input_.error()) {
                return session_.fail(net::text(input_.error()));
            } else {
                if (input_.ended()) finish();
                return;
            }
            pause();
        }
    }

    bool ready() const {
        return !waiting_ && session_.socket.get_send_queue_count() < queue_max;
    }

    void pause() {
        if (interval_.count() == 0 || done_) return;
        waiting_ = true;
        pause_ = session_.loop.after(interval_, [this] {
            waiting_ = false;
            go_on();
        });
    }

    void send_text(std::string text) {
        session_.send(place_, std::move(text),
                      [this](const net::Failure& failure, std::size_t bytes) {
                          if (failure) return session_.fail(failure);
                          session_.sent++;
                          session_.sent_bytes += bytes;
                          go_on();
                      });
    }

    void finish() {
        done_ = true;
        input_.stop();
        if (wait_.count() == 0) return session_.end();
        pause_ = session_.loop.after(wait_, [this] { session_.end(); });
    }

    void print(const net::Message& message) {
        session_.received++;
        session_.received_bytes += message.size();
        std::printf("%s %s: %s\n", escaped(message.sender.text()).c_str(),
                    counted(message.size(), "byte").c_str(), escaped(message.text()).c_str());
        std::fflush(stdout);
    }

    const Arguments& arguments_;
    Place place_;
    Session session_;
    Input input_;
    core::Timer pause_;  // Between two datagrams, or for answers.
    std::uint64_t repeats_;
    std::chrono::nanoseconds interval_;
    std::chrono::nanoseconds wait_;
    std::uint64_t next_ = 0;
    bool waiting_ = false;
    bool done_ = false;
};

int run(const Arguments& arguments) {
    return std::make_unique<Sender>(arguments)->run();
}

}  // namespace

const Verb send_verb{
    "send",
    "[OPTION...] ADDRESS [TEXT...]",
    "send texts, or the lines of standard input",
    "Sends one datagram for each TEXT; without any, one for each line of standard input.\n\n"
    "  volley send localhost:5000 hello\n"
    "  volley send --count 1000 --interval 0.01 [::1]:5000 tick\n"
    "  volley send --wait 1 127.0.0.1:7 'are you there?'\n"
    "  volley send --interface 127.0.0.1 224.0.0.114:1234 'hello, group'\n"
    "  tail -f log | volley send /tmp/server.sock",
    {{"--count", "N", "the texts N times over"},
     {"--interval", "SECONDS", "between two datagrams"},
     {"--wait", "SECONDS", "print what is answered in that time"},
     {"--from", "ADDRESS", "bind this address first"},
     {"--ipv6", "", "look names up as IPv6"},
     {"--broadcast", "", "allow broadcast addresses"},
     {"--ttl", "HOPS", "how many routers to pass, multicast too: 1 to 255"},
     {"--interface", "NAME", "send multicast by this interface: eth1, 2, 10.0.0.2, fd00::2"},
     {"--duration", "SECONDS", "end after that time"}},
    run};

}  // namespace tool
