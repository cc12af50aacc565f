// Nothing is called back inside the call that asks for it: each request, refused or not, asked for
// outside a turn and inside each kind of callback.
#ifdef __linux__

#include <sys/socket.h>

#include <functional>

#include "tests/net/receiver.h"
#include "tests/net/wire.h"

namespace {

using namespace std::chrono_literals;
using net::Address;
using net::Datagram;
using net::Family;
using net::LookupAnswer;
using net::Options;
using net::Type;
using test::Audit;
using test::run_until;
using test::settle;
using test::Wire;

// A custom look-up that answers at once.
void answer_at_once(std::string_view, Family family, LookupAnswer answer) {
    answer(Address::loopback(family));
}

struct Case {
    const char* name;
    std::function<void(Datagram&, const Wire&, std::function<void()> done)> ask;
};
const Case cases[] = {
    {"send", [](Datagram& s, const Wire& w, auto done) { s.send("x", w.port(), done); }},
    {"send to a name",
     [](Datagram& s, const Wire& w, auto done) { s.send("x", w.port(), "at.once", done); }},
    {"send refused", [](Datagram& s, const Wire&, auto done) { s.send("x", 0, done); }},
    {"send out of bounds",
     [](Datagram& s, const Wire& w, auto done) { s.send("x", 1, 1, w.port(), done); }},
    {"bind", [](Datagram& s, const Wire&, auto done) { s.bind(0, done); }},
    {"bind to a name",
     [](Datagram& s, const Wire&, auto done) { s.bind(0, "at.once", done); }},
    {"bind refused",
     [](Datagram& s, const Wire&, auto done) {
         s.on_error(done);
         s.bind(65536);
     }},
    {"bind_sync",
     [](Datagram& s, const Wire&, auto done) {
         s.on_listening(done);
         CHECK(s.bind_sync());
     }},
    {"connect", [](Datagram& s, const Wire& w, auto done) { s.connect(w.port(), done); }},
    {"connect to a name",
     [](Datagram& s, const Wire& w, auto done) { s.connect(w.port(), "at.once", done); }},
    {"connect refused", [](Datagram& s, const Wire&, auto done) { s.connect(0, done); }},
    {"connect_sync",
     [](Datagram& s, const Wire& w, auto done) {
         s.on_connect(done);
         CHECK(s.connect_sync(w.port()));
     }},
    {"close", [](Datagram& s, const Wire&, auto done) { s.close(done); }},
    {"abort", [](Datagram& s, const Wire&, auto done) { s.abort(done); }},
    {"close of a bound one",
     [](Datagram& s, const Wire& w, auto done) {
         CHECK(s.bind_sync());
         s.send("x", w.port());
         s.close(done);
     }},
    {"adopt",
     [](Datagram& s, const Wire&, auto done) {
         s.adopt(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), done);
     }},
};

}  // namespace

TEST_CASE("[2] no callback runs inside the call that asks for it, whatever is asked, wherever") {
    for (const Case& each : cases) {
        for (int where = 0; where < 4; where++) {
            const std::string name = each.name;
            CAPTURE(name);
            CAPTURE(where);
            const Audit audit;
            core::Loop loop;
            const Wire wire;
            Options options{.type = Type::udp4};
            options.lookup = answer_at_once;
            Datagram socket(loop, std::move(options));
            Datagram other(loop, Type::udp4);
            bool inside = false;
            int done = 0;
            const auto ask = [&] {
                inside = true;
                each.ask(socket, wire, [&] {
                    CHECK_FALSE(inside);
                    done++;
                });
                inside = false;
            };
            if (where == 0) ask();
            if (where == 1) loop.after(0ms, ask);
            if (where == 2) CHECK(loop.post(ask));
            if (where == 3) other.send("x", wire.port(), ask);
            CHECK(run_until(loop, [&] { return done > 0; }));
            settle(loop, 2);
            CHECK(done == 1);
        }
    }
}

#endif
