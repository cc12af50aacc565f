// Scenarios of Unix-domain datagrams: paths and abstract names, full receivers, dead servers.
#include <string>

#include "tests/walk/stage.h"
#include "tests/walk/system.h"

namespace walk {

namespace {

// Removed at the end, whatever became of it.
struct Path {
    explicit Path(std::string_view name) : text(path(name)) { remove(text); }
    ~Path() { remove(text); }
    std::string text;
};

void echo(Stage& stage) {
    const std::string& server_path = stage.keep<Path>("walk-server").text;
    const std::string& client_path = stage.keep<Path>("walk-client").text;
    Seat& server = stage.seat(Type::unix_dgram);
    Seat& client = stage.seat(Type::unix_dgram);
    server.on_message = [&server](const Message& message) {
        server->send(message.bytes, message.sender, server.sent());
    };
    server->bind(server_path, server.bound([&] {
        client->send("hello", server_path, client.sent());
    }));
    client.bind(client_path);
}

void without_a_name(Stage& stage) {
    const std::string& there = stage.keep<Path>("walk-server").text;
    Seat& server = stage.seat(Type::unix_dgram);
    server.bind(there);
    Seat& client = stage.seat(Type::unix_dgram);
    client->send("hello", there, client.sent());
    client->send({"in ", "parts"}, there, client.sent());
    client->send("nobody", path("walk-nobody"), client.sent());
}

void to_a_peer(Stage& stage) {
    const std::string& there = stage.keep<Path>("walk-server").text;
    Seat& server = stage.seat(Type::unix_dgram);
    server.bind(there);
    Seat& client = stage.seat(Type::unix_dgram);
    client->connect(there, client.connected([&] {
        client->send("hello", client.sent());
        stage.well(client->remote_address());
        stage.well(client->disconnect());
    }));
    Seat& other = stage.seat(Type::unix_dgram);
    stage.well(other->connect_sync(there));
    other->send("hello", other.sent());
}

// More than its queue takes at once: the senders wait.
void to_a_full_one(Stage& stage) {
    const std::string& there = stage.keep<Path>("walk-server").text;
    Seat& server = stage.seat(Type::unix_dgram);
    server.bind(there);
    Seat& client = stage.seat(Type::unix_dgram);
    Seat& connected = stage.seat(Type::unix_dgram);
    stage.well(connected->connect_sync(there));
    for (int i = 0; i < 20; i++) {
        client->send("x", there, client.sent());
        connected->send("y", connected.sent());
    }
}

void abstract(Stage& stage) {
    const std::string& there = stage.keep<std::string>("@" + path("walk-abstract"));
    Seat& server = stage.seat(Type::unix_dgram);
    Seat& client = stage.seat(Type::unix_dgram);
    server->bind(there, server.bound([&] { client->send("hello", there, client.sent()); }));
}

void after_a_dead_one(Stage& stage) {
    const std::string& there = stage.keep<Path>("walk-server").text;
    if (!stage.loop_failed) {
        const auto dead = platform::open_datagram(stage.loop().poller(), platform::Family::local);
        const auto name = net::parse_path(there);
        if (stage.well(dead)) {
            if (name) stage.well(platform::bind(*dead, *name));
            platform::close(*dead);
        }
    }
    Seat& server = stage.seat(Type::unix_dgram);
    server->bind(there, server.bound());
    Seat& second = stage.seat(Type::unix_dgram);
    second->bind(there);
}

void what_is_refused(Stage& stage) {
    Seat& seat = stage.seat(Type::unix_dgram);
    seat->bind(0);
    seat->bind(std::string(200, 'x'));
    seat->send("no port here", 9, seat.sent());
    seat->connect(9, seat.connected());
    stage.well(seat->add_membership("239.1.2.3"));
    seat->send("of another family", Address::loopback(net::Family::ipv4, 9), seat.sent());
}

void closing(Stage& stage) {
    const std::string& there = stage.keep<Path>("walk-server").text;
    Seat& server = stage.seat(Type::unix_dgram);
    server.bind(there);
    Seat& client = stage.seat(Type::unix_dgram);
    for (int i = 0; i < 15; i++) client->send("x", there, client.sent());
    client.close();
    server.on_message = [&server](const Message&) { server.close(); };
}

}  // namespace

void add_local(Scenarios& all) {
    all.insert(all.end(), {
        {"unix_echo", echo},
        {"unix_without_a_name", without_a_name},
        {"unix_to_a_peer", to_a_peer},
        {"unix_to_a_full_one", to_a_full_one},
        {"unix_abstract", abstract},
        {"unix_after_a_dead_one", after_a_dead_one},
        {"unix_what_is_refused", what_is_refused},
        {"unix_closing", closing},
    });
}

}  // namespace walk
