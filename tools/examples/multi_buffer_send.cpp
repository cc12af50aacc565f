// One packet from several buffers, which nobody glues together: the kernel gathers them.
//     multi_buffer_send [port]          41234 unless told otherwise
#include <cstdio>
#include <cstdlib>
#include <string>

#include "net/datagram.h"

int main(int count, char** arguments) {
    core::Loop loop;
    net::Datagram client(loop, net::Type::udp4);
    const std::string first = "Some ";
    const std::string second = "bytes";

    client.send({first, second}, count > 1 ? std::atoi(arguments[1]) : 41234,
                [&](const net::Failure& failure) {
                    if (failure) std::printf("%s\n", failure.text().c_str());
                    client.close();
                });
    return loop.run() ? 1 : 0;
}
