// What we make of the cases in which Node is known to go wrong, one word each: tests/interop/
// node_gaps.sh runs this beside node/gaps.js, which does the same in Node and prints the same way.
//     gaps.exe disconnect|stranger|nul|zone|block_list|timer
#include <cstdio>
#include <string>
#include <string_view>

#include "net/datagram.h"
#include "net/resolver.h"

namespace {

using namespace std::chrono_literals;

void say(const std::string& line) { std::printf("%s\n", line.c_str()); }

// Until nothing is left, or for a while.
bool run(core::Loop& loop, std::chrono::milliseconds limit) {
    loop.after(limit, [&] { loop.stop(); }).unref();
    return !loop.run();
}

// Does a port of the kernel's choice outlast connect() and disconnect()?
void disconnect() {
    core::Loop loop;
    net::Datagram socket(loop, net::Type::udp4), other(loop, net::Type::udp4);
    std::string heard = "deaf";
    socket.on_message([&] {
        heard = "hears";
        loop.stop();
    });
    const net::Result<net::Address> before = socket.bind_sync(0, "127.0.0.1");
    if (!before || !socket.connect_sync(9, "127.0.0.1") || socket.disconnect()) return;
    const net::Result<net::Address> after = socket.address();
    other.send("hello", *before);
    if (!run(loop, 5s)) return;
    say((after && after->port == before->port ? "the same port, " : "another port, ") + heard);
}

// Who is heard of those that sent before connect()?
void stranger() {
    core::Loop loop;
    net::Datagram socket(loop, net::Type::udp4), peer(loop, net::Type::udp4);
    net::Datagram stranger(loop, net::Type::udp4);
    std::string heard = "hears";
    socket.on_message([&](const net::Message& message) {
        heard += " " + std::string(message.text());
        if (message.text() == "peer") loop.stop();
    });
    const net::Result<net::Address> address = socket.bind_sync(0, "127.0.0.1");
    const net::Result<net::Address> friendly = peer.bind_sync(0, "127.0.0.1");
    if (!address || !friendly) return;
    stranger.send("stranger", *address, [&] {
        if (!socket.connect_sync(friendly->port, "127.0.0.1")) return;
        peer.send("peer", *address);
    });
    if (run(loop, 5s)) say(heard);
}

// What is behind a NUL in a name?
void nul() {
    core::Loop loop;
    net::Resolver(loop).lookup(
        std::string_view("localhost\0.example.com", 22), net::Family::none,
        [](const net::Failure& failure, std::span<const net::Address> addresses) {
            say(failure ? "refused" : "becomes " + addresses[0].host());
        });
    (void)run(loop, 20s);
}

// What is an interface that does not exist?
void zone() {
    core::Loop loop;
    net::Datagram socket(loop, net::Type::udp6);
    socket.on_listening([] { say("binds"); });
    socket.on_error([](const net::Failure&) { say("refused"); });
    socket.bind(0, "::1%nosuchif", [&] { socket.close(); });
    (void)run(loop, 5s);
}

// In which of its forms is 127.0.0.1 blocked?
void block_list() {
    net::BlockList list;
    if (list.add_address("127.0.0.1")) return;
    std::string line = "blocks";
    for (const char* form : {"::ffff:127.0.0.1", "::127.0.0.1", "2002:7f00:1::",
                             "64:ff9b::7f00:1"}) {
        const net::Result<net::Address> address = net::parse_literal(form);
        if (address && list.blocks(*address)) line += " " + std::string(form);
    }
    say(line);
}

// How long are 2^31 milliseconds?
void timer() {
    core::Loop loop;
    std::string fired = "waits";
    loop.after(std::chrono::milliseconds(std::int64_t{1} << 31), [&] {
        fired = "fires at once";
        loop.stop();
    });
    if (run(loop, 300ms)) say(fired);
}

}  // namespace

int main(int count, char** arguments) {
    const std::string_view gap = count == 2 ? arguments[1] : "";
    if (gap == "disconnect") return disconnect(), 0;
    if (gap == "stranger") return stranger(), 0;
    if (gap == "nul") return nul(), 0;
    if (gap == "zone") return zone(), 0;
    if (gap == "block_list") return block_list(), 0;
    if (gap == "timer") return timer(), 0;
    std::fprintf(stderr, "usage: gaps disconnect|stranger|nul|zone|block_list|timer\n");
    return 2;
}
