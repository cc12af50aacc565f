// Rows resolve_* with Asio's resolver: each look-up, of a literal too, is the system's getaddrinfo
// on a thread of the context's, of which there is one.
#ifndef _WIN32

#include <asio.hpp>

#include <cstdint>

#include "tests/bench/lookups.h"

namespace {

using Protocol = asio::ip::udp;

template <class Workload>
class Asio {
   public:
    explicit Asio(Workload& workload) : workload_(workload) {}

    void lookup(const char* host, std::uint64_t) {
        resolver_.async_resolve(
            Protocol::v4(), host, "", Protocol::resolver::flags(),
            [this](const asio::error_code& error, const Protocol::resolver::results_type& found) {
                workload_.answered(!error && found.begin()->endpoint().address() == expected_);
            });
    }
    void run() {
        context_.restart();
        context_.run();
    }

   private:
    Workload& workload_;
    asio::io_context context_{1};
    Protocol::resolver resolver_{context_};
    const asio::ip::address expected_ = asio::ip::address_v4::loopback();
};

const bench::LookupRows<Asio> rows;

}  // namespace

#endif
