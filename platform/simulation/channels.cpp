// What leaves a simulated world, where nobody types: last words reach the real stderr, with the
// command that leads to them again, and the trace a real file.
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "platform/simulation/state.h"

namespace platform {

void use_binary_channels() {}

Result<std::size_t> read_input(std::span<std::byte>) { return std::size_t{0}; }

void abandon(std::string_view text) {
    std::string line(text);
    if (simulation::WorldState* const world = simulation::registry().latest) {
        world->save_trace();
        line += " (at " + std::to_string(world->now - simulation::beginning) +
                " ns; replay: " + world->replay() + ")";
    }
    line += '\n';
    std::fwrite(line.data(), 1, line.size(), stderr);
    std::abort();
}

}  // namespace platform

namespace simulation {

// Whoever asked for it and does not get it would take an old file for this run's.
void WorldState::save_trace() {
    const std::string name = std::exchange(options.trace_file, {});
    if (name.empty()) return;
    std::FILE* const file = std::fopen(name.c_str(), "wb");
    bool written = file;
    if (file) {
        written = std::fwrite(trace.text().data(), 1, trace.text().size(), file) ==
                  trace.text().size();
        written = std::fclose(file) == 0 && written;
    }
    if (!written) platform::abandon("simulation: the trace cannot be saved in '" + name + "'");
}

}  // namespace simulation
