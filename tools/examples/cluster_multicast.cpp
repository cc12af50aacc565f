// Two workers share one socket and join the same group: the first one does, and the second is told
// EADDRINUSE, because the group is the socket's, and so both hear it.
//     cluster_multicast [port [interface]]      1234 and the system's choice unless told otherwise
#include <cstdio>
#include <cstdlib>

#include "net/cluster.h"

namespace {

int run_primary(core::Loop& loop, int count, char** arguments) {
    int told = 0;
    net::Cluster cluster(
        loop, {.program = arguments[0], .arguments = {arguments + 1, arguments + count},
               .workers = 2});
    cluster.on_error([](const net::Failure& failure) {
        std::printf("%s\n", failure.text().c_str());
    });
    cluster.on_message([&](net::WorkerId, net::Bytes message) {
        std::printf("%.*s\n", static_cast<int>(message.size()), message.text().data());
        if (++told == 2) cluster.stop();
    });
    return loop.run() ? 1 : 0;
}

}  // namespace

int main(int count, char** arguments) {
    core::Loop loop;
    net::ClusterWorker worker(loop);
    if (worker.is_primary()) return run_primary(loop, count, arguments);

    net::Datagram socket(loop, net::Type::udp4);
    socket.on_error([&](const net::Failure& failure) { (void)worker.send(failure.text()); });
    socket.bind(count > 1 ? std::atoi(arguments[1]) : 1234, [&] {
        const platform::Error failed =
            socket.add_membership("224.0.0.114", count > 2 ? arguments[2] : "");
        (void)worker.send(failed ? net::text(failed) : "joined");
    });
    return loop.run() ? 1 : 0;
}
