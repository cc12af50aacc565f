// A plan from its first moment to its last: the world is made, what is planned happens, everything
// settles; then all is closed, every loop must end, and nothing may be owed or left.
#include <algorithm>

#include "tests/simulation/swarm/stage.h"

namespace swarm {

namespace {

using namespace std::chrono_literals;

constexpr std::int64_t second = 1'000'000'000;

simulation::Path path_of(const WorldPlan& world) {
    simulation::Path path;
    path.delay = std::chrono::milliseconds(world.delay_ms);
    path.jitter = std::chrono::milliseconds(world.jitter_ms);
    path.loss = world.loss / 128.0;
    path.duplicate = world.duplicate / 128.0;
    path.reorder = world.reorder / 128.0;
    path.bandwidth = world.bandwidth;
    path.queue = world.queue;
    path.mtu = world.mtu;
    path.fragments = world.fragments;
    return path;
}

std::uint64_t mixed(std::uint64_t hash, std::string_view text) {
    for (const char each : text) {  // FNV-1a.
        hash = (hash ^ static_cast<unsigned char>(each)) * 0x100000001b3;
    }
    return hash;
}

std::size_t open_handles() {
    std::size_t count = 0;
    for (std::intptr_t handle = 3; handle < 256; handle++) {
        if (platform::local_endpoint(platform::Socket{handle})) count++;
    }
    return count;
}

std::shared_ptr<const net::BlockList> first_host_blocked() {
    auto list = std::make_shared<net::BlockList>();
    (void)list->add_address(host_text(0, false));
    return list;
}

}  // namespace

Outcome play(const Plan& plan, bool trace) { return Stage(plan, trace).run(); }

Stage::Stage(const Plan& plan, bool trace)
    : plan_(plan), trace_(trace),
      world_({.seed = plan.seed, .path = path_of(plan.world), .trace = trace}),
      slots_(plan.sockets.size()) {
    for (std::uint32_t i = 0; i < plan.world.hosts; i++) {
        Node& node = nodes_.emplace_back(
            world_.host("h" + std::to_string(i), {host_text(i, false), host_text(i, true)}));
        node.loop->on_unhandled_error(
            [this, host = static_cast<std::uint8_t>(i)](net::Error, std::string_view text) {
                told_unhandled(host, std::string(text));
            });
        if (plan.world.heartbeat) node.heartbeat = node.loop->every(100ms, [] {});
    }
    script_names();
    for (std::size_t i = 0; i < slots_.size(); i++) create(static_cast<std::uint8_t>(i));
    schedule();
}

// The sockets go before what they may still look at.
Stage::~Stage() {
    over_ = true;
    for (Slot& slot : slots_) slot.object.reset();
}

void Stage::script_names() {
    using simulation::Answer;
    const std::vector<simulation::Address> both{host_text(0, false), host_text(0, true)};
    world_.answer("host.example", {Answer{.addresses = both}});
    world_.answer("slow.example", {Answer{.addresses = both, .delay = 40ms}});
    Answer again;
    again.error = platform::Code::lookup_again;
    world_.answer("flaky.example", {again, Answer{.addresses = both, .delay = 5ms}});
    Answer four{.addresses = {host_text(0, false)}};
    Answer six{.addresses = {host_text(0, true)}};
    four.any_family = six.any_family = true;
    world_.answer("four.example", {four});
    world_.answer("six.example", {six});
}

void Stage::schedule() {
    for (const Operation& each : plan_.operations) {
        if (each.moment != Moment::outside) continue;
        world_.after(std::chrono::milliseconds(each.at), [this, &each] {
            between_turns_ = true;
            perform(each);
            between_turns_ = false;
        });
    }
}

// ---- Sockets -----------------------------------------------------------------------------------

void Stage::create(std::uint8_t index) {
    Slot& slot = slots_[index];
    if (slot.object) return;
    const SocketPlan& plan = plan_.sockets[index];
    Socket& socket = sockets_.emplace_back();
    socket.number = static_cast<std::uint32_t>(sockets_.size() - 1);
    socket.host = plan.host;
    socket.plan = plan;
    slot.stop.emplace();
    net::Options options{.type = plan.type,
                         .reuse_addr = plan.reuse_addr,
                         .reuse_port = plan.reuse_port,
                         .ipv6_only = plan.ipv6_only,
                         .recv_buffer_size = plan.recv_buffer_size,
                         .send_buffer_size = plan.send_buffer_size,
                         .stop = slot.stop->token(),
                         .linger = std::chrono::milliseconds(plan.linger_ms),
                         .send_queue_datagrams_max = plan.datagrams_max,
                         .send_queue_bytes_max = plan.bytes_max,
                         .segmentation = plan.segmentation};
    if (plan.send_list) options.send_block_list = first_host_blocked();
    if (plan.receive_list) options.receive_block_list = first_host_blocked();
    if (plan.names != Names::system) {
        options.lookup = [this, number = socket.number](std::string_view host, net::Family family,
                                                        net::LookupAnswer answer) {
            look_up_later(sockets_[number], host, family, std::move(answer));
        };
    }
    const Call call(*this);
    slot.object.emplace(*nodes_[plan.host].loop, std::move(options));
    slot.model = &socket;
    socket.object = &*slot.object;
    listen(socket);
}

void Stage::listen(Socket& socket) {
    net::Datagram& object = *socket.object;
    const std::uint32_t number = socket.number;
    object.on_listening([this, number] { told_listening(number); });
    object.on_connect([this, number] { told_connected(number); });
    object.on_close([this, number] { told_close(number); });
    object.on_drain([this, number] { told_drain(number); });
    if (!socket.plan.deaf) {
        object.on_error([this, number](const net::Failure& failure) {
            told_error(number, failure.text());
        });
    }
    if (!socket.plan.batches) {
        object.on_message([this, number](const net::Message& message) {
            if (sockets_[number].paused) fail("a paused socket heard");
            sockets_[number].heard++;
            sockets_[number].heard_bytes += message.size();
            told_message(number, message);
        });
        return;
    }
    object.on_messages([this, number](net::Messages messages) {
        if (messages.empty()) fail("'messages' of none");
        if (sockets_[number].paused) fail("a paused socket heard");
        sockets_[number].heard += messages.size();
        for (const net::Message& each : messages) sockets_[number].heard_bytes += each.size();
        const auto peer = [&] {
            const auto remote = sockets_[number].object->remote_address();
            return remote ? written(*remote) : std::string();
        };
        const std::uint32_t changes = sockets_[number].changes;
        const std::string peer_before = peer();
        for (const net::Message& each : messages) {
            // They were judged together: of what is done meanwhile they know nothing, nor of what
            // was asked for before and is done to make room for a send.
            if (sockets_[number].changes != changes || peer() != peer_before) return;
            told_message(number, each);
        }
    });
}

// A look-up of the user's: the same answers, at once, after a while, or never.
void Stage::look_up_later(Socket& socket, std::string_view host, net::Family family,
                          net::LookupAnswer answer) {
    if (!enter(Moment::look_up, &socket, socket.host, host)) return;
    if (family != socket.family()) fail("a look-up was asked for another family");
    if (net::parse_literal(host)) fail("a look-up was asked for a literal");
    leave(Moment::look_up, socket.host);
    if (over_) return;
    const bool wrong = host == "missing.example" ||
                       host == (family == net::Family::ipv6 ? "four.example" : "six.example");
    const bool dropped = socket.plan.names == Names::dropped;
    note_look_up(socket, host, dropped || (wrong && socket.plan.names == Names::at_once));
    if (dropped) return;
    if (socket.plan.names == Names::later) {
        const std::uint8_t at = socket.host;
        nodes_[at].answers.push_back(std::move(answer));
        nodes_[at].waiting_names.emplace_back(host);
        loop_of(at).after(3ms, [this, at, family] {
            Node& node = nodes_[at];
            if (node.answers.empty()) return;
            net::LookupAnswer first = std::move(node.answers.front());
            const std::string name = std::move(node.waiting_names.front());
            node.answers.pop_front();
            node.waiting_names.pop_front();
            give(std::move(first), name, family);
        });
        return;
    }
    give(std::move(answer), host, family);
}

void Stage::give(net::LookupAnswer answer, std::string_view host, net::Family family) {
    using platform::Code;
    using platform::Operation;
    const bool six = family == net::Family::ipv6;
    if (host == "missing.example") {
        return answer(net::Error{Code::lookup_not_found, Operation::lookup});
    }
    const bool wrong = host == "four.example" || host == "six.example";
    answer(*net::parse_literal(host_text(0, six != wrong)));
}

// ---- The end -----------------------------------------------------------------------------------

Outcome Stage::run() {
    std::vector<core::Loop*> loops;
    for (Node& node : nodes_) loops.push_back(&*node.loop);
    (void)simulation::run_for(world_, 5s, loops);
    if (!over_) check_arrived(true);
    for (int i = 0; i < 8; i++) {  // Who hears again may pause again.
        if (!over_) settle();
        (void)simulation::run_for(world_, 5s, loops);
    }
    for (std::uint8_t host = 0; host < nodes_.size() && !over_; host++) check_alive(host);
    for (Socket& socket : sockets_) {
        if (!over_) check_told(socket);
    }
    if (!over_) check_arrived(false);
    for (const Socket& socket : sockets_) {
        if (!over_) check_counted(socket);
    }
    if (!over_) finish();
    const simulation::End end = simulation::run_for(world_, 40s, loops);
    if (!over_ && end != simulation::End::done) fail("a loop does not end");
    for (Socket& socket : sockets_) {
        if (over_) break;
        if (socket.life == Life::closing) fail("a socket never closed");
        check_told(socket);
    }
    over_ = true;
    for (Slot& slot : slots_) slot.object.reset();
    if (outcome_.failure.empty() && open_handles() > 0) {
        over_ = false;
        fail("a socket of the system is left");
    }
    outcome_.hash = mixed(outcome_.hash, std::to_string(world_.hash()));
    if (trace_) outcome_.trace += world_.trace();
    return std::move(outcome_);
}

// What only the world can do for those who wait.
void Stage::settle() {
    world_.heal();
    for (Node& node : nodes_) node.host.up();
    for (Slot& slot : slots_) {
        if (slot.object && slot.model->paused) pause(slot, false);
    }
}

void Stage::finish() {
    ending_ = true;
    for (Node& node : nodes_) node.heartbeat.cancel();
    for (Ticking& each : timers_) {
        each.timer.cancel();
        each.active = false;
    }
    for (Slot& slot : slots_) {
        if (!slot.object || !slot.model->open()) continue;
        note_close(*slot.model, false);
        const Call call(*this);
        slot.object->close();
    }
}

// run() ends when nothing referenced is left, and not before.
void Stage::check_alive(std::uint8_t host) {
    bool expected = plan_.world.heartbeat;
    for (const Socket& each : sockets_) {
        if (each.host == host && each.open() && each.bound && each.referenced) expected = true;
    }
    for (const Ticking& each : timers_) {
        if (each.host == host && each.active && each.referenced) expected = true;
    }
    if (loop_of(host).alive() != expected) {
        fail(expected ? "a loop ends, though something referenced is left"
                      : "a loop does not end, though nothing referenced is left");
    }
}

void Stage::check_told(Socket& socket) {
    if (socket.life == Life::destroyed) return;
    for (const Request& each : socket.requests) {
        const bool silent = each.kind == Request::Kind::send && !each.callback &&
                            (each.may_succeed || socket.life != Life::open) && each.may_pass;
        if (each.told || each.dropped || each.excused || each.maybe || silent) continue;
        if (each.kind == Request::Kind::bind && !socket.open()) continue;
        const bool by_event = !each.callback || each.kind == Request::Kind::bind;
        if (by_event && was_told_of_another(socket, each)) continue;
        return fail("s" + std::to_string(socket.number) + ": request " +
                    std::to_string(each.number) + " was never told");
    }
    if (socket.open() && socket.drain_owed) fail("'drain' never came");
}

// Where one has been told more than once, the others were not its own.
bool Stage::was_told_of_another(const Socket& socket, const Request& request) {
    for (Socket& each : sockets_) {
        const bool alike = &each == &socket ||
                           (each.plan.deaf && socket.plan.deaf && each.host == socket.host);
        if (!alike) continue;
        for (Request& other : each.requests) {
            if (other.texts.size() < 2) continue;
            const auto found = std::find_if(
                other.texts.begin(), other.texts.end(),
                [&](const std::string& text) { return may_fail_with(request, text); });
            if (found == other.texts.end()) continue;
            other.texts.erase(found);
            return true;
        }
    }
    return false;
}

// ---- What must have arrived ---------------------------------------------------------------------

// On paths that lose nothing, at sockets that were there all the time and could hear.
bool Stage::must_arrive(const Record& record, const Socket& receiver) const {
    const WorldPlan& world = plan_.world;
    const bool kind = world.loss == 0 && world.queue == 0 && world.fragments && world.heartbeat;
    const Socket& sender = sockets_[record.sender];
    if (!kind || record.local || receiver.plan.receive_list || !record.literal) return false;
    if (!receiver.open() || !receiver.bound || receiver.changed_at >= record.asked_at) return false;
    if (receiver.connected || receiver.bound_at < 0 || receiver.bound_at >= record.asked_at) {
        return false;
    }
    const net::Address& to = record.to[0];
    if (receiver.object->counters().overflowed > 0) return false;
    if (to.family != receiver.family() || to.is_multicast() || to.is_unspecified()) return false;
    if (!receiver.local.is_unspecified() && receiver.local.host() != to.host()) return false;
    return receiver.local.port == to.port && receiver.family() == sender.family() &&
           (to.is_loopback() ? record.host == receiver.host
                             : to.host() == host_text(receiver.host,
                                                      to.family == net::Family::ipv6));
}

// Early: not all is over, but whoever hears has had the time to. The paused are waited for later.
void Stage::check_arrived(bool early) {
    std::size_t total = 0;
    if (early && plan_.world.bandwidth != 0) return;
    for (const Record& each : traffic_.all()) total += each.size + 600;
    if (changes_world(plan_) || total > 150'000) return;
    for (const Record& record : traffic_.all()) {
        const bool blurred = record.content != record.number && plan_.world.duplicate > 0;
        if (!record.succeeded || record.size < 4 || blurred) continue;
        const auto others = std::count_if(
            sockets_.begin(), sockets_.end(), [&](const Socket& each) {
                return each.ports.contains(record.to[0].port) && !each.is_local();
            });
        for (const Socket& receiver : sockets_) {
            if (others != 1 || !must_arrive(record, receiver)) continue;
            const bool late = early && record.asked_at + second > now(receiver.host);
            if (receiver.paused || late) continue;
            if (record.received.contains(receiver.number)) continue;
            return fail("datagram " + std::to_string(record.number) + " never arrived at s" +
                        std::to_string(receiver.number));
        }
    }
}

// ---- Words -----------------------------------------------------------------------------------

void Stage::fail(const std::string& why) {
    if (over_) return;
    note("FAILED: " + why);
    outcome_.failure = why;
    over_ = true;
    world_.stop();
}

void Stage::note(const std::string& line) {
    const std::string stamped = std::to_string(world_.now().count()) + " " + line + "\n";
    outcome_.hash = mixed(outcome_.hash, stamped);
    if (trace_) outcome_.trace += stamped;
}

}  // namespace swarm
