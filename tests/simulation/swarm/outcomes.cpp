// What the library tells, held against what it was asked: each request has one outcome, of those
// that the contract allows, never inside a call, in its order.
#include <algorithm>

#include "tests/simulation/swarm/stage.h"

namespace swarm {

namespace {

constexpr const char* const moment_names[] = {
    "outside", "message", "listening", "connect", "error", "close", "drain", "sent", "timer",
    "post", "look-up"};

bool begins(const std::string& text, const char* with) { return text.starts_with(with); }

}  // namespace

// ---- Every callback ----------------------------------------------------------------------------

bool Stage::enter(Moment moment, Socket* socket, std::uint8_t host, std::string_view text) {
    if (over_) return false;
    outcome_.events++;
    const std::string who = socket ? "s" + std::to_string(socket->number) : "";
    note(who + " " + moment_names[static_cast<std::size_t>(moment)] + " " + std::string(text));
    Node& node = nodes_[host];
    node.happened[static_cast<std::size_t>(moment)]++;
    if (calls_ > 0) fail("a callback ran inside a call");
    if (socket && socket->life == Life::destroyed) fail("a destroyed socket called back");
    for (const Request* request : node.prompt) {
        if (node.loop->tick() > request->owed_tick + 1) fail("an outcome is late");
    }
    if (socket && !over_) audit(*socket);
    return !over_;
}

// What is planned for this callback is done at its end. Nothing of the caller's is looked at
// afterwards: it may be gone.
void Stage::leave(Moment moment, std::uint8_t host) {
    const std::uint32_t count = nodes_[host].happened[static_cast<std::size_t>(moment)];
    for (const Operation& each : plan_.operations) {
        if (over_ || ending_) return;
        const std::uint32_t times = each.what == Do::echo && each.number > 1
                                        ? static_cast<std::uint32_t>(each.number) : 1;
        if (each.moment != moment || count < each.at || count - each.at >= times) continue;
        if (plan_.sockets[each.socket].host == host) perform(each);
    }
}

// ---- Requests ----------------------------------------------------------------------------------

// One that is told: of those of its loop that need no waiting, none from before may be untold.
bool Stage::is_in_turn(const Socket& socket, const Request& request) const {
    const std::deque<Request*>& prompt = nodes_[socket.host].prompt;
    return std::none_of(prompt.begin(), prompt.end(), [&](const Request* each) {
        return each->number < request.number;
    });
}

void Stage::check_turn(const Socket& socket, const Request& request) {
    if (!is_in_turn(socket, request)) fail("an outcome came before that of an earlier call");
}

// An 'error' does not say whose it is, and so nothing of the order.
void Stage::check_order(Socket& socket, const Request& request) {
    const bool known = request.kind == Request::Kind::send && request.callback;
    if (!known || request.destination.empty()) return;
    for (const Request& each : socket.requests) {
        if (each.number >= request.number) return;
        const bool waits = each.kind == Request::Kind::send && each.callback && each.may_pass &&
                           !each.told && !each.dropped && !each.prompt();
        if (waits && each.destination == request.destination) {
            return fail("a send was told before an earlier one to the same destination");
        }
    }
}

void Stage::told(Socket& socket, Request& request, const std::string& text) {
    if (request.told && !request.blurred) return fail("a second outcome of one request");
    if (request.dropped) return fail("an outcome of a request that was closed or destroyed");
    if (socket.close_told && !request.closing) return fail("an outcome after 'close'");
    const bool canceled = socket.aborted && begins(text, "send ECANCELED");
    const bool late = socket.life == Life::closing && begins(text, "send ETIMEDOUT") &&
                      now(socket.host) >= socket.closed_at + socket.plan.linger_ms * 1'000'000ll;
    if (text.empty() ? !request.may_pass || !request.may_succeed
                     : !canceled && !late && !may_fail_with(request, text)) {
        std::string wanted;
        for (const std::string& each : request.failures) wanted += "\n    or " + each;
        return fail("a request came to '" + text + "', not to" +
                    (request.may_pass && request.may_succeed ? "\n    success" : "") + wanted);
    }
    check_turn(socket, request);
    if (!begins(text, "send ENOBUFS")) {
        check_order(socket, request);
    } else if (request.callback || !socket.plan.deaf) {
        socket.drain_owed = true;
    }
    socket.refused += begins(text, "send ENOBUFS");
    request.told = true;
    std::erase(nodes_[socket.host].prompt, &request);
    if (!text.empty() && !request.is_refusal(text)) excuse_dependants(socket, request);
}

// What relied on a step and has no callback fails without a word of its own.
void Stage::excuse_dependants(Socket& socket, const Request& step) {
    if (step.kind == Request::Kind::send) return;
    for (Request& each : socket.requests) {
        const bool relies = std::find(each.relies.begin(), each.relies.end(), &step) !=
                            each.relies.end();
        if (relies && !each.callback && !each.told) each.excused = true;
    }
}

void Stage::told_send(std::uint32_t number, Request* request, const net::Failure& failure,
                      std::size_t bytes) {
    Socket& socket = sockets_[number];
    const std::string text = failure.text();
    if (!enter(Moment::sent, &socket, socket.host, std::to_string(request->number) + " " + text)) {
        return;
    }
    told(socket, *request, text);
    Record& record = traffic_.at(request->record);
    record.bytes.reset();  // The caller's again: whoever looks at them now is caught.
    (failure ? record.failed : record.succeeded) = true;
    record.refused = begins(text, "send ENOBUFS");
    if (bytes != (failure ? 0 : request->size)) fail("a send said the wrong number of bytes");
    const bool unique = record.size >= 4 && record.content == record.number;
    if (failure && unique && !record.received.empty()) {
        fail("a send failed whose datagram had arrived");
    }
    if (!failure && socket.open() && !socket.is_local()) {
        if (!socket.bound || socket.listened == 0) fail("a send was told before 'listening'");
        for (const Request* step : request->relies) {
            if (!step->told && !step->maybe && !step->dropped && !step->excused) {
                fail("a send was told before the step it waited for");
            }
        }
    }
    leave(Moment::sent, socket.host);
}

namespace {

// Whether a bind to one of these could have come to this. What the system chooses lies far above
// the ports of plans.
bool could_be_bound_to(const std::vector<net::Address>& wanted, const net::Address& local) {
    return std::any_of(wanted.begin(), wanted.end(), [&](const net::Address& each) {
        if (local.family == net::Family::local) return each.host() == local.host();
        const bool port = each.port == 0 ? local.port > 2000 : each.port == local.port;
        return port && (each.is_unspecified() || each.host() == local.host());
    });
}

}  // namespace

void Stage::told_listening(std::uint32_t number) {
    Socket& socket = sockets_[number];
    if (!enter(Moment::listening, &socket, socket.host, "")) return;
    if (!socket.open()) return fail("'listening' after close()");
    const auto local = socket.object->address();
    if (!local) return fail("'listening', and no address");
    Request* found = nullptr;
    bool asked = false;
    for (Request& each : socket.requests) {
        const bool waits = each.kind == Request::Kind::bind && each.may_pass &&
                           each.may_succeed && !each.told && !each.dropped;
        asked = asked || waits;
        if (!found && waits && could_be_bound_to(each.addresses, *local)) found = &each;
    }
    if (!asked) return fail("'listening' that nobody asked for");
    if (!found) return fail("bound to another address");
    told(socket, *found, "");
    socket.listening = found;
    socket.listened++;
    socket.bound = true;
    if (socket.local.family == net::Family::none) socket.local = *local;
    socket.ports.insert(local->port);
    socket.bound_at = now(socket.host);
    leave(Moment::listening, socket.host);
}

void Stage::told_bind(std::uint32_t number, Request* request) {
    Socket& socket = sockets_[number];
    if (!enter(Moment::listening, &socket, socket.host, "callback")) return;
    const bool other = socket.listening && socket.listening->maybe && !request->told;
    if (other) {  // It was never made, and the 'listening' is this one's.
        told(socket, *request, "");
        socket.listening = request;
    }
    if (socket.listening != request) fail("the callback of a bind without its 'listening'");
    if (request->called) fail("the callback of a bind was called twice");
    request->called = true;
    leave(Moment::listening, socket.host);
}

void Stage::told_connected(std::uint32_t number) {
    Socket& socket = sockets_[number];
    if (!enter(Moment::connect, &socket, socket.host, "")) return;
    if (!socket.open()) return fail("'connect' after close()");
    const auto waits = [](const Request& each) {
        return each.kind == Request::Kind::connect && each.may_pass && !each.told &&
               !each.dropped && !each.event_told;
    };
    auto found = std::find_if(socket.requests.begin(), socket.requests.end(),
                              [&](const Request& each) { return waits(each) && !each.excused; });
    if (found == socket.requests.end()) {  // One that an 'error' seemed to have spoken for.
        found = std::find_if(socket.requests.begin(), socket.requests.end(), waits);
    }
    if (found == socket.requests.end()) return fail("'connect' that nobody asked for");
    if (!found->may_succeed) return fail("'connect', though it cannot succeed");
    for (const Request* step : found->relies) {
        const bool waited = !step->told && !step->maybe && !step->dropped && !step->excused;
        if (waited) fail("'connect' before 'listening'");
    }
    check_turn(socket, *found);
    found->event_told = true;
    std::erase(nodes_[socket.host].prompt, &*found);
    const auto remote = socket.object->remote_address();
    if (!found->spent) {
        if (!remote) return fail("'connect', and no remote address");
        socket.connected = true;
        socket.peer = *remote;
    }
    if (!found->callback) told(socket, *found, "");
    leave(Moment::connect, socket.host);
}

void Stage::told_connect(std::uint32_t number, Request* request, const net::Failure& failure) {
    Socket& socket = sockets_[number];
    const std::string text = failure.text();
    if (!enter(Moment::connect, &socket, socket.host, "callback " + text)) return;
    if (failure && request->event_told) fail("'connect', and then a failure");
    if (!failure && !request->event_told) fail("a callback of connect before its event");
    told(socket, *request, text);
    if (failure && !request->is_refusal(text) && socket.open()) owe_dependants(socket, *request);
    leave(Moment::connect, socket.host);
}

// ---- Errors ------------------------------------------------------------------------------------

namespace {

// Whether an 'error' may be the outcome of this request, which has no callback to tell.
bool may_be(const Socket& socket, const Request& request, const std::string& text,
            std::uint64_t tick) {
    if (request.callback && request.kind != Request::Kind::bind) return false;
    if (socket.close_told && !request.closing) return false;
    if ((request.told && !request.blurred) || request.dropped || request.event_told) return false;
    const bool refusal = request.is_refusal(text) || begins(text, "send ENOBUFS");
    if (refusal && tick > request.tick + 1) return false;
    const bool send = request.kind == Request::Kind::send;
    if (send && socket.aborted && begins(text, "send ECANCELED")) return true;
    if (send && !socket.open() && begins(text, "send ETIMEDOUT")) return true;
    return may_fail_with(request, text);
}

}  // namespace

// The oldest one whose error this may be, if there is one. Those whose turn it is come first; of
// these refusals, then those that nothing else has spoken for.
Explanation Stage::explanation(Socket& socket, const std::string& text) {
    Explanation best;
    std::size_t candidates = 0;
    bool uncertain = false;
    if (socket.life == Life::destroyed) return best;
    const std::uint64_t tick = loop_of(socket.host).tick();
    for (Request& each : socket.requests) {
        if (!may_be(socket, each, text, tick)) continue;
        // A refusal that it was told of may have been another one's; its own failure is not.
        const bool own = each.refusals > 0 && !each.is_refusal(text) &&
                         fails_itself_with(each, text);
        const int doubt = each.blurred                 ? own ? 2 : 3
                          : each.is_refusal(text)      ? 0
                          : each.excused || each.maybe ? 2
                                                       : 1;
        const int doubts = doubt + (is_in_turn(socket, each) ? 0 : 4);
        const Explanation one{&socket, &each, doubts};
        candidates++;
        uncertain = uncertain || each.maybe;
        if (one.is_better_than(best)) best = one;
    }
    best.candidates = candidates;
    best.uncertain = uncertain;
    return best;
}

// What relied on a step fails with it, and is told before all that was asked for later.
void Stage::owe_dependants(Socket& socket, const Request& step) {
    for (Request& each : socket.requests) {
        const auto& relies = each.relies;
        const bool certain = each.callback && each.refusals == 0 && !each.may_overflow &&
                             !each.many && each.may_pass && !each.told && !each.dropped;
        if (!certain || std::find(relies.begin(), relies.end(), &step) == relies.end()) continue;
        const auto is_doubt = [](const Request* it) { return it->maybe; };
        if (std::none_of(relies.begin(), relies.end(), is_doubt)) owe(socket, each);
    }
}

// A custom look-up has been asked for a name, and answers at once. A step that fails is told then;
// a send that does a tick later, as if it had waited.
void Stage::note_look_up(Socket& socket, std::string_view host, bool fails) {
    for (Request& each : socket.requests) {
        if (each.name != host || each.told || each.dropped) continue;
        each.name.clear();
        const bool certain = each.callback && each.refusals == 0 &&
                             each.kind == Request::Kind::connect;
        if (fails && certain && socket.open()) owe(socket, each);
        return;
    }
}

void Stage::told_silently(const Explanation& found, const std::string& text) {
    Request& request = *found.request;
    const bool refusal = request.is_refusal(text);
    if (!refusal) {  // It may have been any of these.
        const std::uint64_t tick = loop_of(found.socket->host).tick();
        for (const Request& each : found.socket->requests) {
            if (may_be(*found.socket, each, text, tick)) excuse_dependants(*found.socket, each);
        }
    }
    told(*found.socket, request, text);
    const bool again = request.blurred;
    request.blurred = refusal ? request.may_pass && found.candidates > 1
                              : request.kind == Request::Kind::send || found.uncertain;
    if (again || request.blurred) request.texts.push_back(text);
    const bool failed = !request.is_refusal(text) && found.candidates == 1;
    if (failed && request.kind != Request::Kind::send) owe_dependants(*found.socket, request);
}

// What ICMP had to say: of a socket that is or was connected, once a tick.
bool Stage::is_complaint(Socket& socket, const std::string& text) {
    if (!begins(text, "recvmsg ") || !socket.open() || socket.peers.empty()) return false;
    std::uint64_t& tick = socket.complaints[text];
    const std::uint64_t before = std::exchange(tick, loop_of(socket.host).tick());
    const bool first = before != tick;
    if (!first) fail("two errors of one code in a tick: " + text);
    return true;
}

void Stage::told_error(std::uint32_t number, const std::string& text) {
    Socket& socket = sockets_[number];
    if (!enter(Moment::error, &socket, socket.host, text)) return;
    if (const Explanation found = explanation(socket, text); found.request) {
        told_silently(found, text);
    } else if (!is_complaint(socket, text)) {
        return fail("an 'error' that nothing explains: " + text);
    }
    leave(Moment::error, socket.host);
}

// It does not say whose it is.
void Stage::told_unhandled(std::uint8_t host, const std::string& text) {
    if (!enter(Moment::error, nullptr, host, "unhandled " + text)) return;
    Explanation best;
    bool complaint = false;
    for (Socket& each : sockets_) {
        if (!each.plan.deaf || each.host != host) continue;
        const Explanation found = explanation(each, text);
        if (!found.request && !complaint) complaint = is_complaint(each, text);
        const std::size_t candidates = best.candidates + found.candidates;
        if (found.is_better_than(best)) best = found;
        best.candidates = candidates;
    }
    if (best.request) told_silently(best, text);
    if (best.request || complaint) return leave(Moment::error, host);
    fail("an unhandled error that nothing explains: " + text);
}

// ---- Events ------------------------------------------------------------------------------------

void Stage::told_message(std::uint32_t number, const net::Message& message) {
    Socket& socket = sockets_[number];
    const std::string text = std::to_string(message.size()) + " bytes from " +
                             written(message.sender);
    if (!enter(Moment::message, &socket, socket.host, text)) return;
    if (!socket.open()) return fail("'message' after close()");
    if (socket.listened == 0) return fail("'message' before 'listening'");
    if (message.truncated) return fail("a datagram was cut");
    if (socket.plan.receive_list && message.sender.unmapped().host() == host_text(0, false)) {
        return fail("'message' of a blocked sender");
    }
    const auto peer = socket.object->remote_address();
    if (peer && (peer->port != message.sender.port || peer->host() != message.sender.host())) {
        return fail("a connected socket heard a stranger");
    }
    const std::string wrong = traffic_.receive(sockets_, socket, message.bytes, message.sender,
                                               plan_.world);
    if (!wrong.empty()) return fail(wrong);
    message_ = &message;
    message_socket_ = number;
    leave(Moment::message, socket.host);
    message_ = nullptr;
}

void Stage::told_close(std::uint32_t number) {
    Socket& socket = sockets_[number];
    if (!enter(Moment::close, &socket, socket.host, "")) return;
    if (socket.life != Life::closing || socket.close_told) return fail("'close' out of turn");
    for (const Request& each : socket.requests) {
        const bool owed = (each.callback || each.prompt()) && !each.told && !each.dropped &&
                          !each.excused && !each.maybe;
        if (owed && !each.closing && each.kind != Request::Kind::bind) {
            return fail("'close' before the outcome of request " + std::to_string(each.number));
        }
    }
    const std::int64_t waited = now(socket.host) - socket.closed_at;
    const std::int64_t linger = socket.plan.linger_ms * 1'000'000ll;
    if (socket.waits_to_close ? waited > linger + 5'000'000
                              : loop_of(socket.host).tick() > socket.closed_tick + 2) {
        return fail("'close' is late");
    }
    socket.close_told = true;
    socket.life = Life::closed;
    socket.bound = socket.connected = false;
    audit(socket);
    for (Record& each : traffic_.all()) {
        if (each.sender == number) each.bytes.reset();
    }
    leave(Moment::close, socket.host);
}

void Stage::told_drain(std::uint32_t number) {
    Socket& socket = sockets_[number];
    if (!enter(Moment::drain, &socket, socket.host, "")) return;
    if (!socket.open()) return fail("'drain' after close()");
    if (!socket.overflowed) return fail("'drain', and nothing was refused");
    // What was refused since it was on its way has one of its own.
    const std::uint64_t tick = loop_of(socket.host).tick();
    socket.overflowed = std::any_of(
        socket.requests.begin(), socket.requests.end(), [tick](const Request& each) {
            return each.may_overflow && !each.told && each.tick + 1 >= tick;
        });
    socket.drain_owed = false;
    leave(Moment::drain, socket.host);
}

}  // namespace swarm
