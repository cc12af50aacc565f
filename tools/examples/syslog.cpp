// Logs one message to the system's log daemon by its unix socket (RFC 3164's shape: <14> is a
// user's notice).
//     syslog [path]          /dev/log unless told otherwise
#include <cstdio>

#include "net/datagram.h"

int main(int count, char** arguments) {
    core::Loop loop;
    net::Datagram client(loop, net::Type::unix_dgram);

    client.send("<14>volley: A message to log.", count > 1 ? arguments[1] : "/dev/log",
                [&](const net::Failure& failure, std::size_t bytes) {
                    if (failure) std::printf("%s\n", failure.text().c_str());
                    else std::printf("Wrote %zu bytes to socket.\n", bytes);
                    client.close();
                });
    return loop.run() ? 1 : 0;
}
