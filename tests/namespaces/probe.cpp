// One socket, driven by the lines of standard input, which prints what becomes of each line and
// every event: for checks that need more than the tool shows, such as the events of a connected
// socket. The scripts of this folder and tests/interop/node.sh run it.
//     probe udp4|udp6 [plain] [rejoin] [info] [all|none]   "quit" or EOF ends it. plain: without
// trains; info: with packet_info; all, none: whose ICMP errors it hears of.
// Catch: words are separated by blanks, so an empty argument is written "-".
#ifdef __linux__

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "net/datagram.h"

namespace {

using Words = std::vector<std::string>;

// FNV-1a: enough to tell that every byte arrived as it was.
std::string checksum(std::string_view text) {
    std::uint64_t sum = 0xcbf29ce484222325;
    for (const char c : text) sum = (sum ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    char hex[17];
    std::snprintf(hex, sizeof hex, "%016llx", static_cast<unsigned long long>(sum));
    return hex;
}

class Probe {
   public:
    explicit Probe(net::Options options)
        : type_(options.type), socket_(loop_, std::move(options)) {
        socket_.on_listening([this] { say("listening on " + local()); });
        socket_.on_connect([this] { say("connected to " + socket_.remote_address()->text()); });
        socket_.on_error([](const net::Failure& failure) { say("error: " + failure.text()); });
        socket_.on_close([] { say("closed"); });
        socket_.on_report([](const net::Report& report) {
            say("report: " + report.destination.text() + ", " + report.offender.host() +
                " says " + std::string(platform::name(report.error.code)) + ", type " +
                std::to_string(report.type) + ", code " + std::to_string(report.code) + ", mtu " +
                std::to_string(report.mtu));
        });
        socket_.on_message([this](const net::Message& message) {
            const std::string_view text = message.text();
            say("message: " + std::to_string(message.size()) + " bytes, checksum " +
                checksum(text) + ", from " + message.sender.text() +
                (message.truncated ? ", truncated" : "") + ": " +
                std::string(text.substr(0, 40)));
            if (message.info) say("journey: " + journey_of(*message.info));
            if (echoing_) {
                socket_.send(std::string(text), message.sender, net::reply_to(message));
            }
        });
    }

    int run() {
        net::Result<core::Watch> watch =
            loop_.watch(STDIN_FILENO, {.readable = true}, [this] { read_input(); });
        if (!watch) {
            say("standard input cannot be watched: " + net::text(watch.error()));
            return 1;
        }
        input_ = *std::move(watch);
        const platform::Error error = loop_.run();
        if (error) say("the loop failed: " + net::text(error));
        return error ? 1 : 0;
    }

   private:
    struct Command {
        std::string_view name;
        std::size_t least;  // Arguments.
        void (Probe::*run)(const Words&);
    };
    static std::span<const Command> commands();

    static void say(const std::string& line) {
        std::printf("%s\n", line.c_str());
        std::fflush(stdout);
    }

    static std::string journey_of(const net::PacketInfo& info) {
        return "to " + net::Address(info.local).host() + ", " + std::to_string(info.hop_limit) +
               " hops left, DSCP " + std::to_string(info.dscp()) + ", ECN " +
               std::to_string(info.ecn());
    }

    static void answer(const Words& words, platform::Error error) {
        say(words[0] + ": " + (error ? net::text(error) : "done"));
    }

    // "" for what was left out.
    static std::string argument(const Words& words, std::size_t index) {
        return index < words.size() && words[index] != "-" ? words[index] : "";
    }

    static int number(const Words& words, std::size_t index) {
        return std::atoi(argument(words, index).c_str());
    }

    std::string local() const {
        const net::Result<net::Address> address = socket_.address();
        return address ? address->text() : net::text(address.error());
    }

    void read_input() {
        char buffer[4096];
        const ssize_t size = ::read(STDIN_FILENO, buffer, sizeof buffer);
        if (size <= 0) return quit({});
        pending_.append(buffer, static_cast<std::size_t>(size));
        for (std::size_t end; (end = pending_.find('\n')) != std::string::npos;) {
            std::istringstream line(pending_.substr(0, end));
            pending_.erase(0, end + 1);
            Words words;
            for (std::string word; line >> word;) words.push_back(word);
            if (!words.empty()) obey(words);
        }
    }

    void obey(const Words& words) {
        for (const Command& command : commands()) {
            if (command.name != words[0]) continue;
            if (words.size() <= command.least) return say(words[0] + ": arguments are missing");
            return (this->*command.run)(words);
        }
        say(words[0] + ": no such command");
    }

    // ---- Requests ------------------------------------------------------------------------------

    void bind(const Words& words) { socket_.bind(number(words, 2), argument(words, 1)); }

    void connect(const Words& words) {
        socket_.connect(number(words, 2), argument(words, 1), [](const net::Failure& failure) {
            if (failure) say("not connected: " + failure.text());
        });
    }

    net::Datagram::SendCallback told(std::string what) {
        return [what = std::move(what)](const net::Failure& failure, std::size_t bytes) {
            say(what + ": " + (failure ? failure.text() : std::to_string(bytes) + " bytes left"));
        };
    }

    void send_text(const Words& words) { send(words[1], words, 2); }

    void send_size(const Words& words) {
        send(std::string(static_cast<std::size_t>(number(words, 1)), 'x'), words, 2);
    }

    // In one tick, numbered, so that no two are the same.
    void send_train(const Words& words) {
        for (int i = 1; i <= number(words, 1); i++) {
            std::string text = "number " + std::to_string(i) + " ";
            text.resize(static_cast<std::size_t>(number(words, 2)), 'x');
            std::string what = "train of " + words[2] + ", checksum " + checksum(text);
            socket_.send(std::move(text), number(words, 4), argument(words, 3),
                         told(std::move(what)));
        }
    }

    // To the peer, or to ADDRESS PORT.
    void send(std::string text, const Words& words, std::size_t destination) {
        const std::string what = words[0] + " " + words[1];
        if (destination < words.size()) {
            socket_.send(std::move(text), number(words, destination + 1),
                         argument(words, destination), told(what));
        } else {
            socket_.send(std::move(text), told(what));
        }
    }

    // TEXT ADDRESS PORT HOPS CLASS SOURCE, the last three "-" for the system's choice.
    void send_with(const Words& words) {
        net::SendOptions options;
        if (!argument(words, 4).empty()) options.hop_limit = number(words, 4);
        if (!argument(words, 5).empty()) options.traffic_class = number(words, 5);
        const auto source = net::parse_literal(argument(words, 6));
        if (source) options.source = *source;
        send_optioned(words, words[1], options);
    }

    // As many bytes, in one piece.
    void send_uncut(const Words& words) {
        send_optioned(words, std::string(static_cast<std::size_t>(number(words, 1)), 'x'),
                      {.dont_fragment = true});
    }

    void send_optioned(const Words& words, std::string text, const net::SendOptions& options) {
        const auto to = net::parse_literal(argument(words, 2),
                                           static_cast<std::uint16_t>(number(words, 3)));
        if (!to) return say(words[0] + ": " + net::text(to.error()));
        socket_.send(std::move(text), *to, options, told(words[0] + " " + words[1]));
    }

    void echo(const Words&) { echoing_ = true; }

    void close(const Words&) { socket_.close(); }

    void quit(const Words&) {
        input_.stop();
        socket_.unref();
    }

    // ---- Settings ------------------------------------------------------------------------------

    void disconnect(const Words& words) { answer(words, socket_.disconnect()); }

    void join(const Words& words) {
        answer(words, socket_.add_membership(argument(words, 1), argument(words, 2)));
    }

    void leave(const Words& words) {
        answer(words, socket_.drop_membership(argument(words, 1), argument(words, 2)));
    }

    void join_everywhere(const Words& words) {
        answer(words, socket_.add_membership_everywhere(argument(words, 1)));
    }

    void join_source(const Words& words) {
        answer(words, socket_.add_source_specific_membership(
                          argument(words, 1), argument(words, 2), argument(words, 3)));
    }

    void leave_source(const Words& words) {
        answer(words, socket_.drop_source_specific_membership(
                          argument(words, 1), argument(words, 2), argument(words, 3)));
    }

    void set_interface(const Words& words) {
        answer(words, socket_.set_multicast_interface(argument(words, 1)));
    }

    // "memberships: 239.1.2.3 3 239.1.2.4 1": groups, and the indexes of their interfaces.
    void memberships(const Words& words) {
        std::string line = words[0] + ":";
        for (const net::Membership& each : socket_.memberships()) {
            line += " " + each.group.host() + " " + std::to_string(each.interface);
        }
        say(line);
    }

    void set_multicast_ttl(const Words& words) {
        answer(words, socket_.set_multicast_ttl(number(words, 1)));
    }

    void set_dont_fragment(const Words& words) {
        answer(words, socket_.set_dont_fragment(number(words, 1) != 0));
    }

    // Of the peer's, or to ADDRESS.
    void path_mtu(const Words& words) {
        const auto to = net::parse_literal(argument(words, 1), 9);
        const auto bytes = to ? socket_.path_mtu(*to) : socket_.path_mtu();
        say("path_mtu: " + (bytes ? std::to_string(*bytes) : net::text(bytes.error())));
    }

    // A descriptor that must not be fragmented (IP_PMTUDISC_DO), which Datagram has no setting for.
    void adopt_unfragmented(const Words& words) {
        const bool six = type_ == net::Type::udp6;
        const int descriptor = ::socket(six ? AF_INET6 : AF_INET, SOCK_DGRAM, 0);
        const int always = six ? IPV6_PMTUDISC_DO : IP_PMTUDISC_DO;
        const int failed = six ? setsockopt(descriptor, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &always,
                                            sizeof always)
                               : setsockopt(descriptor, IPPROTO_IP, IP_MTU_DISCOVER, &always,
                                            sizeof always);
        if (failed) return say(words[0] + ": the option was refused");
        socket_.adopt(descriptor);
    }

    net::Type type_;
    core::Loop loop_;
    net::Datagram socket_;
    core::Watch input_;
    std::string pending_;
    bool echoing_ = false;
};

std::span<const Probe::Command> Probe::commands() {
    static constexpr Command all[] = {
        {"bind", 0, &Probe::bind},                              // [ADDRESS [PORT]]
        {"connect", 2, &Probe::connect},                        // ADDRESS PORT
        {"send", 1, &Probe::send_text},                         // TEXT [ADDRESS PORT]
        {"send_size", 1, &Probe::send_size},                    // BYTES [ADDRESS PORT]
        {"send_train", 4, &Probe::send_train},                  // COUNT BYTES ADDRESS PORT
        {"send_with", 6, &Probe::send_with},     // TEXT ADDRESS PORT HOPS CLASS SOURCE
        {"send_uncut", 3, &Probe::send_uncut},   // BYTES ADDRESS PORT
        {"echo", 0, &Probe::echo},               // From here on, what comes goes back.
        {"path_mtu", 0, &Probe::path_mtu},       // [ADDRESS]
        {"dont_fragment", 1, &Probe::set_dont_fragment},        // 0 or 1
        {"close", 0, &Probe::close},
        {"quit", 0, &Probe::quit},
        {"disconnect", 0, &Probe::disconnect},
        {"join", 1, &Probe::join},                              // GROUP [INTERFACE]
        {"leave", 1, &Probe::leave},                            // GROUP [INTERFACE]
        {"join_everywhere", 1, &Probe::join_everywhere},        // GROUP
        {"join_source", 2, &Probe::join_source},                // SOURCE GROUP [INTERFACE]
        {"leave_source", 2, &Probe::leave_source},              // SOURCE GROUP [INTERFACE]
        {"memberships", 0, &Probe::memberships},
        {"interface", 1, &Probe::set_interface},                // NAME, INDEX or ADDRESS
        {"multicast_ttl", 1, &Probe::set_multicast_ttl},        // HOPS
        {"adopt_unfragmented", 0, &Probe::adopt_unfragmented},
    };
    return all;
}

}  // namespace

int main(int count, char** arguments) {
    const std::string_view type = count > 1 ? arguments[1] : "";
    net::Options options{.type = type == "udp6" ? net::Type::udp6 : net::Type::udp4};
    bool understood = type == "udp4" || type == "udp6";
    for (int i = 2; i < count; i++) {
        const std::string_view word = arguments[i];
        if (word == "plain") {
            options.segmentation = false;
        } else if (word == "rejoin") {
            options.rejoin = true;
        } else if (word == "info") {
            options.packet_info = true;
        } else if (word == "all" || word == "none") {
            options.errors = word == "all" ? net::Errors::all : net::Errors::none;
        } else {
            understood = false;
        }
    }
    if (!understood) {
        std::fprintf(stderr, "usage: probe udp4|udp6 [plain] [rejoin] [info] [all|none]\n");
        return 2;
    }
    return Probe(std::move(options)).run();
}

#endif
