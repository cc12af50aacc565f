// Scenarios of peers: connecting later and at once, by name, during a bind; leaving a peer again.
#include "tests/walk/stage.h"

namespace walk {

namespace {

void later(Stage& stage) {
    Seat& server = stage.bound_seat();
    Seat& client = stage.seat();
    client->connect(server.address.port, "127.0.0.1", client.connected([&client] {
        client.stage.well(client->remote_address());
        client->send("hello", client.sent());
    }));
}

void by_port(Stage& stage) {
    Seat& server = stage.bound_seat();
    Seat& client = stage.seat();
    client->connect(server.address.port, client.connected());
    client->send("hello", client.sent());
}

void by_name(Stage& stage) {
    Seat& server = stage.bound_seat();
    Seat& client = stage.seat();
    client->connect(server.address.port, "localhost", client.connected());
    client->send("hello", client.sent());
}

void to_an_unknown_name(Stage& stage) {
    Seat& server = stage.bound_seat();
    Seat& client = stage.seat();
    client->connect(9, "nobody.invalid", client.connected());
    client->send("falls with it", client.sent());
    stage.after(5ms, [&] {
        client->connect(server.address, client.connected());
        client->send("hello", client.sent());
    });
}

void at_once(Stage& stage) {
    Seat& server = stage.bound_seat();
    Seat& client = stage.seat();
    stage.well(client->connect_sync(server.address.port, "127.0.0.1"));
    client->send("hello", client.sent());
}

void to_this_host(Stage& stage) {
    Seat& server = stage.seat();
    server.bind("");
    Seat& client = stage.seat();
    server.on_message = [&](const Message& message) {
        server->send("answer", message.sender, server.sent());
    };
    client->connect(server.address.port, "0.0.0.0", client.connected());
    client->send("hello", client.sent());
}

void during_a_bind(Stage& stage) {
    Seat& server = stage.bound_seat();
    Seat& client = stage.seat();
    client->bind(0, "localhost", client.bound());
    client->connect(server.address, client.connected());
    client->send("hello", client.sent());
}

void and_leave(Stage& stage) {
    Seat& server = stage.bound_seat();
    Seat& other = stage.bound_seat();
    Seat& client = stage.seat();
    stage.well(client->connect_sync(server.address.port));
    client->send("to the old peer", client.sent());
    stage.well(client->disconnect());
    client->send("to another", other.address, client.sent());
    server.on_message = [&](const Message& message) {
        server->send("still there?", message.sender, server.sent());
    };
}

void and_leave_later(Stage& stage) {
    Seat& server = stage.bound_seat();
    Seat& client = stage.bound_seat();
    client->connect(server.address, client.connected([&] {
        client->send("one", client.sent());
        stage.well(client->disconnect());
        stage.well(client->disconnect());
        client->connect(server.address, client.connected());
        client->send("two", client.sent());
    }));
}

void what_is_refused(Stage& stage) {
    Seat& server = stage.bound_seat();
    Seat& client = stage.seat();
    client->connect(0, client.connected());
    client->connect(Address::loopback(net::Family::ipv6, 9), client.connected());
    client->connect(server.address, client.connected());
    client->connect(server.address, client.connected());
    client->send("with a destination", server.address, client.sent());
    stage.well(client->remote_address());
}

void to_a_blocked_one(Stage& stage) {
    const auto list = std::make_shared<net::BlockList>();
    stage.well(list->add_address(Address::loopback(net::Family::ipv4)));
    Seat& server = stage.bound_seat();
    Seat& client = stage.seat({.send_block_list = list});
    client->connect(server.address, client.connected());
    client->connect(server.address.port, "localhost", client.connected());
    client->send("nobody", client.sent());
}

void without_callbacks(Stage& stage) {
    Seat& server = stage.bound_seat();
    Seat& client = stage.seat();
    client.on_connect = [&client] { client->send("hello"); };
    client->connect(server.address);
}

}  // namespace

void add_connecting(Scenarios& all) {
    all.insert(all.end(), {
        {"connect_later", later},
        {"connect_by_port", by_port},
        {"connect_by_name", by_name},
        {"connect_to_an_unknown_name", to_an_unknown_name},
        {"connect_at_once", at_once},
        {"connect_to_this_host", to_this_host},
        {"connect_during_a_bind", during_a_bind},
        {"connect_and_leave", and_leave},
        {"connect_and_leave_later", and_leave_later},
        {"connect_what_is_refused", what_is_refused},
        {"connect_to_a_blocked_one", to_a_blocked_one},
        {"connect_without_callbacks", without_callbacks},
    });
}

}  // namespace walk
