// What a Cluster stands for: state owned by the loop, so the user's object may go at any time, and
// the places that workers have in it. Not part of the API.
#pragma once

#include <memory>

#include "core/signal.h"
#include "core/source.h"
#include "net/cluster.h"
#include "net/cluster_link.h"
#include "net/cluster_sockets.h"

namespace net {

// One worker after the other has it.
struct Cluster::Place {
    WorkerId id = 0;  // 0: nobody.
    platform::Process process;
    ClusterLink link;
    core::Watch channel;
    core::Watch end;    // Where the system tells of it.
    core::Timer timer;  // For a successor's start; or to ask whether it has ended.
    std::chrono::nanoseconds patience{};  // Until it is asked again.
    SharedSockets::Holding* holdings = nullptr;
    core::Instant started;
    unsigned quick_ends = 0;  // In a row.
    Error start_error;        // To be told.
    bool told_of_end = false;  // By the system, once it has come.
    bool online = false;
    bool leaving = false;   // It has said goodbye.
    bool hopeless = false;  // It takes nothing any more: what it has said is still read.
};

struct Cluster::State : core::Source {
    enum class Event : std::uint8_t { online, listening, message, disconnect, exit, error };

    State(core::Loop& owner, ClusterOptions&& chosen)
        : core::Source(phases), loop(&owner), options(std::move(chosen)) {}
    ~State();

    // ---- Life (cluster.cpp) --------------------------------------------------------------------
    static State* make(core::Loop&, ClusterOptions&&);
    void prepare();
    void conclude();
    void stop();
    void destroy();
    void let_go();
    void orphan();
    void kill_after(std::chrono::nanoseconds);
    std::size_t count() const;
    void set_referenced(bool);
    core::AnySignal& signal_of(Event);
    static ListenerId listen(State*, Event, core::AnyCallback&);

    // ---- Processes (cluster_processes.cpp) ------------------------------------------------------
    void start(Place&);
    Error load(Place&);
    bool attend(Place&);
    void start_failed(Place&, Error);
    void ask_end(Place&);     // Whether the process has ended.
    void ask_later(Place&);
    void ended(Place&, platform::Ending);
    bool plan_successor(Place&, bool crashed);
    void wait_for(Place&, std::chrono::nanoseconds, void (State::*)(Place&));

    // ---- Channels (cluster_channels.cpp) --------------------------------------------------------
    void hear(Place&, core::Interest);
    bool take_notices(Place&, int count_max);  // False: there are none left, or nobody listens.
    bool handle(Place&, const Notice&);
    void answer(Place&, const Notice& ask);
    void tell(Place&, const Notice&);
    void watch(Place&);
    void lose(Place&);        // The channel has gone.
    void break_off(Place&);   // With one that does not keep to the rules.
    bool still(const Place& place, WorkerId id) const { return !destroyed && place.id == id; }

    static const Operations phases;

    core::Loop* loop;  // Null when it has gone.
    ClusterOptions options;
    SharedSockets sockets;
    std::unique_ptr<Place[]> places;
    std::size_t place_count = 0;
    core::Signal<WorkerId> online;
    core::Signal<const WorkerAddress&> listening;
    core::Signal<WorkerId, Bytes> message;
    core::Signal<WorkerId> disconnected;
    core::Signal<const WorkerEnd&> exited;
    core::Signal<const Failure&> failed;
    core::Signal<> stopped;
    core::Timer killer;
    WorkerId last_id = 0;
    bool referenced = true;
    bool begun = false;
    bool stopping = false;
    bool destroyed = false;
};

}  // namespace net
