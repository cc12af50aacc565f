// The fault walk: every call of every scenario fails, one at a time, with every error that it can
// have, once and from then on; the smallest scenarios also twice. See ../simulation/README.md.
// Processes share the runs among them and report to one matrix in shared memory; one that crashes
// or hangs leaves the name of its run behind.
// Catch: for Unix.
#ifndef _WIN32

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

#include "tests/walk/run.h"

namespace walk {

namespace {

constexpr std::size_t jobs_max = 16;
constexpr std::size_t sites_max = 64;
constexpr std::size_t name_max = 256;
constexpr std::size_t scenarios_in_pairs = 10;
constexpr unsigned seconds_max = 20;  // A run that takes longer hangs.

struct Shared {
    std::atomic<std::uint32_t> cells[sites_max][cause_count];
    std::atomic<std::uint64_t> runs;
    std::atomic<std::uint64_t> pairs;
    std::atomic<std::uint64_t> failures;
    char current[jobs_max][name_max];
};

struct Plan {
    std::size_t jobs = 2;
    std::size_t every = 1;  // Of how many runs one is made.
    std::string only;       // A scenario.
    std::string replay;
    bool list = false;
    std::size_t failures_shown = 15;
    bool paired = true;
    bool poor = false;
    const char* program = "";
};

Scenarios all_scenarios() {
    Scenarios all;
    add_sending(all);
    add_receiving(all);
    add_binding(all);
    add_connecting(all);
    add_closing(all);
    add_closing_inside(all);
    add_settings(all);
    add_local(all);
    add_resolving(all);
    add_looping(all);
    add_flow(all);
    add_groups(all);
    add_packets(all);
    add_coroutines(all);
    return all;
}

void print_complaints(const Plan& plan, const std::string& name, const Outcome& outcome) {
    for (const std::string& complaint : outcome.complaints) {
        std::printf("%s: %s\n", name.c_str(), complaint.c_str());
    }
    std::printf("    again: %s --replay=%s\n", plan.program, name.c_str());
    std::fflush(stdout);
}

// One process's part of all runs.
class Worker {
   public:
    Worker(const Plan& plan, Shared& shared, std::size_t number)
        : plan_(plan), shared_(shared), number_(number) {}

    void walk(const Scenarios& scenarios) {
        std::vector<Profile> profiles;
        for (const Scenario& scenario : scenarios) profiles.push_back(profile(scenario));
        for (std::size_t i = 0; i < scenarios.size(); i++) singly(scenarios[i], profiles[i]);
        if (!plan_.paired) return;
        std::vector<std::size_t> order(scenarios.size());
        for (std::size_t i = 0; i < order.size(); i++) order[i] = i;
        std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
            return profiles[a].size() < profiles[b].size();
        });
        order.resize(std::min(order.size(), scenarios_in_pairs));
        for (const std::size_t i : order) in_pairs(scenarios[i], profiles[i]);
    }

   private:
    // The first time something of the process's own may be made that stays.
    Profile profile(const Scenario& scenario) {
        announce(name_of(scenario, {}));
        const Outcome warm = run(scenario, {}, nullptr);
        const Outcome clean = run(scenario, {}, &warm.profile);
        Outcome judged = clean;
        if (clean.profile.deeds != warm.profile.deeds || clean.profile.told != warm.profile.told) {
            judged.complaints.push_back("not the same twice: " + text(clean.profile.deeds) +
                                        " and " + text(warm.profile.deeds));
        }
        if (number_ == 0) report({}, scenario, judged);
        return clean.profile;
    }

    void singly(const Scenario& scenario, const Profile& clean) {
        for (std::size_t site = 0; site <= site_of_memory(); site++) {
            const std::vector<Cause> causes = site_at(site).causes;
            for (std::uint64_t skip = 0; skip < clean.calls[site]; skip++) {
                for (const Cause cause : causes) {
                    try_one(scenario, clean, {{site, skip, cause, false}});
                    if (!lasts(site, cause)) continue;
                    try_one(scenario, clean, {{site, skip, cause, true}});
                }
            }
        }
    }

