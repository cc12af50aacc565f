// Scenarios of sending: every form of it, batches and trains, what is refused, what has to wait.
#include <string>
#include <vector>

#include "tests/walk/stage.h"

namespace walk {

namespace {

const std::string letters(2000, 'x');

std::string_view text_of(std::size_t size) { return std::string_view(letters).substr(0, size); }

void to_an_endpoint(Stage& stage) {
    Seat& hearing = stage.bound_seat();
    Seat& sending = stage.seat();
    sending->send("hello", hearing.address, sending.sent());
    sending->send("again", hearing.address, sending.sent());
}

void to_a_port(Stage& stage) {
    Seat& hearing = stage.bound_seat();
    Seat& sending = stage.seat();
    sending->send("hello", hearing.address.port, sending.sent());
}

void to_a_literal(Stage& stage) {
    Seat& hearing = stage.bound_seat(Type::udp6);
    Seat& sending = stage.seat(Type::udp6);
    sending->send("hello", hearing.address.port, "::1", sending.sent());
}

void to_a_zone(Stage& stage) {
    Seat& hearing = stage.bound_seat(Type::udp6);
    Seat& sending = stage.seat(Type::udp6);
    sending->send("nobody there", hearing.address.port, "fe80::9%lo", sending.sent());
    sending->send("no such zone", hearing.address.port, "fe80::1%nowhere", sending.sent());
    sending->send("hello", hearing.address.port, "::1", sending.sent());
}

void to_a_name(Stage& stage) {
    Seat& hearing = stage.bound_seat();
    Seat& sending = stage.seat();
    sending->send("hello", hearing.address.port, "localhost", sending.sent());
    sending->send("a literal overtakes it", hearing.address, sending.sent());
    sending->send("nobody", 9, "nobody.invalid", sending.sent());
}

void in_every_form(Stage& stage) {
    Seat& hearing = stage.bound_seat();
    Seat& sending = stage.seat();
    const Address& to = hearing.address;
    sending->send({"in ", "three ", "parts"}, to, sending.sent());
    sending->send(std::initializer_list<net::Bytes>{}, to, sending.sent());
    sending->send(net::Bytes("only a part of it"), 5, 6, to, sending.sent());
    sending->send(std::string("moved in, and too long to lie inside"), to, sending.sent());
    sending->send(std::vector<unsigned char>(100, 7), to, sending.sent());
    sending->send({"1", "2", "3", "4", "5", "6", "7"}, to, sending.sent());
    sending->send("", to, sending.sent());
}

void to_a_peer(Stage& stage) {
    Seat& hearing = stage.bound_seat();
    Seat& sending = stage.seat();
    sending->connect(hearing.address, sending.connected([&sending] {
        sending->send("later", sending.sent());
    }));
    sending->send("while it connects", sending.sent());
}

void without_callbacks(Stage& stage) {
    Seat& hearing = stage.bound_seat();
    Seat& sending = stage.seat();
    for (int i = 0; i < 3; i++) sending->send("x", hearing.address);
    sending->send("of another family", Address::loopback(net::Family::ipv6, 9));
}

void many_at_once(Stage& stage) {
    Seat& first = stage.bound_seat();
    Seat& second = stage.bound_seat();
    Seat& sending = stage.seat({.segmentation = false});
    for (std::size_t i = 0; i < 40; i++) {
        Seat& to = i % 3 == 0 ? second : first;
        sending->send(text_of(i), to.address, sending.sent());
    }
}

void trains(Stage& stage) {
    Seat& first = stage.bound_seat();
    Seat& second = stage.bound_seat();
    Seat& sending = stage.seat();
    for (std::size_t i = 0; i < 40; i++) {
        Seat& to = i % 2 == 0 ? second : first;
        sending->send(text_of(i < 38 ? 100 : 50), to.address, sending.sent());
    }
    stage.after(5ms, [&] {
        for (int i = 0; i < 5; i++) sending->send(text_of(100), first.address, sending.sent());
    });
}

void trains_of_long_ones(Stage& stage) {
    Seat& hearing = stage.bound_seat();
    Seat& sending = stage.seat();
    for (int i = 0; i < 6; i++) sending->send(text_of(1900), hearing.address, sending.sent());
    for (int i = 0; i < 3; i++) {
        sending->send({text_of(400), text_of(500)}, hearing.address, sending.sent());
    }
}

void what_is_refused(Stage& stage) {
    Seat& hearing = stage.bound_seat();
    Seat& sending = stage.seat();
    sending->send(net::Bytes("short"), 3, 9, hearing.address, sending.sent());
    sending->send("bad port", 65536, sending.sent());
    sending->send("nowhere", sending.sent());
    sending->send("of another family", Address::loopback(net::Family::ipv6, 9), sending.sent());
    sending->send("no path here", "/tmp/nobody", sending.sent());
    sending->send("broadcast", 9, "255.255.255.255", sending.sent());
    sending->send("good", hearing.address, sending.sent());
}

void too_long(Stage& stage) {
    Seat& hearing = stage.bound_seat();
    Seat& sending = stage.seat();
    sending->send("before", hearing.address, sending.sent());
    sending->send(std::string(65508, 'x'), hearing.address, sending.sent());
    sending->send("after", hearing.address, sending.sent());
}

void at_the_bound(Stage& stage) {
    Seat& hearing = stage.bound_seat();
    Seat& sending = stage.seat({.send_queue_datagrams_max = 3});
    stage.tight = true;
    for (int i = 0; i < 8; i++) sending->send("x", hearing.address, sending.sent());
    sending->send("y", hearing.address.port, "localhost", sending.sent());
}

void over_the_bound(Stage& stage) {
    Seat& hearing = stage.bound_seat();
    Seat& sending = stage.seat({.send_queue_datagrams_max = 2});
    for (int i = 0; i < 4; i++) {  // Names wait, so there is no room.
        sending->send("y", hearing.address.port, "localhost", sending.sent());
    }
}

void from_its_own_callback(Stage& stage) {
    Seat& hearing = stage.bound_seat();
    Seat& sending = stage.seat();
    auto& left = stage.keep<int>(4);
    auto& next = stage.keep<std::function<void()>>();
    next = [&] {
        if (left-- > 0) sending->send("x", hearing.address, sending.sent(next));
    };
    next();
}

void echo(Stage& stage) {
    Seat& server = stage.bound_seat();
    Seat& client = stage.seat();
    server.on_message = [&server](const Message& message) {
        server->send(message.bytes, message.sender, server.sent());
    };
    for (int i = 0; i < 3; i++) client->send("hello", server.address, client.sent());
}

void echo_in_parts(Stage& stage) {
    Seat& server = stage.bound_seat();
    Seat& client = stage.seat();
    server.on_message = [&server](const Message& message) {
        server->send({"you said ", message.bytes}, message.sender, server.sent());
    };
    client->send("hello", server.address, client.sent());
}

void echo_by_name(Stage& stage) {
    Seat& server = stage.bound_seat();
    Seat& client = stage.bound_seat();
    server.on_message = [&](const Message& message) {
        server->send(message.bytes, client.address.port, "localhost", server.sent());
    };
    client->send("hello", server.address, client.sent());
}

void to_blocked_ones(Stage& stage) {
    const auto list = std::make_shared<net::BlockList>();
    stage.well(list->add_subnet(Address::loopback(net::Family::ipv4), 8));
    Seat& hearing = stage.bound_seat();
    Seat& sending = stage.seat({.send_block_list = list});
    sending->send("blocked", hearing.address, sending.sent());
    sending->send("blocked too", hearing.address.port, "localhost", sending.sent());
}

}  // namespace

void add_sending(Scenarios& all) {
    all.insert(all.end(), {
        {"send_to_an_endpoint", to_an_endpoint},
        {"send_to_a_port", to_a_port},
        {"send_to_a_literal", to_a_literal},
        {"send_to_a_zone", to_a_zone},
        {"send_to_a_name", to_a_name},
        {"send_in_every_form", in_every_form},
        {"send_to_a_peer", to_a_peer},
        {"send_without_callbacks", without_callbacks},
        {"send_many_at_once", many_at_once},
        {"send_trains", trains},
        {"send_trains_of_long_ones", trains_of_long_ones},
        {"send_what_is_refused", what_is_refused},
        {"send_too_long", too_long},
        {"send_at_the_bound", at_the_bound},
        {"send_over_the_bound", over_the_bound},
        {"send_from_its_own_callback", from_its_own_callback},
        {"echo", echo},
        {"echo_in_parts", echo_in_parts},
        {"echo_by_name", echo_by_name},
        {"send_to_blocked_ones", to_blocked_ones},
    });
}

}  // namespace walk
