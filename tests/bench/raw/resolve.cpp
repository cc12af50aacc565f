// Rows resolve_*, the limit: inet_pton for a literal, and one getaddrinfo for all who ask for a
// name; no loop and no thread.
#ifdef __linux__

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>

#include <cstdint>

#include "tests/bench/lookups.h"

namespace {

void require_loopback(const in_addr& address) {
    if (address.s_addr != htonl(INADDR_LOOPBACK)) bench::fail("a look-up's answer is wrong");
}

bench::Outcome measure_numeric(const bench::Settings& settings) {
    bench::Meter meter(settings);
    do {
        for (std::uint64_t i = 0; i < bench::literal_count; i++) {
            in_addr address{};
            if (inet_pton(AF_INET, bench::literal_host, &address) != 1) bench::fail("no literal");
            require_loopback(address);
        }
    } while (meter.again(bench::literal_count));
    return meter.outcome();
}

bench::Outcome measure_same(const bench::Settings& settings) {
    addrinfo hints{};
    hints.ai_family = AF_INET;
    hints.ai_socktype = SOCK_DGRAM;
    bench::Meter meter(settings);
    do {
        addrinfo* found = nullptr;
        if (getaddrinfo(bench::same_host, nullptr, &hints, &found) != 0) bench::fail("no answer");
        for (std::uint64_t i = 0; i < bench::same_count; i++) {
            require_loopback(reinterpret_cast<const sockaddr_in*>(found->ai_addr)->sin_addr);
        }
        freeaddrinfo(found);
    } while (meter.again(bench::same_count));
    return meter.outcome();
}

const bench::Row numeric{"resolve_numeric", "ns", measure_numeric};
const bench::Row same{"resolve_same", "ns", measure_same};

}  // namespace

#endif
