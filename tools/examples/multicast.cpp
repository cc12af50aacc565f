// Joins a group and says something in it. Several copies of this program hear each other, because
// reuse_addr lets them share the port. Joining twice on one socket is EADDRINUSE.
//     multicast [port [interface]]          1234 and the system's choice unless told otherwise
#include <cstdio>
#include <cstdlib>

#include "net/datagram.h"

int main(int count, char** arguments) {
    core::Loop loop;
    net::Datagram socket(loop, {.type = net::Type::udp4, .reuse_addr = true});
    const char* const group = "224.0.0.114";
    const int port = count > 1 ? std::atoi(arguments[1]) : 1234;
    const char* const interface = count > 2 ? arguments[2] : "";

    socket.on_error([](const net::Failure& failure) {
        std::printf("%s\n", failure.text().c_str());
    });
    socket.on_message([&](const net::Message& message) {
        std::printf("%.*s from %s\n", static_cast<int>(message.size()), message.text().data(),
                    message.sender.host().c_str());
        socket.close();
    });
    socket.bind(port, [&] {
        platform::Error failed = socket.add_membership(group, interface);
        if (!failed && *interface) failed = socket.set_multicast_interface(interface);
        if (failed) {
            std::printf("%s\n", net::text(failed).c_str());
            return socket.close();
        }
        std::printf("again: %s\n", net::text(socket.add_membership(group, interface)).c_str());
        socket.send("hello, group", port, group);
    });
    return loop.run() ? 1 : 0;
}
