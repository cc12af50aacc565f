// Doing what a plan says: each call first asks the model what may come of it, then the library.
#include <algorithm>

#include "tests/simulation/swarm/stage.h"

namespace swarm {

namespace {

using Kind = Request::Kind;

Place place_to_bind(const Plan& plan, const SocketPlan& socket, const Operation& operation) {
    Place place = place_of(plan, socket, operation.target, operation.port);
    const bool any = operation.target == Target::none || operation.form == Form::plain ||
                     operation.form == Form::port;
    if (!any || socket.type == net::Type::unix_dgram) return place;
    place = {};
    const net::Family family =
        socket.type == net::Type::udp4 ? net::Family::ipv4 : net::Family::ipv6;
    place.addresses = {net::Address::any(family, static_cast<std::uint16_t>(operation.port))};
    return place;
}

bool in_range(std::int32_t port) { return port >= 0 && port <= 65535; }

// The form that the call will take: an endpoint must be one.
Form form_of(const Operation& operation, const Socket& socket, const Place& place) {
    if (socket.is_local()) return operation.form == Form::plain ? Form::plain : Form::text;
    if (operation.form > Form::options) return Form::text;
    const bool literal = !place.name && !place.malformed && in_range(operation.port);
    return operation.form == Form::endpoint && !literal ? Form::text : operation.form;
}

std::string with_port(const std::string& text, std::int32_t port) {
    return port == 0 ? text : text + ":" + std::to_string(port);
}

}  // namespace

void Stage::perform(const Operation& operation) {
    if (over_) return;
    outcome_.operations++;
    note("> " + text_of(plan_, operation));
    const std::uint8_t host = plan_.sockets[operation.socket].host;
    switch (operation.what) {
        case Do::timer: return timer(operation, host);
        case Do::timer_change: return change_timer(operation, host);
        case Do::post: return post(host);
        case Do::look_up: return look_up(operation, host);
        case Do::world: return change_world(operation);
        case Do::create: return create(operation.socket);
        default: break;
    }
    Slot& slot = slots_[operation.socket];
    if (!slot.object) return;
    audit(*slot.model);
    perform_on(slot, operation);
    if (slot.object) audit(*slot.model);
}

void Stage::perform_on(Slot& slot, const Operation& operation) {
    switch (operation.what) {
        case Do::bind: return bind(slot, operation);
        case Do::bind_sync: return bind_sync(slot, operation);
        case Do::connect: return connect(slot, operation);
        case Do::connect_sync: return connect_sync(slot, operation);
        case Do::disconnect: return disconnect(slot);
        case Do::send: return send(slot, operation);
        case Do::echo: return echo(slot, operation);
        case Do::send_many: return send_many(slot, operation);
        case Do::pause: return pause(slot, true);
        case Do::resume: return pause(slot, false);
        case Do::close:
        case Do::abort: return close(slot, operation);
        case Do::destroy: return destroy(slot);
        case Do::move: return move(slot, operation);
        case Do::setting: return setting(slot, operation);
        case Do::membership: return membership(slot, operation);
        case Do::listen: return add_listener(slot, operation);
        case Do::unlisten: return remove_listener(slot, operation);
        case Do::reference: {
            const Call call(*this);
            slot.model->referenced = operation.number % 2 == 0;
            slot.model->referenced ? slot.object->ref() : slot.object->unref();
            return;
        }
        case Do::stop:
            if (!slot.stop || slot.stop->stopped()) return;
            if (slot.model->open()) note_close(*slot.model, false);
            {
                const Call call(*this);
                slot.stop->stop();
            }
            return;
        default: return;
    }
}

// ---- Requests ----------------------------------------------------------------------------------

Request& Stage::ask(Socket& socket, Kind kind, bool callback, const Verdict& verdict) {
    Request& request = socket.requests.emplace_back();
    request.kind = kind;
    request.number = next_request_++;
    request.callback = callback;
    request.may_pass = verdict.may_pass;
    request.failures = verdict.refusals;
    request.refusals = verdict.refusals.size();
    request.tick = request.owed_tick = loop_of(socket.host).tick();
    request.closing = !socket.open();
    if (!verdict.may_pass) owe(socket, request);
    return request;
}

// Its outcome is known: it is due in the next round, and nothing asked for later comes before it.
void Stage::owe(const Socket& socket, Request& request) {
    std::deque<Request*>& prompt = nodes_[socket.host].prompt;
    if (std::find(prompt.begin(), prompt.end(), &request) != prompt.end()) return;
    request.owed_tick = loop_of(socket.host).tick();
    prompt.push_back(&request);
}

// What a bound socket does not need. It comes before what is asked for next, if that passes.
void Stage::ask_implicit_bind(Socket& socket, const Verdict& next) {
    const Steps steps = binding_of(socket);
    if (socket.is_local() || !steps.none || !next.may_pass) return;
    Request& request = ask(socket, Kind::bind, false, {});
    request.maybe = steps.asked || !next.refusals.empty();
    request.addresses = {net::Address::any(socket.family())};
    if (socket.plan.ipv6_only && socket.plan.type == net::Type::udp4) {
        request.failures.push_back("bind EINVAL 0.0.0.0");
        request.may_succeed = false;
    }
}

void Stage::rely_on_steps(Socket& socket, Request& request, bool on_connect) {
    for (const Request& each : socket.requests) {
        const bool told = each.told && !each.blurred;  // Of another one, perhaps.
        const bool over = told || each.dropped || each.excused || !each.may_pass;
        if (&each == &request || over) continue;
        const bool binds = each.kind == Kind::bind && !socket.is_local();
        if (binds || (on_connect && each.kind == Kind::connect)) request.relies.push_back(&each);
    }
}

void Stage::bind(Slot& slot, const Operation& operation) {
    Socket& socket = *slot.model;
    const Place place = place_to_bind(plan_, socket.plan, operation);
    const Form form = form_of(operation, socket, place);
    std::int32_t port = operation.port;
    if (form == Form::plain || form == Form::endpoint) port = form == Form::plain ? 0 : port;
    if (socket.is_local() && form == Form::text) port = 0;
    Verdict verdict = judge_bind(socket, port);
    if (form == Form::plain && socket.is_local() && verdict.may_pass) {
        verdict.refuse("The \"path\" argument must be specified");
    }
    const bool given = form == Form::text || form == Form::options;
    if (place.malformed && given && verdict.may_pass) {
        verdict.refuse("bind EINVAL " + with_port(place.text, port));
    }
    Request& request = ask(socket, Kind::bind, operation.callback, verdict);
    request.addresses = place.addresses;
    if (form == Form::plain) request.addresses = {net::Address::any(socket.family())};
    if (request.may_pass && place.name && given) request.name = place.text;
    if (request.may_pass) {
        Place wanted = place;
        wanted.addresses = request.addresses;
        expect_bind(plan_, socket, wanted, request);
    }
    net::Datagram::Listener listener;
    if (operation.callback) {
        const std::uint32_t number = socket.number;
        listener = [this, number, asked = &request] { told_bind(number, asked); };
    }
    const Call call(*this);
    net::Datagram& object = *slot.object;
    switch (form) {
        case Form::plain: return object.bind(std::move(listener));
        case Form::endpoint: return object.bind(place.addresses[0], std::move(listener));
        case Form::options:
            return object.bind({.port = port, .address = place.text}, std::move(listener));
        case Form::text:
            if (socket.is_local()) return object.bind(place.text, std::move(listener));
            return object.bind(port, place.text, std::move(listener));
        default: return object.bind(port, std::move(listener));
    }
}

// What was done at once is announced in the next round.
void Stage::announced(Socket& socket, Kind kind, const Place& place) {
    Request& request = ask(socket, kind, false, {});
    request.at_once = true;
    request.addresses = place.addresses;
    owe(socket, request);
    if (kind == Kind::connect) {
        const auto remote = socket.object->remote_address();
        if (!remote) return fail("connected at once, and no peer");
        socket.connected = true;
        socket.peer = *remote;
        return;
    }
    const auto local = socket.object->address();
    if (!local) return fail("bound at once, and no address");
    for (Request& each : socket.requests) {  // Those before it can only have failed.
        const bool before = each.kind == Kind::bind && &each != &request && !each.told;
        if (before) each.may_succeed = false;
    }
    socket.bound = true;
    if (socket.local.family == net::Family::none) socket.local = *local;
    socket.ports.insert(local->port);
}

// By a call that needed it. Where a bind may have failed and not said so, nobody knows which bind
// it was: its own, or the one before.
void Stage::note_bound_meanwhile(Socket& socket, const Steps& before) {
    if (!before.none || before.done || !socket.object->address()) return;
    const Place any{.text = {}, .addresses = {net::Address::any(socket.family())}};
    if (!socket.has_untold(Kind::bind)) return announced(socket, Kind::bind, any);
    Request& request = ask(socket, Kind::bind, false, {});
    request.maybe = true;
    request.addresses = any.addresses;
}

void Stage::bind_sync(Slot& slot, const Operation& operation) {
    Socket& socket = *slot.model;
    const Place place = place_to_bind(plan_, socket.plan, operation);
    const std::int32_t port = socket.is_local() ? 0 : operation.port;
    const Verdict verdict = judge_bind(socket, port);
    Request wanted;
    expect_bind(plan_, socket, place, wanted);
    if (place.name || place.malformed) {
        wanted.may_succeed = false;
        wanted.failures = {"bind EINVAL"};
    }
    const auto result = [&] {
        const Call call(*this);
        if (socket.is_local()) return slot.object->bind_sync(place.text);
        return slot.object->bind_sync(port, place.text);
    }();
    if (result) {
        if (!verdict.may_pass || !wanted.may_succeed) fail("bind_sync succeeded, and must not");
        return announced(socket, Kind::bind, place);
    }
    const std::string code(platform::name(result.error().code));
    for (const std::string& text : verdict.refusals) {
        if (text.starts_with(net::text(result.error()).substr(0, 4))) return;
    }
    for (const std::string& text : wanted.failures) {
        if (text.find(code) != text.npos) return;
    }
    fail("bind_sync came to " + net::text(result.error()));
}

// A peer makes the system choose the socket's own address, from which a send that still waits may
// have no way.
void Stage::note_peers(Socket& socket, const Place& place) {
    socket.change(now(socket.host));
    socket.peers.insert(socket.peers.end(), place.addresses.begin(), place.addresses.end());
    for (Request& each : socket.requests) {
        if (each.kind != Kind::send || each.told || !each.may_pass) continue;
        for (const net::Address& to : each.addresses) {
            each.failures.push_back("send EINVAL " + written(to));
        }
    }
}

void Stage::connect(Slot& slot, const Operation& operation) {
    Socket& socket = *slot.model;
    const Place place = place_of(plan_, socket.plan, operation.target, operation.port);
    Form form = form_of(operation, socket, place);
    if (form == Form::port && operation.target != Target::none) form = Form::text;
    const std::int32_t port = socket.is_local() ? 1 : operation.port;
    Verdict verdict = judge_connect(socket, port);
    if (form == Form::plain && socket.is_local() && verdict.may_pass) {
        verdict.refuse("The \"path\" argument must be specified");
    }
    if (place.malformed && verdict.may_pass && form != Form::plain) {
        verdict.refuse("connect EINVAL " + with_port(place.text, port));
    }
    Place wanted = place;
    if (form == Form::plain) {
        wanted = place_of(plan_, socket.plan, Target::none, operation.port);
    }
    ask_implicit_bind(socket, verdict);
    Request& request = ask(socket, Kind::connect, operation.callback, verdict);
    request.addresses = wanted.addresses;
    if (request.may_pass) {
        if (wanted.name) request.name = wanted.text;
        rely_on_steps(socket, request, false);
        expect_connect(plan_, socket, wanted, request);
        note_peers(socket, wanted);
    }
    net::Datagram::ConnectCallback callback;
    if (operation.callback) {
        callback = [this, number = socket.number, asked = &request](const net::Failure& failure) {
            told_connect(number, asked, failure);
        };
    }
    const Call call(*this);
    net::Datagram& object = *slot.object;
    switch (form) {
        case Form::endpoint: return object.connect(place.addresses[0], std::move(callback));
        case Form::plain: return object.connect(port, std::move(callback));
        default: break;
    }
    if (socket.is_local()) return object.connect(place.text, std::move(callback));
    object.connect(port, place.text, std::move(callback));
}

void Stage::connect_sync(Slot& slot, const Operation& operation) {
    Socket& socket = *slot.model;
    const Place place = place_of(plan_, socket.plan, operation.target, operation.port);
    const std::int32_t port = socket.is_local() ? 1 : operation.port;
    const Verdict verdict = judge_connect(socket, port);
    const Steps steps = binding_of(socket);
    Request wanted;
    expect_connect(plan_, socket, place, wanted);
    if (place.name || place.malformed) {
        wanted.may_succeed = false;
        wanted.failures = {"connect EINVAL"};
    }
    note_peers(socket, place);
    const auto result = [&] {
        const Call call(*this);
        if (socket.is_local()) return slot.object->connect_sync(place.text);
        return slot.object->connect_sync(port, place.text);
    }();
    if (!socket.is_local()) note_bound_meanwhile(socket, steps);
    if (result) {
        if (!verdict.may_pass || !wanted.may_succeed) fail("connect_sync succeeded, and must not");
        return announced(socket, Kind::connect, place);
    }
    const std::string text = net::text(result.error());
    const std::string code(platform::name(result.error().code));
    if (std::any_of(verdict.refusals.begin(), verdict.refusals.end(),
                    [&](const auto& each) { return each.starts_with(text.substr(0, 4)); })) {
        return;
    }
    // Of the bind that it implies, too: one that is under way, or cannot be.
    const bool odd = socket.plan.ipv6_only && socket.plan.type == net::Type::udp4;
    if (code == "EALREADY" || code == "EBADF" ? steps.asked : code == "EINVAL" && odd) return;
    for (const std::string& each : wanted.failures) {
        if (each.find(code) != each.npos || each.find('*') != each.npos) return;
        if (code == "ERR_IP_BLOCKED" && each.starts_with("IP(")) return;
    }
    fail("connect_sync came to " + text);
}

void Stage::disconnect(Slot& slot) {
    Socket& socket = *slot.model;
    const bool open = socket.open();
    const bool connected = connection_of(socket).done;
    const platform::Error error = [&] {
        const Call call(*this);
        return slot.object->disconnect();
    }();
    socket.adrift = connected && error.code == platform::Code::address_not_available &&
                    changes_world(plan_);
    if (socket.adrift) return lose_peer(socket);
    expect(socket, "disconnect", error.code,
           !open       ? platform::Code::not_running
           : connected ? platform::Code::ok
                       : platform::Code::not_connected_to_peer);
    if (error) return;
    lose_peer(socket);
    expect_left(socket, "disconnect");
}

void Stage::lose_peer(Socket& socket) {
    socket.change(now(socket.host));
    socket.connected = false;
    for (Request& each : socket.requests) {
        if (each.kind == Kind::connect && !each.told) each.spent = true;
    }
}

// Nothing is heard until it resumes, and then what was kept comes first.
void Stage::pause(Slot& slot, bool on) {
    {
        const Call call(*this);
        on ? slot.object->pause() : slot.object->resume();
    }
    slot.model->paused = on && slot.model->open();
}

// ---- Ends --------------------------------------------------------------------------------------

void Stage::note_close(Socket& socket, bool abort) {
    socket.any_port = socket.has_untold(Kind::bind);
    socket.life = Life::closing;
    socket.paused = false;
    socket.aborted = abort;
    socket.closed_at = now(socket.host);
    socket.closed_tick = loop_of(socket.host).tick();
    socket.closed_by = next_request_++;
    socket.change(socket.closed_at);
    socket.waits_to_close = !abort && socket.object->get_send_queue_count() > 0;
    for (Request& each : socket.requests) {
        const bool step = each.kind == Kind::bind || each.kind == Kind::connect;
        if (!step || each.told || !each.may_pass) continue;
        if (each.event_told) continue;  // Its callback is being called, or has been destroyed.
        if (each.refusals > 0) {  // A refusal is told all the same.
            each.may_succeed = false;
            each.excused = true;
        } else {
            each.dropped = true;
        }
        std::erase(nodes_[socket.host].prompt, &each);
    }
}

void Stage::close(Slot& slot, const Operation& operation) {
    Socket& socket = *slot.model;
    const bool abort = operation.what == Do::abort;
    net::Datagram::Listener listener;
    if (operation.callback) {
        listener = [this, number = socket.number] {
            Socket& closed = sockets_[number];
            if (!enter(Moment::close, &closed, closed.host, "callback")) return;
            if (!closed.close_told) fail("the callback of close before its event");
            if (++closed.close_callbacks_told > closed.close_callbacks) fail("close twice");
            leave(Moment::close, closed.host);
        };
    }
    if (socket.open()) {
        note_close(socket, abort);
        socket.close_callbacks += operation.callback;
    } else {
        Verdict verdict;
        verdict.refuse("Not running");
        ask(socket, Kind::other, false, verdict);
    }
    const Call call(*this);
    abort ? slot.object->abort(std::move(listener)) : slot.object->close(std::move(listener));
}

// Nothing of it may be told or looked at any more.
void Stage::bury(Socket& socket) {
    socket.any_port = socket.any_port || socket.has_untold(Kind::bind);
    socket.life = Life::destroyed;
    socket.object = nullptr;
    socket.change(now(socket.host));
    std::erase_if(nodes_[socket.host].prompt, [&](const Request* each) {
        return std::any_of(socket.requests.begin(), socket.requests.end(),
                           [&](const Request& own) { return &own == each; });
    });
    for (Record& each : traffic_.all()) {
        if (each.sender == socket.number) each.bytes.reset();
    }
}

void Stage::destroy(Slot& slot) {
    {
        const Call call(*this);
        slot.object.reset();
    }
    bury(*slot.model);
}

// Into another slot of the same host, whose socket is destroyed by that.
void Stage::move(Slot& slot, const Operation& operation) {
    Slot& to = slots_[static_cast<std::uint32_t>(operation.number) % slots_.size()];
    if (&to == &slot || !to.object || to.model->host != slot.model->host) return;
    {
        const Call call(*this);
        *to.object = std::move(*slot.object);
        slot.object.reset();
    }
    bury(*to.model);
    to.model = slot.model;
    to.model->object = &*to.object;
    std::swap(to.stop, slot.stop);
}

}  // namespace swarm
