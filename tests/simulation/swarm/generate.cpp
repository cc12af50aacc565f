// A seed's plan. First the seed weighs every knob (many are off: what is common in one plan is
// absent from the next), then it draws the world, the sockets and the operations.
#include <algorithm>
#include <array>
#include <initializer_list>

#include "tests/simulation/swarm/plan.h"

namespace swarm {

namespace {

class Dice : public Random {
   public:
    using Random::Random;
    bool one_in(std::uint64_t n) { return below(n) == 0; }
    std::int32_t of(std::initializer_list<std::int32_t> choices) {
        return choices.begin()[below(choices.size())];
    }
    template <class Enum>
    Enum any() { return static_cast<Enum>(below(static_cast<std::uint64_t>(Enum::count))); }
};

// How likely each of a kind is; the same for the whole plan.
template <class Enum>
class Weights {
   public:
    Weights(Dice& dice, std::uint64_t off) {
        for (std::uint64_t& each : weights_) {
            each = dice.one_in(off) ? 0 : 1 + dice.below(10);
            sum_ += each;
        }
    }
    void at_least(Enum which, std::uint64_t weight) {
        std::uint64_t& each = weights_[static_cast<std::size_t>(which)];
        if (each >= weight) return;
        sum_ += weight - each;
        each = weight;
    }
    Enum draw(Dice& dice) const {
        std::uint64_t left = dice.below(sum_);
        for (std::size_t i = 0; i < weights_.size(); i++) {
            if (left < weights_[i]) return static_cast<Enum>(i);
            left -= weights_[i];
        }
        return Enum{};
    }

