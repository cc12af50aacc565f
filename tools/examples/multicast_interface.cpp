// Chooses the interface that multicast leaves by: an address of it for IPv4, a zone for IPv6.
//     multicast_interface [IPv4-address [zone]]          127.0.0.1 and 1 unless told otherwise
#include <cstdio>
#include <string>

#include "net/datagram.h"

namespace {

void choose(net::Datagram& socket, const std::string& interface) {
    const platform::Error failed = socket.set_multicast_interface(interface);
    std::printf("%s: %s\n", interface.c_str(), failed ? net::text(failed).c_str() : "chosen");
}

}  // namespace

int main(int count, char** arguments) {
    core::Loop loop;
    net::Datagram ipv4(loop, net::Type::udp4);
    net::Datagram ipv6(loop, net::Type::udp6);
    const auto complain = [](const net::Failure& failure) {
        std::printf("%s\n", failure.text().c_str());
    };
    ipv4.on_error(complain);
    ipv6.on_error(complain);

    ipv4.bind(0, [&] {
        choose(ipv4, count > 1 ? arguments[1] : "127.0.0.1");
        choose(ipv4, "0.0.0.0");  // The system's choice again.
        ipv4.close();
    });
    ipv6.bind(0, [&] {
        choose(ipv6, std::string("::%") + (count > 2 ? arguments[2] : "1"));
        choose(ipv6, "::");
        ipv6.close();
    });
    return loop.run() ? 1 : 0;
}
