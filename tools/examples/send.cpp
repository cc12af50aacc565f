// Sends one packet to a port on localhost and closes when it has left.
//     send [port]          41234 unless told otherwise
#include <cstdio>
#include <cstdlib>

#include "net/datagram.h"

int main(int count, char** arguments) {
    core::Loop loop;
    net::Datagram client(loop, net::Type::udp4);

    client.send("Some bytes", count > 1 ? std::atoi(arguments[1]) : 41234, "localhost",
                [&](const net::Failure& failure, std::size_t bytes) {
                    if (failure) std::printf("%s\n", failure.text().c_str());
                    else std::printf("sent %zu bytes\n", bytes);
                    client.close();
                });
    return loop.run() ? 1 : 0;
}
