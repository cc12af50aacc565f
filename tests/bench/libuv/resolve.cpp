// Rows resolve_* with uv_getaddrinfo: each look-up, of a literal too, is the system's getaddrinfo
// on one of four threads. The requests lie in one array; the hints leave one address to answer.
#ifndef _WIN32

#include <uv.h>

#include <arpa/inet.h>

#include <array>
#include <cstdint>

#include "tests/bench/lookups.h"

namespace {

template <class Workload>
class Libuv {
   public:
    explicit Libuv(Workload& workload) : workload_(workload) {
        hints_.ai_family = AF_INET;
        hints_.ai_socktype = SOCK_DGRAM;
        uv_loop_init(&loop_);
        for (uv_getaddrinfo_t& request : requests_) request.data = this;
    }
    ~Libuv() { uv_loop_close(&loop_); }
    Libuv(const Libuv&) = delete;
    Libuv& operator=(const Libuv&) = delete;

    void lookup(const char* host, std::uint64_t i) {
        if (uv_getaddrinfo(&loop_, &requests_[i], on_answer, host, nullptr, &hints_) != 0) {
            bench::fail("a look-up was refused");
        }
    }
    void run() { uv_run(&loop_, UV_RUN_DEFAULT); }

   private:
    static void on_answer(uv_getaddrinfo_t* request, int status, addrinfo* found) {
        const bool right =
            status == 0 && found->ai_family == AF_INET &&
            reinterpret_cast<const sockaddr_in*>(found->ai_addr)->sin_addr.s_addr ==
                htonl(INADDR_LOOPBACK);
        uv_freeaddrinfo(found);
        static_cast<Libuv*>(request->data)->workload_.answered(right);
    }

    Workload& workload_;
    uv_loop_t loop_;
    addrinfo hints_{};
    std::array<uv_getaddrinfo_t, bench::same_count> requests_;
};

const bench::LookupRows<Libuv> rows;

}  // namespace

#endif
