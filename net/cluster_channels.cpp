// A cluster's workers as what they say: notices in, answers out. A worker that takes no answers is
// not listened to until it does, so that it holds up nobody but itself; one that breaks the rules
// is killed.
#include <utility>

#include "net/cluster_state.h"

namespace net {

namespace {
constexpr int notices_max = 64;  // Of a turn: others want theirs, too.
}

void Cluster::State::hear(Place& place, core::Interest ready) {
    const WorkerId id = place.id;
    if (ready.writable) {
        const Error error = place.link.flush();
        if (error && error.code != Code::would_block) place.hopeless = true;
    }
    (void)take_notices(place, notices_max);
    if (still(place, id)) watch(place);
}

bool Cluster::State::take_notices(Place& place, int count_max) {
    const WorkerId id = place.id;
    for (int i = 0; i < count_max; i++) {
        if (!still(place, id) || !place.link) return false;
        if (place.link.unsent() && !place.hopeless) return false;
        Notice notice;
        platform::Socket passed;  // No worker has anything to pass: see ClusterLink::receive.
        const Error error = place.link.receive(notice, passed);
        if (error.code == Code::would_block) return false;
        if (error.code == Code::broken_pipe) {
            lose(place);
            return false;
        }
        if (passed) platform::close(passed);
        if (error || !handle(place, notice)) {
            break_off(place);
            return false;
        }
    }
    return true;
}

// False for what no worker says, or not before it has said hello.
bool Cluster::State::handle(Place& place, const Notice& notice) {
    if (place.online == (notice.kind == Notice::Kind::hello)) return false;
    switch (notice.kind) {
        case Notice::Kind::hello:
            if (notice.version != cluster_version) return false;
            place.online = true;
            online.emit(place.id);
            return true;
        case Notice::Kind::ask: answer(place, notice); return true;
        case Notice::Kind::released: sockets.release(place.holdings, notice.number); return true;
        case Notice::Kind::listening:
            listening.emit({place.id, notice.address, notice.key.type});
            return true;
        case Notice::Kind::text: message.emit(place.id, notice.bytes); return true;
        case Notice::Kind::goodbye: place.leaving = true; return true;
        default: return false;
    }
}

// A socket that cannot be passed along (ETOOMANYREFS, EMFILE) is refused like one that cannot be
// bound.
void Cluster::State::answer(Place& place, const Notice& ask) {
    const Result<platform::Socket> socket_of =
        sockets.hold(*loop, place.holdings, ask.number, ask.key);
    Error error = socket_of.error();
    if (socket_of) {
        error = place.link.send({.kind = Notice::Kind::granted, .number = ask.number}, *socket_of);
        if (!error || error.code == Code::broken_pipe) return;
        sockets.release(place.holdings, ask.number);
    }
    tell(place, {.kind = Notice::Kind::refused, .number = ask.number, .error = error});
}

// One that cannot be told is lost: nothing would keep the two sides together.
void Cluster::State::tell(Place& place, const Notice& notice) {
    const Error error = place.link.send(notice);
    if (error && error.code != Code::broken_pipe) return break_off(place);
    watch(place);
}

void Cluster::State::watch(Place& place) {
    if (!place.link) return;
    const bool unsent = place.link.unsent() && !place.hopeless;
    const Error error = place.channel.change({.readable = !unsent, .writable = unsent});
    if (error) break_off(place);
}

void Cluster::State::lose(Place& place) {
    place.channel.stop();
    place.link.close();
    sockets.release_all(place.holdings);
    const WorkerId id = place.id;
    if (!place.told_of_end && place.process.id != 0 && !place.timer.active()) ask_later(place);
    if (std::exchange(place.online, false) && !destroyed) disconnected.emit(id);
}

void Cluster::State::break_off(Place& place) {
    platform::end_process(place.process, true);
    if (place.link) lose(place);
}

}  // namespace net
