// One loop in each thread and one port for all of them: reuse_port lets the kernel spread senders
// over the sockets. Loops share nothing; what one has to tell another it posts. Prints how many
// questions each loop has answered, with one thread, then two, up to a thread for each processor
// (as many threads ask). Ends by itself; ENOTSUP where there is no reuse_port.
//     threads [threads at most]
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "net/datagram.h"

using namespace std::chrono_literals;

namespace {

constexpr auto duration = 300ms;
constexpr int sockets_asking = 32;  // Senders are what the kernel spreads.

// Belongs to the main thread, as does all that a posted callback touches there.
struct Member {
    core::Loop* loop = nullptr;  // Of its thread; only to post to.
    std::uint64_t answered = 0;
    std::thread thread;
};

struct Crew {
    core::Loop home;
    std::deque<Member> members;
    std::size_t ready = 0;
    core::Timer end;
};

// In the member's thread: says that it is there, runs until it is told to stop, says what it did.
void work(Crew& crew, Member& self, core::Loop& loop, const std::uint64_t& answered) {
    crew.home.post([&crew, &self, &loop] {
        self.loop = &loop;
        if (++crew.ready == crew.members.size()) crew.end.restart(duration);
    });
    (void)loop.run();
    crew.home.post([&self, count = answered] { self.answered = count; });
}

void answer(Crew& crew, Member& self, int port) {
    core::Loop loop;
    std::uint64_t answered = 0;
    net::Datagram socket(loop, {.type = net::Type::udp4, .reuse_port = true});
    socket.on_message([&](const net::Message& message) {
        socket.send(message.bytes, message.sender);
        answered++;
    });
    if (!socket.bind_sync(port, "127.0.0.1")) return;  // Somebody else's by now.
    work(crew, self, loop, answered);
}

void ask(Crew& crew, Member& self, int port) {
    core::Loop loop;
    std::deque<net::Datagram> sockets;
    for (int i = 0; i < sockets_asking; i++) {
        net::Datagram& socket = sockets.emplace_back(loop, net::Type::udp4);
        socket.on_message([&socket] { socket.send("question"); });
        socket.on_error([](const net::Failure&) {});  // A server that has gone.
        socket.connect(port, "127.0.0.1", [&socket] { socket.send("question"); });
    }
    work(crew, self, loop, 0);
}

bool measure(int threads, int port) {
    Crew crew;
    crew.end = crew.home.after(10s, [&crew] {
        for (Member& member : crew.members) {
            core::Loop* const loop = member.loop;
            if (loop) loop->post([loop] { loop->stop(); });
        }
    });
    for (int i = 0; i < 2 * threads; i++) crew.members.emplace_back();
    for (std::size_t i = 0; i < crew.members.size(); i++) {
        Member& member = crew.members[i];
        member.thread = std::thread(i % 2 ? ask : answer, std::ref(crew), std::ref(member), port);
    }
    const core::Error failed = crew.home.run();
    for (Member& member : crew.members) member.thread.join();
    (void)crew.home.turn();  // Their last words.
    std::uint64_t sum = 0;
    std::string each;
    for (std::size_t i = 0; i < crew.members.size(); i += 2) {
        sum += crew.members[i].answered;
        each += " " + std::to_string(crew.members[i].answered);
    }
    std::printf("threads: %d, answers in %d ms: %llu, by loop:%s\n", threads,
                static_cast<int>(duration.count()), static_cast<unsigned long long>(sum),
                each.c_str());
    std::fflush(stdout);
    return !failed && sum > 0;
}

}  // namespace

int main(int count, char** arguments) {
    const int most = count > 1 ? std::atoi(arguments[1])
                               : static_cast<int>(std::thread::hardware_concurrency());
    net::Result<net::Address> at = net::Address();
    {
        core::Loop loop;
        net::Datagram first(loop, {.type = net::Type::udp4, .reuse_port = true});
        at = first.bind_sync(0, "127.0.0.1");  // A port for all that come.
    }
    if (!at) {
        std::printf("%s\n", net::text(at.error()).c_str());
        return at.error().code == net::Code::not_supported ? 0 : 1;
    }
    for (int threads = 1; threads <= most; threads *= 2) {
        if (!measure(threads, at->port)) return 1;
    }
    return 0;
}