   private:
    std::array<std::uint64_t, static_cast<std::size_t>(Enum::count)> weights_{};
    std::uint64_t sum_ = 0;
};

WorldPlan make_world(Dice& dice) {
    WorldPlan world;
    world.hosts = static_cast<std::uint32_t>(dice.of({1, 1, 2, 2, 3}));
    world.delay_ms = static_cast<std::uint32_t>(dice.of({0, 1, 1, 20}));
    if (dice.one_in(3)) world.jitter_ms = 5;
    if (dice.one_in(3)) world.loss = static_cast<std::uint32_t>(dice.of({5, 40}));
    if (dice.one_in(4)) world.duplicate = 30;
    if (dice.one_in(4)) world.reorder = 30;
    if (dice.one_in(4)) world.bandwidth = static_cast<std::uint32_t>(dice.of({2'000, 50'000}));
    if (world.bandwidth && dice.one_in(2)) world.queue = 4'000;
    world.mtu = static_cast<std::uint32_t>(dice.of({1500, 1500, 576, 9000}));
    world.fragments = !dice.one_in(4);
    world.heartbeat = !dice.one_in(3);
    return world;
}

SocketPlan make_socket(Dice& dice, const WorldPlan& world, bool odd) {
    SocketPlan socket;
    socket.host = static_cast<std::uint8_t>(dice.below(world.hosts));
    socket.type = static_cast<net::Type>(dice.of({0, 0, 0, 1, 1, 2}));
    socket.segmentation = !dice.one_in(4);
    socket.deaf = dice.one_in(6);
    socket.batches = dice.one_in(4);
    if (!odd) return socket;
    socket.reuse_addr = dice.one_in(4);
    socket.reuse_port = dice.one_in(6);
    socket.ipv6_only = dice.one_in(6);
    socket.send_list = dice.one_in(5);
    socket.receive_list = dice.one_in(5);
    socket.recv_buffer_size = dice.one_in(5) ? 3'000 : 0;
    socket.send_buffer_size = dice.one_in(3) ? 2'000 : 0;
    socket.datagrams_max = static_cast<std::uint32_t>(dice.of({1, 3, 1024}));
    socket.bytes_max = static_cast<std::uint32_t>(dice.of({2'000, 8 << 20}));
    socket.linger_ms = dice.of({0, 5, 300, 30'000});
    socket.names = dice.any<Names>();
    return socket;
}

struct Knobs {
    explicit Knobs(Dice& dice)
        : kinds(dice, 3), targets(dice, 3), forms(dice, 4), moments(dice, 4) {
        kinds.at_least(Do::send, 10 + dice.below(30));
        kinds.at_least(Do::bind, 3);
        kinds.at_least(Do::bind_sync, 3);
        targets.at_least(Target::none, 4);
        targets.at_least(Target::own, 4);
        targets.at_least(Target::next, 4);
        forms.at_least(Form::text, 3);
        moments.at_least(Moment::sent, 2);
        moments.at_least(Moment::message, 2);
        moments.at_least(Moment::outside, 10 + dice.below(80));
        ports_bad = dice.one_in(3);
        ports = 1 + dice.below(3);
        time = static_cast<std::uint64_t>(dice.of({1, 10, 100, 1000}));
        big = dice.one_in(4);
        bursts = dice.one_in(2);
    }
    Weights<Do> kinds;
    Weights<Target> targets;
    Weights<Form> forms;
    Weights<Moment> moments;
    bool ports_bad;
    std::uint64_t ports;
    std::uint64_t time;
    bool big;
    bool bursts;  // Much happens at one moment.
};

std::int32_t make_number(Dice& dice, const Knobs& knobs, Do what) {
    if (what == Do::echo) return dice.of({1, 1, 1, 2, 5, 64});
    if (what != Do::send) return dice.of({0, 1, 2, 3, 5, 64, 255, 256, -1 * (what == Do::setting)});
    if (knobs.big && dice.one_in(3)) return dice.of({1472, 1473, 9000, 65507, 65508, 65527, 65528});
    return dice.of({0, 1, 4, 17, 17, 17, 100, 1000, 1400});
}

Operation make_operation(Dice& dice, const Knobs& knobs, std::size_t sockets) {
    Operation operation;
    operation.what = knobs.kinds.draw(dice);
    operation.socket = static_cast<std::uint8_t>(dice.below(sockets));
    operation.form = knobs.forms.draw(dice);
    operation.target = knobs.targets.draw(dice);
    operation.port = static_cast<std::int32_t>(1000 + dice.below(knobs.ports));
    const bool names_port = operation.what != Do::send && operation.what != Do::echo;
    if (names_port && dice.one_in(4)) operation.port = 0;
    if (knobs.ports_bad && dice.one_in(6)) operation.port = dice.of({-1, 0, 65536, 70'000});
    operation.number = make_number(dice, knobs, operation.what);
    operation.callback = !dice.one_in(3);
    operation.moment = knobs.moments.draw(dice);
    operation.at = static_cast<std::uint32_t>(
        operation.moment == Moment::outside ? dice.below(knobs.time) : 1 + dice.below(5));
    if (operation.what == Do::echo) operation.moment = Moment::message;
    if (operation.what == Do::world) operation.moment = Moment::outside;
    if (operation.what == Do::echo && operation.at == 0) operation.at = 1;
    return operation;
}

// Or little would ever arrive.
void bind_all(Dice& dice, const Knobs& knobs, Plan& plan) {
    for (std::size_t i = 0; i < plan.sockets.size(); i++) {
        Operation& bind = plan.operations.emplace_back();
        bind.what = dice.one_in(2) ? Do::bind : Do::bind_sync;
        bind.socket = static_cast<std::uint8_t>(i);
        bind.port = static_cast<std::int32_t>(1000 + (i + dice.below(2)) % knobs.ports);
    }
}

// The same socket at the same moment.
void join(const Operation& before, Operation& next) {
    if (next.what == Do::echo || next.what == Do::world) return;
    next.socket = before.socket;
    next.moment = before.moment;
    next.at = before.at;
}

// ---- Scenes ----------------------------------------------------------------------------------

// Short stories that chance alone would hardly ever tell, of sockets of their own.
class Scene {
   public:
    Scene(Dice& dice, Plan& plan, std::uint32_t at) : dice_(dice), plan_(plan), at_(at) {}

    // Steps behind one that waits for a look-up: none may overtake it.
    void steps() {
        const std::uint8_t one = socket(net::Type::udp4);
        plan_.sockets[one].names = dice_.one_in(2) ? Names::system : Names::later;
        Operation& bind = add(Do::bind, one);
        bind.target = dice_.one_in(2) ? Target::slow_name : Target::name;
        bind.form = Form::text;
        at_++;
        add(Do::connect, one).callback = true;
        burst(one, 1 + dice_.below(3));
    }

    // What is asked for before a call that lets it leave.
    void last_words() {
        const net::Type type = dice_.one_in(2) ? net::Type::unix_dgram : net::Type::udp4;
        const std::uint8_t other = socket(type);
        const std::uint8_t one = socket(type);
        add(Do::bind_sync, other);
        if (dice_.one_in(2)) add(Do::pause, other);
        add(Do::connect_sync, one);
        burst(one, 1 + dice_.below(20));
        Operation& last = add(Do::disconnect, one);
        if (dice_.one_in(4)) last.what = Do::setting;
        if (dice_.one_in(6)) last.what = Do::close;
        last.port = last.what == Do::setting ? 0 : last.port;
        last.number = 64;
        if (dice_.one_in(2)) burst(one, 1);
        at_ += 1 + static_cast<std::uint32_t>(dice_.below(20));
        if (dice_.one_in(2)) add(Do::resume, other);
    }

    // Who answers those who do not listen keeps the answers; others of the loop must not suffer.
    void crowd() {
        const std::uint8_t silent = socket(net::Type::unix_dgram);
        const std::uint8_t echo = socket(net::Type::unix_dgram);
        const std::uint8_t bystander = socket(net::Type::udp4);
        const std::int32_t echo_port = port_ + 1;
        add(Do::bind_sync, silent);
        add(Do::bind_sync, echo).port = echo_port;
        add(Do::bind_sync, bystander).port = bystander_port;
        add(Do::pause, silent);
        Operation& answer = add(Do::echo, echo);
        answer.moment = Moment::message;
        answer.at = 1;
        answer.number = 100;
        Operation& many = add(Do::send_many, silent);
        many.port = echo_port;
        many.form = Form::text;
        many.number = dice_.of({20, 80, 90});
        at_ += 400;
        Operation& late = add(Do::send, bystander);
        late.form = Form::text;
        late.port = bystander_port;
        late.number = 17;
        at_ += 100;
        if (dice_.one_in(2)) add(Do::resume, silent);
    }

    // Back-pressure in the midst of what has been read together.
    void pause() {
        const net::Type type = dice_.one_in(3) ? net::Type::unix_dgram : net::Type::udp4;
        const std::uint8_t one = socket(type);
        plan_.sockets[one].batches = dice_.one_in(4);
        add(Do::bind_sync, one);
        burst(one, 2 + dice_.below(8));
        for (std::uint32_t i = 0; i < 3; i++) {
            Operation& pause = add(Do::pause, one);
            pause.moment = Moment::message;
            pause.at = 1 + static_cast<std::uint32_t>(dice_.below(6));
            at_ += static_cast<std::uint32_t>(dice_.below(3));
            if (dice_.one_in(2)) burst(one, 1 + dice_.below(3));
            at_ += static_cast<std::uint32_t>(dice_.below(3));
            add(Do::resume, one);
        }
    }

   private:
    static constexpr std::int32_t bystander_port = 1900;

    std::uint8_t socket(net::Type type) {
        plan_.sockets.emplace_back().type = type;
        return static_cast<std::uint8_t>(plan_.sockets.size() - 1);
    }
    Operation& add(Do what, std::uint8_t socket) {
        Operation& operation = plan_.operations.emplace_back();
        operation.what = what;
        operation.socket = socket;
        operation.port = port_;
        operation.form = Form::text;
        operation.at = at_;
        return operation;
    }
    // To itself, or to its peer.
    void burst(std::uint8_t socket, std::uint64_t count) {
        const bool connects = std::any_of(
            plan_.operations.begin(), plan_.operations.end(), [&](const Operation& each) {
                return each.socket == socket &&
                       (each.what == Do::connect || each.what == Do::connect_sync);
            });
        const std::int32_t size = dice_.of({17, 17, 1000});
        const bool told = dice_.one_in(2);
        if (count > 5 && dice_.one_in(2)) {
            Operation& many = add(Do::send_many, socket);
            many.form = connects ? Form::plain : Form::text;
            many.number = static_cast<std::int32_t>(count);
            many.callback = told;
            return;
        }
        for (std::uint64_t i = 0; i < count; i++) {
            Operation& send = add(Do::send, socket);
            send.form = connects ? Form::plain : Form::text;
            send.number = size;
            send.callback = told || dice_.one_in(3);
        }
    }

    Dice& dice_;
    Plan& plan_;
    std::uint32_t at_;
    std::int32_t port_ = 1800;  // Nobody else's.
};

void add_scene(Dice& dice, Plan& plan, std::uint64_t time) {
    Scene scene(dice, plan, static_cast<std::uint32_t>(dice.below(time)));
    switch (dice.below(4)) {
        case 0: return scene.steps();
        case 1: return scene.last_words();
        case 2: return scene.crowd();
        default: return scene.pause();
    }
}

}  // namespace

Plan generate(std::uint64_t seed) {
    Dice dice(seed * 0x9e3779b97f4a7c15 + 1);
    Plan plan;
    plan.seed = seed;
    plan.world = make_world(dice);
    const std::size_t sockets = 1 + dice.below(5);
    const bool odd = !dice.one_in(3);
    for (std::size_t i = 0; i < sockets; i++) {
        plan.sockets.push_back(make_socket(dice, plan.world, odd));
    }
    const Knobs knobs(dice);
    if (!dice.one_in(4)) bind_all(dice, knobs, plan);
    const std::size_t count = 5 + dice.below(static_cast<std::uint64_t>(dice.of({20, 80, 250})));
    for (std::size_t i = 0; i < count; i++) {
        Operation& next = plan.operations.emplace_back(make_operation(dice, knobs, sockets));
        if (i > 0 && knobs.bursts && !dice.one_in(3)) join(*(&next - 1), next);
    }
    if (dice.one_in(4)) add_scene(dice, plan, knobs.time);
    return plan;
}

}  // namespace swarm
