// What leaves together: how requests are regrouped by destination, and how long a train may be, at
// each of its limits.
#include "net/volley.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <random>
#include <vector>

#include "net/address.h"

namespace {

using net::PartList;
using net::PeerTable;
using net::Request;
using net::Volley;

// A volley, and the requests it points at.
struct Fixture {
    Volley volley;
    PeerTable peers;
    std::deque<Request> requests;
    std::deque<PartList> lists;

    PeerTable::Index peer(std::uint16_t port) {
        return peers.hold(net::Address::loopback(net::Family::ipv4, port));
    }
    bool push(PeerTable::Index to, std::uint32_t size) {
        Request& request = requests.emplace_back(Request::Kind::send, net::Outcome{});
        request.peer = to;
        request.size = size;
        return volley.push(request);
    }
    // As a list of so many parts.
    bool push_list(PeerTable::Index to, std::uint32_t size, std::size_t parts) {
        const bool room = push(to, size);
        Request& request = requests.back();
        request.storage = Request::Storage::list;
        request.list = nullptr;
        while (parts > 0) {
            PartList& list = lists.emplace_back();
            list.count = static_cast<std::uint32_t>(
                std::min<std::size_t>(parts, PartList::parts_max));
            list.next = request.list;
            request.list = &list;
            parts -= list.count;
        }
        return room;
    }
    // The positions of the call order, as they stand now.
    std::vector<std::size_t> order() const {
        std::vector<std::size_t> all;
        for (std::size_t i = 0; i < volley.size(); i++) {
            std::size_t k = 0;
            while (&requests[k] != &volley[i]) k++;
            all.push_back(k);
        }
        return all;
    }
    std::size_t length(Volley::Limits limits = {65535, 128, 256}, std::size_t begin = 0) const {
        return volley.train_length(begin, limits);
    }
};

using Order = std::vector<std::size_t>;

Order in_order(std::size_t count) {
    Order all(count);
    for (std::size_t i = 0; i < count; i++) all[i] = i;
    return all;
}

}  // namespace

TEST_CASE("by destination, in the order of first requests; each destination keeps its own order") {
    Fixture f;
    const auto a = f.peer(1), b = f.peer(2), c = f.peer(3);
    for (const auto to : {b, a, b, c, a, a, b}) CHECK(f.push(to, 1));
    f.volley.regroup(f.peers);
    CHECK(f.order() == Order{0, 2, 6, 1, 4, 5, 3});
    f.volley.regroup(f.peers);  // What is together stays as it is.
    CHECK(f.order() == Order{0, 2, 6, 1, 4, 5, 3});
}

TEST_CASE("one destination, no destination, and one each: nothing moves") {
    for (const int kind : {0, 1, 2}) {
        CAPTURE(kind);
        Fixture f;
        for (std::uint16_t i = 0; i < 20; i++) {
            const auto to = kind == 0 ? f.peer(7) : f.peer(static_cast<std::uint16_t>(1 + i));
            CHECK(f.push(kind == 1 ? PeerTable::none : to, 5));
        }
        f.volley.regroup(f.peers);
        CHECK(f.order() == in_order(20));
    }
    Fixture empty;
    empty.volley.regroup(empty.peers);
    CHECK(empty.volley.size() == 0);
}

TEST_CASE("a connected peer, whose number is none, is a destination like any other") {
    Fixture f;
    const auto a = f.peer(1);
    for (const auto to : {PeerTable::none, a, PeerTable::none, a}) CHECK(f.push(to, 1));
    f.volley.regroup(f.peers);
    CHECK(f.order() == Order{0, 2, 1, 3});
}

TEST_CASE("marks of one volley are none of the next one's, nor of another socket's") {
    Fixture f;
    const auto a = f.peer(1), b = f.peer(2);
    for (int round = 0; round < 3; round++) {
        f.volley.clear();
        f.requests.clear();
        const auto first = round == 1 ? b : a;
        const auto second = round == 1 ? a : b;
        for (const auto to : {first, second, first, second}) CHECK(f.push(to, 1));
        f.volley.regroup(f.peers);
        CHECK(f.order() == Order{0, 2, 1, 3});
        Volley other;
        CHECK(other.push(f.requests[3]));
        CHECK(other.push(f.requests[0]));
        other.regroup(f.peers);
        CHECK(&other[0] == &f.requests[3]);
    }
}

TEST_CASE("a full volley takes no more, and is regrouped as a stable sort would") {
    std::mt19937 random(1);
    for (const std::uint32_t peer_count : {2u, 3u, 40u, 511u}) {
        CAPTURE(peer_count);
        Fixture f;
        std::vector<std::size_t> firsts;  // By peer.
        for (std::size_t i = 0; i < Volley::size_max; i++) {
            CHECK(f.push(f.peer(static_cast<std::uint16_t>(1 + random() % peer_count)), 1));
        }
        CHECK_FALSE(f.push(f.peer(1), 1));
        CHECK(f.volley.size() == Volley::size_max);
        f.volley.regroup(f.peers);
        Order expected = in_order(Volley::size_max);
        const auto first_of = [&](std::size_t i) {
            std::size_t k = 0;
            while (f.requests[k].peer != f.requests[i].peer) k++;
            return k;
        };
        std::stable_sort(expected.begin(), expected.end(), [&](std::size_t a, std::size_t b) {
            return first_of(a) < first_of(b);
        });
        CHECK(f.order() == expected);
    }
}

