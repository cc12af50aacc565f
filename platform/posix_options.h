// Constants that some Unix lacks or means differently, settled once: the only place in platform/
// with conditions inside a file. For platform/ only.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>

#ifdef __linux__
#include <sys/auxv.h>
#include <sys/syscall.h>
#endif

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

// Whether a socket hears groups that others have joined as well. Linux lets it choose; FreeBSD and
// macOS filter by what the socket itself has joined, NetBSD and OpenBSD never do.
#ifdef IP_MULTICAST_ALL
inline constexpr int multicast_all_option = IP_MULTICAST_ALL;
#else
inline constexpr int multicast_all_option = -1;
#endif

#ifdef IPV6_MULTICAST_ALL
inline constexpr int ipv6_multicast_all_option = IPV6_MULTICAST_ALL;
#else
inline constexpr int ipv6_multicast_all_option = -1;
#endif

#if defined(__FreeBSD__) || defined(__DragonFly__) || defined(__APPLE__)
inline constexpr bool hears_all_groups = false;
#else
inline constexpr bool hears_all_groups = true;  // Unless told otherwise.
#endif

// Asks for the counters of a socket's memory, and where the datagrams dropped for want of it stand
// among them (linux/sock_diag.h). -1: they are not told.
#ifdef SO_MEMINFO
inline constexpr int memory_option = SO_MEMINFO;
#else
inline constexpr int memory_option = -1;
#endif
inline constexpr std::size_t memory_drops = 8;

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

// What a datagram was sent to, and came in by: by one message, or by two of the BSDs. -1: not here.
#if defined(IP_RECVPKTINFO)
inline constexpr int receive_packet_option = IP_RECVPKTINFO;
#elif defined(IP_PKTINFO)
inline constexpr int receive_packet_option = IP_PKTINFO;
#else
inline constexpr int receive_packet_option = -1;
#endif

#ifdef IP_PKTINFO
inline constexpr int packet_item = IP_PKTINFO;
using Ipv4Packet = in_pktinfo;
#else
inline constexpr int packet_item = -1;
struct Ipv4Packet {
    unsigned ipi_ifindex;
    in_addr ipi_spec_dst;
    in_addr ipi_addr;
};
#endif

#if defined(IP_RECVDSTADDR) && !defined(IP_PKTINFO)
inline constexpr int destination_item = IP_RECVDSTADDR;
inline constexpr int interface_item = IP_RECVIF;
#else
inline constexpr int destination_item = -1;
inline constexpr int interface_item = -1;
#endif

#if defined(IP_SENDSRCADDR) && !defined(IP_PKTINFO)
inline constexpr int source_item = IP_SENDSRCADDR;
#else
inline constexpr int source_item = -1;
#endif

// The BSDs hand back what was asked for by the option's name, Linux by the header field's.
#ifdef IP_RECVTTL
inline constexpr int receive_hop_limit_option = IP_RECVTTL;
#else
inline constexpr int receive_hop_limit_option = -1;
#endif

#ifdef IP_RECVTOS
inline constexpr int receive_class_option = IP_RECVTOS;
#else
inline constexpr int receive_class_option = -1;
#endif

// What one send over IPv4 may choose beside its source: hops with Linux alone, a class with some,
// FreeBSD's as a byte. The others refuse such a message, or, worse, pass over it.
#ifdef __linux__
inline constexpr int sent_hop_limit_item = IP_TTL;
#else
inline constexpr int sent_hop_limit_item = -1;
#endif

#if defined(__linux__) || defined(__APPLE__) || defined(__FreeBSD__)
inline constexpr int sent_class_item = IP_TOS;
#else
inline constexpr int sent_class_item = -1;
#endif

#ifdef __FreeBSD__
using SentClass = std::uint8_t;
#else
using SentClass = int;
#endif

// When it arrived, to the nanosecond; and how many the kernel has dropped from this socket's queue.
#ifdef SO_TIMESTAMPNS
inline constexpr int exact_time_item = SO_TIMESTAMPNS;
#else
inline constexpr int exact_time_item = -1;
#endif

