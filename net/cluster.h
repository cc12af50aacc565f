// A primary that starts workers, in which an ordinary Datagram::bind shares the primary's socket.
// Equal binds (type, address and port, or the primary's fd) are one socket, the n-th of each worker
// the same, also of port 0. Exclusive, implicit and synchronous binds, and those with reuse_port,
// are not shared. A datagram goes to whichever worker reads first.
// The catch: what is set on a shared socket (memberships, a TTL, a connect) is set for all.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/datagram.h"

namespace net {

using WorkerId = std::uint32_t;  // From 1; one that takes another's place has a new one. 0: none.

struct RestartPolicy {
    // A worker has failed when a signal has ended it, or its status is not 0.
    enum class When : std::uint8_t { never, failed, always };
    When when = When::failed;
    // Who lived for less than `settled` gets a successor after `delay`, then twice that, four times
    // that, and after so many in a row none; whoever lived longer is replaced at once.
    std::chrono::nanoseconds settled = std::chrono::seconds(5);
    std::chrono::nanoseconds delay = std::chrono::milliseconds(100);
    std::chrono::nanoseconds delay_max = std::chrono::seconds(10);
    unsigned attempts_max = 10;
};

struct ClusterOptions {
    std::string program;                     // A path, or a name to be looked for in PATH.
    std::vector<std::string> arguments{};    // Behind the program's own name.
    std::vector<std::string> environment{};  // "NAME=value", in front of what is inherited.
    unsigned workers = 1;
    RestartPolicy restart{};
    std::chrono::nanoseconds stop_limit = std::chrono::seconds(5);  // Then stop() kills.
};

struct WorkerAddress {
    WorkerId worker;
    Address address;
    Type type;
};

struct WorkerEnd {
    WorkerId worker;
    int status = -1;         // What its main() returned; -1: a signal ended it, or it is unknown.
    int signal = 0;          // Which one. On Windows 9: the library's kill; 2: Ctrl-C.
    bool voluntary = false;  // It said that it would go.
    bool replaced = false;   // Another one will take its place.
};

// The primary. Its destructor closes the channels, by which the workers end on their own, and kills
// what is left after stop_limit, as long as the loop runs; stop() is for who wants to know.
class Cluster {
   public:
    // Does not fail: the workers start in the loop's next turn, each from the beginning of its
    // program (nothing is forked), with the standard channels and no other descriptor of ours.
    // The first to ask for a socket chooses its reuse_addr, ipv6_only and path_mode; the primary
    // has it until the last worker has closed it, and never reads from it.
    Cluster(core::Loop&, ClusterOptions);
    ~Cluster();
    Cluster(const Cluster&) = delete;
    Cluster& operator=(const Cluster&) = delete;

    // A worker's events come in this order, 'message' and 'listening' any number of times.
    ListenerId on_online(core::Callback<void(WorkerId)>);  // Its ClusterWorker is there.
    ListenerId on_listening(core::Callback<void(const WorkerAddress&)>);
    ListenerId on_message(core::Callback<void(WorkerId, Bytes)>);
    ListenerId on_disconnect(core::Callback<void(WorkerId)>);  // Its channel, if it was online.
    ListenerId on_exit(core::Callback<void(const WorkerEnd&)>);
    // A worker that could not be started: "spawn ENOENT nowhere". ENOTSUP: this system hands no
    // sockets to other processes (the simulation).
    ListenerId on_error(core::Callback<void(const Failure&)>);
    bool off(ListenerId);

    // Messages arrive whole and in order, if the worker lives to read them; the bytes are copied.
    // EMSGSIZE: more than 16,383 of them. ENOTCONN: it has no channel. ENOBUFS: 1 MiB waits for it
    // already. ENOMEM.
    Error send(WorkerId, std::span<const std::byte>);
    Error send(WorkerId worker, std::string_view text) { return send(worker, Bytes(text)); }

    // Asks the workers to end: their shared sockets close as by close(), then their channels. Who
    // is there after stop_limit is killed. The callback comes when all have ended.
    void stop(core::Callback<void()> done = {});

    std::size_t worker_count() const;  // Processes that have been started and have not ended.

    // Whether workers keep run() going.
    Cluster& ref();
    Cluster& unref();

   private:
    friend class ClusterWorker;
    struct State;
    struct Place;
    State* state_;
};

// A worker's side, one in a process, to be made before its sockets are bound. In a program that no
// Cluster has started it does nothing: so one program can be both.
// When the primary has gone, or asks for it, shared sockets close as by close(), also those that it
// has not granted yet if it is still there; later binds, that would be shared, fail with EPIPE.
// Destroying it does the same, without 'disconnect'.
class ClusterWorker {
   public:
    explicit ClusterWorker(core::Loop&);
    ~ClusterWorker();
    ClusterWorker(const ClusterWorker&) = delete;
    ClusterWorker& operator=(const ClusterWorker&) = delete;

    bool is_worker() const { return worker_; }
    bool is_primary() const { return !is_worker(); }
    WorkerId id() const;  // 0 in the primary.
    bool connected() const;

    ListenerId on_message(core::Callback<void(Bytes)>);
    // The channel has gone, on purpose or not, and every shared socket has closed. What else keeps
    // run() going (an exclusive socket, a timer) is the listener's to end.
    ListenerId on_disconnect(core::Callback<void()>);
    bool off(ListenerId);

    // To the primary, as Cluster::send.
    Error send(std::span<const std::byte>);
    Error send(std::string_view text) { return send(Bytes(text)); }

    // Ends the part that this process has in the cluster: shared sockets close as by close(), then
    // the channel. It does not end the process.
    void disconnect();

    // Whether the channel keeps run() going.
    ClusterWorker& ref();
    ClusterWorker& unref();

   private:
    struct State;
    State* state_ = nullptr;
    bool worker_ = false;
};

}  // namespace net
