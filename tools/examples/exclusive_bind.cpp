// Binding by options: a name for the address, and a port that is not shared with anybody.
//     exclusive_bind [port]          8000 unless told otherwise; 0 for any
#include <cstdio>
#include <cstdlib>

#include "net/datagram.h"

int main(int count, char** arguments) {
    core::Loop loop;
    net::Datagram socket(loop, net::Type::udp4);

    socket.on_error([](const net::Failure& failure) {
        std::printf("%s\n", failure.text().c_str());
    });
    socket.bind({.port = count > 1 ? std::atoi(arguments[1]) : 8000,
                 .address = "localhost",
                 .exclusive = true},
                [&] {
                    std::printf("bound to %s\n", socket.address()->text().c_str());
                    socket.close();
                });
    return loop.run() ? 1 : 0;
}
