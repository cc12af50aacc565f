// The wheel: 256 slots of 1 ms, then four levels of 64 slots, each slot as long as the whole level
// below it. What lies beyond its 2^32 ms waits in lists of its own, one for each six bits more.
// A level holds what differs from the present in its own digit, but in no higher one. So all of it
// comes before the next level, its slots ascend and never wrap around, and what comes next is the
// first bit set in a bitmap over all lists. When the present reaches a list, its timers move down,
// in their order. The catch: the earliest in an upper list may have to be searched for.
#include "core/timers.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

namespace core {

namespace {

// Timers and lists are linked by number, which takes half of what pointers do. Zero links nothing.
using Index = std::uint32_t;
using ListNumber = std::uint32_t;

// The lists, numbered as they come due; each group begins a word of the bitmaps.
constexpr ListNumber due = 0;               // What expire() is about to run.
constexpr ListNumber late = 1;              // Had passed when armed: waits for the next expire().
constexpr ListNumber slots = 64;            // Level 0, one list for each millisecond.
constexpr ListNumber upper = slots + 256;   // Levels 1 to 4, 64 lists each.
constexpr ListNumber beyond = upper + 256;  // Levels 5 to 10, one list each.
constexpr ListNumber list_count = beyond + 6;
// Where a timer is that is in no list.
constexpr ListNumber firing = list_count;   // Its callback runs; it could be restarted.
constexpr ListNumber retired = firing + 1;

constexpr std::size_t word_bits = 64;
constexpr std::size_t word_count = list_count / word_bits + 1;

// Level 0 looks at the lowest eight bits of a deadline, each further level at six more. Without
// branches, because what they would depend on is as good as random.
constexpr unsigned level_of(std::int64_t deadline, std::int64_t now) {
    const auto difference = static_cast<std::uint64_t>(deadline ^ now);
    return (std::max(static_cast<unsigned>(std::bit_width(difference)), 8u) - 3) / 6;
}

constexpr unsigned lowest_bit(unsigned level) { return level ? 6 * level + 2 : 0; }

struct Level {
    std::uint16_t first;  // Of its lists.
    std::uint8_t mask;    // How many of them there are, less one.
    std::uint8_t shift;
};

constexpr auto levels = [] {
    std::array<Level, 11> table{};
    for (unsigned level = 0; level < table.size(); level++) {
        const ListNumber first = level == 0   ? slots
                                 : level <= 4 ? upper + 64 * (level - 1)
                                              : beyond + (level - 5);
        const unsigned mask = level == 0 ? 255 : level <= 4 ? 63 : 0;
        table[level] = {static_cast<std::uint16_t>(first), static_cast<std::uint8_t>(mask),
                        static_cast<std::uint8_t>(lowest_bit(level))};
    }
    return table;
}();

constexpr ListNumber list_for(std::int64_t deadline, std::int64_t now) {
    const Level level = levels[level_of(deadline, now)];
    return level.first + (static_cast<std::uint32_t>(deadline >> level.shift) & level.mask);
}

// The next deadline of a repeating timer: on its grid, and after now.
constexpr std::int64_t following(std::int64_t deadline, std::int64_t period, std::int64_t now) {
    const std::int64_t latest = deadline + (now - deadline) / period * period;
    return period > Timers::never - latest ? Timers::never : latest + period;
}

// What lists and comparisons need comes first, to lie in one cache line.
struct Timer {
    std::int64_t deadline = 0;
    std::int64_t period = 0;
    Index next = 0;
    Index previous = 0;
    std::uint32_t generation = 1;
    std::uint16_t list = retired;
    bool referenced = true;
    Callback<void()> call;
};
static_assert(sizeof(Timer) <= 64);

struct List {
    Index first = 0;
    Index last = 0;
};

// Where timers live, by index. Each chunk is as large as all before it together and holds the
// indexes of one width, so a table of fixed size finds every timer, none ever moves, and memory is
// touched only when it is used. What is free is known by groups of 64 neighbours: timers that start
// together lie together, in whatever order the ones before them went.
class Places {
   public:
    Places() = default;
    Places(const Places&) = delete;
    Places& operator=(const Places&) = delete;
    ~Places() {
        for (Index index = first; index < end_; index++) at(index).~Timer();
        for (void* chunk : chunks_) ::operator delete(chunk);
    }

    static constexpr Index first = 32;
    Index end() const { return end_; }  // Those in use, or free again, are before it.
    bool contains(Index index) const { return index - first < end_ - first; }

    Timer& at(Index index) const { return *reinterpret_cast<Timer*>(address(index, index)); }

    // Zero when memory is out.
    Index take() {
        if (free_) {
            Group& group = group_of(free_);
            const Index index = free_ / group_size * group_size +
                                static_cast<Index>(std::countr_zero(group.free));
            group.free &= group.free - 1;
            if (!group.free) free_ = group.next;
            return index;
        }
        if (end_ == last || (std::has_single_bit(end_) && !make_chunk(end_))) return 0;
        ::new (&at(end_)) Timer;
        return end_++;
    }

