// One run of a scenario with one fault, or two, and the oracle behind it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tests/walk/stage.h"
#include "tests/walk/system.h"

namespace walk {

// What a run without faults is like.
struct Profile {
    Deeds deeds{};
    int told = 0;
    Tales tales;
    int turns = 0;
    std::vector<std::uint64_t> calls;  // By site; the last one: allocations.
    std::uint64_t size() const {
        std::uint64_t sum = 0;
        for (const std::uint64_t each : calls) sum += each;
        return sum;
    }
};

struct Outcome {
    std::uint64_t hits = 0;
    Profile profile;
    std::vector<std::string> complaints;
    std::string trace;
};

// Sites by number; one more stands for the allocations.
std::size_t site_of_memory();
Site site_at(std::size_t);

// Without a profile: a clean run, which makes one.
Outcome run(const Scenario&, std::span<const Strike>, const Profile* clean, bool trace = false);

// "echo:send:3:EAGAIN:once", several joined by '+' behind the scenario's name, and back.
std::string name_of(const Scenario&, std::span<const Strike>);
bool parse(std::string_view name, const Scenarios&, Scenario&, std::vector<Strike>&);

}  // namespace walk
