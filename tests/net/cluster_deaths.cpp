// A worker dies before and after each call that it makes on its channel, one after the other, and
// so does a primary: nobody else pays for it. The channel's two calls are defined here, in front of
// the C library's, and count.
// Catch: for Linux, whatever poller it was told to use; the calls go straight to the kernel.
#ifdef __linux__

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>

#include "tests/net/cluster.h"

namespace {

constexpr int own_channel = 3;  // As the seam gives it.

int number_in(const char* variable, int otherwise) {
    const char* const text = std::getenv(variable);
    return text ? std::atoi(text) : otherwise;
}

// Which of the calls, counted from 0, is the last: an even number is the place in front of a call,
// an odd one that behind it. Of a primary those on other channels than its own count.
struct Fate {
    bool counts(int descriptor) const {
        return place >= 0 && (descriptor == own_channel) == of_worker;
    }
    void step(int descriptor) {
        if (counts(descriptor) && place == steps++) (void)::raise(SIGKILL);
    }
    int place = -1;
    int steps = 0;
    bool of_worker = true;
};
Fate fate;

}  // namespace

extern "C" ssize_t sendmsg(int descriptor, const msghdr* message, int flags) {
    fate.step(descriptor);
    const ssize_t sent = ::syscall(SYS_sendmsg, descriptor, message, flags);
    const int kept = errno;
    fate.step(descriptor);
    errno = kept;
    return sent;
}

extern "C" ssize_t recvmsg(int descriptor, msghdr* message, int flags) {
    fate.step(descriptor);
    const ssize_t received = ::syscall(SYS_recvmsg, descriptor, message, flags);
    const int kept = errno;
    fate.step(descriptor);
    errno = kept;
    return received;
}

namespace {

using namespace std::chrono_literals;
using net::Datagram;
using net::Message;
using net::Type;
using test::Audit;
using test::Role;
using test::Stage;
using test::Troupe;

// The first worker is the one to die; it has to know before its ClusterWorker does. The greeting
// ends with its number.
const bool appointed = [] {
    fate.place = number_in("VOLLEY_TEST_DIES_AT", -1);
    if (fate.place < 0) return false;
    std::array<unsigned char, 16> greeting{};
    const ssize_t size =
        ::recv(own_channel, greeting.data(), greeting.size(), MSG_PEEK | MSG_DONTWAIT);
    if (size < 1 || greeting[static_cast<std::size_t>(size) - 1] != 1) fate.place = -1;
    return fate.place >= 0;
}();

// Everything that a worker ever says: it binds, listens, talks, closes, binds again, and says
// goodbye, if it lives so long. The others stay.
const Role mortal("mortal", [](Stage& stage) {
    static Datagram socket(stage.loop, Type::udp4);
    static Datagram again(stage.loop, Type::udp4);
    socket.on_error([] {});
    again.on_error([] {});
    socket.on_message([](const Message& message) { socket.send(message.bytes, message.sender); });
    (void)stage.worker.send("here");
    socket.bind(0, "127.0.0.1");
    if (!appointed) return;
    stage.worker.on_message([&stage] {
        socket.close([&stage] {
            again.bind(0, "127.0.0.1", [&stage] { stage.worker.disconnect(); });
        });
    });
});

}  // namespace

