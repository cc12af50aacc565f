// The same in two lines, as Node 0.4 showed it: close() waits for what was accepted before, so the
// datagram leaves although its name has to be looked up first.
//     send_and_close [port]          41234 unless told otherwise
#include <cstdlib>

#include "net/datagram.h"

int main(int count, char** arguments) {
    core::Loop loop;
    net::Datagram client(loop, net::Type::udp4);

    client.send("Some bytes", count > 1 ? std::atoi(arguments[1]) : 41234, "localhost");
    client.close();
    return loop.run() ? 1 : 0;
}