    // A place whose generations are used up is left alone for ever: an id never comes again.
    void release(Index index, Timer& timer) {
        if (++timer.generation == 0) return;
        Group& group = group_of(index);
        if (!group.free) group.next = std::exchange(free_, index);
        group.free |= std::uint64_t{1} << index % group_size;
    }

   private:
    // The indexes that differ in the last six bits only. They follow the timers of a chunk.
    struct Group {
        std::uint64_t free = 0;
        Index next = 0;  // In the next group with a free place.
    };

    static constexpr Index last = UINT32_MAX;
    static constexpr Index group_size = 64;
    static constexpr std::size_t alignment = 64;  // One timer is one cache line.

    static std::size_t chunk_of(Index index) {
        return static_cast<std::size_t>(std::countl_zero(first) - std::countl_zero(index | 1));
    }

    // Where index zero would lie, in the chunk of one index, and from there that of the other.
    std::uintptr_t address(Index chunk, Index index) const {
        return origins_[chunk_of(chunk)] + std::uintptr_t{index} * sizeof(Timer);
    }

    // Of as many indexes as come before it.
    bool make_chunk(Index size) {
        const std::size_t groups = size < group_size ? 1 : size / group_size;
        const std::size_t bytes = size * sizeof(Timer) + groups * sizeof(Group) + alignment;
        void* const memory = ::operator new(bytes, std::nothrow);
        if (!memory) return false;
        chunks_[chunk_of(size)] = memory;
        const std::uintptr_t begin =
            (reinterpret_cast<std::uintptr_t>(memory) + alignment - 1) / alignment * alignment;
        origins_[chunk_of(size)] = begin - std::uintptr_t{size} * sizeof(Timer);
        for (std::size_t i = 0; i < groups; i++) {
            ::new (&group_of(size + static_cast<Index>(i) * group_size)) Group;
        }
        return true;
    }

    Group& group_of(Index index) const {
        const Index size = std::bit_floor(index);
        return reinterpret_cast<Group*>(address(index, 0) + std::uintptr_t{size} * 2 *
                                        sizeof(Timer))[index / group_size - size / group_size];
    }

    std::array<std::uintptr_t, 27> origins_{};
    std::array<void*, 27> chunks_{};
    Index end_ = first;
    Index free_ = 0;  // In a group with a free place.
};

}  // namespace

struct Timers::Wheel {
    static constexpr std::int64_t unknown = -1;  // Less than every deadline.

    Places places;
    std::array<List, list_count> lists{};
    std::array<std::uint64_t, word_count> occupied{};
    std::array<std::uint64_t, word_count> unsorted{};  // Those whose first may not be the earliest.
    std::int64_t present;
    std::int64_t earliest = never;  // Or unknown, when the earliest has gone.
    std::uint32_t referenced = 0;
    Index running = 0;  // Whose callback it is that runs.
    bool closing = false;

    explicit Wheel(std::int64_t now) : present(now) { assert(now >= 0); }

    // Null for a timer that is no more. While its callback runs it is, unless it was cancelled.
    Timer* find(TimerId id) const {
        if (!places.contains(id.index)) return nullptr;
        Timer& timer = places.at(id.index);
        return timer.generation == id.generation && timer.list != retired ? &timer : nullptr;
    }

    bool armed(const Timer& timer) const { return timer.list < list_count; }

    void arm(Index index, Timer& timer) {
        append(index, timer,
               timer.deadline <= present ? late : list_for(timer.deadline, present));
        earliest = std::min(earliest, timer.deadline);
        referenced += timer.referenced;
    }

    void disarm(Timer& timer) {
        remove(timer);
        if (timer.deadline == earliest) earliest = unknown;
        referenced -= timer.referenced;
    }

    // The captures go last: their destructors may call us.
    void release(Index index, Timer& timer) {
        const Callback<void()> captures = std::move(timer.call);
        timer.list = retired;
        places.release(index, timer);
    }

    std::int64_t next_deadline() {
        if (earliest == unknown) {
            const ListNumber list = first_occupied(due);
            earliest = list == list_count ? never : earliest_in(list);
        }
        return earliest;
    }

    // Moves the present on, from one occupied list to the next, and collects what is due.
    void advance(std::int64_t now) {
        spread(late);
        for (;;) {
            const ListNumber list = first_occupied(slots);
            if (list == list_count) break;
            const std::int64_t deadline = places.at(lists[list].first).deadline;
            const unsigned low = lowest_bit(level_of(deadline, present));
            if ((present ^ now) >> low == 0) break;  // As it is nearly always: no need to search.
            // Those in a slot share what lies above its lowest bit; those beyond do not.
            const std::int64_t begin = (list < beyond ? deadline : earliest_in(list)) >> low << low;
            if (begin > now) break;
            present = begin;
            spread(list);
        }
        present = now;
    }

    void fire(Index index) {
        struct Finish {  // Also when the callback throws.
            ~Finish() {
                wheel.running = 0;
                if (!wheel.armed(timer)) wheel.release(index, timer);
            }
            Wheel& wheel;
            Timer& timer;
            Index index;
        };

        Timer& timer = places.at(index);
        disarm(timer);
        timer.list = firing;
        if (timer.period > 0) {
            timer.deadline = following(timer.deadline, timer.period, present);
            arm(index, timer);
        }
        running = index;
        const Finish finish{*this, timer, index};
        timer.call();
    }

