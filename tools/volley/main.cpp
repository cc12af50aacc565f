// volley: send, receive and echo datagrams from the command line.
#include <array>
#include <cstdio>
#include <string>

#include "platform/platform.h"
#include "tools/volley/verbs.h"

namespace {

const std::array verbs{&tool::listen_verb, &tool::send_verb, &tool::echo_verb};

constexpr const char* addresses =
    "Addresses:\n"
    "  PORT            every address of this host (listen), loopback (send, echo)\n"
    "  HOST:PORT       an IPv4 address or a name, as in 127.0.0.1:5000, localhost:5000\n"
    "  [IPV6]:PORT     an IPv6 address, as in [::1]:5000, [fe80::1%eth0]:5000\n"
    "  PATH            a unix socket: with a slash in it, or written unix:PATH\n"
    "  @NAME           a unix socket outside the file system (Linux)\n";

void print_overview() {
    std::printf("volley: send, receive and echo datagrams over UDP and unix sockets\n\n"
                "usage: volley VERB [OPTION...] ADDRESS...\n\n");
    for (const tool::Verb* verb : verbs) {
        std::printf("  %-8.*s %.*s\n", static_cast<int>(verb->name.size()), verb->name.data(),
                    static_cast<int>(verb->summary.size()), verb->summary.data());
    }
    std::printf("\n%s\n'volley VERB --help' has the options and examples. Ctrl-C ends a verb "
                "cleanly, with a summary\non stderr. Status: 0 done, 1 failed, 2 misused.\n",
                addresses);
}

}  // namespace

int main(int count, char** arguments) {
    platform::use_binary_channels();
    std::setvbuf(stderr, nullptr, _IONBF, 0);  // Wine keeps what goes to a file until the end.
    const std::string_view word = count > 1 ? arguments[1] : "";
    if (word.empty()) {
        tool::usage_error("a verb is missing: listen, send or echo; see 'volley --help'");
    }
    if (word == "--help" || word == "-h" || word == "help") {
        print_overview();
        return 0;
    }
    for (const tool::Verb* verb : verbs) {
        if (word != verb->name) continue;
        for (int i = 2; i < count && std::string_view(arguments[i]) != "--"; i++) {
            const std::string_view argument = arguments[i];
            if (argument != "--help" && argument != "-h") continue;
            tool::print_help(*verb);
            std::printf("\n%s", addresses);
            return 0;
        }
        tool::Arguments parsed = tool::parse(*verb, count - 2, arguments + 2);
        parsed.program = arguments[0];
        parsed.words.assign(arguments + 1, arguments + count);
        return verb->run(parsed);
    }
    tool::usage_error("'" + std::string(word) + "' is no verb: listen, send and echo are");
}
