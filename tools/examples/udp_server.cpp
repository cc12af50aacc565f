// A UDP server that prints what it gets: the first example of Node's dgram page.
//     udp_server [port]          41234 unless told otherwise; 0 for any
#include <cstdio>
#include <cstdlib>

#include "net/datagram.h"

int main(int count, char** arguments) {
    core::Loop loop;
    net::Datagram server(loop, net::Type::udp4);

    server.on_error([&](const net::Failure& failure) {
        std::printf("server error: %s\n", failure.text().c_str());
        server.close();
    });
    server.on_message([](const net::Message& message) {
        std::printf("server got: %.*s from %s\n", static_cast<int>(message.size()),
                    message.text().data(), message.sender.text().c_str());
        std::fflush(stdout);
    });
    server.on_listening([&] {
        std::printf("server listening %s\n", server.address()->text().c_str());
        std::fflush(stdout);
    });
    const platform::Error error = loop.on_interrupt([&] { server.close(); });

    server.bind(count > 1 ? std::atoi(arguments[1]) : 41234);
    return error || loop.run() ? 1 : 0;
}
