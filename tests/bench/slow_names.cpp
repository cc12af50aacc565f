// A slow name server for all contenders: getaddrinfo is this program's own, and takes two
// milliseconds for names that begin with "slow". A definition in the executable comes before the
// one in a library, so it is what libuv calls, too.
#ifdef __linux__

#include <dlfcn.h>
#include <netdb.h>
#include <time.h>

#include <string_view>

extern "C" int getaddrinfo(const char* host, const char* service, const addrinfo* hints,
                           addrinfo** found) {
    static const auto ask =
        reinterpret_cast<decltype(&getaddrinfo)>(dlsym(RTLD_NEXT, "getaddrinfo"));
    if (host && std::string_view(host).starts_with("slow")) {
        const timespec delay{0, 2'000'000};
        nanosleep(&delay, nullptr);
        host = "127.0.0.1";
    }
    return ask(host, service, hints, found);
}

#endif