    // Two causes for each call, chosen so that all have their turn.
    static std::vector<Strike> points(const Profile& clean) {
        std::vector<Strike> all;
        for (std::size_t site = 0; site <= site_of_memory(); site++) {
            const std::vector<Cause> causes = site_at(site).causes;
            for (std::uint64_t skip = 0; skip < clean.calls[site]; skip++) {
                for (std::size_t i = 0; i < std::min<std::size_t>(2, causes.size()); i++) {
                    const Cause cause = causes[(all.size() * 3 + i) % causes.size()];
                    all.push_back({site, skip, cause, false});
                }
            }
        }
        return all;
    }

    void in_pairs(const Scenario& scenario, const Profile& clean) {
        const std::vector<Strike> all = points(clean);
        for (std::size_t i = 0; i < all.size(); i++) {
            for (std::size_t k = i + 1; k < all.size(); k++) {
                const bool same = all[i].site == all[k].site && all[i].skip == all[k].skip;
                if (!same) try_one(scenario, clean, {all[i], all[k]});
            }
        }
    }

    void try_one(const Scenario& scenario, const Profile& clean, std::vector<Strike> strikes) {
        const std::uint64_t index = index_++;
        if (index % plan_.every != 0 || index / plan_.every % plan_.jobs != number_) return;
        announce(name_of(scenario, strikes));
        const Outcome outcome = run(scenario, strikes, &clean);
        shared_.runs++;
        if (strikes.size() > 1) {
            shared_.pairs++;
        } else if (outcome.hits > 0) {
            shared_.cells[strikes[0].site][static_cast<std::size_t>(strikes[0].cause)]++;
        }
        report(strikes, scenario, outcome);
    }

    void announce(const std::string& name) {
        std::strncpy(shared_.current[number_], name.c_str(), name_max - 1);
        alarm(seconds_max);
    }

    void report(std::span<const Strike> strikes, const Scenario& scenario, const Outcome& outcome) {
        if (outcome.complaints.empty()) return;
        if (shared_.failures++ < plan_.failures_shown) {
            print_complaints(plan_, name_of(scenario, strikes), outcome);
        }
    }

    const Plan& plan_;
    Shared& shared_;
    const std::size_t number_;
    std::uint64_t index_ = 0;
};

// ---- The matrix --------------------------------------------------------------------------------

bool can(const Site& site, Cause cause) {
    return std::find(site.causes.begin(), site.causes.end(), cause) != site.causes.end();
}

// Rows are causes, columns sites: a dot where the site cannot, a 0 where it was never made to.
// Some columns at a time, so that they fit on a page.
std::size_t print_matrix(const Shared& shared) {
    constexpr std::size_t columns = 7;
    std::size_t empty = 0;
    for (std::size_t first = 0; first <= site_of_memory(); first += columns) {
        const std::size_t end = std::min(first + columns, site_of_memory() + 1);
        std::printf("\n%-14s", "");
        for (std::size_t i = first; i < end; i++) {
            std::printf("%12.11s", std::string(site_at(i).name).c_str());
        }
        std::printf("\n");
        for (std::size_t c = 0; c < cause_count; c++) {
            const Cause cause = static_cast<Cause>(c);
            bool any = false;
            for (std::size_t i = first; i < end; i++) any = any || can(site_at(i), cause);
            if (!any) continue;
            std::printf("%-14s", std::string(name(cause)).c_str());
            for (std::size_t i = first; i < end; i++) {
                const std::uint32_t count = shared.cells[i][c];
                if (can(site_at(i), cause)) {
                    std::printf("%12u", count);
                    empty += count == 0;
                } else {
                    std::printf("%12s", ".");
                }
            }
            std::printf("\n");
        }
    }
    return empty;
}

// ---- The processes -----------------------------------------------------------------------------

// How many have crashed, or hung.
std::size_t start_all(const Plan& plan, Shared& shared, const Scenarios& scenarios) {
    std::vector<pid_t> children;
    std::fflush(stdout);
    for (std::size_t i = 0; i < plan.jobs; i++) {
        const pid_t child = fork();
        if (child == 0) {
            Worker(plan, shared, i).walk(scenarios);
            std::exit(0);  // Not at once: a sanitizer has its say about leaks.
        }
        children.push_back(child);
    }
    std::size_t lost = 0;
    for (std::size_t i = 0; i < children.size(); i++) {
        int status = 0;
        waitpid(children[i], &status, 0);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0) continue;
        lost++;
        std::printf("%s: it %s\n    again: %s --replay=%s\n", shared.current[i],
                    WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM ? "hangs" : "crashes",
                    plan.program, shared.current[i]);
    }
    return lost;
}

