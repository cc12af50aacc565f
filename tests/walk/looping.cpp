// Scenarios of the loop itself: timers under load, posts, descriptors of the user's, interrupts.
#include "tests/walk/stage.h"
#include "tests/walk/system.h"

namespace walk {

namespace {

void timers(Stage& stage) {
    for (int i = 0; i < 5; i++) stage.after(std::chrono::milliseconds(5 - i));
    core::Timer cancelled = stage.after(2ms);
    stage.last_entry().dropped = true;
    cancelled.cancel();
    core::Timer restarted = stage.after(3ms);
    restarted.restart(7ms);
    stage.after(1h).unref();
    stage.last_entry().dropped = true;
}

void timers_under_load(Stage& stage) {
    Seat& hearing = stage.bound_seat();
    Seat& sending = stage.seat();
    struct Beat {
        int left = 5;
        core::Timer timer;
    };
    Beat& beat = stage.keep<Beat>();
    beat.timer = stage.loop().every(2ms, [&] {
        stage.did(Deed::fired);
        if (--beat.left == 0) beat.timer.cancel();
        for (int i = 0; i < 3; i++) sending->send("beat", hearing.address, sending.sent());
        stage.after(1ms, [&] {
            sending->send("off-beat", hearing.address.port, "localhost", sending.sent());
        });
    });
    if (!beat.timer.active()) stage.tell({Code::out_of_memory});
}

void posts(Stage& stage) {
    Seat& hearing = stage.bound_seat();
    Seat& sending = stage.seat();
    for (int i = 0; i < 3; i++) {
        stage.post([&] { sending->send("posted", hearing.address, sending.sent()); });
    }
    stage.after(2ms, [&stage] {
        for (int i = 0; i < 200; i++) stage.post();
    });
}

// A socket that is watched without a Datagram around it.
struct Watched {
    ~Watched() {
        watch.stop();
        if (socket) platform::close(socket);
    }
    platform::Socket socket;
    core::Watch watch;
};

void descriptors(Stage& stage) {
    Watched& watched = stage.keep<Watched>();
    if (stage.loop_failed) return;
    const auto opened = platform::open_datagram(stage.loop().poller(), platform::Family::ipv4);
    if (!stage.well(opened)) return;
    watched.socket = *opened;
    const Address any = Address::loopback(platform::Family::ipv4);
    if (!stage.well(platform::bind(watched.socket, any))) return;
    const auto local = platform::local_endpoint(watched.socket);
    if (!stage.well(local)) return;
    auto made = stage.loop().watch(
        watched.socket.handle, {true, false}, [&](platform::Interest) {
            std::byte room[100];
            platform::Incoming incoming;
            incoming.buffer = room;
            const auto received = platform::receive(watched.socket, {&incoming, 1});
            const Code code = received.error().code;
            if (code == Code::would_block || code == Code::interrupted) return;
            if (stage.well(received)) stage.did(Deed::ready);
            watched.watch.stop();
        });
    if (!stage.well(made)) return;
    watched.watch = std::move(*made);
    stage.well(watched.watch.change({}));
    stage.well(watched.watch.change({true, false}));
    Seat& sending = stage.seat();
    sending->send("hello", Address(*local), sending.sent());
    if (!stage.after(20ms, [&] { watched.watch.stop(); }).active()) watched.watch.stop();
}

void interrupted(Stage& stage) {
    Seat& seat = stage.bound_seat();
    const bool caught = stage.well(stage.loop().on_interrupt([&] {
        stage.did(Deed::posted);
        seat.close();
    }));
    if (caught) stage.after(2ms, [] { interrupt(); });
}

void interrupted_never(Stage& stage) {
    stage.well(stage.loop().on_interrupt([] {}));
    stage.well(stage.loop().on_interrupt([] {}));
    Seat& seat = stage.bound_seat();
    seat->send("to itself", seat.address, seat.sent());
}

void polled_by_others(Stage& stage) {
    Seat& seat = stage.bound_seat();
    stage.well(stage.loop().poll_handle());
    seat->send("to itself", seat.address, seat.sent());
    stage.post();
}

void nothing_at_all(Stage&) {}

}  // namespace

void add_looping(Scenarios& all) {
    all.insert(all.end(), {
        {"timers", timers},
        {"timers_under_load", timers_under_load},
        {"posts", posts},
        {"descriptors", descriptors},
        {"interrupted", interrupted},
        {"interrupted_never", interrupted_never},
        {"polled_by_others", polled_by_others},
        {"nothing_at_all", nothing_at_all},
    });
}

}  // namespace walk