TEST_CASE("clear forgets all of a volley") {
    Fixture f;
    CHECK(f.push(f.peer(1), 1));
    CHECK(f.push(f.peer(2), 1));
    f.volley.next = f.volley.plain_end = 2;
    f.volley.suspect = true;
    f.volley.clear();
    CHECK(f.volley.size() == 0);
    CHECK(f.volley.next == 0);
    CHECK(f.volley.plain_end == 0);
    CHECK_FALSE(f.volley.suspect);
}

// ---- How long a train may be -------------------------------------------------------------------

TEST_CASE("a train ends where the destination or the size changes, behind a shorter one") {
    Fixture f;
    const auto a = f.peer(1), b = f.peer(2);
    for (const std::uint32_t size : {9u, 9u, 9u, 8u, 8u, 9u}) CHECK(f.push(a, size));
    CHECK(f.push(b, 9));
    CHECK(f.length() == 4);                        // 9 9 9 8
    CHECK(f.length({65535, 128, 256}, 1) == 3);    // 9 9 8
    CHECK(f.length({65535, 128, 256}, 2) == 2);    // 9 8
    CHECK(f.length({65535, 128, 256}, 3) == 2);    // 8 8, and 9 is longer.
    CHECK(f.length({65535, 128, 256}, 4) == 1);    // 8
    CHECK(f.length({65535, 128, 256}, 5) == 1);    // 9, and the next one goes elsewhere.
    CHECK(f.length({65535, 128, 256}, 6) == 1);    // The last.
}

TEST_CASE("empty datagrams neither begin a train nor travel in one") {
    Fixture f;
    const auto a = f.peer(1);
    for (const std::uint32_t size : {0u, 0u, 3u, 3u, 0u, 3u}) CHECK(f.push(a, size));
    CHECK(f.length() == 1);
    CHECK(f.length({65535, 128, 256}, 2) == 2);
    CHECK(f.length({65535, 128, 256}, 3) == 1);
}

TEST_CASE("no more segments than the system cuts, no longer ones than the way carries") {
    Fixture f;
    const auto a = f.peer(1);
    for (int i = 0; i < 200; i++) CHECK(f.push(a, 100));
    for (const std::size_t segments : {2u, 3u, 64u, 128u, 199u, 200u}) {
        CHECK(f.length({100, segments, 256}) == segments);
    }
    CHECK(f.length({100, 201, 256}) == 200);
    CHECK(f.length({100, 1, 256}) == 1);
    CHECK(f.length({99, 128, 256}) == 1);
    CHECK(f.length({0, 128, 256}) == 1);
    CHECK(f.length({100, 128, 256}, 190) == 10);
}

TEST_CASE("65,473 bytes in all, and not one more") {
    const auto length = [](std::initializer_list<std::uint32_t> sizes) {
        Fixture f;
        for (const std::uint32_t size : sizes) CHECK(f.push(f.peer(1), size));
        return f.length();
    };
    CHECK(length({32737, 32736}) == 2);
    CHECK(length({32737, 32737}) == 1);
    CHECK(length({30000, 30000, 5473}) == 3);
    CHECK(length({30000, 30000, 5474}) == 2);
    CHECK(length({65472, 1}) == 2);
    CHECK(length({65473, 1}) == 1);
    CHECK(length({65507}) == 1);
    Fixture f;
    for (int i = 0; i < 60; i++) CHECK(f.push(f.peer(1), 1472));
    CHECK(f.length() == 44);
}

TEST_CASE("pieces of memory are counted, those of lists too") {
    Fixture f;
    const auto a = f.peer(1);
    for (int i = 0; i < 20; i++) CHECK(f.push(a, 50));
    CHECK(f.length({65535, 128, 7}) == 7);
    CHECK(f.length({65535, 128, 1}) == 1);
    Fixture g;
    for (int i = 0; i < 20; i++) CHECK(g.push_list(g.peer(1), 50, 30));
    CHECK(g.length({65535, 128, 256}) == 8);  // 240
    CHECK(g.length({65535, 128, 240}) == 8);
    CHECK(g.length({65535, 128, 239}) == 7);
    CHECK(g.length({65535, 128, 59}) == 1);
    Fixture h;
    CHECK(h.push_list(h.peer(1), 50, 1000));
    CHECK(h.push(h.peer(1), 50));
    CHECK(h.length() == 1);
}

TEST_CASE("what was refused as a train goes alone, what stands behind it does not") {
    Fixture f;
    for (int i = 0; i < 10; i++) CHECK(f.push(f.peer(1), 50));
    f.volley.plain_end = 6;
    for (std::size_t begin = 0; begin < 6; begin++) CHECK(f.length({99, 128, 256}, begin) == 1);
    CHECK(f.length({99, 128, 256}, 6) == 4);
}
