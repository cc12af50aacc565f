// A socket connected to a port on localhost: its sends need no destination, and it hears of
// refusals (try it with nobody listening: the datagram leaves, the answer is ECONNREFUSED).
//     connected_send [port]          41234 unless told otherwise
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "net/datagram.h"

int main(int count, char** arguments) {
    core::Loop loop;
    net::Datagram client(loop, net::Type::udp4);

    client.on_error([](const net::Failure& failure) {
        std::printf("client error: %s\n", failure.text().c_str());
    });
    client.connect(count > 1 ? std::atoi(arguments[1]) : 41234, "localhost",
                   [&](const net::Failure& failed) {
                       if (failed) {
                           std::printf("%s\n", failed.text().c_str());
                           return client.close();
                       }
                       client.send("Some bytes", [&](const net::Failure& failure) {
                           if (failure) std::printf("%s\n", failure.text().c_str());
                           // A refusal takes a moment to come back.
                           loop.after(std::chrono::milliseconds(100), [&] { client.close(); });
                       });
                   });
    return loop.run() ? 1 : 0;
}
