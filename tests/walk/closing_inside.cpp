// Scenarios of the end inside every kind of callback: closed, aborted, destroyed, replaced there.
#include "tests/walk/stage.h"

namespace walk {

namespace {

enum class End { close, abort, destroy, replace };

template <End end>
void finish(Seat& seat) {
    switch (end) {
        case End::close: return seat.close();
        case End::abort: return seat.abort();
        case End::destroy: return seat.destroy();
        case End::replace: return seat.replace();
    }
}

template <End end>
void inside_message(Stage& stage) {
    Seat& hearing = stage.bound_seat();
    Seat& sending = stage.seat();
    hearing.on_message = [&hearing](const Message& message) {
        hearing->send(message.bytes, message.sender, hearing.sent());
        finish<end>(hearing);
    };
    for (int i = 0; i < 3; i++) sending->send("hello", hearing.address, sending.sent());
}

template <End end>
void inside_messages(Stage& stage) {
    Seat& hearing = stage.seat({}, true);
    hearing.bind("127.0.0.1");
    Seat& sending = stage.seat();
    stage.silent = true;  // What is not read yet goes with it.
    hearing.on_messages = [&hearing](Messages) { finish<end>(hearing); };
    for (int i = 0; i < 3; i++) sending->send("hello", hearing.address, sending.sent());
}

template <End end>
void inside_listening(Stage& stage) {
    Seat& hearing = stage.bound_seat();
    Seat& seat = stage.seat();
    seat.on_listening = [&seat] { finish<end>(seat); };
    seat->send("hello", hearing.address, seat.sent());
    seat->bind(0);
}

template <End end>
void inside_connect(Stage& stage) {
    Seat& hearing = stage.bound_seat();
    Seat& seat = stage.seat();
    seat.on_connect = [&seat] { finish<end>(seat); };
    seat->connect(hearing.address, seat.connected());
    seat->send("hello", seat.sent());
}

template <End end>
void inside_connected(Stage& stage) {
    Seat& hearing = stage.bound_seat();
    Seat& seat = stage.seat();
    seat->connect(hearing.address, seat.connected([&seat] { finish<end>(seat); }));
    seat->send("hello", seat.sent());
}

template <End end>
void inside_sent(Stage& stage) {
    Seat& hearing = stage.bound_seat();
    Seat& seat = stage.seat();
    seat->send("one", hearing.address, seat.sent([&seat] { finish<end>(seat); }));
    seat->send("two", hearing.address, seat.sent());
}

template <End end>
void inside_error(Stage& stage) {
    Seat& hearing = stage.bound_seat();
    Seat& seat = stage.seat();
    stage.tight = true;
    seat.on_error = [&seat](const Failure&) { finish<end>(seat); };
    seat->send("refused", Address::loopback(net::Family::ipv6, 9));
    seat->send("hello", hearing.address, seat.sent());
}

template <End end>
void inside_drain(Stage& stage) {
    Seat& hearing = stage.bound_seat();
    Seat& seat = stage.seat({.send_queue_datagrams_max = 1});
    seat.on_drain = [&seat] { finish<end>(seat); };
    seat->send("one", hearing.address.port, "localhost", seat.sent());
    seat->send("two", hearing.address.port, "localhost", seat.sent());
}

template <End end>
void inside_close(Stage& stage) {
    Seat& seat = stage.bound_seat();
    Seat& other = stage.bound_seat();
    seat.on_close = [&] {
        finish<end>(other);
        if (end == End::destroy) finish<end>(seat);
    };
    seat.close();
}

template <End end>
void inside_lookup(Stage& stage) {
    auto& kept = stage.keep<std::vector<net::LookupAnswer>>();
    Seat& seat = stage.bound_seat();
    Seat& other = stage.seat({.lookup = [&](std::string_view, net::Family,
                                            net::LookupAnswer answer) {
        kept.push_back(std::move(answer));
    }});
    other->send("by name", seat.address.port, "answered too late", other.sent());
    // A thread's answer may come before 'listening', which the end would then silence.
    seat.on_listening = [&] {
        stage.look_up("localhost", net::Family::ipv4, [&] {
            finish<end>(other);
            finish<end>(seat);
            for (net::LookupAnswer& answer : kept) answer(Address::loopback(net::Family::ipv4));
        });
    };
}

template <End end>
void add(Scenarios& all, const std::array<std::string_view, 10>& names) {
    void (*const plays[])(Stage&) = {
        inside_message<end>, inside_messages<end>, inside_listening<end>, inside_connect<end>,
        inside_connected<end>, inside_sent<end>, inside_error<end>, inside_drain<end>,
        inside_close<end>, inside_lookup<end>};
    for (std::size_t i = 0; i < names.size(); i++) all.push_back({names[i], plays[i]});
}

}  // namespace

void add_closing_inside(Scenarios& all) {
    add<End::close>(all, {"close_inside_message", "close_inside_messages",
                          "close_inside_listening", "close_inside_connect",
                          "close_inside_connected", "close_inside_sent", "close_inside_error",
                          "close_inside_drain", "close_inside_close", "close_inside_lookup"});
    add<End::destroy>(all, {"destroy_inside_message", "destroy_inside_messages",
                            "destroy_inside_listening", "destroy_inside_connect",
                            "destroy_inside_connected", "destroy_inside_sent",
                            "destroy_inside_error", "destroy_inside_drain",
                            "destroy_inside_close", "destroy_inside_lookup"});
    all.push_back({"abort_inside_message", inside_message<End::abort>});
    all.push_back({"abort_inside_sent", inside_sent<End::abort>});
    all.push_back({"abort_inside_error", inside_error<End::abort>});
    all.push_back({"replace_inside_message", inside_message<End::replace>});
    all.push_back({"replace_inside_sent", inside_sent<End::replace>});
    all.push_back({"replace_inside_error", inside_error<End::replace>});
}

}  // namespace walk
