// A worker's side of a cluster: its binds become notices to the primary, and what the primary
// grants becomes the socket of the Datagram that asked. See semantics 54 to 59.
//
// A bind asks when its turn has come (Datagram::State::take_step), and waits as one for a look-up
// does. A Share stands for its socket from then until that is closed.
#include <new>
#include <utility>

#include "core/signal.h"
#include "net/cluster.h"
#include "net/cluster_link.h"
#include "net/datagram_state.h"

namespace net {

namespace {

constexpr int notices_max = 64;  // Of a turn: other sockets want theirs, too.
constexpr std::uint32_t path_bits = 0777;
constexpr Error primary_gone{Code::broken_pipe, Operation::bind};

// A listener's id tells its event, so that off() needs no more.
constexpr ListenerId event_bits = 1;

}  // namespace

struct ClusterWorker::State : core::Source {
    struct Share {
        Share* next = nullptr;
        Datagram::State* socket = nullptr;
        Request* request = nullptr;  // Null once it has the socket.
        SharedKey key{};
        std::uint32_t number = 0;
        bool asked = false;
        bool ending = false;  // It has been told to close.
    };

    explicit State(core::Loop& owner) : core::Source(phases), loop(&owner) {}

    static State* make(core::Loop&, platform::Channel);
    bool begin(platform::Channel);

    // ---- The channel ---------------------------------------------------------------------------
    void ready(platform::Event);
    bool take_notices();  // False: the channel has gone.
    bool handle(const Notice&, platform::Socket passed);
    void tell(Notice::Kind, std::uint32_t number);
    void watch();
    void lose();
    void update_hold();
    void disconnect();
    void conclude();
    void destroy();
    void orphan();

    // ---- The sockets ---------------------------------------------------------------------------
    static State& of(Datagram::State& socket) {
        return *static_cast<State*>(socket.exchange->seldom.worker);
    }
    void share(Datagram::State&, Request&);
    void ask_next();
    void granted(std::uint32_t number, platform::Socket);
    void refused(std::uint32_t number, Error);
    void unshare(Datagram::State&);
    Share* find(std::uint32_t number);
    std::uint32_t free_index(const SharedKey&) const;
    void drop(Share&);
    void fail(Share&, Error);
    void end_shares();
    void let_go();

    static const Operations phases;

