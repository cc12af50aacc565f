// Settings, memberships, listeners, timers and the world: what is answered at once, or by nobody.
#include <algorithm>

#include "tests/simulation/swarm/stage.h"

namespace swarm {

namespace {

using platform::Code;

constexpr const char* event_names[] = {"message", "messages", "listening", "connect",
                                       "error",   "close",    "drain"};

}  // namespace

void Stage::expect(Socket& socket, std::string_view what, Code is, Code wanted) {
    if (is == wanted) return;
    const std::string_view got = is == Code::ok ? "success" : platform::name(is);
    const std::string_view name = wanted == Code::ok ? "success" : platform::name(wanted);
    fail("s" + std::to_string(socket.number) + ": " + std::string(what) + " came to " +
         std::string(got) + ", not to " + std::string(name));
}

// ---- Settings ----------------------------------------------------------------------------------

void Stage::setting(Slot& slot, const Operation& operation) {
    Socket& socket = *slot.model;
    net::Datagram& object = *slot.object;
    const std::int32_t value = operation.number;
    const bool bound = static_cast<bool>(object.address());
    const Code state = !socket.open() ? Code::not_running
                       : !bound       ? Code::bad_descriptor
                                      : Code::ok;
    const Code of_internet = socket.is_local() ? Code::not_supported : Code::ok;
    const auto ranged = [&](std::int32_t least) {
        if (state != Code::ok) return state;
        return value < least || value > 255 ? Code::invalid_argument : of_internet;
    };
    const Call call(*this);
    switch (static_cast<std::uint32_t>(operation.port) % 7) {
        case 0: {
            const Code code = object.set_ttl(value).code;
            if (code == Code::ok) expect_left(socket, "set_ttl");
            return expect(socket, "set_ttl", code, ranged(1));
        }
        case 1:
            return expect(socket, "set_multicast_ttl", object.set_multicast_ttl(value).code,
                          ranged(0));
        case 2:
            return expect(socket, "set_multicast_loopback",
                          object.set_multicast_loopback(value % 2 == 0).code,
                          state != Code::ok ? state : of_internet);
        case 3:
            if (state == Code::ok) socket.broadcasts = value % 2 == 0;
            return expect(socket, "set_broadcast", object.set_broadcast(value % 2 == 0).code,
                          state);
        case 4: {
            const bool six = socket.plan.type == net::Type::udp6;
            const std::string text = value % 2 == 0 ? (six ? "::" : "0.0.0.0") : "";
            const Code wanted = state != Code::ok   ? state
                                : socket.is_local() ? Code::not_supported
                                : text.empty()      ? Code::invalid_argument
                                                    : Code::ok;
            return expect(socket, "set_multicast_interface",
                          object.set_multicast_interface(text).code, wanted);
        }
        default: return buffer_setting(slot, operation);
    }
}

// Linux answers twice what was set.
void Stage::buffer_setting(Slot& slot, const Operation& operation) {
    Socket& socket = *slot.model;
    net::Datagram& object = *slot.object;
    const bool receives = operation.port % 2 == 0;
    const int bytes = operation.number % 3 == 0 ? 0 : 100'000 + operation.number;
    const bool bound = static_cast<bool>(object.address());
    const Code wanted = bytes <= 0       ? Code::bad_buffer_size
                        : !socket.open() ? Code::not_running
                        : !bound         ? Code::buffer_size_unavailable
                                         : Code::ok;
    const net::Error error = receives ? object.set_recv_buffer_size(bytes)
                                      : object.set_send_buffer_size(bytes);
    expect(socket, "the size of a buffer", error.code, wanted);
    const auto size = receives ? object.get_recv_buffer_size() : object.get_send_buffer_size();
    if (static_cast<bool>(size) != bound && socket.life != Life::closing) {
        fail("a buffer's size and the address disagree about being bound");
    }
    if (!error && *size != 2 * bytes) fail("a buffer has another size than was set");
}

// ---- Memberships -------------------------------------------------------------------------------

void Stage::membership(Slot& slot, const Operation& operation) {
    Socket& socket = *slot.model;
    net::Datagram& object = *slot.object;
    const bool six = socket.plan.type == net::Type::udp6;
    const std::string group = operation.target == Target::group ? six ? group_text_six
                                                                              : group_text
                              : operation.target == Target::none      ? ""
                              : operation.target == Target::malformed ? "nonsense"
                                                                      : "10.0.0.1";
    const Steps steps = binding_of(socket);
    const bool member = socket.memberships.contains({group, ""});
    const std::uint32_t how = static_cast<std::uint32_t>(operation.number) % 3;
    net::Error error;
    {
        const Call call(*this);
        error = how == 0   ? object.add_membership(group)
                : how == 1 ? object.drop_membership(group)
                           : object.add_membership_everywhere(group);
    }
    const bool sound = operation.target == Target::group;
    Code wanted = Code::ok;
    if (!socket.open()) {
        wanted = Code::not_running;
    } else if (group.empty()) {
        wanted = Code::missing_argument;
    } else if (socket.is_local()) {
        wanted = Code::not_supported;
    } else if (!sound) {
        wanted = Code::invalid_argument;
    } else if (how == 0) {
        wanted = member ? Code::address_in_use : Code::ok;
    } else if (how == 1) {
        wanted = member ? Code::ok : Code::address_not_available;
    }
    if (socket.open() && sound && !socket.is_local()) {
        const bool odd = socket.plan.ipv6_only && !six;
        if (steps.none && odd && error.code == Code::invalid_argument) return;
        if (!odd) note_bound_meanwhile(socket, steps);
        // A bind that is under way, or has failed and has not said so.
        const bool waits = error.code == Code::already_in_progress ||
                           error.code == Code::bad_descriptor;
        if (steps.asked && waits) return;
        if (steps.asked && !object.address()) fail("a membership without a bound socket");
    }
    if (error.code == Code::no_such_device && changes_world(plan_)) return;
    expect(socket, "a membership", error.code, wanted);
    if (error) return;
    if (how != 1) socket.joined_ever.insert(group);
    how == 1 ? void(socket.memberships.erase({group, ""}))
             : void(socket.memberships.insert({group, ""}));
}

// ---- Listeners ---------------------------------------------------------------------------------

// One more, of an event, which hears it while it is there.
void Stage::add_listener(Slot& slot, const Operation& operation) {
    Socket& socket = *slot.model;
    net::Datagram& object = *slot.object;
    const std::size_t index = socket.listeners.size();
    const bool once = operation.callback;
    const std::uint32_t which = static_cast<std::uint32_t>(operation.number) % 7;
    const net::Event event = static_cast<net::Event>(which);
    const auto heard = [this, number = socket.number, index, which] {
        if (over_) return;
        note("s" + std::to_string(number) + " also " + event_names[which]);
        if (calls_ > 0) fail("a callback ran inside a call");
        Listening& self = sockets_[number].listeners[index];
        if (!self.active) fail("a listener was called that had been removed");
        if (self.once) self.active = false;
    };
    const auto add = [&](auto on_once, auto on) {
        return once ? (object.*on_once)(heard) : (object.*on)(heard);
    };
    using D = net::Datagram;
    if (event == net::Event::messages || event == net::Event::error) return;
    net::ListenerId id = 0;
    const std::size_t before = object.listener_count(event);
    switch (event) {
        case net::Event::message: id = add(&D::once_message, &D::on_message); break;
        case net::Event::listening: id = add(&D::once_listening, &D::on_listening); break;
        case net::Event::connect: id = add(&D::once_connect, &D::on_connect); break;
        case net::Event::close: id = add(&D::once_close, &D::on_close); break;
        default: id = add(&D::once_drain, &D::on_drain); break;
    }
    if (!id) fail("a listener could not be added");
    if (object.listener_count(event) != before + 1) fail("a listener was added and not counted");
    socket.listeners.push_back({event, id, once, true});
}

void Stage::remove_listener(Slot& slot, const Operation& operation) {
    Socket& socket = *slot.model;
    if (socket.listeners.empty()) return;
    Listening& chosen =
        socket.listeners[static_cast<std::uint32_t>(operation.number) % socket.listeners.size()];
    if (slot.object->off(chosen.id) != chosen.active) {
        fail("off() and the listener disagree about its being there");
    }
    chosen.active = false;
}

// ---- Timers, posts, look-ups -------------------------------------------------------------------

void Stage::timer(const Operation& operation, std::uint8_t host) {
    const std::size_t index = timers_.size();
    Ticking& ticking = timers_.emplace_back();
    ticking.host = host;
    const std::int64_t delay = static_cast<std::int64_t>(operation.number) * 1'000'000;
    ticking.due = now(host) + delay;
    ticking.period = operation.callback ? std::max<std::int64_t>(delay, 1'000'000) : 0;
    if (ticking.period) ticking.due = now(host) + ticking.period;
    const auto fired = [this, index] {
        Ticking& self = timers_[index];
        if (!enter(Moment::timer, nullptr, self.host, std::to_string(index))) return;
        if (!self.active) return fail("a timer fired that was not armed");
        if (now(self.host) < self.due) return fail("a timer was early");
        for (const Ticking& each : timers_) {
            const bool alike = each.active && each.period == 0 && each.host == self.host;
            if (alike && each.due + 1'000'000 < self.due) {
                return fail("a timer fired before an earlier one");
            }
        }
        self.active = false;
        if (self.period && ++self.fired < 5) {
            self.active = true;
            while (self.due <= now(self.host)) self.due += self.period;
            self.due = now(self.host);  // Its grid is finer than what is checked here.
        } else if (self.period) {
            self.timer.cancel();
        }
        leave(Moment::timer, self.host);
    };
    const Call call(*this);
    const std::chrono::nanoseconds wait(delay);
    core::Loop& loop = loop_of(host);
    ticking.timer = ticking.period ? loop.every(wait, fired) : loop.after(wait, fired);
}

void Stage::change_timer(const Operation& operation, std::uint8_t host) {
    if (timers_.empty()) return;
    Ticking& ticking = timers_[static_cast<std::uint32_t>(operation.port) % timers_.size()];
    if (ticking.host != host) return;  // Of another loop, which is not to be touched here.
    if (ticking.timer.active() != ticking.active && calls_ == 0 && !ticking.period) {
        return fail("a timer and its model disagree about its being armed");
    }
    const Call call(*this);
    switch (static_cast<std::uint32_t>(operation.number) % 4) {
        case 0:
            ticking.timer.cancel();
            ticking.active = false;
            return;
        case 1:
            ticking.timer.unref();
            ticking.referenced = false;
            return;
        case 2:
            ticking.timer.ref();
            ticking.referenced = true;
            return;
        default: {
            const std::chrono::milliseconds delay(operation.number % 50);
            if (ticking.period) return;
            if (ticking.timer.restart(delay) != ticking.active && ticking.active) {
                return fail("a timer that is armed cannot be restarted");
            }
            ticking.active = ticking.timer.active();
            ticking.due = now(host) + std::chrono::nanoseconds(delay).count();
        }
    }
}

void Stage::post(std::uint8_t host) {
    posts_++;
    const Call call(*this);
    const std::uint64_t tick = loop_of(host).tick();
    const bool posted = loop_of(host).post([this, host, tick] {
        if (!enter(Moment::post, nullptr, host, "")) return;
        if (loop_of(host).tick() > tick + 2) fail("a post is late");
        posts_told_++;
        leave(Moment::post, host);
    });
    if (!posted) fail("a post was refused");
}

void Stage::look_up(const Operation& operation, std::uint8_t host) {
    SocketPlan plain;
    plain.host = host;
    const Place place = place_of(plan_, plain, operation.target, 0);
    Node& node = nodes_[host];
    node.look_ups++;
    const Call call(*this);
    const auto id = net::Resolver(*node.loop).lookup(
        place.text, net::Family::ipv4,
        [this, host, place](const net::Failure& failure, std::span<const net::Address> found) {
            if (!enter(Moment::look_up, nullptr, host, failure.text())) return;
            nodes_[host].look_ups--;
            if (!failure && found.empty()) fail("a look-up found nothing, and did not fail");
            if (!place.answers && !failure) fail("a name that nobody has was found");
            leave(Moment::look_up, host);
        });
    if (!id) fail("a look-up was refused");
}

// ---- The world ---------------------------------------------------------------------------------

void Stage::change_world(const Operation& operation) {
    if (operation.moment != Moment::outside) return;
    Node& node = nodes_[plan_.sockets[operation.socket].host];
    std::vector<simulation::Host> rest;
    for (Node& each : nodes_) {
        if (&each != &node) rest.push_back(each.host);
    }
    switch (static_cast<std::uint32_t>(operation.number) % 5) {
        case 0: return world_.partition({node.host}, rest);
        case 1: return world_.heal();
        case 2: return node.host.down();
        case 3: return node.host.up();
        default: return world_.cut({node.host}, rest);
    }
}

}  // namespace swarm
