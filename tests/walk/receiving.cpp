// Scenarios of receiving: one by one and in batches, trains, what is dropped, refusals by ICMP.
#include <string>

#include "tests/walk/stage.h"

namespace walk {

namespace {

// Sends so many in each of so many ticks.
void flood(Stage& stage, Seat& sending, const Address& to, int count, int ticks) {
    static const std::string content(64, 'y');
    for (int tick = 0; tick < ticks; tick++) {
        stage.after(std::chrono::milliseconds(1 + 40 * tick), [&sending, to, count] {
            for (int i = 0; i < count && sending.alive(); i++) sending->send(content, to);
        });
    }
}

void in_batches(Stage& stage) {
    Seat& hearing = stage.seat({}, true);
    hearing.bind("127.0.0.1");
    Seat& sending = stage.seat({.segmentation = false});
    flood(stage, sending, hearing.address, 5, 3);
}

void in_both_ways(Stage& stage) {
    Seat& hearing = stage.bound_seat();
    if (hearing->on_messages([] {}) == 0) stage.tell({Code::out_of_memory});
    Seat& sending = stage.seat();
    flood(stage, sending, hearing.address, 3, 2);
}

void as_trains(Stage& stage) {
    Seat& hearing = stage.bound_seat();
    Seat& sending = stage.seat();
    flood(stage, sending, hearing.address, 20, 3);
}

void trains_in_batches(Stage& stage) {
    Seat& hearing = stage.seat({.recv_buffer_size = 400'000}, true);
    hearing.bind("127.0.0.1");
    Seat& sending = stage.seat();
    flood(stage, sending, hearing.address, 150, 2);
}

void more_than_a_turn_takes(Stage& stage) {
    Seat& hearing = stage.seat({.recv_buffer_size = 400'000});
    hearing.bind("127.0.0.1");
    Seat& sending = stage.seat({.segmentation = false});
    flood(stage, sending, hearing.address, 270, 1);
}

void once_and_off(Stage& stage) {
    Seat& hearing = stage.bound_seat();
    Seat& sending = stage.seat();
    const net::ListenerId id = hearing->on_message([] {});
    if (id == 0) stage.tell({Code::out_of_memory});
    if (hearing->once_message([&hearing, id] { hearing->off(id); }) == 0) {
        stage.tell({Code::out_of_memory});
    }
    (void)hearing->listener_count(net::Event::message);
    flood(stage, sending, hearing.address, 2, 2);
}

void blocked_ones(Stage& stage) {
    const auto list = std::make_shared<net::BlockList>();
    stage.well(list->add_address(Address::loopback(net::Family::ipv4)));
    Seat& hearing = stage.seat({.receive_block_list = list});
    hearing.bind("127.0.0.1");
    Seat& sending = stage.seat();
    sending->send("unheard", hearing.address, sending.sent());
}

void strangers(Stage& stage) {
    Seat& server = stage.bound_seat();
    Seat& client = stage.bound_seat();
    Seat& stranger = stage.seat();
    stage.well(client->connect_sync(server.address.port));
    server.on_message = [&](const Message& message) {
        server->send("to you", message.sender, server.sent());
    };
    stranger->send("unheard", client.address, stranger.sent());
    client->send("who are you", client.sent());
}

// The kernel's words for a port that nobody has.
void refusals(Stage& stage) {
    Seat& gone = stage.bound_seat();
    Seat& client = stage.seat();
    const Address there = gone.address;
    gone.close();
    stage.after(2ms, [&client, there, &stage] {
        stage.well(client->connect_sync(there.port ? there.port : 9));
        client->send("anybody?", client.sent());
    });
    stage.after(4ms, [&client] { client->send("nobody?", client.sent()); });
}

void refusals_without_a_peer(Stage& stage) {
    Seat& gone = stage.bound_seat();
    Seat& client = stage.bound_seat();
    Seat& other = stage.bound_seat();
    const Address there = gone.address;
    gone.close();
    stage.after(2ms, [&client, &other, there] {
        client->send("anybody?", there, client.sent());
        client->send("you?", other.address, client.sent());
    });
}

void on_both_families(Stage& stage) {
    Seat& hearing = stage.seat(Type::udp6);
    hearing.bind("::");
    Seat& four = stage.seat();
    Seat& six = stage.seat(Type::udp6);
    four->send("four", hearing.address.port, four.sent());
    six->send("six", hearing.address.port, six.sent());
    six->send("mapped", hearing.address.port, "::ffff:127.0.0.1", six.sent());
}

}  // namespace

void add_receiving(Scenarios& all) {
    all.insert(all.end(), {
        {"receive_in_batches", in_batches},
        {"receive_in_both_ways", in_both_ways},
        {"receive_as_trains", as_trains},
        {"receive_trains_in_batches", trains_in_batches},
        {"receive_more_than_a_turn_takes", more_than_a_turn_takes},
        {"receive_once_and_off", once_and_off},
        {"receive_blocked_ones", blocked_ones},
        {"receive_strangers", strangers},
        {"receive_refusals", refusals},
        {"receive_refusals_without_a_peer", refusals_without_a_peer},
        {"receive_on_both_families", on_both_families},
    });
}

}  // namespace walk
