// Talks to unix_echo_server: binds a path of its own, so that the answer finds it.
//     unix_client [server-path [client-path]]
//     /tmp/dgram_server_sock and /tmp/dgram_client_sock unless told otherwise
#include <cstdio>
#include <ctime>
#include <string>

#include "net/datagram.h"

int main(int count, char** arguments) {
    core::Loop loop;
    net::Datagram client(loop, net::Type::unix_dgram);
    const std::string server_path = count > 1 ? arguments[1] : "/tmp/dgram_server_sock";
    const std::string client_path = count > 2 ? arguments[2] : "/tmp/dgram_client_sock";
    const std::string message = "A message at " + std::to_string(std::time(nullptr));

    client.on_error([&](const net::Failure& failure) {
        std::printf("%s\n", failure.text().c_str());
        client.close();
    });
    client.on_message([&](const net::Message& answer) {
        std::printf("got: %.*s from %s\n", static_cast<int>(answer.size()), answer.text().data(),
                    answer.sender.host().c_str());
        client.close();
    });
    client.on_listening([&] {
        std::printf("client listening %s\n", client.address()->host().c_str());
        client.send(message, server_path);
    });
    client.bind(client_path);
    return loop.run() ? 1 : 0;
}
