// Constants that some Unix lacks or means differently, settled once: the only place in platform/
// with conditions inside a file. For platform/ only.
#pragma once

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cstdint>

namespace platform {

// Given to socket(2); zero where descriptors have to be prepared after the fact.
#if defined(SOCK_NONBLOCK) && defined(SOCK_CLOEXEC)
inline constexpr int birth_flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
#else
inline constexpr int birth_flags = 0;
#endif

// A send must never raise SIGPIPE: by this flag, or else by an option of the socket.
#ifdef MSG_NOSIGNAL
inline constexpr int send_flags = MSG_DONTWAIT | MSG_NOSIGNAL;
#else
inline constexpr int send_flags = MSG_DONTWAIT;
#endif

#ifdef SO_NOSIGPIPE
inline constexpr int no_signal_option = SO_NOSIGPIPE;
#else
inline constexpr int no_signal_option = -1;
#endif

// A stranger may pass descriptors along; they must not survive an exec before they are closed.
#ifdef MSG_CMSG_CLOEXEC
inline constexpr int receive_flags = MSG_DONTWAIT | MSG_CMSG_CLOEXEC;
#else
inline constexpr int receive_flags = MSG_DONTWAIT;
#endif

// Lets several sockets that all ask for it share an address. The BSDs' SO_REUSEADDR does so for
// multicast addresses only.
#if defined(__linux__) || !defined(SO_REUSEPORT)
inline constexpr int share_option = SO_REUSEADDR;
#else
inline constexpr int share_option = SO_REUSEPORT;
#endif

// Spreads datagrams over the sockets that share an address; -1 where nothing does.
#if defined(SO_REUSEPORT_LB)
inline constexpr int balance_option = SO_REUSEPORT_LB;
#elif defined(__linux__)
inline constexpr int balance_option = SO_REUSEPORT;
#else
inline constexpr int balance_option = -1;
#endif

// What getaddrinfo says of a name that has addresses of other families only, or none at all.
#ifdef EAI_NODATA
inline constexpr int no_address_number = EAI_NODATA;
#else
inline constexpr int no_address_number = EAI_NONAME;
#endif

#ifdef EAI_ADDRFAMILY
inline constexpr int wrong_family_number = EAI_ADDRFAMILY;
#else
inline constexpr int wrong_family_number = EAI_FAMILY;
#endif

// Whether the group is joined, for all sources. Linux alone has to be asked: it lets a change of
// one source turn such a membership into one of few sources, or of none; others refuse.
inline bool has_open_filter(int descriptor, std::uint32_t index, const sockaddr_storage& group) {
#ifdef __linux__
    group_filter filter{};
    filter.gf_interface = index;
    filter.gf_group = group;
    socklen_t size = GROUP_FILTER_SIZE(0);
    const int level = group.ss_family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
    return getsockopt(descriptor, level, MCAST_MSFILTER, &filter, &size) == 0 &&
           filter.gf_fmode == MCAST_EXCLUDE;
#else
    (void)descriptor, (void)index, (void)group;
    return false;
#endif
}

inline timespec change_time(const struct stat& status) {
#ifdef __APPLE__
    return status.st_ctimespec;
#else
    return status.st_ctim;
#endif
}

}  // namespace platform
