// Scenarios of sockets in coroutines: each await, with its deadline, its token, and every end of
// what it waits for.
// Catch: a frame is the user's own memory, which never fails here.
#include "core/await.h"
#include "core/task.h"
#include "net/coroutine.h"
#include "tests/walk/stage.h"

namespace walk {

namespace {

using core::Task;

// What a coroutine that has been given up does not have to do.
struct Running {
    core::Spawned spawned;
    Ticket::Entry* entry;
    void cancel() {
        if (spawned.active()) entry->dropped = true;
        spawned.cancel();
    }
};

Task<> until_its_end(Ticket ticket, Task<> task) {
    co_await std::move(task);
    ticket.called();
    ticket.stage().did(Deed::ended);
}

Running start(Stage& stage, Task<> task) {
    Ticket ticket = stage.ticket(Ticket::What::task);
    Ticket::Entry& entry = stage.last_entry();
    return {core::spawn(stage.loop(), until_its_end(std::move(ticket), std::move(task))), &entry};
}

// What ends with its socket is not worth a word.
bool is_well(Seat& seat, const Error& error) {
    const bool ended = error.code == Code::not_running || error.code == Code::canceled;
    if (ended && (seat.closing || !seat.alive())) return false;
    return seat.stage.well(error);
}

template <class Value>
bool is_well(Seat& seat, const net::Result<Value>& result) {
    return is_well(seat, result ? Error{} : result.error());
}

Task<> serve(Seat& seat) {
    if (!seat.alive()) co_return;  // It has gone before this has begun.
    net::Receiver receiver(*seat.socket);
    for (;;) {
        const net::Result<Message> message = co_await receiver.receive();
        if (!is_well(seat, message)) co_return;
        if (!is_well(seat, co_await net::send(*seat.socket, message->bytes, message->sender))) {
            co_return;
        }
        seat.stage.did(Deed::sent);
    }
}

Task<> ask(Seat& seat, Address to, int count) {
    if (!seat.alive()) co_return;
    net::Receiver receiver(*seat.socket);
    for (int i = 0; i < count; i++) {
        if (!is_well(seat, co_await net::send(*seat.socket, "hello", to).within(200ms))) co_return;
        seat.stage.did(Deed::sent);
        if (!is_well(seat, co_await receiver.receive().within(200ms))) co_return;
    }
}

void echo(Stage& stage) {
    Seat& server = stage.bound_seat();
    Seat& client = stage.bound_seat();
    (void)start(stage, serve(server));
    (void)start(stage, ask(client, server.address, 3));
}

// Nobody is there: the deadline passes, and the next question is asked.
void deadlines(Stage& stage) {
    Seat& deaf = stage.bound_seat();
    Seat& client = stage.bound_seat();
    deaf->pause();
    (void)start(stage, [](Seat& seat, Address to) -> Task<> {
        if (!seat.alive()) co_return;
        net::Receiver receiver(*seat.socket);
        for (int i = 0; i < 2; i++) {
            if (is_well(seat, co_await net::send(*seat.socket, "hello", to).within(50ms))) {
                seat.stage.did(Deed::sent);
            }
            if (!seat.alive() || seat.closing) co_return;
            (void)is_well(seat, co_await receiver.receive().within(10ms));
            if (!seat.alive() || seat.closing) co_return;
        }
    }(client, deaf.address));
}

void sleeping(Stage& stage) {
    auto& stop = stage.keep<core::StopSource>();
    (void)start(stage, [](Stage& where, core::StopToken token) -> Task<> {
        where.well(co_await core::sleep(3ms));
        where.well(co_await core::sleep(50ms).within(2ms));
        where.well(co_await core::sleep(50ms).unless(token));
        where.well(co_await core::sleep(0ms));
    }(stage, stop.token()));
    stage.after(10ms, [&stop] { stop.stop(); });
}

Task<> look_up(Stage& stage, std::string_view host) {
    const auto found = co_await net::lookup(host, net::Family::ipv4);
    if (!stage.well(found)) co_return;
    stage.did(Deed::found);
}

void names(Stage& stage) {
    (void)start(stage, look_up(stage, "localhost"));
    (void)start(stage, look_up(stage, "nobody.invalid"));
    (void)start(stage, look_up(stage, "127.0.0.1"));
    (void)start(stage, [](Stage& where) -> Task<> {
        where.well(co_await net::lookup("localhost", net::Family::ipv4).within(0ms));
    }(stage));
}

void connected(Stage& stage) {
    Seat& server = stage.bound_seat();
    Seat& client = stage.seat();
    (void)start(stage, serve(server));
    (void)start(stage, [](Seat& seat, int port) -> Task<> {
        if (!seat.alive()) co_return;
        net::Receiver receiver(*seat.socket);
        if (!is_well(seat, co_await net::connect(*seat.socket, port, "localhost"))) co_return;
        if (!is_well(seat, co_await net::send(*seat.socket, "hello"))) co_return;
        seat.stage.did(Deed::sent);
        if (!is_well(seat, co_await receiver.receive().within(200ms))) co_return;
        seat.closing = true;
        seat.stage.well(co_await net::close(*seat.socket));
    }(client, server.address.port ? server.address.port : 9));
}

// More than it awaits at a time is kept for it, and handed on where there is room.
void kept(Stage& stage) {
    Seat& hearing = stage.bound_seat();
    Seat& sending = stage.seat({.segmentation = false});
    (void)start(stage, [](Seat& seat) -> Task<> {
        if (!seat.alive()) co_return;
        net::Receiver receiver(*seat.socket);
        for (int i = 0; i < 6; i++) {
            if (i % 3 == 0) (void)co_await core::sleep(2ms);
            if (!seat.alive() || !is_well(seat, co_await receiver.receive())) break;
        }
        for (std::uint64_t i = 0; i < receiver.dropped_count(); i++) {
            seat.stage.tell({Code::out_of_memory});  // Whoever looks can see it.
        }
    }(hearing));
    for (int i = 0; i < 6; i++) {
        sending->send("one of many", hearing.address, sending.sent());
    }
}

// ---- The end of what is awaited ----------------------------------------------------------------

void stop_an_await(Stage& stage) {
    auto& stop = stage.keep<core::StopSource>();
    Seat& hearing = stage.bound_seat();
    Seat& client = stage.seat();
    const auto receive = [](Seat& seat, core::StopToken token) -> Task<> {
        if (!seat.alive()) co_return;
        net::Receiver receiver(*seat.socket);
        (void)is_well(seat, co_await receiver.receive().unless(token));
        if (!seat.alive()) co_return;
        (void)is_well(seat, co_await net::send(*seat.socket, "late", 9).unless(token));
    };
    (void)start(stage, receive(hearing, stop.token()));
    (void)start(stage, [](Seat& seat, Address to, core::StopToken token) -> Task<> {
        if (!seat.alive()) co_return;
        (void)is_well(seat, co_await net::send(*seat.socket, "by name", to.port, "localhost")
                                .unless(token));
    }(client, hearing.address, stop.token()));
    stage.post([&stop] { stop.stop(); });
    stage.silent = true;  // What is taken back is not sent.
}

// Everything that can be awaited is, when that happens.
void await_all(Stage& stage, Seat& hearing, Seat& sending, std::vector<Running>& all) {
    all.push_back(start(stage, serve(hearing)));
    all.push_back(start(stage, [](Seat& seat, int port) -> Task<> {
        if (!seat.alive()) co_return;
        (void)is_well(seat, co_await net::send(*seat.socket, "by name", port, "localhost"));
    }(sending, 9)));
    all.push_back(start(stage, [](Seat& seat) -> Task<> {
        if (!seat.alive()) co_return;
        (void)is_well(seat, co_await net::connect(*seat.socket, 9, "localhost"));
    }(sending)));
    all.push_back(start(stage, look_up(stage, "localhost")));
    all.push_back(start(stage, [](Stage& where) -> Task<> {
        where.well(co_await core::sleep(20ms));
    }(stage)));
    stage.silent = true;
}

template <void (Seat::*end)()>
void end_of_the_socket(Stage& stage) {
    auto& all = stage.keep<std::vector<Running>>();
    Seat& hearing = stage.bound_seat();
    Seat& sending = stage.seat();
    await_all(stage, hearing, sending, all);
    stage.post([&] {
        (hearing.*end)();
        (sending.*end)();
    });
}

void cancel_all(Stage& stage) {
    auto& all = stage.keep<std::vector<Running>>();
    await_all(stage, stage.bound_seat(), stage.seat(), all);
    stage.post([&all] {
        for (Running& each : all) each.cancel();
    });
}

void end_of_the_loop(Stage& stage) {
    auto& all = stage.keep<std::vector<Running>>();
    await_all(stage, stage.bound_seat(), stage.seat(), all);
    stage.end_loop();
}

// Inside the coroutine that has just received.
template <void (Seat::*end)()>
void end_inside(Stage& stage) {
    Seat& server = stage.bound_seat();
    Seat& client = stage.seat();
    stage.silent = true;
    (void)start(stage, [](Seat& seat) -> Task<> {
        if (!seat.alive()) co_return;
        net::Receiver receiver(*seat.socket);
        if (!is_well(seat, co_await receiver.receive())) co_return;
        (seat.*end)();
        (void)is_well(seat, co_await receiver.receive());
    }(server));
    for (int i = 0; i < 3; i++) client->send("hello", server.address, client.sent());
}

// A listener of the same socket destroys the coroutine that awaits it.
void cancel_inside(Stage& stage) {
    Seat& server = stage.bound_seat();
    Seat& client = stage.seat();
    auto& running = stage.keep<Running>(start(stage, serve(server)));
    server.on_message = [&running](const Message&) { running.cancel(); };
    stage.silent = true;
    for (int i = 0; i < 3; i++) client->send("hello", server.address, client.sent());
}

}  // namespace

void add_coroutines(Scenarios& all) {
    all.insert(all.end(), {
        {"coroutine_echo", echo},
        {"coroutine_deadlines", deadlines},
        {"coroutine_sleeps", sleeping},
        {"coroutine_names", names},
        {"coroutine_connects", connected},
        {"coroutine_backlog", kept},
        {"coroutine_stopped", stop_an_await},
        {"coroutines_closed", end_of_the_socket<&Seat::close>},
        {"coroutines_aborted", end_of_the_socket<&Seat::abort>},
        {"coroutines_destroyed", end_of_the_socket<&Seat::destroy>},
        {"coroutines_replaced", end_of_the_socket<&Seat::replace>},
        {"coroutines_canceled", cancel_all},
        {"coroutines_of_a_dead_loop", end_of_the_loop},
        {"close_inside_coroutine", end_inside<&Seat::close>},
        {"abort_inside_coroutine", end_inside<&Seat::abort>},
        {"destroy_inside_coroutine", end_inside<&Seat::destroy>},
        {"cancel_inside_message", cancel_inside},
    });
}

}  // namespace walk
