// Strands: what a loop keeps of its coroutines, and how they take turns. See task.h and strand.h.
#include "core/task.h"

#include <new>

#include "core/strand.h"

namespace core {

namespace {

const char service_key = 0;

}  // namespace

// A loop's own, made by the first spawn.
struct Strands : Service {
    explicit Strands(Loop& owner)
        : Service{&service_key, [](Service& self) { delete static_cast<Strands*>(&self); },
                  [](Service& self) { static_cast<Strands&>(self).work(); }},
          loop(owner) {}

    // The loop ends. What dies with the frames may do anything, but nothing runs any more.
    ~Strands() {
        while (!all.alone()) delete &static_cast<Strand::Place&>(all.next()).strand;
    }

    static Strands* of(Loop& loop) {
        if (Service* service = loop.service(&service_key)) return static_cast<Strands*>(service);
        Strands* const strands = new (std::nothrow) Strands(loop);
        if (strands) loop.add_service(*strands);
        return strands;
    }

    // What is scheduled meanwhile belongs to the next turn. Whatever has not run yet stays in its
    // ring, so that a task may throw.
    void work() {
        while (!scheduled.alone()) {
            Ring& first = scheduled.next();
            first.leave();
            first.enter_before(round);
        }
        while (!round.alone()) {
            Deferred& first = static_cast<Deferred&>(round.next());
            first.leave();
            first.function_(first);
        }
        due = !scheduled.alone();
    }

    Loop& loop;
    Ring all;
    Ring scheduled;
    Ring round;
};

void Deferred::schedule(Strands& strands) {
    if (!alone()) return;
    enter_before(strands.scheduled);
    strands.due = true;
}

// ---- Strands -----------------------------------------------------------------------------------

Strand::Strand(Strands& strands, Task<> task)
    : Deferred([](Deferred& self) { static_cast<Strand&>(self).run(); }), strands_(strands),
      task_(std::move(task)) {
    place_.enter_before(strands.all);
    task_.coroutine_.promise().strand = this;
    next_ = task_.coroutine_;
    schedule(strands);
}

// Not found any more by what dies with the frames.
Strand::~Strand() {
    if (spawned_) spawned_->attach(nullptr);
    place_.leave();
}

Loop& Strand::loop() const { return strands_.loop; }

void Strand::resume(std::coroutine_handle<> coroutine) {
    next_ = coroutine;
    run();
}

void Strand::hand_on(std::coroutine_handle<> coroutine) noexcept {
    next_ = coroutine;
    if (!running_) schedule(strands_);
}

void hand_on(Strand& strand, std::coroutine_handle<> coroutine) noexcept {
    strand.hand_on(coroutine);
}

void Strand::run() {
    running_ = true;
    while (next_ && !canceled_) std::exchange(next_, nullptr).resume();
    running_ = false;
    if (!canceled_ && !task_.coroutine_.done()) return;
    const std::exception_ptr exception =
        canceled_ ? nullptr : task_.coroutine_.promise().exception;
    delete this;
    if (exception) std::rethrow_exception(exception);
}

void Strand::cancel() {
    canceled_ = true;
    if (!running_) delete this;
}

// ---- Spawned -----------------------------------------------------------------------------------

Spawned::Spawned(Spawned&& other) noexcept {
    Strand* const strand = other.strand_;
    other.attach(nullptr);
    attach(strand);
}

Spawned& Spawned::operator=(Spawned&& other) noexcept {
    if (this == &other) return *this;
    Strand* const strand = other.strand_;
    other.attach(nullptr);
    attach(strand);
    return *this;
}

Spawned::~Spawned() { attach(nullptr); }

void Spawned::attach(Strand* strand) {
    if (strand_) strand_->spawned_ = nullptr;
    strand_ = strand;
    if (strand_) strand_->spawned_ = this;
}

void Spawned::cancel() {
    Strand* const strand = strand_;
    attach(nullptr);
    if (strand) strand->cancel();
}

Spawned spawn(Loop& loop, Task<> task) {
    Spawned spawned;
    if (loop.open_error()) return spawned;  // Which run() reports.
    Strands* const strands = Strands::of(loop);
    Strand* const strand =
        strands ? new (std::nothrow) Strand(*strands, std::move(task)) : nullptr;
    if (!strand) loop.fail({platform::Code::out_of_memory, platform::Operation::open});
    spawned.attach(strand);
    return spawned;
}

}  // namespace core
