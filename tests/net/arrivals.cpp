// What has arrived and is not seen yet: trains are taken apart to the byte, and each slot of the
// arena is given back exactly once, however it ends.
#include "net/arrivals.h"

#include <doctest/doctest.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace {

using net::Arena;
using net::Arrivals;
using net::HeldSlots;

const core::Source::Operations no_operations{};

struct Fixture {
    Fixture() { CHECK(arena.open()); }

    Arena arena;
    Arrivals arrivals{arena};
    net::Counters counters;
    core::Source owner{no_operations};

    // As a read would leave them: so many bytes in segments of so many, for each buffer.
    struct Buffer {
        std::size_t size;
        std::uint16_t segment;
    };
    void arrive(const std::vector<Buffer>& buffers, std::size_t wanted = 0) {
        const auto room = arrivals.make_room(std::max(wanted, buffers.size()), false);
        for (std::size_t i = 0; i < buffers.size(); i++) {
            std::memset(room[i].buffer.data(), static_cast<int>('a' + i), buffers[i].size);
            room[i].size = buffers[i].size;
            room[i].segment_size = buffers[i].segment;
        }
        arrivals.fill(owner, buffers.size(), room.size());
    }
    std::string take(HeldSlots& held) { return std::string(arrivals.take(held).text()); }
    std::string take() {
        HeldSlots held(arena);
        return take(held);
    }
    std::size_t taken() const { return Arena::slot_count - arena.free_count(); }
};

}  // namespace

TEST_CASE("room is what was wanted, 16 buffers at most, and what the arena has left") {
    Fixture f;
    CHECK(f.arrivals.make_room(1, false).size() == 1);
    f.arrivals.fill(f.owner, 0, 1);
    CHECK(f.taken() == 0);
    const auto room = f.arrivals.make_room(100, false);
    CHECK(room.size() == Arrivals::size_max);
    for (const auto& each : room) CHECK(each.buffer.size() == Arena::slot_size);
    f.arrivals.fill(f.owner, 0, room.size());
    CHECK(f.arrivals.empty());
    CHECK(f.taken() == 0);

    std::vector<Arena::Slot> slots;
    while (f.arena.free_count() > 3) slots.push_back(f.arena.take());
    CHECK(f.arrivals.make_room(16, false).size() == 3);
    CHECK(f.arena.free_count() == 0);
    f.arrivals.fill(f.owner, 0, 3);
    CHECK(f.arena.free_count() == 3);
    for (const Arena::Slot slot : slots) f.arena.release(slot);
    CHECK(f.taken() == 0);
}

TEST_CASE("buffers that were not filled are free at once") {
    Fixture f;
    f.arrive({{5, 0}, {6, 0}}, 16);
    CHECK(f.taken() == 2);
    CHECK(f.arrivals.owner() == &f.owner);
    CHECK(f.take() == "aaaaa");
    CHECK(f.taken() == 1);
    CHECK(f.take() == "bbbbbb");
    CHECK(f.taken() == 0);
    CHECK(f.arrivals.empty());
}

TEST_CASE("a train is taken apart: equal datagrams, the last may be shorter") {
    struct Case {
        std::size_t size;
        std::uint16_t segment;
        std::vector<std::size_t> sizes;
    };
    const Case cases[] = {{10, 5, {5, 5}}, {11, 5, {5, 5, 1}},          {14, 5, {5, 5, 4}},
                          {5, 5, {5}},     {4, 5, {4}},                 {3, 1, {1, 1, 1}},
                          {7, 0, {7}},     {0, 0, {0}},                 {65507, 0, {65507}},
                          {65507, 32754, {32754, 32753}}};
    for (const Case& each : cases) {
        CAPTURE(each.size);
        Fixture f;
        f.arrive({{each.size, each.segment}});
        std::size_t left = each.sizes.size();
        const std::byte* at = f.arrivals.front().buffer.data();
        CHECK(f.arrivals.count(f.counters) == left);
        for (const std::size_t size : each.sizes) {
            CHECK_FALSE(f.arrivals.empty());
            CHECK(f.arrivals.front_is_whole() == (left == each.sizes.size()));
            CHECK(f.arrivals.front_count() == left--);
            CHECK(f.taken() == 1);
            HeldSlots held(f.arena);
            const net::Bytes bytes = f.arrivals.take(held);
            CHECK(bytes.size() == size);
            CHECK(bytes.data() == at);  // Where it was received, without a copy.
            at += size;
        }
        CHECK(f.arrivals.empty());
        CHECK(f.taken() == 0);
    }
}

