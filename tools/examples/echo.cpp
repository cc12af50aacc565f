// The README's echo server: every datagram goes back to its sender, out of the buffer that it came
// in, together with the others of its tick.
//     echo [port]          41234 unless told otherwise; 0 for any
#include <cstdio>
#include <cstdlib>

#include "net/datagram.h"

int main(int count, char** arguments) {
    core::Loop loop;
    net::Datagram server(loop, {.type = net::Type::udp4});
    server.on_error([](const net::Failure& failure) {
        std::fprintf(stderr, "%s\n", failure.text().c_str());
    });
    server.on_listening([&] {
        std::printf("listening on %s\n", server.address()->text().c_str());
        std::fflush(stdout);
    });
    server.on_message([&](const net::Message& message) {
        server.send(message.bytes, message.sender);
    });
    const platform::Error error = loop.on_interrupt([&] { server.close(); });
    server.bind(count > 1 ? std::atoi(arguments[1]) : 41234);
    return error || loop.run() ? 1 : 0;
}
