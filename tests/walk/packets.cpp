// Scenarios of what travels beside the payload (packet information, the options of single sends,
// how long a packet may be) and of what ICMP says.
#include "tests/walk/stage.h"

namespace walk {

namespace {

// ---- Beside the payload ------------------------------------------------------------------------

template <bool in_batches>
void informed(Stage& stage) {
    Seat& server = stage.seat({.packet_info = true}, in_batches);
    server.bind("0.0.0.0");
    Seat& client = stage.bound_seat();
    const auto answer = [&server](const Message& message) {
        server->send(message.bytes, message.sender, net::reply_to(message), server.sent());
    };
    if (in_batches) {
        server.on_messages = [answer](Messages together) {
            for (const Message& each : together) answer(each);
        };
    } else {
        server.on_message = answer;
    }
    for (int i = 0; i < 3; i++) client->send("hello", server.address.port, client.sent());
}

void informed_of_six(Stage& stage) {
    Seat& server = stage.seat({.type = Type::udp6, .packet_info = true});
    server.bind("::");
    Seat& client = stage.bound_seat(Type::udp6);
    server.on_message = [&server](const Message& message) {
        server->send(message.bytes, message.sender, net::reply_to(message), server.sent());
    };
    client->send("hello", server.address.port, "::1", client.sent());
}

void options_of_sends(Stage& stage) {
    Seat& hearing = stage.seat({.packet_info = true});
    hearing.bind("127.0.0.1");
    Seat& sending = stage.bound_seat();
    const Address& to = hearing.address;
    const Address here = Address::loopback(net::Family::ipv4);
    sending->send("plain", to, sending.sent());
    sending->send("far", to, {.hop_limit = 9}, sending.sent());
    sending->send("urgent", to, {.traffic_class = 46 << 2}, sending.sent());
    sending->send("from here", to, {.source = here, .hop_limit = 3}, sending.sent());
    sending->send("this way", to, {.interface_index = 1}, sending.sent());
    sending->send({"in ", "parts"}, to, {.traffic_class = 1}, sending.sent());
    sending->send({"1", "2", "3", "4", "5", "6", "7"}, to, {.hop_limit = 7}, sending.sent());
    sending->send(std::string("moved in, and too long to lie inside"), to, {.hop_limit = 8},
                  sending.sent());
    sending->send("plain again", to, sending.sent());
}

void uncut_sends(Stage& stage) {
    Seat& hearing = stage.bound_seat();
    Seat& sending = stage.bound_seat();
    sending->send("uncut", hearing.address, {.dont_fragment = true}, sending.sent());
    sending->send("as ever", hearing.address, sending.sent());
    stage.after(2ms, [&] {
        stage.well(sending->set_dont_fragment(true));
        sending->send("uncut", hearing.address, {.dont_fragment = true}, sending.sent());
        stage.well(sending->set_dont_fragment(false));
    });
}

void options_to_a_peer(Stage& stage) {
    Seat& hearing = stage.bound_seat(Type::udp6);
    Seat& sending = stage.seat(Type::udp6);
    sending->connect(hearing.address, sending.connected());
    sending->send("far", {.hop_limit = 9}, sending.sent());
    sending->send("urgent", {.traffic_class = 184, .dont_fragment = true}, sending.sent());
}

void options_that_are_refused(Stage& stage) {
    Seat& hearing = stage.bound_seat();
    Seat& sending = stage.bound_seat();
    const Address& to = hearing.address;
    Address elsewhere = Address::loopback(net::Family::ipv4);
    elsewhere.bytes[0] = 198;
    sending->send("no way", to, {.hop_limit = 0}, sending.sent());
    sending->send("no way", to, {.traffic_class = 256}, sending.sent());
    sending->send("not ours", to, {.source = elsewhere}, sending.sent());
    sending->send("nowhere", {.hop_limit = 9}, sending.sent());
    sending->send("good", to, {.hop_limit = 9}, sending.sent());
}

template <void (Seat::*end)()>
void end_inside_directed(Stage& stage) {
    Seat& hearing = stage.bound_seat();
    Seat& sending = stage.seat();
    const auto then = [&sending] { (sending.*end)(); };
    stage.tight = true;
    sending->send("one", hearing.address, {.hop_limit = 9}, sending.sent(then));
    sending->send({"two", "parts"}, hearing.address, {.dont_fragment = true}, sending.sent());
    sending->send("three", hearing.address.port, "localhost", sending.sent());
}

template <void (Seat::*end)()>
void end_inside_informed(Stage& stage) {
    Seat& server = stage.seat({.packet_info = true});
    server.bind("0.0.0.0");
    Seat& client = stage.seat();
    server.on_message = [&server](const Message& message) {
        server->send(message.bytes, message.sender, net::reply_to(message), server.sent());
        (server.*end)();
    };
    for (int i = 0; i < 3; i++) client->send("hello", server.address.port, client.sent());
}

void how_long(Stage& stage) {
    Seat& there = stage.bound_seat();
    Seat& six = stage.bound_seat(Type::udp6);
    Seat& seat = stage.bound_seat();
    stage.well(seat->path_mtu());  // Whose?
    stage.well(seat->path_mtu(there.address));
    stage.well(seat->path_mtu(six.address));
    stage.well(seat->connect_sync(there.address.port ? there.address.port : 9));
    stage.well(seat->path_mtu());
    seat.close();
    stage.well(seat->path_mtu());
    stage.well(seat->path_mtu(there.address));
}

// ---- What ICMP says ----------------------------------------------------------------------------

// So late that the port is nobody's any more.
void when_gone(Stage& stage, std::function<void(Address)> then) {
    Seat& gone = stage.bound_seat();
    const Address there = gone.address;
    gone.close();
    stage.after(2ms, [there, then = std::move(then)] { then(there); });
}

void reports(Stage& stage) {
    Seat& client = stage.seat({.errors = net::Errors::all});
    client.bind("127.0.0.1");
    Seat& other = stage.bound_seat();
    when_gone(stage, [&](Address there) {
        client->send("anybody?", there, client.sent());
        client->send("you?", other.address, client.sent());
    });
    stage.after(4ms, [&] { client->send("still you?", other.address, client.sent()); });
}

void reports_of_a_peer(Stage& stage) {
    Seat& client = stage.seat({.errors = net::Errors::all});
    when_gone(stage, [&](Address there) {
        stage.well(client->connect_sync(there.port ? there.port : 9));
        client->send("anybody?", client.sent());
    });
    stage.after(6ms, [&] { client->send("nobody?", client.sent()); });
}

void no_errors(Stage& stage) {
    Seat& client = stage.seat({.errors = net::Errors::none});
    when_gone(stage, [&](Address there) {
        stage.well(client->connect_sync(there.port ? there.port : 9));
        client->send("anybody?", client.sent());
    });
    stage.after(6ms, [&] { client->send("nobody?", client.sent()); });
}

void reports_while_paused(Stage& stage) {
    Seat& client = stage.seat({.errors = net::Errors::all});
    client.bind("127.0.0.1");
    client->pause();
    when_gone(stage, [&](Address there) { client->send("anybody?", there, client.sent()); });
    stage.after(6ms, [&] { client->resume(); });
}

template <void (Seat::*end)()>
void end_inside_report(Stage& stage) {
    Seat& client = stage.seat({.errors = net::Errors::all});
    client.bind("127.0.0.1");
    stage.silent = true;  // The second one's report goes with it.
    client.on_report = [&client](const net::Report&) {
        if (client.alive()) (client.*end)();
    };
    when_gone(stage, [&](Address there) {
        client->send("anybody?", there, client.sent());
        client->send("nobody?", there, client.sent());
    });
}

}  // namespace

void add_packets(Scenarios& all) {
    all.insert(all.end(), {
        {"packet_info", informed<false>},
        {"packet_info_in_batches", informed<true>},
        {"packet_info_of_six", informed_of_six},
        {"send_with_options", options_of_sends},
        {"send_uncut", uncut_sends},
        {"send_with_options_to_a_peer", options_to_a_peer},
        {"send_with_refused_options", options_that_are_refused},
        {"close_inside_directed", end_inside_directed<&Seat::close>},
        {"abort_inside_directed", end_inside_directed<&Seat::abort>},
        {"destroy_inside_directed", end_inside_directed<&Seat::destroy>},
        {"close_inside_packet_info", end_inside_informed<&Seat::close>},
        {"destroy_inside_packet_info", end_inside_informed<&Seat::destroy>},
        {"path_mtu", how_long},
        {"reports", reports},
        {"reports_of_a_peer", reports_of_a_peer},
        {"errors_of_nobody", no_errors},
        {"reports_while_paused", reports_while_paused},
        {"close_inside_report", end_inside_report<&Seat::close>},
        {"abort_inside_report", end_inside_report<&Seat::abort>},
        {"destroy_inside_report", end_inside_report<&Seat::destroy>},
        {"replace_inside_report", end_inside_report<&Seat::replace>},
    });
}

}  // namespace walk
