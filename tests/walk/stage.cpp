// See stage.h. What counts as told: an 'error', a failure given to a callback, an Error or a Result
// that says no, an error of run(), a timer that does not start, a post that is refused.
#include "tests/walk/stage.h"

#include "tests/walk/system.h"

namespace walk {

std::string text(const Deeds& deeds) {
    static constexpr std::string_view names[] = {"listening", "connected", "sent",  "heard",
                                                 "drained",   "closed",    "answered", "found",
                                                 "fired",     "posted",    "ready", "dropped",
                                                 "reported",  "informed",  "ended"};
    std::string all;
    for (std::size_t i = 0; i < deeds.size(); i++) {
        if (deeds[i] == 0) continue;
        all += (all.empty() ? "" : " ") + std::string(names[i]) + "=" + std::to_string(deeds[i]);
    }
    return all;
}

bool is_more(const Tales& tales, const Tales& than) {
    for (const auto& [tale, times] : tales) {
        const auto found = than.find(tale);
        if (found == than.end() || found->second < times) return true;
    }
    return false;
}

void Ticket::called() {
    if (++entry_->calls > 1) stage_->complain("a callback is called twice");
    if (entry_->dropped) stage_->complain("a callback is called that was given up");
}

// ---- Seats -------------------------------------------------------------------------------------

Seat::Seat(Stage& owner, net::Options options, bool in_batches)
    : stage(owner), informed(options.packet_info) {
    if (options.linger == std::chrono::seconds(30)) options.linger = 50ms;
    const bool reports = options.errors == net::Errors::all;
    socket.emplace(owner.loop(), std::move(options));
    listen(in_batches);
    if (reports) listen_to_reports();
}

void Seat::listen(bool in_batches) {
    if (in_batches) {
        (void)socket->on_messages([this](Messages together) {
            for (const Message& message : together) hear(message);
            if (on_messages) on_messages(together);
        });
    } else {
        (void)socket->on_message([this](const Message& message) { hear(message); });
    }
    socket->on_listening([this] {
        if (!happens("listening")) return;
        stage.did(Deed::listening);
        if (on_listening) on_listening();
    });
    socket->on_connect([this] {
        if (!happens("connect")) return;
        stage.did(Deed::connected);
        if (on_connect) on_connect();
    });
    socket->on_drain([this] {
        if (!happens("drain")) return;
        stage.did(Deed::drained);
        if (on_drain) on_drain();
    });
    socket->on_error([this](const Failure& failure) {
        errors++;
        stage.tell(failure.error, Way::event, this);
        if (failure.text().empty()) stage.complain("an error without a text");
        if (!(closes > 0 && asked_late) && !happens("error")) return;
        if (on_error) on_error(failure);
    });
    const net::ListenerId id = socket->on_close([this] {
        if (!happens("close")) return;
        if (!closing) stage.complain("'close', and nobody has closed it");
        closes++;
        stage.did(Deed::closed);
        if (on_close) on_close();
    });
    deaf_to_close = id == 0;
}

void Seat::listen_to_reports() {
    socket->on_report([this](const net::Report& report) {
        if (!happens("report")) return;
        if (closing) stage.complain("'report' of a closed socket");
        if (!report.error) stage.complain("a report of nothing");
        stage.did(Deed::reported);
        if (on_report) on_report(report);
    });
}

// False when it must not.
bool Seat::happens(std::string_view what) {
    if (destroyed) stage.complain("'" + std::string(what) + "' of a destroyed socket");
    if (closes > 0) stage.complain("'" + std::string(what) + "' after 'close'");
    return !destroyed && closes == 0;
}

void Seat::hear(const Message& message) {
    if (closing) stage.complain("'message' of a closed socket");
    if (!happens("message")) return;
    const bool nameless = message.sender.family == platform::Family::none;
    if (informed != (message.info != nullptr)) stage.complain("'message' without its information");
    const bool placeless = message.info && message.info->local.family == platform::Family::none;
    // Whoever listens can see it.
    if (message.truncated || nameless || placeless) stage.tell({Code::unknown}, Way::event, this);
    if (message.info && !placeless) stage.did(Deed::informed);
    stage.did(Deed::heard);
    if (on_message) on_message(message);
}

Address Seat::bind(std::string_view place) {
    if (!socket) return {};
    const bool path = place.starts_with('/') || place.starts_with('@');
    const auto local = path ? socket->bind_sync(place) : socket->bind_sync(0, place);
    if (stage.well(local)) address = *local;
    return address;
}

net::Datagram::SendCallback Seat::sent(Then then) {
    return [ticket = stage.ticket(Ticket::What::send, this),
            then = std::move(then)](const Failure& failure, std::size_t bytes) mutable {
        ticket.called();
        Seat& seat = *ticket.seat();
        if (seat.closes > 0 && !seat.asked_late) ticket.stage().complain("a send after 'close'");
        if (failure && bytes != 0) ticket.stage().complain("a failure with bytes");
        if (failure) return ticket.stage().tell(failure.error, Way::callback, &seat);
        ticket.stage().did(Deed::sent);
        if (then) then();
    };
}

net::Datagram::SendManyCallback Seat::sent_many(std::size_t count, Then then) {
    return [ticket = stage.ticket(Ticket::What::send, this), count, then = std::move(then)](
               const Failure& first, std::size_t sent, std::size_t bytes) mutable {
        ticket.called();
        Seat& seat = *ticket.seat();
        if (seat.closes > 0 && !seat.asked_late) ticket.stage().complain("a send after 'close'");
        if ((sent < count) != static_cast<bool>(first)) {
            ticket.stage().complain("a failure, and all were sent; or none, and not all");
        }
        if (sent > count || (sent == 0 && bytes != 0)) ticket.stage().complain("bytes of nothing");
        for (std::size_t i = sent; i < count; i++) {  // So many are said to be missing.
            ticket.stage().tell(first.error, Way::callback, &seat);
        }
        ticket.stage().did(Deed::sent, static_cast<int>(sent));
        if (then) then();
    };
}

net::Datagram::ConnectCallback Seat::connected(Then then) {
    return [ticket = stage.ticket(Ticket::What::connect, this),
            then = std::move(then)](const Failure& failure) mutable {
        ticket.called();
        if (ticket.seat()->closes > 0) ticket.stage().complain("a connect after 'close'");
        if (failure) {
            return ticket.stage().tell(failure.error, Way::callback, ticket.seat());
        }
        ticket.stage().did(Deed::connected);
        if (then) then();
    };
}

net::Datagram::Listener Seat::bound(Then then) {
    return [ticket = stage.ticket(Ticket::What::bind, this), then = std::move(then)]() mutable {
        ticket.called();
        if (ticket.seat()->closes > 0) ticket.stage().complain("a bind after 'close'");
        ticket.stage().did(Deed::listening);
        if (then) then();
    };
}

void Seat::close() {
    if (!socket || std::exchange(closing, true)) return;
    socket->close([ticket = stage.ticket(Ticket::What::close, this)]() mutable {
        ticket.called();
    });
}

void Seat::abort() {
    if (!socket || std::exchange(closing, true)) return;
    socket->abort([ticket = stage.ticket(Ticket::What::close, this)]() mutable {
        ticket.called();
    });
}

void Seat::destroy() {
    stage.silent = true;
    stage.excuse(this);
    destroyed = true;
    socket.reset();
}

void Seat::replace() {
    stage.silent = true;
    stage.excuse(this);
    destroyed = true;
    if (socket) *socket = net::Datagram(stage.loop(), net::Options{.linger = 50ms});
}

// ---- The stage ---------------------------------------------------------------------------------

Stage::Stage() {
    loop_.emplace();
    if (loop_->open_error()) {
        tell(loop_->open_error());
        loop_failed = true;
    }
    loop_->on_unhandled_error([this](Error error, std::string_view) { tell(error); });
}

Stage::~Stage() { finish(); }

void Stage::finish() {
    if (loop_first) {
        excuse(nullptr);
        loop_.reset();
    }
    for (Seat& seat : seats_) {
        seat.destroyed = true;
        seat.socket.reset();
    }
    loop_.reset();
    kept_.clear();
    for (const Ticket::Entry& entry : entries_) {
        if (!entry.gone) complain("a callback outlives its loop");
    }
    entries_.clear();
    seats_.clear();
}

Seat& Stage::seat(net::Options options, bool in_batches) {
    Seat& made = seats_.emplace_back(*this, std::move(options), in_batches);
    made.address.family = platform::Family::none;
    made.number = static_cast<int>(seats_.size());
    return made;
}

Seat& Stage::bound_seat(Type type) {
    Seat& made = seat(type);
    made.bind(type == Type::udp6 ? "::1" : "127.0.0.1");
    return made;
}

Ticket Stage::ticket(Ticket::What what, Seat* seat) {
    return Ticket(*this, entries_.emplace_back(Ticket::Entry{what, seat}));
}

bool Stage::well(const Error& error) {
    if (!error) {
        did(Deed::answered);
        return true;
    }
    tell(error);
    return false;
}

void Stage::tell(const Error& error, Way way, const Seat* seat) {
    told++;
    tales[{seat ? seat->number : 0, way, error.code}]++;
    if (error.code == Code::out_of_memory) memory_told = true;
}

void Stage::complain(std::string what) {
    if (complaints.size() < 10) complaints.push_back(std::move(what));
}

void Stage::excuse(Seat* seat) {
    for (Ticket::Entry& entry : entries_) {
        if (!seat || entry.seat == seat) entry.dropped = true;
    }
}

core::Timer Stage::after(std::chrono::nanoseconds delay, std::function<void()> then) {
    core::Timer timer = loop().after(
        delay, [ticket = ticket(Ticket::What::timer), then = std::move(then)]() mutable {
            ticket.called();
            ticket.stage().did(Deed::fired);
            if (then) then();
        });
    if (!timer.active()) tell({Code::out_of_memory});
    return timer;
}

void Stage::post(std::function<void()> then) {
    const bool taken =
        loop().post([ticket = ticket(Ticket::What::post), then = std::move(then)]() mutable {
            ticket.called();
            ticket.stage().did(Deed::posted);
            if (then) then();
        });
    if (!taken) tell({Code::out_of_memory});
}

net::Resolver::Id Stage::look_up(std::string_view host, net::Family family,
                                 std::function<void()> then) {
    return net::Resolver(loop()).lookup(
        host, family,
        [ticket = ticket(Ticket::What::lookup),
         then = std::move(then)](const Failure& failure, std::span<const Address> found) mutable {
            ticket.called();
            if (!failure && found.empty()) ticket.stage().complain("a name without an address");
            if (failure) {
                ticket.stage().tell(failure.error);
            } else {
                ticket.stage().did(Deed::found);
            }
            if (then) then();
        });
}

// ---- Running -----------------------------------------------------------------------------------

bool Stage::is_idle() const {
    for (const Seat& seat : seats_) {
        if (!seat.idle()) return false;
    }
    return true;
}

bool Stage::play(std::chrono::nanoseconds time, int turns_max) {
    if (loop_failed) {
        for (int i = 0; i < 2; i++) {
            if (!loop().run()) complain("run() of a broken loop says nothing");
        }
        return true;
    }
    const std::int64_t end = loop().now().nanoseconds + time.count();
    told_before_ = told;
    turns_made_ = turns_max;
    for (turns_left = turns_max; turns_left > 0 && loop().alive(); turns_left--) {
        if (loop().now().nanoseconds >= end) return false;
        if (const Error error = loop().turn({end})) tell(error);
    }
    return !loop().alive();
}

bool Stage::rests() {
    constexpr int turns_allowed = 5;
    if (loop_failed || !is_idle()) return true;
    const std::int64_t end = loop().now().nanoseconds + 100'000'000;
    const int before = told;
    for (int turns = 0; loop().now().nanoseconds < end; turns++) {
        if (turns > turns_allowed) return told - before >= turns;  // An 'error' each is none.
        if (const Error error = loop().turn({end})) tell(error);
    }
    return true;
}

void Stage::close_all() {
    for (Seat& seat : seats_) seat.close();
}

void Stage::end_loop() {
    loop_first = silent = true;
}

// ---- Judging -----------------------------------------------------------------------------------

// What could not even be begun was told as what it was: out of memory.
void Stage::judge() {
    for (const Seat& seat : seats_) {
        if (!seat.socket) continue;
        const net::Counters counters = seat.socket->counters();
        did(Deed::dropped, static_cast<int>(counters.strangers + counters.blocked));
    }
    judge_counters();
    for (const Seat& seat : seats_) {
        if (seat.destroyed || seat.deaf_to_close || loop_failed || loop_first) continue;
        if (seat.closing && seat.closes != 1 && !memory_told) complain("no 'close'");
    }
    for (const Ticket::Entry& entry : entries_) judge(entry);
}

// They count what has happened, and no more than that; the loop's are those of all its sockets, and
// what one without memory for its own could not count.
void Stage::judge_counters() {
    if (!loop_) return;
    const net::Counters all = net::counters(*loop_);
    net::Counters sum;
    for (const Seat& seat : seats_) {
        if (seat.socket) sum += seat.socket->counters();
    }
    const std::uint64_t lost = all.blocked + all.strangers + all.unheard;
    const auto done = [this](Deed deed) {
        return static_cast<std::uint64_t>(deeds[static_cast<std::size_t>(deed)]);
    };
    const bool sound = all.sent >= sum.sent && all.sent_bytes >= sum.sent_bytes &&
                       all.failed >= sum.failed && all.refused >= sum.refused &&
                       all.received >= sum.received && all.overflowed >= sum.overflowed;
    if (!sound) complain("the loop's counters say less than those of its sockets");
    if (all.received < lost + done(Deed::heard)) complain("more is heard than was received");
    if (all.sent < done(Deed::sent)) complain("more is sent than has left");
    if (all.overflowed > 1000) complain("more is dropped than anybody sends");
}

void Stage::judge(const Ticket::Entry& entry) {
    if (entry.calls > 0 || entry.dropped || memory_told || loop_failed || loop_first) return;
    const bool closed = entry.seat && entry.seat->closing;
    const bool failed = entry.seat && entry.seat->errors > 0;
    switch (entry.what) {
        case Ticket::What::send: return complain("a send without an outcome");
        case Ticket::What::connect:
            if (!closed) complain("a connect without an outcome");
            return;
        case Ticket::What::bind:
            if (!closed && !failed) complain("a bind without an outcome");
            return;
        case Ticket::What::close: return complain("a close without an outcome");
        case Ticket::What::lookup: return complain("a look-up without an outcome");
        case Ticket::What::timer: return complain("a timer that never fires");
        case Ticket::What::post: return complain("a post that never runs");
        case Ticket::What::task: return complain("a coroutine that never ends");
    }
}

}  // namespace walk
