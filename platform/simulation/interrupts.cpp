// Ctrl-C as the world's script has it: World::interrupt() posts to all who wait in this thread.
#include <algorithm>
#include <utility>

#include "platform/simulation/state.h"

namespace platform {

Error catch_interrupt(Mailbox& mailbox, Job& job) {
    if (simulation::WorldState* const world = simulation::registry().latest) {
        const auto verdict = judge(world->hosts.front(), simulation::Site::catch_interrupt,
                                   Operation::interrupt);
        if (verdict) return verdict.error;
    }
    for (auto& each : simulation::registry().interrupts) {
        if (each.job) continue;
        each = {&mailbox, &job};
        return {};
    }
    return simulation::failed(Code::busy, Operation::interrupt);
}

void release_interrupt(Job& job) {
    for (auto& each : simulation::registry().interrupts) {
        if (each.job == &job) each = {};
    }
}

}  // namespace platform

namespace simulation {

void World::interrupt() {
    state_->note(What::interrupt, state_->hosts.front());
    for (auto& each : registry().interrupts) {
        if (!each.job) continue;
        const auto waiting = std::exchange(each, {});
        waiting.mailbox->post(*waiting.job);
    }
}

}  // namespace simulation