#ifdef SO_RXQ_OVFL
inline constexpr int drops_option = SO_RXQ_OVFL;
#else
inline constexpr int drops_option = -1;
#endif

// Whether a datagram may be cut up on its way. Linux knows more than yes and no: unless told
// otherwise it cuts itself what is too long, and asks routers not to.
#ifdef IP_MTU_DISCOVER
inline constexpr int fragment_option = IP_MTU_DISCOVER;
inline constexpr int fragment_option6 = IPV6_MTU_DISCOVER;
inline constexpr int fragments_never = IP_PMTUDISC_DO;
inline constexpr int fragments_freely = IP_PMTUDISC_WANT;
#else
#ifdef IP_DONTFRAG
inline constexpr int fragment_option = IP_DONTFRAG;
#else
inline constexpr int fragment_option = -1;
#endif
#ifdef __APPLE__
inline constexpr int fragment_option6 = 62;  // IPV6_DONTFRAG, for those who ask for RFC 3542.
#else
inline constexpr int fragment_option6 = IPV6_DONTFRAG;
#endif
inline constexpr int fragments_never = 1;
inline constexpr int fragments_freely = 0;
#endif

inline bool is_never_cut(int value) {
#ifdef IP_MTU_DISCOVER
    return value == IP_PMTUDISC_DO || value == IP_PMTUDISC_PROBE;
#else
    return value == fragments_never;
#endif
}

// The longest packet that is known to reach the peer uncut; -1, and errno tells why.
inline int path_mtu_of(int descriptor, bool six) {
#if defined(IP_MTU)
    int bytes = 0;
    socklen_t size = sizeof bytes;
    const int level = six ? IPPROTO_IPV6 : IPPROTO_IP;
    const int option = six ? IPV6_MTU : IP_MTU;
    return getsockopt(descriptor, level, option, &bytes, &size) < 0 ? -1 : bytes;
#elif defined(__APPLE__) || defined(IPV6_PATHMTU)
#ifdef __APPLE__
    constexpr int option = 44;  // As above.
#else
    constexpr int option = IPV6_PATHMTU;
#endif
    struct {
        sockaddr_in6 destination;
        std::uint32_t bytes;
    } answer{};  // An ip6_mtuinfo.
    socklen_t size = sizeof answer;
    errno = ENOTSUP;  // These systems tell nothing of IPv4.
    if (!six || getsockopt(descriptor, IPPROTO_IPV6, option, &answer, &size) < 0) return -1;
    return static_cast<int>(answer.bytes);
#else
    (void)descriptor, (void)six;
    errno = ENOTSUP;
    return -1;
#endif
}

// Both ends of a pipe, non-blocking, and closed in programs that are executed.
inline int open_pipe(int (&ends)[2]) {
#ifdef __APPLE__
    if (::pipe(ends) < 0) return -1;
    for (const int end : ends) {
        if (fcntl(end, F_SETFD, FD_CLOEXEC) < 0 || fcntl(end, F_SETFL, O_NONBLOCK) < 0) return -1;
    }
    return 0;
#else
    return ::pipe2(ends, O_CLOEXEC | O_NONBLOCK);
#endif
}

// The length that the BSDs keep in an address itself. System calls set it, but not in the addresses
// inside of socket options.
inline void set_length(sockaddr_storage& address, socklen_t size) {
#ifdef SIN6_LEN
    address.ss_len = static_cast<decltype(address.ss_len)>(size);
#else
    (void)address, (void)size;
#endif
}

// Whether a path that starts with NUL is a name. Elsewhere it is how no name at all is told.
#ifdef __linux__
inline constexpr bool abstract_names = true;
#else
inline constexpr bool abstract_names = false;
#endif

