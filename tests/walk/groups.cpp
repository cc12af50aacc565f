// Scenarios of multicast as people ask for it: interfaces by name, index and address, the list of
// one's groups, whose groups are heard, and groups that come back with their interface.
// Catch: what rejoins does so once a second, so these play the stage themselves.
#include <string>

#include "tests/walk/stage.h"
#include "tests/walk/system.h"

namespace walk {

namespace {

constexpr std::string_view groups[] = {"239.1.2.3", "239.1.2.4", "239.1.2.5", "239.1.2.6"};
constexpr int turns_of_a_play = 400;

bool is_listed(Seat& seat, std::string_view group) {
    if (!seat.alive()) return false;
    for (const net::Membership& each : seat->memberships()) {
        if (each.group.host() == group) return true;
    }
    return false;
}

// What a call has promised.
void expect_listed(Stage& stage, Seat& seat, std::string_view group, bool listed) {
    if (is_listed(seat, group) == listed) return stage.did(Deed::answered);
    stage.complain(std::string(group) + (listed ? " is not" : " is still") + " in the list");
}

void join(Stage& stage, Seat& seat, std::string_view group, net::Interface interface) {
    if (!stage.well(seat->add_membership(group, interface))) return;
    expect_listed(stage, seat, group, true);
}

void leave(Stage& stage, Seat& seat, std::string_view group, net::Interface interface = {}) {
    if (!stage.well(seat->drop_membership(group, interface))) return;
    expect_listed(stage, seat, group, false);
}

void interfaces(Stage& stage) {
    Seat& hearing = stage.seat();
    hearing.bind("");
    join(stage, hearing, groups[0], "lo");
    join(stage, hearing, groups[1], 1);
    join(stage, hearing, groups[2], "1");
    join(stage, hearing, groups[3], "127.0.0.1");
    Seat& sending = stage.bound_seat();
    for (const net::Interface by : {net::Interface("lo"), net::Interface(1)}) {
        stage.well(sending->set_multicast_interface(by));
        for (const std::string_view group : groups) {
            sending->send("to all", hearing.address.port, group, sending.sent());
        }
    }
    stage.after(2ms, [&] {
        leave(stage, hearing, groups[0], 1);
        leave(stage, hearing, groups[1], "127.0.0.1");
        leave(stage, hearing, groups[2], "lo");
        leave(stage, hearing, groups[3]);
        if (hearing.alive() && hearing->memberships().empty()) stage.did(Deed::answered);
    });
}

void interfaces_of_six(Stage& stage) {
    Seat& hearing = stage.seat(Type::udp6);
    hearing.bind("::");
    join(stage, hearing, "ff12::77", "lo");
    join(stage, hearing, "ff12::78", "::1");
    stage.well(hearing->add_membership("ff12::79%lo"));
    Seat& sending = stage.seat(Type::udp6);
    sending.bind("::");
    stage.well(sending->set_multicast_interface("lo"));
    sending->send("to all", hearing.address.port, "ff12::77", sending.sent());
    stage.after(2ms, [&] {
        leave(stage, hearing, "ff12::77", 1);
        leave(stage, hearing, "ff12::78");
        leave(stage, hearing, "ff12::79", "::%lo");
    });
}

void interfaces_that_are_not_there(Stage& stage) {
    Seat& seat = stage.bound_seat();
    stage.well(seat->add_membership(groups[0], "nowhere"));
    stage.well(seat->add_membership(groups[0], 4711));
    stage.well(seat->add_membership(groups[0], "198.51.100.1"));
    stage.well(seat->add_membership(groups[0], "1.2.3"));
    stage.well(seat->drop_membership(groups[0], "nowhere"));
    stage.well(seat->set_multicast_interface("nowhere"));
    stage.well(seat->set_multicast_interface(4711));
    stage.well(seat->set_multicast_interface("198.51.100.1"));
    if (seat.alive() && seat->memberships().empty()) stage.did(Deed::answered);
}

// One has joined; another one is told to hear it, too.
void groups_of_others(Stage& stage) {
    Seat& hearing = stage.seat({.reuse_addr = true});
    hearing.bind("");
    Seat& other = stage.bound_seat();
    stage.well(hearing->set_multicast_all(true));
    join(stage, hearing, groups[0], "lo");
    join(stage, other, groups[1], "lo");
    stage.well(other->set_multicast_interface("lo"));
    other->send("one's own", hearing.address.port, groups[0], other.sent());
    stage.after(2ms, [&] {
        stage.well(hearing->set_multicast_all(false));
        other->send("one's own", hearing.address.port, groups[0], other.sent());
    });
    Seat& unbound = stage.seat();
    stage.well(unbound->set_multicast_all(true));
}

// ---- Options::rejoin ---------------------------------------------------------------------------

void pass(Stage& stage, std::chrono::nanoseconds time) {
    (void)stage.play(time, turns_of_a_play);
}

void go_and_come(Stage& stage) {
    pass(stage, 2200ms);
    roam(false);
    pass(stage, 2200ms);
    roam(true);
    pass(stage, 2200ms);
}

void rejoining(Stage& stage) {
    roam(true);
    Seat& hearing = stage.seat({.rejoin = true});
    hearing.bind("");
    join(stage, hearing, groups[0], roaming().name);
    join(stage, hearing, groups[1], roaming().address);
    stage.well(hearing->add_membership_everywhere(groups[2]));
    stage.well(hearing->add_source_specific_membership(roaming().address, "232.1.1.1",
                                                       roaming().name));
    go_and_come(stage);
    for (const std::string_view group : {groups[0], groups[1], groups[2], {"232.1.1.1"}}) {
        if (is_listed(hearing, group)) {
            stage.did(Deed::answered);
        } else {
            stage.tell({Code::no_such_device});  // Whoever looks at the list can see it.
        }
    }
}

// Where the system does not say which interfaces there are, or lies about who is joined, that is
// tried again in silence; so under faults nobody has to hear it.
void heard_again(Stage& stage) {
    stage.silent = true;
    roam(true);
    Seat& hearing = stage.seat({.rejoin = true});
    hearing.bind("");
    join(stage, hearing, groups[0], roaming().name);
    go_and_come(stage);
    Seat& sending = stage.bound_seat();
    stage.well(sending->set_multicast_interface(roaming().address));
    sending->send("welcome back", hearing.address.port, groups[0], sending.sent());
}

// What has been left meanwhile is joined no more.
void rejoining_and_leaving(Stage& stage) {
    roam(true);
    Seat& hearing = stage.seat({.rejoin = true});
    hearing.bind("");
    join(stage, hearing, groups[0], roaming().name);
    join(stage, hearing, groups[1], roaming().address);
    stage.well(hearing->add_membership_everywhere(groups[2]));
    pass(stage, 1200ms);
    roam(false);
    pass(stage, 1200ms);
    bool left[3];
    left[0] = stage.well(hearing->drop_membership(groups[0], roaming().name));
    left[1] = stage.well(hearing->drop_membership(groups[1], roaming().address));
    left[2] = stage.well(hearing->drop_membership(groups[2]));
    roam(true);
    pass(stage, 1200ms);
    for (std::size_t i = 0; i < 3; i++) {
        if (left[i]) expect_listed(stage, hearing, groups[i], false);
    }
}

template <void (Seat::*end)()>
void end_while_rejoining(Stage& stage) {
    roam(true);
    Seat& hearing = stage.seat({.rejoin = true});
    join(stage, hearing, groups[0], roaming().name);
    stage.well(hearing->add_membership_everywhere(groups[1]));
    pass(stage, 1200ms);
    roam(false);
    pass(stage, 1200ms);
    (hearing.*end)();
    roam(true);
    pass(stage, 1200ms);
}

}  // namespace

void add_groups(Scenarios& all) {
    all.insert(all.end(), {
        {"groups_by_interface", interfaces},
        {"groups_of_six_by_interface", interfaces_of_six},
        {"groups_of_no_interface", interfaces_that_are_not_there},
        {"groups_of_others", groups_of_others},
        {"groups_rejoined", rejoining},
        {"groups_heard_again", heard_again},
        {"groups_rejoined_and_left", rejoining_and_leaving},
        {"close_while_rejoining", end_while_rejoining<&Seat::close>},
        {"destroy_while_rejoining", end_while_rejoining<&Seat::destroy>},
    });
}

}  // namespace walk