    void append(Index index, Timer& timer, ListNumber number) {
        List& list = lists[number];
        timer.list = static_cast<std::uint16_t>(number);
        timer.next = 0;
        timer.previous = list.last;
        if (list.last) {
            Timer& last = places.at(list.last);
            last.next = index;
            const std::uint64_t earlier = timer.deadline < last.deadline;
            unsorted[number / word_bits] |= earlier << number % word_bits;
        } else {
            list.first = index;
            occupied[number / word_bits] |= bit(number);
        }
        list.last = index;
    }

    void remove(const Timer& timer) {
        List& list = lists[timer.list];
        (timer.previous ? places.at(timer.previous).next : list.first) = timer.next;
        (timer.next ? places.at(timer.next).previous : list.last) = timer.previous;
        if (!list.first) forget(timer.list);
    }

    // Empties a list that the present has reached, in its order.
    void spread(ListNumber number) {
        Index index = std::exchange(lists[number], {}).first;
        forget(number);
        while (index) {
            Timer& timer = places.at(index);
            const Index next = timer.next;
            append(index, timer,
                   timer.deadline <= present ? due : list_for(timer.deadline, present));
            index = next;
        }
    }

    ListNumber first_occupied(ListNumber from) const {
        for (std::size_t word = from / word_bits; word < word_count; word++) {
            if (!occupied[word]) continue;
            const auto lowest = static_cast<std::size_t>(std::countr_zero(occupied[word]));
            return static_cast<ListNumber>(word * word_bits + lowest);
        }
        return list_count;
    }

    std::int64_t earliest_in(ListNumber number) const {
        Index index = lists[number].first;
        std::int64_t result = places.at(index).deadline;
        if (!(unsorted[number / word_bits] & bit(number))) return result;
        while ((index = places.at(index).next)) {
            result = std::min(result, places.at(index).deadline);
        }
        return result;
    }

    void forget(ListNumber number) {
        occupied[number / word_bits] &= ~bit(number);
        unsorted[number / word_bits] &= ~bit(number);
    }

    static std::uint64_t bit(ListNumber number) { return std::uint64_t{1} << number % word_bits; }
};

Timers::~Timers() {
    if (!wheel_) return;
    assert(!wheel_->running && "timers were destroyed by one of them");
    wheel_->closing = true;
    for (Index index = Places::first; index < wheel_->places.end(); index++) {
        Timer& timer = wheel_->places.at(index);
        if (!wheel_->armed(timer)) continue;
        wheel_->disarm(timer);
        wheel_->release(index, timer);
    }
    delete wheel_;
}

TimerId Timers::start(std::int64_t deadline, std::int64_t period, Callback<void()> call) {
    if (!call) return {};
    if (!wheel_) wheel_ = new (std::nothrow) Wheel(now_);
    if (!wheel_ || wheel_->closing) return {};
    const Index index = wheel_->places.take();
    if (!index) return {};
    Timer& timer = wheel_->places.at(index);
    timer.deadline = std::max(deadline, wheel_->present);
    timer.period = period;
    timer.referenced = true;
    timer.call = std::move(call);
    wheel_->arm(index, timer);
    return {index, timer.generation};
}

bool Timers::restart(TimerId id, std::int64_t deadline) {
    Timer* const timer = wheel_ ? wheel_->find(id) : nullptr;
    if (!timer) return false;
    if (wheel_->armed(*timer)) wheel_->disarm(*timer);
    timer->deadline = std::max(deadline, wheel_->present);
    wheel_->arm(id.index, *timer);
    return true;
}

bool Timers::cancel(TimerId id) {
    Timer* const timer = wheel_ ? wheel_->find(id) : nullptr;
    if (!timer || !wheel_->armed(*timer)) return false;
    wheel_->disarm(*timer);
    if (id.index == wheel_->running) {
        timer->list = retired;  // Its captures are in use.
    } else {
        wheel_->release(id.index, *timer);
    }
    return true;
}

bool Timers::set_referenced(TimerId id, bool referenced) {
    Timer* const timer = wheel_ ? wheel_->find(id) : nullptr;
    if (!timer) return false;
    if (wheel_->armed(*timer)) {
        wheel_->referenced -= timer->referenced;
        wheel_->referenced += referenced;
    }
    timer->referenced = referenced;
    return true;
}

bool Timers::active(TimerId id) const {
    const Timer* const timer = wheel_ ? wheel_->find(id) : nullptr;
    return timer && wheel_->armed(*timer);
}

void Timers::expire(std::int64_t now) {
    if (!wheel_) {
        now_ = std::max(now_, now);
    } else if (!wheel_->running) {
        wheel_->advance(std::max(now, wheel_->present));
        while (const Index index = wheel_->lists[due].first) wheel_->fire(index);
    }
}

std::int64_t Timers::next_deadline() const { return wheel_ ? wheel_->next_deadline() : never; }

std::uint32_t Timers::referenced() const { return wheel_ ? wheel_->referenced : 0; }

}  // namespace core