// Joins or leaves a group, of all sources or of one, on the interface with this index; 0: on the
// system's choice. By RFC 3678 where that is known; NetBSD and OpenBSD know no sources.
#ifdef MCAST_JOIN_GROUP
inline int change_group(int descriptor, bool joins, std::uint32_t index,
                        const sockaddr_storage& group, const sockaddr_storage* source) {
    const int level = group.ss_family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
    if (source) {
        group_source_req request{};
        request.gsr_interface = index;
        request.gsr_group = group;
        request.gsr_source = *source;
        const int option = joins ? MCAST_JOIN_SOURCE_GROUP : MCAST_LEAVE_SOURCE_GROUP;
        return setsockopt(descriptor, level, option, &request, sizeof request);
    }
    group_req request{};
    request.gr_interface = index;
    request.gr_group = group;
    const int option = joins ? MCAST_JOIN_GROUP : MCAST_LEAVE_GROUP;
    return setsockopt(descriptor, level, option, &request, sizeof request);
}
#else
inline int change_group(int descriptor, bool joins, std::uint32_t index,
                        const sockaddr_storage& group, const sockaddr_storage* source) {
    if (source) {
        errno = ENOTSUP;
        return -1;
    }
    if (group.ss_family == AF_INET6) {
        ipv6_mreq request{};
        request.ipv6mr_interface = index;
        request.ipv6mr_multiaddr = reinterpret_cast<const sockaddr_in6&>(group).sin6_addr;
        const int option = joins ? IPV6_JOIN_GROUP : IPV6_LEAVE_GROUP;
        return setsockopt(descriptor, IPPROTO_IPV6, option, &request, sizeof request);
    }
    ip_mreq request{};
    request.imr_multiaddr = reinterpret_cast<const sockaddr_in&>(group).sin_addr;
    request.imr_interface.s_addr = htonl(index);  // 0.0.0.n: the interface with this index.
    const int option = joins ? IP_ADD_MEMBERSHIP : IP_DROP_MEMBERSHIP;
    return setsockopt(descriptor, IPPROTO_IP, option, &request, sizeof request);
}
#endif

// Where IPv4 multicasts leave: by the interface with this index, else by the one with this address.
inline int choose_interface(int descriptor, std::uint32_t index, in_addr address) {
#if defined(__linux__) || defined(__APPLE__) || defined(__FreeBSD__) || defined(__OpenBSD__)
    ip_mreqn choice{};
    choice.imr_ifindex = static_cast<decltype(choice.imr_ifindex)>(index);
    if (index == 0) choice.imr_address = address;
#else
    in_addr choice = address;
    if (index != 0) choice.s_addr = htonl(index);  // 0.0.0.n, as above.
#endif
    return setsockopt(descriptor, IPPROTO_IP, IP_MULTICAST_IF, &choice, sizeof choice);
}

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

// Whoever runs a program with rights that he lacks himself must not steer it by its environment.
inline bool has_borrowed_rights() {
#ifdef __linux__
    return getauxval(AT_SECURE) != 0;
#else
    return issetugid() != 0;
#endif
}

// Whose process made the pair that this end of it belongs to; false where nobody tells.
inline bool peer_user(int descriptor, uid_t& user) {
#ifdef __linux__
    ucred peer{};
    socklen_t size = sizeof peer;
    if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
    user = peer.uid;
    return true;
#else
    gid_t group;
    return getpeereid(descriptor, &user, &group) == 0;
#endif
}

// Descriptors for processes (Linux 5.3), by number: younger than the headers of some systems. -1
// where there are none.
inline int open_process(pid_t id) {
#ifdef __linux__
    return static_cast<int>(syscall(434, id, 0));
#else
    (void)id;
    return -1;
#endif
}

inline int signal_process(int process, int number) {
#ifdef __linux__
    return static_cast<int>(syscall(424, process, number, nullptr, 0));
#else
    (void)process, (void)number;
    return -1;
#endif
}

// The program to be started gets no descriptor from `first` on. Where nobody knows how, it gets
// those that somebody else has left inheritable.
inline int close_inherited(posix_spawn_file_actions_t* actions, int first) {
#if defined(__GLIBC__) && (__GLIBC__ > 2 || (__GLIBC__ == 2 && __GLIBC_MINOR__ >= 34))
    return posix_spawn_file_actions_addclosefrom_np(actions, first);
#else
    (void)actions, (void)first;
    return 0;
#endif
}

}  // namespace platform
