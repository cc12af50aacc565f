// Scenarios of names: the resolver's own interface, the sockets', and a look-up of the user's.
#include <optional>
#include <string>

#include "tests/walk/stage.h"

namespace walk {

namespace {

void names(Stage& stage) {
    stage.look_up("localhost", net::Family::none);
    stage.look_up("localhost", net::Family::ipv6);
    stage.look_up("nobody.invalid", net::Family::none);
}

void literals(Stage& stage) {
    stage.look_up("127.0.0.1", net::Family::none);
    stage.look_up("::1", net::Family::ipv6);
    stage.look_up("::1", net::Family::ipv4);
    stage.look_up("127.1", net::Family::none);
    stage.look_up(std::string(300, 'x'), net::Family::none);
    stage.look_up("", net::Family::none);
}

void one_name_for_many(Stage& stage) {
    for (int i = 0; i < 5; i++) stage.look_up("localhost", net::Family::ipv4);
    stage.look_up("LOCALHOST", net::Family::ipv4);
}

void more_than_there_are_threads(Stage& stage) {
    for (int i = 0; i < 7; i++) {
        stage.look_up("nobody" + std::to_string(i) + ".invalid", net::Family::none);
    }
}

void cancelled(Stage& stage) {
    net::Resolver resolver(stage.loop());
    for (const std::string_view name : {"localhost", "other.invalid", "127.0.0.1"}) {
        const net::Resolver::Id id = stage.look_up(name, net::Family::none);
        stage.last_entry().dropped = true;
        if (id && !resolver.cancel(id)) stage.complain("a look-up that cannot be cancelled");
        if (id && resolver.cancel(id)) stage.complain("a look-up that is cancelled twice");
    }
    stage.look_up("localhost", net::Family::none);
}

void one_after_the_other(Stage& stage) {
    auto& left = stage.keep<int>(3);
    auto& next = stage.keep<std::function<void()>>();
    next = [&] {
        if (left-- > 0) stage.look_up("localhost", net::Family::ipv4, next);
    };
    next();
}

void by_the_user(Stage& stage) {
    auto& kept = stage.keep<std::vector<net::LookupAnswer>>();
    auto& loopback = stage.keep<Address>(Address::loopback(net::Family::ipv4));
    Seat& hearing = stage.bound_seat();
    Seat& seat = stage.seat({.lookup = [&](std::string_view host, net::Family,
                                           net::LookupAnswer answer) {
        if (host == "now") return answer(loopback);
        if (host == "later") kept.push_back(std::move(answer));  // Else it is dropped.
    }});
    const int port = hearing.address.port;
    seat->send("one", port, "now", seat.sent());
    seat->send("two", port, "later", seat.sent());
    seat->send("three", port, "never", seat.sent());
    stage.after(3ms, [&] {
        for (net::LookupAnswer& answer : kept) answer(loopback);
    });
}

void by_a_user_who_forgets(Stage& stage) {
    auto& kept = stage.keep<std::vector<net::LookupAnswer>>();
    Seat& seat = stage.seat({.lookup = [&](std::string_view, net::Family,
                                           net::LookupAnswer answer) {
        kept.push_back(std::move(answer));
    }});
    seat->bind(0, "somewhere", seat.bound());
    seat->send("waits for both", 9, "somewhere", seat.sent());
    seat->connect(9, "elsewhere", seat.connected());
}

}  // namespace

void add_resolving(Scenarios& all) {
    all.insert(all.end(), {
        {"names", names},
        {"names_that_are_literals", literals},
        {"names_one_for_many", one_name_for_many},
        {"names_more_than_threads", more_than_there_are_threads},
        {"names_cancelled", cancelled},
        {"names_one_after_the_other", one_after_the_other},
        {"names_by_the_user", by_the_user},
        {"names_by_a_user_who_forgets", by_a_user_who_forgets},
    });
}

}  // namespace walk
