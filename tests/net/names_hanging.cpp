// A system's resolver that does not answer: sends wait for it as long as they should and no longer,
// and nobody waits for its thread. getaddrinfo is this program's own, in front of the C library's;
// it hangs until it is let go.
#ifdef __linux__

#include <netdb.h>

#include <condition_variable>
#include <mutex>
#include <optional>

#include "tests/net/receiver.h"

namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using net::Datagram;
using net::Options;
using net::Type;
using test::Audit;
using test::Receiver;
using test::run_until;
using test::runs_out;
using test::settle;
using test::Told;

struct Gate {
    void pass() {
        std::unique_lock lock(mutex);
        inside++;
        changed.notify_all();
        changed.wait(lock, [this] { return open; });
        inside--;
        changed.notify_all();
    }
    void set(bool value) {
        const std::unique_lock lock(mutex);
        open = value;
        changed.notify_all();
    }
    bool wait_for(int count, std::chrono::milliseconds timeout) {
        std::unique_lock lock(mutex);
        return changed.wait_for(lock, timeout, [&] { return inside == count; });
    }
    std::mutex mutex;
    std::condition_variable changed;
    int inside = 0;
    bool open = true;
};

Gate& gate() {
    static Gate* const made = new Gate;  // Outlives every thread.
    return *made;
}

// As long as it exists, nobody is answered.
struct Hanging {
    Hanging() { gate().set(false); }
    ~Hanging() {
        gate().set(true);
        CHECK(gate().wait_for(0, 5s));
    }
};

}  // namespace

extern "C" int getaddrinfo(const char*, const char*, const addrinfo*, addrinfo**) {
    gate().pass();
    return EAI_NONAME;
}

TEST_CASE("[34] a resolver that never answers delays 'close' by `linger`, not longer") {
    const Audit audit;
    core::Loop loop;
    Told told;
    const Hanging hanging;
    for (const bool connecting : {false, true}) {
        Datagram socket(loop, Options{.type = Type::udp4, .linger = 50ms});
        socket.on_error(told.failed());
        if (connecting) socket.connect(9, "hangs.example");
        if (connecting) socket.send("x", told.sent());
        if (!connecting) socket.send("x", 9, "hangs.example", told.sent());
        settle(loop);
        const std::int64_t begin = loop.now().nanoseconds;
        socket.close(told.word("close"));
        CHECK(runs_out(loop));
        CHECK(loop.now().nanoseconds - begin >= 50'000'000);
        CHECK(loop.now().nanoseconds - begin < 3'000'000'000);
        CHECK(told.text() == "send ETIMEDOUT close");
        told.lines.clear();
    }
}

TEST_CASE("[34] without sends 'close' does not wait for it at all") {
    const Audit audit;
    core::Loop loop;
    Told told;
    const Hanging hanging;
    Datagram bound(loop, Type::udp4);
    Datagram connected(loop, Type::udp4);
    bound.bind(0, "hangs.example", told.word("bound"));
    connected.connect(9, "hangs.example", told.connected());
    CHECK(run_until(loop, [&] { return gate().wait_for(1, 1ms); }));
    bound.close(told.word("close"));
    connected.close(told.word("close"));
    CHECK(runs_out(loop));
    CHECK(told.text() == "close close");
}

TEST_CASE("[34][42] abort and destruction do not wait for it either, nor does the loop's end") {
    const Audit audit;
    Told told;
    const Hanging hanging;
    {
        core::Loop loop;
        Datagram aborted(loop, Type::udp4);
        Datagram outlives(loop, Type::udp4);
        std::optional<Datagram> destroyed(std::in_place, loop, Type::udp4);
        aborted.send("x", 9, "hangs.example", told.sent());
        destroyed->send("x", 9, "hangs.example", told.sent());
        outlives.send(std::string("kept"), 9, "hangs.example", told.sent());
        settle(loop);
        destroyed.reset();
        aborted.abort(told.word("close"));
        CHECK(run_until(loop, [&] { return told.count() == 2; }));
        CHECK(told.text() == "send ECANCELED close");
    }
    CHECK(told.count() == 2);
}

TEST_CASE("[31][34] an answer in time is what counts, also that there is none") {
    const Audit audit;
    core::Loop loop;
    Receiver receiver(loop);
    Told told;
    Datagram socket(loop, Type::udp4);
    {
        const Hanging hanging;
        socket.send("x", 9, "hangs.example", told.sent());
        socket.send("y", receiver.port(), told.sent());  // Nobody waits for another's name.
        socket.close(told.word("close"));
        CHECK(receiver.hears(1));
        CHECK(told.text() == "1");
    }
    CHECK(runs_out(loop));
    CHECK(told.text() == "1 getaddrinfo ENOTFOUND hangs.example close");
}

#endif
