// What posix_sockets.cpp and the system's own *_datagrams.cpp ask of each other.
// For platform/ only.
#pragma once

#include "platform/platform.h"

namespace platform {

inline int descriptor_of(Socket socket) { return static_cast<int>(socket.handle); }

// Family::none for a descriptor that is no socket of ours.
Family family_of(int descriptor);

// Why there is no such option: it is not for this kind of socket, or this is no socket at all.
Error unavailable(int descriptor, Operation);

// ENOTSUP of an old system, which says instead that it has never heard of an option.
Error explained(Error);

// What is wrong with an endpoint that to_sockaddr() has refused.
Error unusable(const Endpoint&, Operation);

Error set_integer(int descriptor, int level, int option, int value);
Result<std::int32_t> get_integer(int descriptor, int level, int option);

// Option::packet_info, coalesce and icmp_errors: each system has its own idea of these.
Error set_system_option(int descriptor, Family, Option, bool enabled);
Result<std::int32_t> get_system_option(int descriptor, Family, Option);

// What segmentation() answers, for those who have no Poller at hand.
Segmentation known_segmentation();

// The user's word against trains: VOLLEY_SEGMENTATION=off in the environment.
bool trains_are_forbidden();

}  // namespace platform
