// The turn, phase by phase, and what the phases take from. See loop.h.
//
// Everything still to do is taken out of its queue before the user's code runs, and stays queued
// otherwise: an exception that leaves a turn loses nothing, the next turn goes on from there.
#include "core/loop.h"

#include <algorithm>
#include <new>
#include <utility>

#include "core/posts.h"

namespace core {

namespace {

constexpr std::int64_t nanoseconds_per_millisecond = 1'000'000;
constexpr unsigned index_bits = 20;
constexpr std::uint32_t index_mask = (1u << index_bits) - 1;

platform::Token make_token(std::size_t index, std::uint32_t generation) {
    return {generation << index_bits | static_cast<std::uint32_t>(index)};
}

struct Interrupt : platform::Job {
    Interrupt() {
        run = [](Job& job) {
            Interrupt& self = static_cast<Interrupt&>(job);
            self.waiting = false;
            Loop::Task due = std::move(self.task);  // It may ask for the next interrupt.
            if (due) due();
        };
        discard = [](Job&) {};
    }
    Loop::Task task;
    bool waiting = false;
};

}  // namespace

struct Loop::Inbox {
    explicit Inbox(platform::Poller& poller) : posts(&mailbox), mailbox(poller) {}
    Interrupt interrupt;  // These may lie in the mailbox, which goes first.
    Posts posts;
    platform::Mailbox mailbox;
};

Loop::Loop() : timers_(0) {
    Result<std::unique_ptr<platform::Poller>> poller = platform::Poller::open();
    if (!poller) {
        open_error_ = poller.error();
        return;
    }
    poller_ = *std::move(poller);
    origin_ = now_ = poller_->now();
    inbox_.reset(new (std::nothrow) Inbox(*poller_));
    if (!inbox_) open_error_ = {platform::Code::out_of_memory, platform::Operation::open};
}

// What dies with the loop may hold its sockets, and ask for more: they are buried when nothing of
// them is on the stack, and nothing more is given.
Loop::~Loop() {
    turning_ = true;
    open_error_ = {platform::Code::canceled, platform::Operation::open};
    if (inbox_ && inbox_->interrupt.waiting) platform::release_interrupt(inbox_->interrupt);
    for (std::size_t i = 0; i < slots_.size(); i++) {
        if (Source* source = slots_[i].source) source->operations->orphan(*source);
    }
    free_buried();
    while (Service* service = services_) {
        services_ = service->next;
        service->destroy(*service);
    }
}

// ---- The turn --------------------------------------------------------------------------------

// Marks the turn for as long as it lasts, also when an exception ends it.
struct Loop::Turning {
    explicit Turning(Loop& owner) : loop(owner) { loop.turning_ = true; }
    ~Turning() {
        loop.free_buried();
        loop.recycle_slots();
        loop.turning_ = false;
        loop.owed_round_end_ = 0;
        loop.cut_short_ = !complete;
    }
    Loop& loop;
    bool complete = false;
};

Error Loop::run() {
    if (running_ || turning_) {
        return {platform::Code::already_in_progress, platform::Operation::wait};
    }
    struct Running {
        explicit Running(bool& flag) : running(flag) { running = true; }
        ~Running() { running = false; }
        bool& running;
    } const running(running_);
    stopping_ = false;
    do {
        const Error error = turn(alive() ? Instant::never() : Instant{});
        if (error) return error;
    } while (!stopping_ && alive());
    return {};
}

void Loop::stop() {
    stopping_ = true;
}

Error Loop::turn(Instant deadline) {
    if (open_error_) return open_error_;
    if (turning_) return {platform::Code::already_in_progress, platform::Operation::wait};
    if (failure_) return std::exchange(failure_, {});
    Turning turning(*this);
    tick_++;

    const Result<std::span<const platform::Event>> events =
        poller_->wait(std::min(deadline, next_deadline()));
    now_ = poller_->now();
    if (!events) return events.error();
    timers_.expire(milliseconds(now_));
    for (const platform::Event& event : *events) {
        if (Source* source = find(event.token)) source->operations->ready(*source, event);
    }
    run_posted();
    run_requests();
    run_outcomes();
    run_ends();
    turning.complete = true;
    return {};
}

bool Loop::alive() const {
    return held_ > 0 || timers_.referenced() > 0 || pending();
}

bool Loop::pending() const {
    for (const Service* service = services_; service; service = service->next) {
        if (service->due) return true;
    }
    return !requested_.empty() || !preparing_.empty() || !prepared_.empty() ||
           owed_first_ < owed_.size() || !finishing_.empty() || !ending_.empty() || failure_;
}

Instant Loop::next_deadline() const {
    if (pending() || posted_ || cut_short_) return {};
    return instant(timers_.next_deadline());
}

Result<std::intptr_t> Loop::poll_handle() const {
    if (open_error_) return open_error_;
    return poller_->handle();
}

// All there is, behind what an exception left: the wake-up that told of it comes only once.
void Loop::take_posted() {
    platform::Job** end = &posted_;
    while (*end) end = &(*end)->next;
    *end = inbox_->mailbox.take();
}

void Loop::run_posted() {
    take_posted();
    while (platform::Job* job = posted_) {
        posted_ = job->next;
        job->run(*job);
    }
    for (Service* service = services_; service; service = service->next) {
        if (service->work) service->work(*service);
    }
}

void Loop::run_requests() {
    preparing_.take(requested_);  // What is asked for meanwhile belongs to the next round.
    while (Source* source = preparing_.pop()) {
        source->requested = false;
        if (!std::exchange(source->prepared, true)) prepared_.push(*source);
        source->operations->prepare(*source);
    }
    while (Source* source = prepared_.pop()) {
        source->prepared = false;
        source->operations->flush(*source);
    }
}

void Loop::run_outcomes() {
    owed_round_end_ = owed_.size();
    owed_late_ = 0;
    while (owed_first_ < owed_round_end_) {
        Owed& owed = owed_[owed_first_];
        Source* const source = owed.source;
        if (owed.count == 0 || --owed.count == 0) owed_first_++;
        if (source) source->operations->conclude(*source);
    }
    owed_.erase(0, std::exchange(owed_first_, 0));  // What came meanwhile moves to the front.
    owed_round_end_ = 0;
}

void Loop::run_ends() {
    ending_.take(finishing_);
    while (Source* source = ending_.pop()) {
        source->finishing = false;
        source->operations->finish(*source);
    }
}

// ---- What the phases take from -----------------------------------------------------------------

void Loop::flush_requests() {
    for (Source* source = requested_.first(); source; source = source->next_requested) {
        source->operations->flush(*source);
    }
}

void Loop::owe_anew(Source& source) {
    if (owed_.push({&source, 1})) return;
    // Out of memory: the order among sockets is given up, an outcome never.
    merge_owed();
    for (std::size_t i = owed_round_end_; i < owed_.size(); i++) {
        if (owed_[i].source == &source) {
            owed_[i].count++;
            return;
        }
    }
    (void)owed_.push({&source, 1});
}

// Memory that is out costs the order only.
void Loop::owe_late(Source& source) {
    const std::size_t place = std::max(owed_round_end_, owed_first_) + owed_late_;
    if (owed_late_ > 0 && owed_[place - 1].source == &source) {
        owed_[place - 1].count++;
        return;
    }
    if (!owed_.push({&source, 1})) return owe(source);
    for (std::size_t i = owed_.size(); --i > place;) std::swap(owed_[i], owed_[i - 1]);
    owed_late_++;
}

// Memory that is out costs the order only, here too.
void Loop::owe_now(Source& source) {
    if (owed_first_ < owed_round_end_ && owed_[owed_first_].source == &source) {
        owed_[owed_first_].count++;
        return;
    }
    if (!owed_.push({&source, 1})) return owe(source);
    for (std::size_t i = owed_.size(); --i > owed_first_;) std::swap(owed_[i], owed_[i - 1]);
    owed_round_end_++;
}

// Leaves each source one entry in this round and one in the next: for these attach() made room.
void Loop::merge_owed() {
    owed_late_ = 0;
    owed_round_end_ -= std::min(owed_round_end_, owed_first_);
    owed_.erase(0, std::exchange(owed_first_, 0));
    for (std::size_t i = 0; i < owed_.size(); i++) {
        for (std::size_t k = i < owed_round_end_ ? owed_round_end_ : owed_.size(); --k > i;) {
            if (owed_[k].source && owed_[k].source != owed_[i].source) continue;
            if (owed_[k].source) owed_[i].count += owed_[k].count;
            owed_.erase(k);
            if (k < owed_round_end_) owed_round_end_--;
        }
    }
}

void Loop::forget_owed(Source& source) {
    for (Owed& owed : owed_) {
        if (owed.source == &source) owed = {nullptr, 0};
    }
}

void Loop::finish(Source& source) {
    if (std::exchange(source.finishing, true)) return;
    finishing_.push(source);
}

void Loop::on_unhandled_error(UnhandledError hook) {
    unhandled_error_ = std::move(hook);
    hook_replaced_ = true;
}

void Loop::unhandled_error(Error error, std::string_view text) {
    if (!unhandled_error_) platform::abandon(text);
    struct Telling {  // The hook may put another one in its place while it runs, or throw.
        explicit Telling(Loop& owner) : loop(owner), hook(std::move(owner.unhandled_error_)) {
            loop.hook_replaced_ = false;
        }
        ~Telling() {
            if (!loop.hook_replaced_) loop.unhandled_error_ = std::move(hook);
        }
        Loop& loop;
        UnhandledError hook;
    } telling(*this);
    telling.hook(error, text);
}

// ---- Sources -----------------------------------------------------------------------------------

Error Loop::attach(Source& source) {
    if (open_error_) return open_error_;
    const Error out_of_memory{platform::Code::out_of_memory, platform::Operation::open};
    if (!owed_.reserve(2 * (attached_ + 2))) return out_of_memory;  // See merge_owed().
    if (free_slot_ == no_slot) {
        if (slots_.size() > index_mask) {
            return {platform::Code::too_many_handles_in_system, platform::Operation::open};
        }
        if (!slots_.push({nullptr, 0, no_slot})) return out_of_memory;
        free_slot_ = static_cast<std::uint32_t>(slots_.size() - 1);
    }
    const std::uint32_t index = free_slot_;
    Slot& slot = slots_[index];
    free_slot_ = slot.next_free;
    slot.source = &source;
    source.token = make_token(index, slot.generation);
    attached_++;
    return {};
}

void Loop::detach(Source& source) {
    const std::uint32_t index = source.token.value & index_mask;
    Slot& slot = slots_[index];
    slot.source = nullptr;
    slot.generation++;
    slot.next_free = cooling_slot_;
    cooling_slot_ = index;
    attached_--;
    if (source.requested) {
        requested_.remove(source);
        preparing_.remove(source);
    }
    if (source.prepared) prepared_.remove(source);
    if (source.finishing) {
        finishing_.remove(source);
        ending_.remove(source);
    }
    forget_owed(source);
    if (!turning_) recycle_slots();
}

void Loop::bury(Source& source) {
    if (turning_) return buried_.push(source);
    source.operations->destroy(source);
}

void Loop::free_buried() {
    while (Source* source = buried_.pop()) source->operations->destroy(*source);
}

void Loop::recycle_slots() {
    while (cooling_slot_ != no_slot) {
        const std::uint32_t index = cooling_slot_;
        cooling_slot_ = slots_[index].next_free;
        slots_[index].next_free = free_slot_;
        free_slot_ = index;
    }
}

Source* Loop::find(platform::Token token) const {
    const std::uint32_t index = token.value & index_mask;
    if (index >= slots_.size()) return nullptr;
    const Slot& slot = slots_[index];
    return make_token(index, slot.generation) == token ? slot.source : nullptr;
}

bool Loop::attached(platform::Socket socket) const {
    for (std::size_t i = 0; i < slots_.size(); i++) {
        if (slots_[i].source && slots_[i].source->socket == socket) return true;
    }
    return false;
}

Service* Loop::service(const void* key) {
    Service* found = services_;
    while (found && found->key != key) found = found->next;
    return found;
}

void Loop::add_service(Service& service) {
    service.next = services_;
    services_ = &service;
}

// ---- Time, posts and interrupts ----------------------------------------------------------------

Instant Loop::now() const {
    return turning_ || !poller_ ? now_ : poller_->now();
}

std::int64_t Loop::milliseconds(Instant instant) const {
    return (instant.nanoseconds - origin_.nanoseconds) / nanoseconds_per_millisecond;
}

Instant Loop::instant(std::int64_t milliseconds) const {
    const std::int64_t last =
        (INT64_MAX - origin_.nanoseconds) / nanoseconds_per_millisecond;  // Beyond: never.
    if (milliseconds >= last) return Instant::never();
    return {origin_.nanoseconds + milliseconds * nanoseconds_per_millisecond};
}

// Rounded up, so that no timer is early; without a delay it is due at once.
std::int64_t Loop::timer_deadline(std::chrono::nanoseconds delay) const {
    const std::int64_t elapsed = now().nanoseconds - origin_.nanoseconds;
    if (delay.count() <= 0) return elapsed / nanoseconds_per_millisecond;
    if (delay.count() > INT64_MAX - elapsed - nanoseconds_per_millisecond) {
        return INT64_MAX / nanoseconds_per_millisecond;
    }
    return (elapsed + delay.count() + nanoseconds_per_millisecond - 1) /
           nanoseconds_per_millisecond;
}

Timer Loop::after(std::chrono::nanoseconds delay, Task task) {
    return {*this, timers_.start(timer_deadline(delay), 0, std::move(task))};
}

Timer Loop::every(std::chrono::nanoseconds period, Task task) {
    const std::int64_t rounded =
        std::min((std::max<std::int64_t>(period.count(), 1) - 1) / nanoseconds_per_millisecond + 1,
                 INT64_MAX / nanoseconds_per_millisecond);
    return {*this, timers_.start(timer_deadline(std::chrono::milliseconds(rounded)), rounded,
                                 std::move(task))};
}

Timer& Timer::ref() {
    if (loop_) loop_->timers_.set_referenced(id_, true);
    return *this;
}

Timer& Timer::unref() {
    if (loop_) loop_->timers_.set_referenced(id_, false);
    return *this;
}

void Timer::cancel() {
    if (loop_) loop_->timers_.cancel(id_);
}

bool Timer::restart(std::chrono::nanoseconds delay) {
    return loop_ && loop_->timers_.restart(id_, loop_->timer_deadline(delay));
}

bool Timer::active() const {
    return loop_ && loop_->timers_.active(id_);
}

bool Loop::post(Task task) {
    return !open_error_ && inbox_->posts.post(std::move(task));
}

Error Loop::on_interrupt(Task task) {
    if (open_error_) return open_error_;
    Interrupt& interrupt = inbox_->interrupt;
    interrupt.task = std::move(task);
    if (interrupt.waiting) return {};
    const Error error = platform::catch_interrupt(inbox_->mailbox, interrupt);
    interrupt.waiting = !error;
    return error;
}

}  // namespace core
