// Rows resolve_*: net::Resolver, which needs no thread for a literal and asks the system once for
// all who want one name at the same time.
#include <cstdint>
#include <span>

#include "net/resolver.h"
#include "tests/bench/lookups.h"

namespace {

template <class Workload>
class Ours {
   public:
    explicit Ours(Workload& workload) : workload_(workload) {}

    void lookup(const char* host, std::uint64_t) {
        const auto answered = [this](const net::Failure& failure,
                                     std::span<const net::Address> addresses) {
            workload_.answered(!failure && addresses.front() == expected_);
        };
        if (!resolver_.lookup(host, net::Family::ipv4, answered)) {
            bench::fail("a look-up found no memory");
        }
    }
    void run() {
        if (loop_.run()) bench::fail("the loop has failed");
    }

   private:
    Workload& workload_;
    core::Loop loop_;
    net::Resolver resolver_{loop_};
    const net::Address expected_ = net::Address::loopback(net::Family::ipv4);
};

const bench::LookupRows<Ours> rows;

}  // namespace
