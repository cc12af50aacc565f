// All rows of datagrams, for a contender whose Sockets<Handler> offers:
//     Peer                         what its sends take for a destination
//     open(place) -> index, place(index), peer(place), send(index, bytes, peer), run(), stop()
//     watch(descriptor)            calls handler.ticked() while it is readable
// and calls handler.delivered(index, bytes, sender) and handler.sent(), never inside send(). The
// workloads are written once, so that contenders differ in nothing but their loops and sockets.
#pragma once

#include "tests/bench/flood.h"
#include "tests/bench/footprint.h"
#include "tests/bench/one_sided.h"
#include "tests/bench/paced.h"
#include "tests/bench/ping_pong.h"

namespace bench {

template <template <class> class Sockets>
struct DatagramRows {
    template <std::size_t window, std::size_t size>
    static Outcome flood(const Settings& settings) {
        return Flood<Sockets>(settings, {.window = window, .size = size}).measure();
    }
    template <std::size_t peers, std::size_t each>
    static Outcome sending(const Settings& settings) {
        return Sending<Sockets>(settings, peers, each).measure();
    }
    template <std::size_t senders, std::size_t receivers, std::size_t round>
    static Outcome receiving(const Settings& settings) {
        return Receiving<Sockets>(settings, senders, receivers, round).measure();
    }
    template <std::size_t count>
    static Outcome footprint(const Settings& settings) {
        return Footprint<Sockets>(settings, count).measure();
    }
    static Outcome ping_pong(const Settings& settings) {
        return PingPong<Sockets>(settings).measure();
    }
    template <int percent>
    static Outcome round_trips(const Settings& settings) {
        return RoundTrips<Sockets>(settings).measure(percent / 100.0);
    }
    template <std::size_t burst>
    static Outcome paced(const Settings& settings) {
        return Paced<Sockets>(settings, burst).measure();
    }

    Row flood1_small{"flood1_small", "ns", flood<512, 32>};
    Row flood1_mtu{"flood1_mtu", "ns", flood<512, 1200>};
    Row flood1_plainpeer{"flood1_plainpeer", "ns", sending<1, 512>};
    Row burst_1{"burst_1", "ns", flood<1, 32>};
    Row burst_2{"burst_2", "ns", flood<2, 32>};
    Row burst_4{"burst_4", "ns", flood<4, 32>};
    Row burst_8{"burst_8", "ns", flood<8, 32>};
    Row burst_16{"burst_16", "ns", flood<16, 32>};
    Row fanout_1each_128{"fanout_1each_128", "ns", sending<128, 1>};
    Row fanout_1each_1000{"fanout_1each_1000", "ns", sending<1000, 1>};
    Row fanout_8each{"fanout_8each", "ns", sending<128, 8>};
    Row fanin{"fanin", "ns", receiving<64, 1, 512>};
    Row pingpong_1loop{"pingpong_1loop", "us", ping_pong};
    Row pingpong_2proc_p50{"pingpong_2proc_p50", "us", round_trips<50>};
    Row pingpong_2proc_p99{"pingpong_2proc_p99", "us", round_trips<99>};
    Row sparse_1k{"sparse_1k", "ns", receiving<1, 1000, 10>};
    Row sparse_10k{"sparse_10k", "ns", receiving<1, 10000, 100>};
    Row sparse_bytes{"sparse_bytes", "B", footprint<10000>};
    Row cpu_at_rate_1{"cpu_at_rate_1", "ns", paced<1>};
    Row cpu_at_rate_8{"cpu_at_rate_8", "ns", paced<8>};
};

// Apart, because a contender may need other types for it. The kernel queues ten.
template <template <class> class Sockets>
struct UnixRows {
    static Outcome flood(const Settings& settings) {
        return Flood<Sockets>(settings, {.window = 10, .sender = local_name(0),
                                         .receiver = local_name(1)}).measure();
    }
    Row unix_dgram{"unix_dgram", "ns", flood};
};

}  // namespace bench
