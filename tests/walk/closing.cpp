// Scenarios of the end: closing with something under way, aborting, stop tokens, destruction, and a
// loop that goes before its sockets.
#include "core/stop.h"
#include "tests/walk/stage.h"

namespace walk {

namespace {

void unused(Stage& stage) { stage.seat().close(); }

void with_sends(Stage& stage) {
    Seat& hearing = stage.bound_seat();
    Seat& sending = stage.seat();
    sending->send("one", hearing.address, sending.sent());
    sending->send("two", hearing.address, sending.sent());
    sending.close();
}

void while_binding(Stage& stage) {
    Seat& seat = stage.seat();
    seat->bind(0, "localhost", seat.bound());
    seat.close();
    Seat& other = stage.seat();
    other->bind(0, "127.0.0.1", other.bound());
    other.close();
}

void while_connecting(Stage& stage) {
    Seat& server = stage.bound_seat();
    Seat& client = stage.seat();
    client->connect(server.address.port, "localhost", client.connected());
    client->send("still leaves", client.sent());
    client.close();
    Seat& other = stage.seat();
    other->connect(server.address, other.connected());
    other.close();
}

void while_looking_up(Stage& stage) {
    Seat& hearing = stage.bound_seat();
    Seat& sending = stage.seat();
    sending->send("hello", hearing.address.port, "localhost", sending.sent());
    sending->send("nobody", 9, "nobody.invalid", sending.sent());
    sending.close();
}

void by_abort(Stage& stage) {
    Seat& hearing = stage.bound_seat();
    Seat& sending = stage.seat();
    sending->send("one", hearing.address, sending.sent());
    sending->send("two", hearing.address.port, "localhost", sending.sent());
    sending.abort();
}

void by_a_token(Stage& stage) {
    auto& source = stage.keep<core::StopSource>();
    Seat& seat = stage.seat({.stop = source.token()});
    seat.bind("127.0.0.1");
    seat->send("to itself", seat.address, seat.sent());
    seat.closing = source.stopped();  // Without memory it is so from the start.
    stage.after(5ms, [&] {
        seat.closing = true;
        source.stop();
    });
}

void by_a_token_before(Stage& stage) {
    auto& source = stage.keep<core::StopSource>();
    source.stop();
    Seat& seat = stage.seat({.stop = source.token()});
    seat.closing = true;
    seat.asked_late = true;
    seat->bind(0);
}

void and_asking_on(Stage& stage) {
    Seat& hearing = stage.bound_seat();
    Seat& seat = stage.bound_seat();
    seat.asked_late = true;
    seat.close();
    seat->close();
    seat->send("too late", hearing.address, seat.sent());
    stage.well(seat->set_ttl(9));
    stage.after(5ms, [&] {
        seat->bind(0);
        seat->connect(hearing.address);
        seat->send("much too late", hearing.address, seat.sent());
        seat->close();
        seat->ref().unref();
        stage.well(seat->address());
        stage.well(seat->bind_sync());
    });
}

void by_destruction(Stage& stage) {
    Seat& hearing = stage.bound_seat();
    Seat& sending = stage.bound_seat();
    sending->send("offered once", hearing.address, sending.sent());
    sending->send("not looked up", hearing.address.port, "localhost", sending.sent());
    sending.destroy();
    Seat& other = stage.seat();
    other->bind(0, "localhost", other.bound());
    stage.after(2ms, [&other] { other.destroy(); });
}

void by_assignment(Stage& stage) {
    Seat& hearing = stage.bound_seat();
    Seat& sending = stage.bound_seat();
    sending->send("offered once", hearing.address, sending.sent());
    sending.replace();
}

void with_the_loop(Stage& stage) {
    Seat& hearing = stage.bound_seat();
    Seat& sending = stage.bound_seat();
    sending->send("offered once", hearing.address, sending.sent());
    sending->send("not looked up", hearing.address.port, "localhost", sending.sent());
    stage.look_up("localhost", net::Family::none);
    stage.post();
    stage.after(1h);
    Seat& other = stage.seat();
    other->connect(hearing.address, other.connected());
    stage.end_loop();
}

}  // namespace

void add_closing(Scenarios& all) {
    all.insert(all.end(), {
        {"close_unused", unused},
        {"close_with_sends", with_sends},
        {"close_while_binding", while_binding},
        {"close_while_connecting", while_connecting},
        {"close_while_looking_up", while_looking_up},
        {"close_by_abort", by_abort},
        {"close_by_a_token", by_a_token},
        {"close_by_a_token_before", by_a_token_before},
        {"close_and_asking_on", and_asking_on},
        {"close_by_destruction", by_destruction},
        {"close_by_assignment", by_assignment},
        {"close_with_the_loop", with_the_loop},
    });
}

}  // namespace walk
