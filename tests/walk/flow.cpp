// Scenarios of back-pressure (pause, resume), of many sends at once, and of what counters tell.
#include <array>

#include "tests/walk/stage.h"

namespace walk {

namespace {

void send_some(Seat& sending, const Address& to, int count) {
    for (int i = 0; i < count && sending.alive(); i++) sending->send("some", to, sending.sent());
}

// ---- pause and resume --------------------------------------------------------------------------

void pause_and_resume(Stage& stage) {
    Seat& hearing = stage.seat();
    hearing->pause();  // Before bind.
    hearing.bind("127.0.0.1");
    Seat& sending = stage.seat();
    send_some(sending, hearing.address, 3);
    stage.after(2ms, [&hearing] { hearing->resume(); });
    stage.after(4ms, [&] {
        hearing->pause();
        hearing->pause();
        send_some(sending, hearing.address, 3);
    });
    stage.after(6ms, [&hearing] { hearing->resume(); });
}

// What has been read already is kept, and comes first.
void pause_in_a_listener(Stage& stage) {
    Seat& hearing = stage.seat({.packet_info = true});
    hearing.bind("127.0.0.1");
    Seat& sending = stage.seat();
    hearing.on_message = [&](const Message&) {
        hearing->pause();
        stage.after(1ms, [&hearing] { hearing->resume(); });
    };
    send_some(sending, hearing.address, 4);
}

void pause_in_batches(Stage& stage) {
    Seat& hearing = stage.seat({}, true);
    hearing.bind("127.0.0.1");
    Seat& sending = stage.seat({.segmentation = false});
    stage.tight = true;  // One batch more is one timer more.
    hearing.on_messages = [&](Messages) {
        hearing->pause();
        stage.after(1ms, [&hearing] { hearing->resume(); });
    };
    send_some(sending, hearing.address, 3);
    stage.after(1ms, [&] { send_some(sending, hearing.address, 3); });
}

// Two whose parked datagrams need the same arena, while a third one receives.
void pause_two(Stage& stage) {
    Seat& third = stage.bound_seat();
    Seat& sending = stage.seat();
    for (int i = 0; i < 2; i++) {
        Seat& hearing = stage.bound_seat();
        hearing.on_message = [&](const Message& message) {
            hearing->pause();
            hearing->send(message.bytes, third.address, hearing.sent());
            stage.after(2ms, [&hearing] { hearing->resume(); });
        };
        send_some(sending, hearing.address, 3);
    }
}

void pause_connected(Stage& stage) {
    Seat& gone = stage.bound_seat();
    Seat& client = stage.seat();
    const Address there = gone.address;
    gone.close();
    stage.after(2ms, [&client, there, &stage] {
        stage.well(client->connect_sync(there.port ? there.port : 9));
        client->pause();
        client->send("anybody?", client.sent());
    });
    stage.after(6ms, [&client] { client->resume(); });
}

void resume_inside(Stage& stage) {
    Seat& hearing = stage.bound_seat();
    Seat& sending = stage.seat();
    hearing.on_message = [&](const Message&) {
        hearing->pause();
        hearing->resume();
    };
    send_some(sending, hearing.address, 3);
}

// Closed with what it has parked, or not read at all.
template <void (Seat::*end)()>
void end_while_paused(Stage& stage) {
    Seat& hearing = stage.bound_seat();
    Seat& sending = stage.seat();
    stage.silent = true;  // What comes later than the end is not heard.
    hearing.on_message = [&](const Message&) { hearing->pause(); };
    send_some(sending, hearing.address, 3);
    stage.after(2ms, [&] { send_some(sending, hearing.address, 2); });
    stage.after(4ms, [&hearing] { (hearing.*end)(); });
}

template <void (Seat::*end)()>
void end_where_it_pauses(Stage& stage) {
    Seat& hearing = stage.bound_seat();
    Seat& sending = stage.seat();
    stage.silent = true;  // What is parked goes with it.
    hearing.on_message = [&](const Message&) {
        hearing->pause();
        (hearing.*end)();
    };
    send_some(sending, hearing.address, 3);
}

// Inside the first of what was parked.
template <void (Seat::*end)()>
void end_where_it_resumes(Stage& stage) {
    Seat& hearing = stage.bound_seat();
    Seat& sending = stage.seat();
    auto& heard = stage.keep<int>(0);
    stage.silent = true;
    hearing.on_message = [&](const Message&) {
        if (++heard == 2) return (hearing.*end)();
        hearing->pause();
        stage.after(1ms, [&hearing] {
            if (hearing.alive()) hearing->resume();
        });
    };
    send_some(sending, hearing.address, 4);
}

void overflow(Stage& stage) {
    Seat& hearing = stage.seat({.recv_buffer_size = 2048});
    hearing.bind("127.0.0.1");
    hearing->pause();
    Seat& sending = stage.seat({.segmentation = false});
    send_some(sending, hearing.address, 20);
    stage.after(2ms, [&] {
        if (hearing->counters().overflowed == 0) stage.tell({Code::unknown});  // It can be seen.
        hearing->resume();
    });
    stage.after(4ms, [&hearing] { hearing.close(); });
}

// ---- send_many ---------------------------------------------------------------------------------

const std::array<net::Bytes, 3> some{net::Bytes("one"), net::Bytes("two"), net::Bytes("three")};

void many_to_one(Stage& stage) {
    Seat& hearing = stage.bound_seat();
    Seat& sending = stage.seat();
    sending->send_many(some, hearing.address, sending.sent_many(3));
    sending->send_many(some, hearing.address);
    sending->send_many(std::span<const net::Bytes>(), hearing.address, sending.sent_many(0));
}

void many_to_many(Stage& stage) {
    Seat& one = stage.bound_seat();
    Seat& two = stage.bound_seat();
    Seat& sending = stage.seat();
    const std::array<net::Addressed, 4> all{
        net::Addressed{some[0], one.address}, {some[1], two.address},
        {some[2], Address::loopback(net::Family::ipv6, 9)}, {some[2], one.address}};
    sending->send_many(all, sending.sent_many(4));
}

void many_to_a_peer(Stage& stage) {
    Seat& hearing = stage.bound_seat();
    Seat& sending = stage.seat();
    sending->send_many(some, sending.sent_many(3));  // Nobody's yet.
    sending->connect(hearing.address, sending.connected([&sending] {
        sending->send_many(some, sending.sent_many(3));
    }));
    sending->send_many(some, sending.sent_many(3));
}

void many_over_the_bound(Stage& stage) {
    Seat& hearing = stage.bound_seat();
    Seat& sending = stage.seat({.send_queue_datagrams_max = 2});
    sending->send("by name", hearing.address.port, "localhost", sending.sent());
    sending->send_many(some, hearing.address, sending.sent_many(3));
    stage.tight = true;
}

template <void (Seat::*end)()>
void many_and_the_end(Stage& stage) {
    Seat& hearing = stage.bound_seat();
    Seat& sending = stage.seat();
    sending->send_many(some, hearing.address, sending.sent_many(3));
    (sending.*end)();
}

template <void (Seat::*end)()>
void end_inside_many(Stage& stage) {
    Seat& hearing = stage.bound_seat();
    Seat& sending = stage.seat();
    sending->send_many(some, hearing.address, sending.sent_many(3, [&sending] {
        (sending.*end)();
    }));
    sending->send_many(some, hearing.address, sending.sent_many(3));
}

}  // namespace

void add_flow(Scenarios& all) {
    all.insert(all.end(), {
        {"pause_and_resume", pause_and_resume},
        {"pause_in_a_listener", pause_in_a_listener},
        {"pause_in_batches", pause_in_batches},
        {"pause_two", pause_two},
        {"pause_connected", pause_connected},
        {"resume_inside", resume_inside},
        {"close_while_paused", end_while_paused<&Seat::close>},
        {"abort_while_paused", end_while_paused<&Seat::abort>},
        {"destroy_while_paused", end_while_paused<&Seat::destroy>},
        {"close_where_it_pauses", end_where_it_pauses<&Seat::close>},
        {"destroy_where_it_pauses", end_where_it_pauses<&Seat::destroy>},
        {"close_where_it_resumes", end_where_it_resumes<&Seat::close>},
        {"destroy_where_it_resumes", end_where_it_resumes<&Seat::destroy>},
        {"replace_where_it_resumes", end_where_it_resumes<&Seat::replace>},
        {"overflow", overflow},
        {"many_to_one", many_to_one},
        {"many_to_many", many_to_many},
        {"many_to_a_peer", many_to_a_peer},
        {"many_over_the_bound", many_over_the_bound},
        {"many_and_close", many_and_the_end<&Seat::close>},
        {"many_and_abort", many_and_the_end<&Seat::abort>},
        {"many_and_destroy", many_and_the_end<&Seat::destroy>},
        {"close_inside_many", end_inside_many<&Seat::close>},
        {"abort_inside_many", end_inside_many<&Seat::abort>},
        {"destroy_inside_many", end_inside_many<&Seat::destroy>},
        {"replace_inside_many", end_inside_many<&Seat::replace>},
    });
}

}  // namespace walk