    core::Loop* loop;  // Null when it has gone.
    Exchange* exchange = nullptr;
    ClusterLink link;
    core::Signal<Bytes> message;
    core::Signal<> disconnected;
    Share* shares = nullptr;
    WorkerId id = 0;
    std::uint32_t last_number = 0;
    platform::Interest watched;
    bool referenced = true;
    bool held = false;
    bool leaving = false;   // It has been asked to disconnect,
    bool farewell = false;  // has said goodbye,
    bool told = false;      // and 'disconnect' has been emitted.
    bool destroyed = false;
};

const core::Source::Operations ClusterWorker::State::phases{
    [](core::Source& self, platform::Event event) { static_cast<State&>(self).ready(event); },
    [](core::Source&) {},
    [](core::Source&) {},
    [](core::Source& self) { static_cast<State&>(self).conclude(); },
    [](core::Source&) {},
    [](core::Source& self) { static_cast<State&>(self).orphan(); },
    [](core::Source& self) { delete static_cast<State*>(&self); },
};

// ---- Life --------------------------------------------------------------------------------------

ClusterWorker::ClusterWorker(core::Loop& loop) {
    if (loop.open_error()) return;
    Result<platform::Channel> channel = platform::Channel::inherited(loop.poller());
    worker_ = channel || channel.error().code == Code::busy;
    if (!channel) return;
    state_ = State::make(loop, *std::move(channel));
    if (!state_) loop.fail({Code::out_of_memory, Operation::open});
}

ClusterWorker::~ClusterWorker() {
    if (state_) state_->destroy();
}

ClusterWorker::State* ClusterWorker::State::make(core::Loop& loop, platform::Channel channel) {
    State* const state = new (std::nothrow) State(loop);
    if (state && state->begin(std::move(channel))) return state;
    delete state;
    return nullptr;
}

// The primary's greeting lies in the channel. Without it, or with another version's, this is a
// worker without a primary.
bool ClusterWorker::State::begin(platform::Channel channel) {
    exchange = Exchange::of(*loop);
    if (!exchange || link.open(std::move(channel)) || loop->attach(*this)) return false;
    Notice greeting;
    platform::Socket passed;
    const Error failed = link.receive(greeting, passed);
    const bool welcome = !failed && greeting.kind == Notice::Kind::welcome;
    if (welcome) id = greeting.number;
    exchange->seldom.worker = this;
    exchange->seldom.share = [](Datagram::State& asking, Request& request) {
        const bool lost = request.kind != Request::Kind::adopt && request.peer == PeerTable::none;
        if (lost || asking.options().reuse_port) return false;  // ENOMEM is told as ever.
        of(asking).share(asking, request);
        return true;
    };
    exchange->seldom.unshare = [](Datagram::State& closed) { of(closed).unshare(closed); };
    socket = link.socket();
    if (!welcome || greeting.version != cluster_version) {
        lose();
        return true;
    }
    Notice hello{.kind = Notice::Kind::hello, .version = cluster_version};
    (void)link.send(hello);  // Who has gone meanwhile is told by the next read.
    watch();
    return true;
}

void ClusterWorker::State::update_hold() {
    const bool wanted = link && referenced;
    if (!loop || wanted == held) return;
    held = wanted;
    wanted ? loop->hold() : loop->release();
}

// The sockets go on as the process's own until they have closed.
void ClusterWorker::State::let_go() {
    if (watched.readable) loop->poller().forget(socket, token);
    watched = {};
    socket = {};
    link.close();
    update_hold();
    exchange->seldom.share = nullptr;
    exchange->seldom.unshare = nullptr;
    exchange->seldom.worker = nullptr;
    while (Share* const share = shares) {
        shares = share->next;
        share->socket->in_cluster = false;
        if (share->request) share->request->stage = Request::Stage::ready;
        delete share;
    }
}

void ClusterWorker::State::destroy() {
    destroyed = true;
    if (!loop) {
        delete this;
        return;
    }
    message.clear();
    disconnected.clear();
    end_shares();
    let_go();
    core::Loop& owner = *loop;
    owner.detach(*this);
    owner.bury(*this);
}

void ClusterWorker::State::orphan() {
    let_go();
    loop->detach(*this);
    loop = nullptr;
}

// ---- The channel -------------------------------------------------------------------------------

void ClusterWorker::State::watch() {
    if (!link) return;
    const platform::Interest wanted{true, link.unsent()};
    update_hold();
    if (wanted == watched) return;
    if (loop->poller().watch(socket, token, wanted)) return lose();
    watched = wanted;
}

void ClusterWorker::State::ready(platform::Event event) {
    if (!link) return;
    if (event.writable) (void)link.flush();  // Who has gone is told by the read.
    if (!take_notices()) return lose();
    if (destroyed || !link) return;
    ask_next();
    if (farewell && !link.unsent()) return lose();
    watch();
}

bool ClusterWorker::State::take_notices() {
    for (int i = 0; i < notices_max && link && !destroyed; i++) {
        Notice notice;
        platform::Socket passed;
        const Error error = link.receive(notice, passed);
        if (error) return error.code == Code::would_block;
        if (!handle(notice, passed)) return false;
    }
    return true;
}

// False for what no primary says to a worker.
bool ClusterWorker::State::handle(const Notice& notice, platform::Socket passed) {
    switch (notice.kind) {
        case Notice::Kind::granted: granted(notice.number, passed); return true;
        case Notice::Kind::refused: refused(notice.number, notice.error); return true;
        case Notice::Kind::text: message.emit(notice.bytes); return true;
        case Notice::Kind::stop: disconnect(); return true;
        default: return false;
    }
}

void ClusterWorker::State::tell(Notice::Kind kind, std::uint32_t number) {
    if (!link) return;
    if (link.send({.kind = kind, .number = number}).code == Code::out_of_memory) lose();
}

// The primary has gone, or was left: sockets that wait for it fail, those it gave close.
void ClusterWorker::State::lose() {
    if (!link) return;
    if (watched.readable) loop->poller().forget(socket, token);
    watched = {};
    socket = {};
    link.close();
    end_shares();
    update_hold();
    if (!shares) loop->owe(*this);
}

void ClusterWorker::State::disconnect() {
    if (!link || std::exchange(leaving, true)) return;
    end_shares();
    if (!shares) loop->owe(*this);
}

// Goodbye is said, and 'disconnect' emitted, when the last shared socket has emitted its 'close',
// whose listeners may still have something to say to the primary.
void ClusterWorker::State::conclude() {
    if (link && leaving && !shares && !std::exchange(farewell, true)) {
        tell(Notice::Kind::goodbye, 0);
        if (link && !link.unsent()) return lose();
        return watch();
    }
    if (!link && !shares && !std::exchange(told, true)) disconnected.emit();
}

// ---- The sockets -------------------------------------------------------------------------------

void ClusterWorker::State::share(Datagram::State& asking, Request& request) {
    SharedKey key{.type = asking.type,
                  .reuse_addr = asking.options().reuse_addr,
                  .ipv6_only = asking.options().ipv6_only,
                  .path_mode = asking.options().path_mode & path_bits};
    if (request.kind == Request::Kind::adopt) {
        key.fd = request.descriptor;
    } else {
        key.local = exchange->peers[request.peer];
    }
    const bool wrong = key.fd == 0 && (key.local.family != asking.family() ||
                                       (key.ipv6_only && key.type == Type::udp4));
    Error failed;
    if (wrong) failed = {Code::invalid_argument, Operation::bind};
    if (key.fd < 0) failed = {Code::invalid_descriptor_type, Operation::bind};
    if (!failed && (!link || farewell)) failed = primary_gone;
    Share* const share = failed ? nullptr : new (std::nothrow) Share;
    if (!failed && !share) failed = {Code::out_of_memory, Operation::bind};
    if (failed) return asking.step_failed(request, Failure(failed, key.local));
    share->socket = &asking;
    share->request = &request;
    share->key = key;
    share->key.index = free_index(key);
    share->number = ++last_number;
    Share** end = &shares;
    while (*end) end = &(*end)->next;
    *end = share;
    request.stage = Request::Stage::shared;
    if (leaving) end_shares();  // Nobody could know: it closes with the others.
    ask_next();
    watch();
}

// The lowest that no equal one has: a worker that closes a socket and binds it anew shares again.
std::uint32_t ClusterWorker::State::free_index(const SharedKey& key) const {
    for (std::uint32_t index = 0;; index++) {
        bool taken = false;
        for (const Share* share = shares; share && !taken; share = share->next) {
            taken = share->key.index == index && share->key.same_address(key);
        }
        if (!taken) return index;
    }
}

// One after the other, as the channel takes them.
void ClusterWorker::State::ask_next() {
    for (Share* share = shares; share && link && !link.unsent(); share = share->next) {
        if (share->asked) continue;
        const Error error = link.send(
            {.kind = Notice::Kind::ask, .number = share->number, .key = share->key});
        if (error.code == Code::broken_pipe) return;  // Told by the next read.
        if (error) return lose();
        share->asked = true;
    }
}

ClusterWorker::State::Share* ClusterWorker::State::find(std::uint32_t number) {
    Share* share = shares;
    while (share && share->number != number) share = share->next;
    return share;
}

void ClusterWorker::State::drop(Share& gone) {
    Share** link_to = &shares;
    while (*link_to != &gone) link_to = &(*link_to)->next;
    *link_to = gone.next;
    if (gone.asked) tell(Notice::Kind::released, gone.number);
    delete &gone;
    if ((leaving || !link) && !shares) loop->owe(*this);
}

void ClusterWorker::State::fail(Share& share, Error error) {
    Datagram::State& asking = *share.socket;
    Request& request = *share.request;
    const Endpoint local = share.key.local;
    request.stage = Request::Stage::ready;
    drop(share);
    asking.step_failed(request, Failure(error, local));
    loop->request(asking);
}

// What came is looked at before it is believed: a datagram socket, of the family, at the port that
// was asked for.
void ClusterWorker::State::granted(std::uint32_t number, platform::Socket passed) {
    Share* const share = find(number);
    if (!share || !share->request) {  // Closed before the answer; the primary has been told.
        if (passed) platform::close(passed);
        return;
    }
    if (!passed) return fail(*share, {Code::too_many_handles, Operation::bind});
    Datagram::State& asking = *share->socket;
    Request& request = *share->request;
    const Result<Endpoint> local = platform::local_endpoint(passed);
    const std::uint16_t port = share->key.local.port;
    Error failed;
    if (!local || (port != 0 && local->port != port)) {
        failed = {Code::invalid_descriptor_type, Operation::bind};
    }
    request.stage = Request::Stage::ready;
    if (!failed) failed = asking.adopt_now(passed.handle);
    if (failed) {
        platform::close(passed);
        return fail(*share, failed);
    }
    share->request = nullptr;
    asking.in_cluster = true;
    asking.apply_buffer_sizes();
    asking.complete(request);
    loop->request(asking);
    const Error lost = link.send({.kind = Notice::Kind::listening, .number = number,
                                  .key = {.type = asking.type}, .address = *local});
    if (lost.code == Code::out_of_memory) lose();
}

void ClusterWorker::State::refused(std::uint32_t number, Error error) {
    Share* const share = find(number);
    if (!share || !share->request) return;
    share->asked = false;  // The primary holds nothing for it.
    fail(*share, error);
}

// Closed, or given up: a Datagram has one bind at a time.
void ClusterWorker::State::unshare(Datagram::State& closed) {
    Share* share = shares;
    while (share && share->socket != &closed) share = share->next;
    if (share) drop(*share);
}

void ClusterWorker::State::end_shares() {
    for (Share* share = shares; share;) {
        const bool waits = share->request && (!link || destroyed);
        if (!waits && share->ending) {
            share = share->next;
            continue;
        }
        share->ending = true;
        if (waits) {
            fail(*share, primary_gone);
        } else if (share->socket->life == Datagram::State::Life::open) {
            share->socket->close(false);
        }
        share = shares;  // These calls may have taken any of them.
    }
}

// ---- The user's object -------------------------------------------------------------------------

WorkerId ClusterWorker::id() const { return state_ ? state_->id : 0; }

bool ClusterWorker::connected() const { return state_ && state_->link; }

ListenerId ClusterWorker::on_message(core::Callback<void(Bytes)> listener) {
    if (!state_) return 0;
    return ListenerId{state_->message.on(std::move(listener))} << event_bits;
}

ListenerId ClusterWorker::on_disconnect(core::Callback<void()> listener) {
    if (!state_) return 0;
    return ListenerId{state_->disconnected.on(std::move(listener))} << event_bits | 1;
}

bool ClusterWorker::off(ListenerId id) {
    if (!state_) return false;
    const auto listener = static_cast<core::ListenerId>(id >> event_bits);
    return id & 1 ? state_->disconnected.off(listener) : state_->message.off(listener);
}

Error ClusterWorker::send(std::span<const std::byte> bytes) {
    if (!connected()) return {Code::not_connected, Operation::send};
    const Error error = state_->link.send({.kind = Notice::Kind::text, .bytes = bytes});
    state_->watch();
    return error;
}

void ClusterWorker::disconnect() {
    if (state_) state_->disconnect();
}

ClusterWorker& ClusterWorker::ref() {
    if (state_) state_->referenced = true;
    if (state_) state_->update_hold();
    return *this;
}

ClusterWorker& ClusterWorker::unref() {
    if (state_) state_->referenced = false;
    if (state_) state_->update_hold();
    return *this;
}

}  // namespace net
