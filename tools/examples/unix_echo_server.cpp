// A unix socket that echoes what it gets, to senders that have a name. The echo copies nothing.
//     unix_echo_server [path]          /tmp/dgram_server_sock unless told otherwise
#include <cstdio>

#include "net/datagram.h"

int main(int count, char** arguments) {
    core::Loop loop;
    net::Datagram server(loop, net::Type::unix_dgram);

    server.on_error([](const net::Failure& failure) {
        std::printf("%s\n", failure.text().c_str());
    });
    server.on_message([&](const net::Message& message) {
        std::printf("got: %.*s from %s\n", static_cast<int>(message.size()), message.text().data(),
                    message.sender.host().c_str());
        std::fflush(stdout);
        if (message.sender.size > 0) server.send(message.bytes, message.sender);
    });
    server.on_listening([&] {
        std::printf("server listening %s\n", server.address()->host().c_str());
        std::fflush(stdout);
    });
    const platform::Error error = loop.on_interrupt([&] { server.close(); });

    server.bind(count > 1 ? arguments[1] : "/tmp/dgram_server_sock");
    return error || loop.run() ? 1 : 0;
}
