// One thread's time: who is ready, what is due, what was asked for, what may be freed.
//
// A turn of the loop is one tick, in phases: wait; due timers; ready sockets; posted callbacks and
// finished look-ups; requests (binds and connects, then sends); their outcomes in the order of the
// calls; 'close' events. No callback ever runs inside the call that asked for it.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "core/callback.h"
#include "core/growing.h"
#include "core/source.h"
#include "core/timers.h"
#include "platform/platform.h"

namespace core {

using platform::Error;
using platform::Instant;
using platform::Interest;
using platform::Result;

class Loop;

// A started timer; copies mean the same one. Harmless after the timer has gone, not after the loop.
class Timer {
   public:
    Timer() = default;
    Timer& ref();    // Keeps run() going (as at first).
    Timer& unref();  // Lets run() end before it fires.
    void cancel();
    bool restart(std::chrono::nanoseconds delay);  // False when it had fired or was cancelled.
    bool active() const;

   private:
    friend class Loop;
    Timer(Loop& loop, TimerId id) : loop_(&loop), id_(id) {}
    Loop* loop_ = nullptr;
    TimerId id_;
};

// A descriptor of the user's own, watched until this object goes. It does not own the descriptor,
// which must stay open for as long.
class Watch {
   public:
    Watch() = default;
    Watch(Watch&& other) noexcept;
    Watch& operator=(Watch&& other) noexcept;
    ~Watch();
    Error change(Interest);  // Neither readable nor writable: paused.
    void stop();
    Watch& ref();
    Watch& unref();

   private:
    friend class Loop;
    struct State;
    explicit Watch(State& state) : state_(&state) {}
    State* state_ = nullptr;
};

// Belongs to one thread; only post() is open to others. Not movable.
class Loop {
   public:
    using Task = Callback<void()>;
    using UnhandledError = Callback<void(Error, std::string_view text)>;

    Loop();   // Does not fail: what it could not have, run() reports.
    ~Loop();  // Waits for nothing. Closes the sockets that are still there, silently.
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    // Turns until nothing referenced is left, or stop(). An exception of a callback passes
    // through, and run() may be called again. Errors: EMFILE, ENOMEM of the loop's own making;
    // EALREADY when called from a callback.
    Error run();
    void stop();  // Ends the run() in progress after this tick.

    // One tick, for other people's loops: sleeps until something happens or the deadline passes.
    Error turn(Instant deadline = {});
    Instant next_deadline() const;  // When turn() is due, if nothing happens before.
    bool alive() const;  // Whether run() would go on: something referenced is left.
    Result<std::intptr_t> poll_handle() const;  // Readable: turn() is due. ENOTSUP: none here.

    Instant now() const;  // Taken once a tick.
    std::uint64_t tick() const { return tick_; }  // How many turns there have been.

    // Timers never fire early, and fire in the order of their deadlines; whole milliseconds,
    // rounded up. An inactive Timer: memory was out, and the callback is gone.
    Timer after(std::chrono::nanoseconds delay, Task);
    Timer every(std::chrono::nanoseconds period, Task);  // At least 1 ms; skips what it missed.

    // From any thread; runs in the loop's thread. Does not keep run() going. False: out of memory.
    bool post(Task);

    // Level-triggered; EPERM for what cannot be polled (files), EEXIST for what is watched already.
    Result<Watch> watch(std::intptr_t handle, Interest, Callback<void(Interest ready)>);

    // Called at the next SIGINT or SIGTERM (Ctrl-C), once: a second one ends the process, unless
    // this is called again. Does not keep run() going. EBUSY: eight loops wait already; or why the
    // system lets no signal be caught.
    Error on_interrupt(Task);

    // Gets what no 'error' listener took. Without one, the text goes to stderr and the program
    // ends, as in Node. The hook may throw out of run().
    void on_unhandled_error(UnhandledError hook);

    // ---- For the layers above ----------------------------------------------------------------

    platform::Poller& poller() { return *poller_; }
    Error open_error() const { return open_error_; }