TEST_CASE("many buffers: all their datagrams are counted, and they come in order") {
    Fixture f;
    f.arrive({{4, 2}, {0, 0}, {3, 2}, {9, 0}});
    CHECK(f.arrivals.count(f.counters) == 6);
    CHECK(f.counters.received == 6);
    CHECK(f.counters.received_bytes == 16);
    HeldSlots held(f.arena);
    std::string all;
    while (!f.arrivals.empty()) all += f.take(held) + ".";
    CHECK(all == "aa.aa..cc.c.ddddddddd.");
    CHECK(f.taken() == 4);  // As long as the scope holds them.
}

TEST_CASE("a slot is held until its last datagram is done with, by the scope that took it") {
    Fixture f;
    f.arrive({{6, 2}, {2, 0}});
    {
        HeldSlots held(f.arena);
        CHECK(f.take(held) == "aa");
        CHECK(f.take(held) == "aa");
    }
    CHECK(f.taken() == 2);  // It has another datagram.
    {
        HeldSlots held(f.arena);
        CHECK(f.take(held) == "aa");
        CHECK(f.taken() == 2);
        CHECK(f.take(held) == "bb");
    }
    CHECK(f.taken() == 0);
}

TEST_CASE("16 buffers fit one scope") {
    Fixture f;
    f.arrive(std::vector<Fixture::Buffer>(16, {128, 1}));
    CHECK(f.arrivals.count(f.counters) == 16 * 128);
    HeldSlots held(f.arena);
    for (int i = 0; i < 16 * 128; i++) CHECK(f.take(held).size() == 1);
    CHECK(f.arrivals.empty());
    CHECK(f.taken() == 16);
}

TEST_CASE("what a send holds stays when the datagram is done with, and what is dropped goes") {
    Fixture f;
    f.arrive({{4, 2}, {4, 2}, {1, 0}});
    const Arena::Slot first = f.arena.slot_of(f.arrivals.front().buffer.data());
    CHECK(f.take() == "aa");
    f.arena.hold(first);
    f.arrivals.drop_front();  // The second half, unseen.
    CHECK(f.arrivals.front_is_whole());
    CHECK(f.taken() == 3);
    CHECK(f.take() == "bb");
    CHECK(f.take() == "bb");
    CHECK(f.taken() == 2);
    f.arrivals.drop_front();
    CHECK(f.arrivals.empty());
    CHECK(f.taken() == 1);
    f.arena.release(first);
    CHECK(f.taken() == 0);
}

TEST_CASE("an owner that has gone is not asked again, another one's end changes nothing") {
    Fixture f;
    const core::Source other(no_operations);
    f.arrive({{4, 2}});
    f.arrivals.disown(other);
    CHECK(f.arrivals.owner() == &f.owner);
    f.arrivals.disown(f.owner);
    CHECK_FALSE(f.arrivals.owner());
    CHECK(f.arrivals.front_count() == 2);
    f.arrivals.drop_front();
    CHECK(f.taken() == 0);
}

TEST_CASE("a buffer is used again as if nothing had been in it") {
    Fixture f;
    f.arrive({{9, 2}});
    CHECK(f.take() == "aa");
    f.arrivals.drop_front();
    f.arrive({{9, 0}});
    CHECK(f.arrivals.front_is_whole());
    CHECK(f.take() == "aaaaaaaaa");
    CHECK(f.taken() == 0);
}
