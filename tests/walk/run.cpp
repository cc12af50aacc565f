// See run.h. The order of a run: the scenario begins, plays until it is quiet, must not spin then,
// is closed, must end; a fresh socket of the same loop has to work; all is freed, and counted.
#include "tests/walk/run.h"

#include <algorithm>
#include <charconv>

#include "tests/walk/memory.h"

namespace walk {

namespace {

constexpr int turns_to_spare = 200;

// Two sockets of the same loop: one speaks, the other hears.
bool fresh_sockets_work(core::Loop& loop) {
    net::Datagram hearing(loop, Type::udp4);
    net::Datagram speaking(loop, Type::udp4);
    const net::Result<Address> local = hearing.bind_sync(0, "127.0.0.1");
    if (!local) return false;
    int heard = 0;
    int sent = 0;
    int closed = 0;
    hearing.on_message([&](const Message& message) {
        heard += message.text() == "fresh";
        hearing.close([&] { closed++; });
        speaking.close([&] { closed++; });
    });
    speaking.send("fresh", *local, [&](const Failure& failure) { sent += !failure; });
    for (int i = 0; i < 20 && closed < 2; i++) {
        if (loop.turn({loop.now().nanoseconds + 10'000'000})) return false;
    }
    return heard == 1 && sent == 1 && closed == 2 && !loop.alive();
}

class Run {
   public:
    Run(const Scenario& scenario, std::span<const Strike> strikes, const Profile* clean, bool trace)
        : scenario_(scenario), strikes_(strikes), clean_(clean), ground_(trace) {
        for (const Strike& strike : strikes) {
            const bool lasting = strike.lasting && site_at(strike.site).restless;
            restless_ = restless_ || lasting;
        }
    }

    Outcome play() {
        const std::uint64_t allocations = memory::allocations();
        arm(true);
        {
            Stage stage;
            stage_ = &stage;
            scenario_.play(stage);
            if (stage.has_loop()) play_phases();
            lift();
            outcome_.profile.calls.resize(site_of_memory());
            for (std::size_t i = 0; i < site_of_memory(); i++) {
                outcome_.profile.calls[i] = ground_.calls(i);
            }
            outcome_.profile.calls.push_back(memory::allocations() - allocations);
            finish();
            outcome_.profile.deeds = stage.deeds;
            outcome_.profile.told = stage.told;
            outcome_.profile.tales = stage.tales;
            stage.finish();
            outcome_.complaints = stage.complaints;
        }
        outcome_.trace = ground_.trace();
        const std::string left = ground_.left_behind();
        if (!left.empty()) outcome_.complaints.push_back(left);
        return std::move(outcome_);
    }

   private:
    void arm(bool from_the_start) {
        for (const Strike& strike : strikes_) {
            const std::uint64_t skip = from_the_start ? strike.skip : 0;
            if (!from_the_start && !strike.lasting) continue;
            if (strike.site == site_of_memory()) {
                memory::fail(skip, strike.lasting);
            } else {
                ground_.arm({strike.site, skip, strike.cause, strike.lasting});
            }
        }
    }

    void lift() { outcome_.hits += ground_.lift() + memory::lift(); }

