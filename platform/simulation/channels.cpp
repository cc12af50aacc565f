// The standard channels: nobody types in a simulated world, and last words reach the real stderr,
// with the command that leads to them again.
#include <cstdio>
#include <cstdlib>

#include "platform/simulation/state.h"

namespace platform {

void use_binary_channels() {}

Result<std::size_t> read_input(std::span<std::byte>) { return std::size_t{0}; }

void abandon(std::string_view text) {
    std::string line(text);
    if (const simulation::WorldState* const world = simulation::registry().latest) {
        line += " (at " + std::to_string(world->now - simulation::beginning) +
                " ns; replay: " + world->replay() + ")";
    }
    line += '\n';
    std::fwrite(line.data(), 1, line.size(), stderr);
    std::abort();
}

}  // namespace platform
