// What the verbs share: a loop and a socket that end cleanly, by Ctrl-C, a limit or an error, with
// a summary on stderr.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "net/datagram.h"
#include "tools/volley/arguments.h"

namespace tool {

inline std::chrono::nanoseconds nanoseconds(double seconds) {
    return std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1e9));
}

// The type that a place asks for: a name may be either, unless --ipv6 says so.
net::Type type_of(const Place&, const Arguments&);

class Session {
   public:
    Session(const Arguments&, net::Type);

    // "" for every address.
    void bind(const Place&, net::Datagram::Listener bound = {});
    void send(const Place&, net::Payload, net::Datagram::SendCallback = {});
    bool join(const std::string& group);  // By --interface and --source; once bound.
    void end();            // Closes; run() returns when everything has left.
    void fail(const std::string& what);  // Ends, with status 1.
    void fail(const net::Failure&);
    bool ended() const { return ended_; }
    int wait();            // Until nothing is left: the exit status.
    int run();             // The same, with a summary.

    core::Loop loop;
    net::Datagram socket;
    std::string name;      // In front of the summary.
    // What an end and a complaint come to, where that is not the socket's close and a line.
    std::function<void()> close;
    std::function<void(const std::string&)> complain;
    std::uint64_t sent = 0;
    std::uint64_t sent_bytes = 0;
    std::uint64_t received = 0;
    std::uint64_t received_bytes = 0;

   private:
    void set_options();
    void summarize();
    const Arguments& arguments_;
    core::Instant begin_;
    int status_ = 0;
    bool ended_ = false;
};

}  // namespace tool