int walk_all(const Plan& plan, const Scenarios& scenarios) {
    void* const memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return 2;
    Shared& shared = *::new (memory) Shared;
    const auto start = std::chrono::system_clock::now();
    const std::size_t lost = start_all(plan, shared, scenarios);
    const std::chrono::duration<double> took = std::chrono::system_clock::now() - start;
    const std::size_t empty = print_matrix(shared);
    const std::uint64_t failures = shared.failures + lost;
    std::printf("\n%s: %zu scenarios, %llu runs (%llu of them with two faults), %llu failures, "
                "%zu empty cells, %.0f s\n",
                plan.program, scenarios.size(), static_cast<unsigned long long>(shared.runs),
                static_cast<unsigned long long>(shared.pairs),
                static_cast<unsigned long long>(failures), empty, took.count());
    const bool all = plan.every == 1 && plan.only.empty();
    return failures > 0 || (all && empty > 0) ? 1 : 0;
}

int replay(const Plan& plan, const Scenarios& scenarios) {
    Scenario scenario{};
    std::vector<Strike> strikes;
    if (!parse(plan.replay, scenarios, scenario, strikes)) {
        std::printf("no such run: %s\n", plan.replay.c_str());
        return 2;
    }
    (void)run(scenario, {}, nullptr);
    const Outcome clean = run(scenario, {}, nullptr);
    const Outcome outcome = run(scenario, strikes, &clean.profile, true);
    std::printf("%s", outcome.trace.c_str());
    std::printf("without faults: %s told=%d\nwith these:     %s told=%d hits=%llu\n",
                text(clean.profile.deeds).c_str(), clean.profile.told,
                text(outcome.profile.deeds).c_str(), outcome.profile.told,
                static_cast<unsigned long long>(outcome.hits));
    if (outcome.complaints.empty()) return 0;
    print_complaints(plan, plan.replay, outcome);
    return 1;
}

int list(const Scenarios& scenarios) {
    for (const Scenario& scenario : scenarios) {
        (void)run(scenario, {}, nullptr);
        const Profile clean = run(scenario, {}, nullptr).profile;
        std::printf("%-28s %4llu calls, %3d turns, told %d, %s\n",
                    std::string(scenario.name).c_str(),
                    static_cast<unsigned long long>(clean.size()), clean.turns, clean.told,
                    text(clean.deeds).c_str());
    }
    return 0;
}

int start(int argc, char** argv) {
    Plan plan;
    plan.program = argv[0];
    for (int i = 1; i < argc; i++) {
        const std::string_view argument = argv[i];
        const auto value = [&](std::string_view key) -> const char* {
            return argument.starts_with(key) ? argv[i] + key.size() : nullptr;
        };
        if (const char* jobs = value("--jobs=")) plan.jobs = std::strtoul(jobs, nullptr, 10);
        if (const char* every = value("--every=")) plan.every = std::strtoul(every, nullptr, 10);
        if (const char* only = value("--only=")) plan.only = only;
        if (const char* name = value("--replay=")) plan.replay = name;
        if (argument == "--list") plan.list = true;
        if (argument == "--all") plan.failures_shown = SIZE_MAX;
        if (argument == "--single") plan.paired = false;
        if (argument == "--poor") plan.poor = true;
    }
    plan.jobs = std::clamp<std::size_t>(plan.jobs, 1, jobs_max);
    plan.every = std::max<std::size_t>(plan.every, 1);
    prepare(plan.poor);
    Scenarios scenarios = all_scenarios();
    if (!plan.replay.empty()) return replay(plan, scenarios);
    if (!plan.only.empty()) {
        std::erase_if(scenarios, [&](const Scenario& each) { return each.name != plan.only; });
    }
    return plan.list ? list(scenarios) : walk_all(plan, scenarios);
}

}  // namespace

}  // namespace walk

int main(int argc, char** argv) { return walk::start(argc, argv); }

#endif
