// What one seed stands for, as plain values: a world, its sockets, what is done with them, when.
// A plan can be printed, made smaller, and run again. The catch: an operation names its socket by
// number, and one whose socket is not there, or whose moment never comes, is not done.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "net/datagram.h"
#include "platform/simulation/random.h"

namespace swarm {

using simulation::Random;

enum class Do : std::uint8_t {
    bind, bind_sync, connect, connect_sync, disconnect, send, echo, close, abort, destroy, create,
    move, setting, membership, listen, unlisten, reference, stop, post, timer, timer_change,
    look_up, world, send_many, pause, resume, count
};

// Where an operation is done: by the world, between turns, or inside a callback of its host.
enum class Moment : std::uint8_t {
    outside, message, listening, connect, error, close, drain, sent, timer, post, look_up, count
};

// Whom an operation speaks of, in the words of whoever is asked.
enum class Target : std::uint8_t {
    none, loopback, own, next, nobody, other_family, mapped, everybody, group, any, name, slow_name,
    flaky_name, missing_name, wrong_name, malformed, count
};

// The ways to say one thing: of a bind, connect or send, each takes what applies to it.
enum class Form : std::uint8_t { plain, port, text, endpoint, options, part, list, kept, count };

struct Operation {
    Do what = Do::bind;
    std::uint8_t socket = 0;
    Form form = Form::port;
    Target target = Target::none;
    std::int32_t port = 0;
    // A size, an index, a value: what the operation lacks otherwise. Of an echo, how many messages
    // in a row it answers; of send_many, how many datagrams.
    std::int32_t number = 0;
    bool callback = false;
    Moment moment = Moment::outside;
    std::uint32_t at = 0;  // Outside: milliseconds. Else: at the n-th callback of its kind.
};

enum class Names : std::uint8_t { system, at_once, later, dropped, count };

struct SocketPlan {
    std::uint8_t host = 0;
    net::Type type = net::Type::udp4;
    bool reuse_addr = false;
    bool reuse_port = false;
    bool ipv6_only = false;
    bool segmentation = true;
    bool deaf = false;     // No listener of 'error': the loop's hook hears of it.
    bool batches = false;  // Listens to 'messages' instead of 'message'.
    bool send_list = false;
    bool receive_list = false;
    std::int32_t recv_buffer_size = 0;
    std::int32_t send_buffer_size = 0;
    std::uint32_t datagrams_max = 1024;
    std::uint32_t bytes_max = 8u << 20;
    std::int32_t linger_ms = 30'000;
    Names names = Names::system;
};

// Chances in percent, times in milliseconds: integers print and shrink well.
struct WorldPlan {
    std::uint32_t hosts = 1;
    std::uint32_t delay_ms = 1;
    std::uint32_t jitter_ms = 0;
    std::uint32_t loss = 0;
    std::uint32_t duplicate = 0;
    std::uint32_t reorder = 0;
    std::uint32_t bandwidth = 0;
    std::uint32_t queue = 0;
    std::uint32_t mtu = 1500;
    bool fragments = true;
    bool heartbeat = true;  // Each loop has a timer that keeps it alive until the end.
};

struct Plan {
    std::uint64_t seed = 0;
    WorldPlan world;
    std::vector<SocketPlan> sockets;
    std::vector<Operation> operations;
};

Plan generate(std::uint64_t seed);

// Lines of code, near enough, that say what the plan does.
std::string text_of(const Plan&);
std::string text_of(const Plan&, const Operation&);

}  // namespace swarm
