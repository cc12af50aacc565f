// Scenarios of settings, buffer sizes, references, and multicast groups.
#include "tests/walk/stage.h"

namespace walk {

namespace {

void between_sends(Stage& stage) {
    Seat& hearing = stage.bound_seat();
    Seat& seat = stage.bound_seat();
    seat->send("as before", hearing.address, seat.sent());
    stage.well(seat->set_ttl(9));
    stage.well(seat->set_broadcast(true));
    stage.well(seat->set_multicast_ttl(2));
    seat->send("as now", hearing.address, seat.sent());
    stage.well(seat->set_multicast_loopback(true));
}

void what_is_refused(Stage& stage) {
    Seat& seat = stage.seat();
    stage.well(seat->set_ttl(9));
    stage.well(seat->get_recv_buffer_size());
    seat.bind("127.0.0.1");
    stage.well(seat->set_ttl(0));
    stage.well(seat->set_multicast_ttl(256));
    stage.well(seat->set_recv_buffer_size(-1));
    stage.well(seat->set_multicast_interface("nonsense"));
}

void buffer_sizes(Stage& stage) {
    Seat& seat = stage.seat({.recv_buffer_size = 30'000, .send_buffer_size = 30'000});
    seat.on_listening = [&] {
        stage.well(seat->get_recv_buffer_size());
        stage.well(seat->get_send_buffer_size());
        stage.well(seat->set_recv_buffer_size(40'000));
        stage.well(seat->set_send_buffer_size(40'000));
    };
    seat->bind(0, "127.0.0.1", seat.bound());
}

void references(Stage& stage) {
    Seat& seat = stage.seat();
    seat->unref();
    seat->bind(0, "127.0.0.1", seat.bound([&seat] { seat->ref().unref().ref(); }));
    Seat& other = stage.bound_seat();
    other->unref();
}

constexpr std::string_view group4 = "239.1.2.3";
constexpr std::string_view group6 = "ff12::1234";

void groups(Stage& stage) {
    Seat& hearing = stage.seat();
    hearing.bind("");
    Seat& sending = stage.bound_seat();
    stage.well(hearing->add_membership(group4, "127.0.0.1"));
    stage.well(hearing->add_membership(group4, "127.0.0.1"));
    stage.well(sending->set_multicast_interface("127.0.0.1"));
    stage.well(sending->set_multicast_loopback(true));
    sending->send("to all", hearing.address.port, group4, sending.sent());
    stage.after(2ms, [&] {
        stage.well(hearing->drop_membership(group4));
        stage.well(hearing->drop_membership(group4, "127.0.0.1"));
    });
}

void groups_of_six(Stage& stage) {
    Seat& hearing = stage.seat(Type::udp6);
    stage.well(hearing->add_membership(group6, "::%lo"));  // Binds it.
    Seat& sending = stage.seat(Type::udp6);
    sending.bind("::");
    stage.well(sending->set_multicast_interface("::%lo"));
    stage.well(sending->set_multicast_interface("::%nowhere"));
    const auto local = hearing->address();
    if (stage.well(local)) sending->send("to all", local->port, group6, sending.sent());
    stage.well(hearing->drop_membership(group6, "::%lo"));
}

void groups_everywhere(Stage& stage) {
    Seat& seat = stage.seat();
    stage.well(seat->add_membership_everywhere(group4));
    stage.well(seat->add_membership_everywhere(group4));
    stage.well(seat->drop_membership(group4));
    Seat& six = stage.seat(Type::udp6);
    stage.well(six->add_membership_everywhere(group6));
}

void groups_of_sources(Stage& stage) {
    Seat& seat = stage.bound_seat();
    stage.well(seat->add_source_specific_membership("127.0.0.1", "232.1.1.1", "127.0.0.1"));
    stage.well(seat->add_source_specific_membership("127.0.0.1", "232.1.1.1", "127.0.0.1"));
    stage.well(seat->drop_source_specific_membership("127.0.0.1", "232.1.1.1", "127.0.0.1"));
    stage.well(seat->add_source_specific_membership("", "232.1.1.1"));
}

void groups_during_a_bind(Stage& stage) {
    Seat& seat = stage.seat();
    seat->bind(0, "127.0.0.1", seat.bound());
    stage.well(seat->add_membership(group4, "127.0.0.1"));
    Seat& named = stage.seat();
    named->bind(0, "localhost", named.bound());
    stage.well(named->add_membership(group4, "127.0.0.1"));
}

}  // namespace

void add_settings(Scenarios& all) {
    all.insert(all.end(), {
        {"settings_between_sends", between_sends},
        {"settings_that_are_refused", what_is_refused},
        {"buffer_sizes", buffer_sizes},
        {"references", references},
        {"groups", groups},
        {"groups_of_six", groups_of_six},
        {"groups_everywhere", groups_everywhere},
        {"groups_of_sources", groups_of_sources},
        {"groups_during_a_bind", groups_during_a_bind},
    });
}

}  // namespace walk