    int turns_max() const { return (clean_ ? clean_->turns * 4 : 20'000) + turns_to_spare; }

    void play_phases() {
        Stage& stage = *stage_;
        const std::uint64_t first = stage.loop().tick();
        if (stage.loop_first) {  // With all of it under way.
            (void)stage.play(300ms, 1);
            return;
        }
        const bool quiet = stage.play(300ms, turns_max());
        if (!quiet && !restless_ && stage.spun()) stage.complain("the loop spins");
        if (restless_) {
            lift();
            stage.play(300ms, turns_max());
        }
        if (!stage.rests()) stage.complain("no rest: more than 5 turns in 100 ms of idleness");
        if (restless_) arm(false);
        stage.close_all();
        bool ended = stage.play(10s, turns_max());
        lift();
        if (!ended && (restless_ || !stage.spun())) ended = stage.play(10s, turns_max());
        if (!ended) stage.complain("the loop does not end");
        outcome_.profile.turns = static_cast<int>(stage.loop().tick() - first);
        if (stage.loop_failed) return;
        for (int i = 0; i < 3; i++) {  // What nobody else could say.
            if (const Error error = stage.loop().turn()) stage.tell(error);
        }
    }

    void finish() {
        Stage& stage = *stage_;
        stage.judge();
        const bool usable = stage.has_loop() && !stage.loop_failed && !stage.loop_first;
        if (usable && !fresh_sockets_work(stage.loop())) {
            stage.complain("a fresh socket does not work");
        }
        if (!clean_ || outcome_.hits == 0 || stage.silent) return;
        const auto dropped = static_cast<std::size_t>(Deed::dropped);
        const bool more_told = stage.loop_failed || is_more(stage.tales, clean_->tales) ||
                               stage.deeds[dropped] > clean_->deeds[dropped];
        bool missing = false;
        for (std::size_t i = 0; i < stage.deeds.size(); i++) {
            const bool unread = static_cast<Deed>(i) == Deed::reported && is_cut_short();
            missing = missing || (stage.deeds[i] < clean_->deeds[i] && !unread);
        }
        const bool single = strikes_.size() == 1 && !strikes_[0].lasting && !stage.tight;
        if (missing && !more_told) {
            stage.complain("something is missing, and nobody was told: " + text(stage.deeds) +
                           "; without faults: " + text(clean_->deeds));
        } else if (single && harmless(strikes_[0].site, strikes_[0].cause) &&
                   (stage.deeds != clean_->deeds || stage.tales != clean_->tales)) {
            stage.complain("nobody should have noticed: " + text(stage.deeds) + " told=" +
                           std::to_string(stage.told) + "; without faults: " +
                           text(clean_->deeds) + " told=" + std::to_string(clean_->told));
        }
    }

    // What ICMP said is beside an empty payload, all of which is cut off then.
    bool is_cut_short() const {
        return std::any_of(strikes_.begin(), strikes_.end(), [](const Strike& strike) {
            return strike.cause == Cause::truncated;
        });
    }

    const Scenario& scenario_;
    const std::span<const Strike> strikes_;
    const Profile* const clean_;
    Ground ground_;
    Stage* stage_ = nullptr;
    bool restless_ = false;
    Outcome outcome_;
};

}  // namespace

std::size_t site_of_memory() { return sites().size(); }

Site site_at(std::size_t index) {
    if (index < sites().size()) return sites()[index];
    return {"memory", {Cause::no_memory}};
}

// A copy has as many pieces of memory as what it was made of, which are no leak.
Outcome run(const Scenario& scenario, std::span<const Strike> strikes, const Profile* clean,
            bool trace) {
    const std::int64_t before = memory::live();
    Outcome made = Run(scenario, strikes, clean, trace).play();
    const std::int64_t after = memory::live();
    const Outcome copy = made;
    const std::int64_t left = after - before - (memory::live() - after);
    if (left != 0 && clean) {
        made.complaints.push_back("pieces of memory left behind: " + std::to_string(left));
    }
    return made;
}

// ---- Names -------------------------------------------------------------------------------------

std::string name_of(const Scenario& scenario, std::span<const Strike> strikes) {
    std::string all(scenario.name);
    for (const Strike& strike : strikes) {
        all += &strike == &strikes[0] ? ":" : "+";
        all += std::string(site_at(strike.site).name) + ":" + std::to_string(strike.skip + 1) + ":";
        all += std::string(name(strike.cause)) + (strike.lasting ? ":lasting" : ":once");
    }
    return all;
}

namespace {

// Up to the mark, which is taken too.
std::string_view take_word(std::string_view& rest, char mark) {
    const std::size_t end = std::min(rest.find(mark), rest.size());
    const std::string_view word = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return word;
}

bool parse_strike(std::string_view text, Strike& strike) {
    const std::string_view site = take_word(text, ':');
    const std::string_view number = take_word(text, ':');
    const std::string_view cause = take_word(text, ':');
    strike.lasting = text == "lasting";
    strike.site = site_of_memory() + 1;
    for (std::size_t i = 0; i <= site_of_memory(); i++) {
        if (site_at(i).name == site) strike.site = i;
    }
    for (std::size_t i = 0; i < cause_count; i++) {
        if (name(static_cast<Cause>(i)) == cause) strike.cause = static_cast<Cause>(i);
    }
    const auto end = number.data() + number.size();
    const bool counted = std::from_chars(number.data(), end, strike.skip).ptr == end;
    if (!counted || strike.skip == 0) return false;
    strike.skip--;
    return strike.site <= site_of_memory() && strike.cause != Cause::count;
}

}  // namespace

bool parse(std::string_view text, const Scenarios& scenarios, Scenario& scenario,
           std::vector<Strike>& strikes) {
    const std::string_view wanted = take_word(text, ':');
    const auto found = std::find_if(scenarios.begin(), scenarios.end(),
                                    [&](const Scenario& each) { return each.name == wanted; });
    if (found == scenarios.end()) return false;
    scenario = *found;
    while (!text.empty()) {
        Strike strike;
        if (!parse_strike(take_word(text, '+'), strike)) return false;
        strikes.push_back(strike);
    }
    return true;
}

}  // namespace walk
