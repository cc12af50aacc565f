// The echo server as a coroutine: it reads like a program that waits, and waits for nothing. The
// answers of one tick leave together, out of the buffers that the questions came in.
//     coroutine_echo [port]          41234 unless told otherwise; 0 for any
#include <cstdio>
#include <cstdlib>

#include "net/coroutine.h"

static core::Task<> echo(net::Datagram& socket) {
    net::Receiver receiver(socket);
    for (;;) {
        const net::Result<net::Message> message = co_await receiver.receive();
        if (message) {
            socket.send(message->bytes, message->sender);
        } else if (message.error().code == net::Code::not_running) {
            co_return;
        } else {
            std::fprintf(stderr, "%s\n", net::text(message.error()).c_str());
        }
    }
}

int main(int count, char** arguments) {
    core::Loop loop;
    net::Datagram socket(loop, net::Type::udp4);
    const net::Result<net::Address> bound =
        socket.bind_sync(count > 1 ? std::atoi(arguments[1]) : 41234);
    if (!bound) {
        std::fprintf(stderr, "%s\n", net::text(bound.error()).c_str());
        return 1;
    }
    std::printf("listening on %s\n", bound->text().c_str());
    std::fflush(stdout);
    core::spawn(loop, echo(socket));
    const core::Error error = loop.on_interrupt([&] { socket.close(); });
    return error || loop.run() ? 1 : 0;
}
