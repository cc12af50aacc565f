// A cluster's workers as processes: started, reaped, and replaced by a policy that no worker can
// turn into a flood of processes by dying at once.
#include <algorithm>
#include <array>
#include <memory>
#include <new>
#include <utility>

#include "net/cluster_state.h"

namespace net {

namespace {

using namespace std::chrono_literals;

constexpr std::chrono::nanoseconds patience_min = 5ms;  // Until a process is asked for its end.
constexpr std::chrono::nanoseconds patience_max = 500ms;
constexpr int last_words_max = 1024;

// Pointers to the texts, for as long as these stay.
class Pointers {
   public:
    explicit Pointers(const std::vector<std::string>& texts)
        : size_(texts.size()), words_(new (std::nothrow) const char*[texts.size() + 1]) {
        for (std::size_t i = 0; words_ && i < size_; i++) words_[i] = texts[i].c_str();
    }
    explicit operator bool() const { return words_ != nullptr; }
    std::span<const char* const> list() const { return {words_.get(), size_}; }

   private:
    std::size_t size_;
    std::unique_ptr<const char*[]> words_;
};

// Whether another attempt may go better.
bool passes(Code code) {
    return code == Code::would_block || code == Code::out_of_memory ||
           code == Code::too_many_handles || code == Code::too_many_handles_in_system;
}

}  // namespace

void Cluster::State::start(Place& place) {
    if (const Error error = load(place)) start_failed(place, error);
}

Error Cluster::State::load(Place& place) {
    std::array<std::byte, 16> room;
    const Notice greeting{
        .kind = Notice::Kind::welcome, .number = ++last_id, .version = cluster_version};
    const std::size_t size = write(greeting, room);
    const Pointers arguments(options.arguments);
    const Pointers environment(options.environment);
    if (!arguments || !environment) return {Code::out_of_memory, Operation::spawn};
    Result<platform::StartedProcess> started = platform::start_process(
        loop->poller(), {.path = options.program.c_str(),
                         .arguments = arguments.list(),
                         .environment = environment.list(),
                         .greeting = std::span<const std::byte>(room).first(size)});
    if (!started) return started.error();
    place.id = last_id;
    place.process = started->process;
    place.started = loop->now();
    place.told_of_end = place.online = place.leaving = place.hopeless = false;
    const Error error = place.link.open(std::move(started->channel));
    if (!error && attend(place)) return {};
    // Nobody could hear of it: it has no part in the cluster.
    platform::end_process(place.process, true);
    place.link.close();
    ask_later(place);
    return {};
}

// False when memory is out.
bool Cluster::State::attend(Place& place) {
    Place* const its = &place;
    if (place.process.ended) {
        Result<core::Watch> end =
            loop->watch(place.process.ended.handle, {.readable = true},
                        [this, its](core::Interest) { ask_end(*its); });
        if (!end) return false;
        place.end = *std::move(end);
        place.told_of_end = true;
    }
    Result<core::Watch> channel =
        loop->watch(place.link.socket().handle, {.readable = true},
                    [this, its](core::Interest ready) { hear(*its, ready); });
    if (!channel) return false;
    place.channel = *std::move(channel);
    if (!referenced) set_referenced(false);
    return true;
}

void Cluster::State::start_failed(Place& place, Error error) {
    place.start_error = error;
    loop->owe(*this);
    place.started = loop->now();
    if (passes(error.code)) (void)plan_successor(place, true);
}

void Cluster::State::wait_for(Place& place, std::chrono::nanoseconds delay,
                              void (State::*what)(Place&)) {
    Place* const its = &place;
    place.timer = loop->after(delay, [this, its, what] { (this->*what)(*its); });
    if (!place.timer.active()) loop->fail({Code::out_of_memory, Operation::spawn});
    if (!referenced) place.timer.unref();
}

// ---- The end -----------------------------------------------------------------------------------

void Cluster::State::ask_end(Place& place) {
    if (place.process.id == 0) return;
    place.timer.cancel();
    place.end.stop();  // Before what it watches is closed.
    place.told_of_end = false;
    const Result<platform::Ending> ending = platform::reap(place.process);
    ending ? ended(place, *ending) : ask_later(place);
}

void Cluster::State::ask_later(Place& place) {
    place.patience = std::clamp(2 * place.patience, patience_min, patience_max);
    wait_for(place, place.patience, &State::ask_end);
}

// What it had said before is still heard.
void Cluster::State::ended(Place& place, platform::Ending ending) {
    const WorkerId id = place.id;
    const bool unheard = destroyed;
    place.patience = {};
    place.hopeless = true;
    (void)take_notices(place, last_words_max);
    if (place.link) lose(place);
    WorkerEnd end{.worker = id,
                  .status = ending.status,
                  .signal = ending.signal,
                  .voluntary = place.leaving};
    place.id = 0;
    if (!stopping) end.replaced = plan_successor(place, ending.status != 0);
    if (!destroyed) exited.emit(end);
    if (destroyed != unheard) return;  // By a listener, who has left nothing to do.
    if (!stopping || count() > 0) return;
    killer.cancel();
    if (!destroyed) return loop->owe(*this);
    loop->detach(*this);
    loop->bury(*this);
}

// Whether there will be one.
bool Cluster::State::plan_successor(Place& place, bool crashed) {
    const RestartPolicy& policy = options.restart;
    using When = RestartPolicy::When;
    if (policy.when == When::never || (policy.when == When::failed && !crashed)) return false;
    const std::int64_t lived = loop->now().nanoseconds - place.started.nanoseconds;
    if (lived >= policy.settled.count()) place.quick_ends = 0;
    const bool quick = lived < policy.settled.count();
    if (quick && place.quick_ends++ >= policy.attempts_max) return false;
    std::chrono::nanoseconds delay{};
    if (quick) {
        const unsigned doublings = std::min(place.quick_ends - 1, 30u);
        delay = policy.delay_max;
        if (policy.delay.count() <= policy.delay_max.count() >> doublings) {
            delay = policy.delay * (std::int64_t{1} << doublings);
        }
    }
    wait_for(place, delay, &State::start);
    return true;
}

}  // namespace net
