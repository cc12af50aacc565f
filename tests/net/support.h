// What the tests of net/ share: running a loop until something has happened, and an audit that
// nothing is left behind: descriptors, threads.
#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "net/datagram.h"

namespace test {

using namespace std::chrono_literals;

// Turns the loop until the condition holds; false when that takes more than five seconds.
template <class F>
bool run_until(core::Loop& loop, F condition, std::chrono::nanoseconds limit = 5s) {
    const std::int64_t end = loop.now().nanoseconds + limit.count();
    while (!condition()) {
        const std::int64_t now = loop.now().nanoseconds;
        if (now > end) return false;
        if (loop.turn({now + 50'000'000})) return false;
    }
    return true;
}

// A few turns without waiting: for what must not happen.
inline void settle(core::Loop& loop, int turns = 5) {
    for (int i = 0; i < turns; i++) {
        const platform::Error error = loop.turn({loop.now().nanoseconds + 2'000'000});
        CHECK_FALSE(static_cast<bool>(error));
    }
}

inline std::size_t entries(const char* folder) {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        (void)entry;
        count++;
    }
    return count;
}

// Whether the system lists what a process has open. (What Wine lists is its own.)
inline bool lists_itself() {
    std::error_code ignored;
    return std::filesystem::path::preferred_separator == '/' &&
           std::filesystem::exists("/proc/self/fd", ignored);
}

// How many descriptors are open; where nobody lists them, how many sockets.
inline std::size_t open_descriptors() {
    if (lists_itself()) return entries("/proc/self/fd");
    std::size_t count = 0;
    for (std::intptr_t handle = 0; handle < 4096; handle++) {
        if (platform::local_endpoint(platform::Socket{handle})) count++;
    }
    return count;
}

// Put in front of the loop: when it goes out of scope, after the loop, descriptors must be back at
// what they were. (Threads of the resolver may idle for ten seconds; they are counted where it
// matters. One that nobody waits for may still be reading a file.)
class Audit {
   public:
    Audit() : descriptors_(settled_descriptors()) {
        while (lists_itself() && entries("/proc/self/task") > 1) {
            std::this_thread::sleep_for(10ms);
            const std::size_t seen = std::exchange(descriptors_, open_descriptors());
            if (seen == descriptors_) break;
        }
    }
    ~Audit() {
        const auto end = std::chrono::steady_clock::now() + 2s;
        std::size_t left = open_descriptors();
        while (left != descriptors_ && std::chrono::steady_clock::now() < end) {
            left = open_descriptors();
        }
        CHECK(left == descriptors_);
    }
    Audit(const Audit&) = delete;
    Audit& operator=(const Audit&) = delete;

   private:
    // What a system opens once per process, for its first loop, stays and is no leak.
    static std::size_t settled_descriptors() {
        static const bool started = core::Loop().open_error().code == platform::Code::ok;
        (void)started;
        return open_descriptors();
    }

    std::size_t descriptors_;
};

// For a case about unix sockets: ends it where there are none, which another case proves.
inline bool lacks_unix_sockets(core::Loop& loop) {
    net::Datagram socket(loop, net::Type::unix_dgram);
    const platform::Error error = socket.connect_sync("/nowhere").error();
    const bool lacking = error.code == platform::Code::family_not_supported;
    if (lacking) MESSAGE("the rest of the case: this system has no unix-domain datagrams");
    return lacking;
}

// What happened, in order: "listening message close".
struct Log {
    std::vector<std::string> lines;
    void add(std::string line) { lines.push_back(std::move(line)); }
    std::string text() const {
        std::string all;
        for (const std::string& line : lines) all += (all.empty() ? "" : " ") + line;
        return all;
    }
};

// Writes down every event of a socket, in order: "listening", "error(bind EADDRINUSE ::1:80)".
inline void record(net::Datagram& socket, Log& log) {
    socket.on_listening([&log] { log.add("listening"); });
    socket.on_connect([&log] { log.add("connect"); });
    socket.on_message([&log](const net::Message& message) {
        log.add("message(" + std::string(message.text()) + ")");
    });
    socket.on_error([&log](const net::Failure& failure) {
        log.add("error(" + failure.text() + ")");
    });
    socket.on_drain([&log] { log.add("drain"); });
    socket.on_close([&log] { log.add("close"); });
}

// A path of this process for a unix socket, removed at the end.
class Path {
   public:
    explicit Path(const std::string& name);
    ~Path() { std::filesystem::remove(text_); }
    Path(const Path&) = delete;
    Path& operator=(const Path&) = delete;
    const std::string& text() const { return text_; }
    operator std::string_view() const { return text_; }

   private:
    std::string text_;
};

inline Path::Path(const std::string& name) {
    static int serial = 0;
    const auto stamp = std::chrono::steady_clock::now().time_since_epoch().count();
    text_ = (std::filesystem::temp_directory_path() /
             ("volley-" + std::to_string(stamp) + "-" + std::to_string(serial++) + "-" + name))
                .string();
}

}  // namespace test
