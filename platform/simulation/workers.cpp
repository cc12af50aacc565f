// Blocking work without threads: a job's function is called inside some wait, when its turn has
// come, and the job comes back when as much of the world's time has passed as it says it takes.
// The catch: jobs that wait for each other, or for the loop, wait for ever.
#include <new>

#include "platform/simulation/state.h"

namespace simulation {

struct Pool {
    Pool(Watcher& its_owner, unsigned limit) : owner(&its_owner), threads_max(limit) {}
    Watcher* owner;
    const unsigned threads_max;
    unsigned running = 0;
    platform::JobQueue submitted;
    platform::JobQueue completed;
};

namespace {

void begin_next(Pool& pool) {
    WorldState& world = *pool.owner->world;
    if (pool.running >= pool.threads_max) return;
    platform::Job* const job = pool.submitted.pop();
    if (!job) return;
    pool.running++;
    const std::uint64_t id = world.next_id++;
    world.work[id] = {&pool, job, pool.owner->host, 0};
    world.plan(world.now, Event::Kind::job_starts, nullptr, id);
}

}  // namespace

void start_work(WorldState& world, std::uint64_t id) {
    const auto found = world.work.find(id);
    if (found == world.work.end()) return;
    Work& work = found->second;  // Stays where it is, whatever the job does.
    Work* const before = registry().running;
    registry().running = &work;
    work.job->run(*work.job);
    registry().running = before;
    if (!work.pool) {  // It went meanwhile.
        platform::Job* const job = work.job;
        world.work.erase(id);
        return job->discard(*job);
    }
    world.note(What::job, *work.host, nullptr, nullptr, static_cast<std::uint64_t>(work.delay));
    world.plan(world.now + work.delay, Event::Kind::job_ends, nullptr, id);
}

void end_work(WorldState& world, std::uint64_t id) {
    const auto found = world.work.find(id);
    if (found == world.work.end()) return;
    const Work work = found->second;
    world.work.erase(found);
    if (!work.pool) return work.job->discard(*work.job);
    work.pool->completed.push(*work.job);
    work.pool->running--;
    work.pool->owner->called.store(true);
    work.pool->owner->heat();
    begin_next(*work.pool);
}

}  // namespace simulation

namespace platform {

struct Workers::State {
    simulation::Pool pool;
};

Workers::Workers(Poller& poller, unsigned threads_max)
    : state_(new (std::nothrow) State{
          {simulation::watcher_of(poller), threads_max > 0 ? threads_max : 1}}) {}

Workers::~Workers() {
    if (!state_) return;
    simulation::Pool& pool = state_->pool;
    JobQueue unwanted;
    while (Job* const job = pool.completed.pop()) unwanted.push(*job);
    auto& work = pool.owner->world->work;
    for (auto each = work.begin(); each != work.end();) {
        if (each->second.pool != &pool) {
            ++each;
        } else if (simulation::registry().running == &each->second) {
            each->second.pool = nullptr;
            ++each;
        } else {
            unwanted.push(*each->second.job);
            each = work.erase(each);
        }
    }
    while (Job* const job = pool.submitted.pop()) unwanted.push(*job);
    delete state_;
    unwanted.discard_all();
}

Error Workers::submit(Job& job) {
    if (!state_) return simulation::failed(Code::out_of_memory, Operation::start_worker);
    simulation::HostState& host = *state_->pool.owner->host;
    const auto verdict = judge(host, simulation::Site::submit, Operation::start_worker);
    if (verdict) return verdict.error;
    state_->pool.submitted.push(job);
    simulation::begin_next(state_->pool);
    return {};
}

Job* Workers::finished() { return state_ ? state_->pool.completed.pop() : nullptr; }

}  // namespace platform
