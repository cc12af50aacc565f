// `make bench-plots`: the driver's table as a few charts. What was not measured has no chart.
// Usage: plots TABLE FOLDER
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "tests/bench/plots/chart.h"
#include "tests/bench/plots/table.h"

namespace bench {
namespace {

// The rows whose names begin so, each with offload or without.
struct Part {
    const char* rows;
    const char* offload;
};

struct Sketch {
    const char* file;
    const char* title;
    bool logarithmic;
    std::vector<Part> parts;
};

const Sketch sketches[] = {
    {"flood", "512 datagrams a tick to one peer: time for each", true,
     {{"flood1_small", "on"}, {"flood1_mtu", "on"}, {"flood1_plainpeer", "on"},
      {"flood1_small", "off"}, {"flood1_mtu", "off"}}},
    {"burst", "A few datagrams a tick to one peer, 32 bytes: time for each", false,
     {{"burst_", "on"}}},
    {"fan", "Many peers, 32 bytes: time for each datagram", false,
     {{"fanout_", "on"}, {"fanin", "on"}}},
    {"ping_pong", "There and back, 32 bytes: time of a round trip", true, {{"pingpong_", "on"}}},
    {"sockets", "Thousands of sockets, unix sockets: time for each datagram", false,
     {{"sparse_1", "on"}, {"unix_dgram", "on"}}},
    {"processor", "100,000 datagrams a second of 1200 bytes: processor time for each", false,
     {{"cpu_at_rate_", "on"}}},
    {"timers", "100,000 timers: time for each", true, {{"timers_100k", "-"}}},
    {"timers_1m", "A million timers: time for each", true, {{"timers_1m", "-"}}},
    {"post", "Callbacks handed to a loop by another thread", true, {{"post", "-"}}},
    {"resolve", "Look-ups: time for each", true, {{"resolve", "-"}}},
    {"start", "Starting", true, {{"coldstart", "-"}, {"start", "-"}}},
    {"size", "Size of an echo server over one in raw system calls", false, {{"size", "-"}}},
};

const std::map<std::string, std::string> captions = {
    {"flood1_small", "32 bytes, sent and received"},
    {"flood1_mtu", "1200 bytes, sent and received"},
    {"flood1_plainpeer", "32 bytes, sent alone, to a peer that knows no trains"},
    {"burst_1", "1 datagram a tick"},
    {"burst_2", "2 datagrams a tick"},
    {"burst_4", "4 datagrams a tick"},
    {"burst_8", "8 datagrams a tick"},
    {"burst_16", "16 datagrams a tick"},
    {"fanout_1each_128", "sent alone: 1 to each of 128 peers"},
    {"fanout_1each_1000", "sent alone: 1 to each of 1000 peers"},
    {"fanout_8each", "sent alone: 8 to each of 128 peers, interleaved"},
    {"fanin", "received alone: from 64 peers"},
    {"pingpong_1loop", "two sockets of one loop"},
    {"pingpong_2proc_p50", "with another process: half of the trips are faster"},
    {"pingpong_2proc_p99", "with another process: 99 of 100 trips are faster"},
    {"sparse_1k", "received alone: 10 of 1,000 sockets are ready"},
    {"sparse_10k", "received alone: 100 of 10,000 sockets are ready"},
    {"unix_dgram", "unix sockets: 10 datagrams a tick, sent and received"},
    {"cpu_at_rate_1", "1 datagram a tick"},
    {"cpu_at_rate_8", "8 datagrams a tick"},
    {"timers_100k_start", "start"},
    {"timers_100k_restart", "restart, in random order"},
    {"timers_100k_stop", "stop"},
    {"timers_100k_expire", "expire"},
    {"timers_1m_start", "start"},
    {"timers_1m_restart", "restart, in random order"},
    {"timers_1m_stop", "stop"},
    {"timers_1m_expire", "expire"},
    {"post", "callbacks a second: longer is better"},
    {"post_latency_p50", "until it runs: half are faster"},
    {"post_latency_p99", "until it runs: 99 of 100 are faster"},
};

std::string caption_of(const std::string& row, const std::string& offload) {
    const auto found = captions.find(row);
    const std::string caption = found == captions.end() ? row : found->second;
    return caption + (offload == "off" ? " - without trains (offload off)" : "");
}

Chart chart_of(const Sketch& sketch, const Table& table) {
    Chart chart{sketch.title, sketch.logarithmic, {}, table.machine};
    for (const Part& part : sketch.parts) {
        for (const std::string& row : table.rows_beginning(part.rows)) {
            const std::vector<Record> bars = table.of(row, part.offload);
            if (!bars.empty()) chart.groups.push_back({caption_of(row, part.offload), bars});
        }
    }
    return chart;
}

int draw_all(const std::string& table_path, const std::filesystem::path& folder) {
    Table table;
    if (!read_table(table_path, table)) {
        std::fprintf(stderr, "%s: no results there; make bench writes them\n", table_path.c_str());
        return 1;
    }
    std::filesystem::create_directories(folder);
    for (const Sketch& sketch : sketches) {
        const Chart chart = chart_of(sketch, table);
        if (chart.groups.empty()) continue;
        const std::filesystem::path path = folder / (std::string(sketch.file) + ".svg");
        if (!(std::ofstream(path) << svg_of(chart))) {
            std::fprintf(stderr, "%s: cannot be written\n", path.c_str());
            return 1;
        }
        std::printf("%s\n", path.c_str());
    }
    return 0;
}

}  // namespace
}  // namespace bench

int main(int count, char** arguments) {
    if (count != 3) {
        std::fprintf(stderr, "usage: plots TABLE FOLDER\n");
        return 2;
    }
    return bench::draw_all(arguments[1], arguments[2]);
}
