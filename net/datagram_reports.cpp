// What ICMP says of datagrams that left earlier, from the system's queue: a 'report' for each, and
// 'error' for what concerns a connected peer. See semantics 27.
// The catch: what the queue tells, the next call of the socket may tell as well, whoever that is
// about; datagram_flush.cpp and datagram_receive.cpp know.
#include <array>

#include "net/datagram_state.h"

namespace net {

namespace {

constexpr int budget_reports = 256;  // Of a turn: more is reported again.

}  // namespace

Error Errors::start(core::Source& source) { return Datagram::State::hear_all(source); }

Error Datagram::State::hear_all(core::Source& source) {
    State& self = static_cast<State&>(source);
    const Error failed = platform::set_option(self.socket, platform::Option::icmp_errors, 1);
    if (!failed) self.start_draining();
    return failed;
}

void Datagram::State::start_draining() {
    exchange->seldom.drain_errors = [](State& self) { self.drain_errors(); };
    icmp_queue = true;
}

// Read until empty, or the poller never sleeps. One by one, so that a listener that throws takes no
// other report along.
void Datagram::State::drain_errors() {
    std::array<platform::Report, 1> reports;
    for (int left = budget_reports; left > 0 && icmp_queue; left--) {
        const Result<std::size_t> count = platform::receive_errors(socket, reports);
        if (!count || *count == 0) return;
        const bool local = reports[0].offender.family == Family::none;  // The send has said it.
        if (life == Life::open && reports[0].error && !local) tell_report(reports[0]);
    }
}

// The listener may have done anything to the socket.
void Datagram::State::tell_report(const platform::Report& told) {
    if (listeners) {
        listeners->report.emit({told.destination, told.offender, told.error, told.type, told.code,
                                told.mtu});
    }
    const bool concerned = life == Life::open && connection == Connection::connected &&
                           same_peer(told.destination, exchange->peers[peer]);
    if (!concerned || !first_in_tick(told.error.code)) return;
    emit_error(Failure(told.error.during(Operation::receive)));
}

ListenerId Datagram::on_report(ReportListener listener) {
    return State::listen(state_, Event::report, listener, false);
}
ListenerId Datagram::once_report(ReportListener listener) {
    return State::listen(state_, Event::report, listener, true);
}

}  // namespace net