TEST_CASE("[59] a worker dies at each step, and the others go on with its successor") {
    const Audit audit;
    int deaths = 0;
    for (bool lives = false; !lives && deaths < 200;) {
        CAPTURE(deaths);
        net::ClusterOptions options =
            test::troupe(mortal, 2, {"VOLLEY_TEST_DIES_AT=" + std::to_string(deaths)});
        options.restart = {.settled = 1ns};
        Troupe troupe(std::move(options));
        troupe.cluster.on_message([&](net::WorkerId id) {
            if (id == 1) (void)troupe.cluster.send(1, "go");
        });
        CHECK(troupe.until([&] { return troupe.ends.size() == 1; }));
        REQUIRE(troupe.ends.size() == 1);
        CHECK(troupe.ends[0].worker == 1);
        const bool survived = troupe.ends[0].signal == 0;
        std::set<std::uint16_t> ports;
        CHECK(troupe.until([&] {
            std::set<net::WorkerId> listening;
            ports.clear();
            for (const net::WorkerAddress& where : troupe.listening) {
                if (where.worker == 1) continue;
                listening.insert(where.worker);
                ports.insert(where.address.port);
            }
            return listening.size() == (survived ? 1 : 2);
        }));
        CHECK(ports.size() == 1);
        Datagram client(troupe.loop, Type::udp4);
        bool heard = false;
        client.on_message([&] { heard = true; });
        if (!ports.empty()) client.send("x", *ports.begin(), "127.0.0.1");
        CHECK(troupe.until([&] { return heard; }));
        client.close();
        CHECK(troupe.errors.empty());
        troupe.ends.clear();
        CHECK(troupe.ends_well());
        deaths += !survived;
        lives = survived;
    }
    MESSAGE("deaths: ", deaths);
    CHECK(deaths >= 20);
    CHECK(deaths < 200);
}

namespace {

const Role leaf("leaf", [](Stage& stage) {
    static Datagram socket(stage.loop, Type::udp4);
    socket.on_error([] {});
    socket.bind(0, "127.0.0.1");
    (void)stage.worker.send("here");
});

// A worker of the test's that is a primary itself.
const Role mortal_primary("mortal primary", [](Stage& stage) {
    fate.of_worker = false;
    fate.place = number_in("VOLLEY_TEST_PRIMARY_DIES_AT", -1);
    static net::Cluster cluster(stage.loop, test::troupe(leaf, 2));
    static int listening = 0;
    static int ends = 0;
    cluster.on_message([](net::WorkerId id) { (void)cluster.send(id, "welcome"); });
    cluster.on_listening([] {
        if (++listening == 2) cluster.stop();
    });
    cluster.on_exit([&stage] {
        if (++ends == 2) (void)stage.worker.send("done");
    });
});

// Who has ended cannot be asked of a process's grandchildren, but all of them have its stderr: once
// that has ended, so have they. What they wrote, meanwhile.
class Remains {
   public:
    Remains() : kept_(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10)) {
        CHECK(::pipe2(ends_, O_CLOEXEC) == 0);
        CHECK(::dup2(ends_[1], STDERR_FILENO) == STDERR_FILENO);
    }
    ~Remains() {
        release();
        ::close(ends_[0]);
    }
    Remains(const Remains&) = delete;
    Remains& operator=(const Remains&) = delete;

    // This process's part in it ends.
    void release() {
        if (kept_ < 0) return;
        ::dup2(kept_, STDERR_FILENO);
        ::close(std::exchange(kept_, -1));
        ::close(ends_[1]);
    }
    bool all_end(std::string& words) {
        release();
        pollfd waiting{ends_[0], POLLIN, 0};
        char text[256];
        while (::poll(&waiting, 1, 5000) == 1) {
            const ssize_t size = ::read(ends_[0], text, sizeof text);
            if (size <= 0) return size == 0;
            words.append(text, static_cast<std::size_t>(size));
        }
        return false;
    }

   private:
    int kept_;
    int ends_[2] = {-1, -1};
};

}  // namespace

TEST_CASE("[59] a primary dies at each step of the protocol, and its workers end by themselves") {
    const Audit audit;
    int deaths = 0;
    for (bool survived = false; !survived && deaths < 300;) {
        CAPTURE(deaths);
        Remains remains;
        Troupe troupe(test::troupe(mortal_primary, 1, {"VOLLEY_TEST_PRIMARY_DIES_AT=" +
                                                       std::to_string(deaths)}));
        CHECK(troupe.until([&] { return troupe.count("done") == 1 || !troupe.ends.empty(); }));
        survived = troupe.ends.empty();
        if (survived) CHECK(troupe.ends_well());
        std::string words;
        CHECK(remains.all_end(words));
        CHECK(words == "");
        deaths += !survived;
    }
    MESSAGE("deaths: ", deaths);
    CHECK(deaths >= 20);
    CHECK(deaths < 300);
}

#endif
