// Scenarios of binding: later and at once, to ports, literals, names; adoption; refusals.
#include "tests/walk/stage.h"
#include "tests/walk/system.h"

namespace walk {

namespace {

// A socket of nobody's: what adopt() is given.
struct Loose {
    ~Loose() {
        if (socket) platform::close(socket);
    }
    platform::Socket socket;
};

bool open_loose(Stage& stage, Loose& loose) {
    if (stage.loop_failed) return false;
    const auto opened = platform::open_datagram(stage.loop().poller(), platform::Family::ipv4);
    if (!stage.well(opened)) return false;
    loose.socket = *opened;
    return stage.well(platform::bind(loose.socket, Address::loopback(platform::Family::ipv4)));
}

void speak_to(Stage& stage, Seat& seat) {
    Seat& sending = stage.seat();
    seat.on_listening = [&seat, &sending] {
        const auto local = seat->address();
        if (!seat.stage.well(local)) return;
        sending->send("hello", local->port, sending.sent());
    };
}

void to_any_port(Stage& stage) {
    Seat& seat = stage.seat();
    speak_to(stage, seat);
    seat->bind(seat.bound());
}

void to_a_literal(Stage& stage) {
    Seat& seat = stage.seat();
    speak_to(stage, seat);
    seat->bind(0, "127.0.0.1", seat.bound());
}

void to_an_address(Stage& stage) {
    Seat& seat = stage.seat(Type::udp6);
    seat->bind(Address::loopback(net::Family::ipv6), seat.bound());
}

void to_a_name(Stage& stage) {
    Seat& seat = stage.seat();
    speak_to(stage, seat);
    seat->bind(0, "localhost", seat.bound());
}

void to_an_unknown_name(Stage& stage) {
    Seat& seat = stage.seat();
    seat.on_error = [&seat](const Failure&) {
        if (seat.errors == 1) seat->bind(0, "127.0.0.1", seat.bound());
    };
    seat->bind(0, "nobody.invalid");
}

void with_options(Stage& stage) {
    Seat& one = stage.seat({.reuse_addr = true, .recv_buffer_size = 20'000,
                            .send_buffer_size = 20'000});
    one.bind("127.0.0.1");
    Seat& two = stage.seat({.reuse_addr = true});
    two->bind({.port = one.address.port, .address = "127.0.0.1", .exclusive = true}, two.bound());
    Seat& three = stage.seat({.reuse_port = true});
    three->bind(0, "127.0.0.1", three.bound());
    Seat& four = stage.seat({.type = Type::udp6, .ipv6_only = true});
    four->bind(0, "::", four.bound());
}

void what_is_refused(Stage& stage) {
    Seat& one = stage.bound_seat();
    one->bind(0);
    Seat& two = stage.seat();
    two->bind(65536);
    two->bind(one.address.port, "127.0.0.1");
    two->bind(0);
    Seat& three = stage.seat();
    three->bind(0, "192.0.2.1");
    three->bind("/tmp/no/path");
}

void again_after_failure(Stage& stage) {
    Seat& one = stage.bound_seat();
    Seat& two = stage.seat();
    two.on_error = [&](const Failure&) {
        if (two.errors == 1) two->bind(0, "127.0.0.1", two.bound());
    };
    two->bind(one.address.port, "127.0.0.1");
    two->send("waits for the bind", one.address, two.sent());
}

void adopted(Stage& stage) {
    auto& loose = stage.keep<Loose>();
    if (!open_loose(stage, loose)) return;
    Seat& seat = stage.seat();
    speak_to(stage, seat);
    seat->adopt(loose.socket.handle, seat.bound([&loose] { loose.socket = {}; }));
}

void adopted_with_a_peer(Stage& stage) {
    auto& loose = stage.keep<Loose>();
    Seat& hearing = stage.bound_seat();
    if (!open_loose(stage, loose)) return;
    if (!stage.well(platform::connect(loose.socket, hearing.address))) return;
    Seat& seat = stage.seat();
    seat->adopt(loose.socket.handle, seat.bound([&loose, &seat] {
        loose.socket = {};
        seat.stage.well(seat->remote_address());
        seat->send("hello", seat.sent());
    }));
}

void adopted_twice(Stage& stage) {
    auto& loose = stage.keep<Loose>();
    if (!open_loose(stage, loose)) return;
    Seat& one = stage.seat();
    Seat& two = stage.seat();
    Seat& six = stage.seat(Type::udp6);
    six->adopt(loose.socket.handle);
    one->adopt(loose.socket.handle, one.bound([&] {
        loose.socket = {};
        const auto local = one->address();
        stage.well(local);
    }));
    two->adopt(loose.socket.handle);
    two->adopt(1000);
}

}  // namespace

void add_binding(Scenarios& all) {
    all.insert(all.end(), {
        {"bind_to_any_port", to_any_port},
        {"bind_to_a_literal", to_a_literal},
        {"bind_to_an_address", to_an_address},
        {"bind_to_a_name", to_a_name},
        {"bind_to_an_unknown_name", to_an_unknown_name},
        {"bind_with_options", with_options},
        {"bind_what_is_refused", what_is_refused},
        {"bind_again_after_failure", again_after_failure},
        {"adopt", adopted},
        {"adopt_with_a_peer", adopted_with_a_peer},
        {"adopt_twice", adopted_twice},
    });
}

}  // namespace walk