    Error attach(Source&);  // Gives it a token. ENOMEM, ENFILE.
    void detach(Source&);   // Events already fetched for it are ignored.
    void bury(Source&);     // Destroys a detached one at the end of the turn.
    bool attached(platform::Socket) const;  // Whether some source has this handle.
    // Calls f with each attached source of that kind, in no order.
    template <class F>
    void each(const Source::Operations& kind, F f) {
        for (const Slot& slot : slots_) {
            if (slot.source && slot.source->operations == &kind) f(*slot.source);
        }
    }

    void request(Source& source) {  // prepare() and flush() run in this tick, once.
        if (!std::exchange(source.requested, true)) requested_.push(source);
    }
    void owe(Source& source) {  // conclude() runs once, in the order of these calls.
        const bool again = owed_.size() > std::max(owed_round_end_, owed_first_) &&
                           owed_.back().source == &source;
        again ? static_cast<void>(owed_.back().count++) : owe_anew(source);
    }
    bool concluding() const { return owed_round_end_ != 0; }  // Outcomes are being told.
    void owe_late(Source&);    // The same, for what earlier ticks asked: before all of the others.
    void owe_now(Source&);     // While outcomes are told: before what is left of this round.
    void finish(Source&);      // finish() runs in this tick's last phase.
    void flush_requests();     // Lets everything queued leave early: the arena is full.
    void hold() { held_++; }   // Keeps run() going, until as many release()s.
    void release() { held_--; }
    void unhandled_error(Error, std::string_view text);
    void fail(Error error) { failure_ = error; }  // run() returns it: nobody else could say.

    Service* service(const void* key);
    void add_service(Service&);

   private:
    friend class Timer;
    friend class Watch;
    struct Inbox;
    struct Slot {
        Source* source;
        std::uint32_t generation;
        std::uint32_t next_free;
    };
    struct Owed {
        Source* source;
        std::uint32_t count;
    };
    struct Turning;

    void owe_anew(Source&);
    void take_posted();
    bool pending() const;
    Source* find(platform::Token) const;
    void forget_owed(Source&);
    void merge_owed();
    std::int64_t milliseconds(Instant) const;
    Instant instant(std::int64_t milliseconds) const;
    std::int64_t timer_deadline(std::chrono::nanoseconds delay) const;
    void run_posted();
    void run_requests();
    void run_outcomes();
    void run_ends();
    void free_buried();
    void recycle_slots();

    std::unique_ptr<platform::Poller> poller_;
    Error open_error_;
    Error failure_;
    Instant now_;
    Instant origin_;
    Timers timers_;
    std::unique_ptr<Inbox> inbox_;
    platform::Job* posted_ = nullptr;  // Taken from the mailbox, still to run.
    UnhandledError unhandled_error_;
    Service* services_ = nullptr;

    Growing<Slot> slots_;
    std::uint32_t free_slot_ = no_slot;
    std::uint32_t cooling_slot_ = no_slot;  // Freed in this turn: events may still name them.
    SourceQueue<&Source::next_requested> requested_;
    SourceQueue<&Source::next_requested> preparing_;  // Of the requested ones, this round's.
    SourceQueue<&Source::next_prepared> prepared_;
    SourceQueue<&Source::next_finishing> finishing_;
    SourceQueue<&Source::next_finishing> ending_;  // Of the finishing ones, this round's.
    SourceQueue<&Source::next_requested> buried_;
    Growing<Owed> owed_;
    std::size_t owed_first_ = 0;
    std::size_t owed_round_end_ = 0;  // What is owed behind it belongs to the next round,
    std::size_t owed_late_ = 0;       // of which so many are late.
    std::size_t attached_ = 0;
    std::uint64_t tick_ = 0;
    std::uint32_t held_ = 0;
    bool turning_ = false;
    bool cut_short_ = false;     // An exception ended the last turn: the next one does not sleep.
    bool hook_replaced_ = false;
    bool running_ = false;
    bool stopping_ = false;

    static constexpr std::uint32_t no_slot = UINT32_MAX;
};

}  // namespace core
