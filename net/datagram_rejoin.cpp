// Options::rejoin: the interfaces are looked at once a second, for as long as the socket is open.
// That works the same way everywhere, misses nothing that lasts, and costs a few calls a second to
// those who ask for it; each system's own news of interfaces would be a mechanism of its own each.
// A system may drop a membership with its interface (the BSDs) or keep it for an index that nobody
// has any more (Linux); so each is joined again, which those that are still there refuse.
// Catch: on Linux an interface that returns within the second, with its old index, goes unseen.
#include <algorithm>
#include <array>

#include "net/datagram_state.h"

namespace net {

namespace {

constexpr std::chrono::seconds period(1);
constexpr std::size_t interfaces_max = 256;

bool contains(std::span<const std::uint32_t> indexes, std::uint32_t index) {
    return std::find(indexes.begin(), indexes.end(), index) != indexes.end();
}

// 0: there is none at the moment.
std::uint32_t index_of(platform::Poller& poller, const Wish& wish) {
    if (wish.by == Wish::By::index) return wish.index;
    const Result<std::uint32_t> found =
        wish.by == Wish::By::name ? platform::interface_index(poller, wish.name())
                                  : platform::interface_index(poller, wish.address);
    return found ? *found : 0;
}

}  // namespace

Error Datagram::State::start_rejoining() {
    core::Timer& timer = extras->groups->timer;
    if (!timer.active()) timer = loop->every(period, [this] { rejoin(); });
    timer.unref();
    return timer.active() ? Error{} : Error{Code::out_of_memory};
}

void Datagram::State::rejoin() {
    Groups& groups = *extras->groups;
    std::array<std::uint32_t, interfaces_max> room;
    const Result<std::size_t> count = platform::interface_indexes(loop->poller(), room);
    if (!count) return;  // Another time.
    const std::span<const std::uint32_t> indexes(room.data(), std::min(*count, room.size()));
    for (std::size_t i = groups.joined.size(); i-- > 0;) {
        const Membership& each = groups.joined[i];
        if (each.interface == 0 || contains(indexes, each.interface)) continue;
        platform::Membership gone{each.group, each.source, Address::any(family())};
        gone.interface.scope = each.interface;
        (void)platform::leave(socket, gone);  // Where the system has not done so itself.
        groups.joined.erase(i);
    }
    for (Wish& wish : groups.wishes) {
        if (wish.by == Wish::By::everywhere) {
            rejoin(wish, indexes);
        } else if (wish.by == Wish::By::choice) {
            const std::uint32_t choice = 0;
            rejoin(wish, {&choice, 1});
        } else {
            const std::uint32_t index = index_of(loop->poller(), wish);
            if (!contains(indexes, index)) continue;
            wish.index = index;
            rejoin(wish, {&index, 1});
        }
    }
}

// What fails is tried again, next time: it may be too early.
void Datagram::State::rejoin(const Wish& wish, std::span<const std::uint32_t> indexes) {
    for (const std::uint32_t index : indexes) {
        const Error failed = platform::join(socket, membership_of(wish, index));
        if (!failed || failed.code == Code::address_in_use) (void)enlist(wish, index);
    }
}

}  // namespace net
