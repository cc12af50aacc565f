// What posix_processes.cpp and posix_process_channel.cpp ask of each other. For platform/ only.
#pragma once

#include "platform/platform.h"

namespace platform {

// Names the descriptor of a started program's end of its channel.
inline constexpr const char channel_variable[] = "VOLLEY_CHANNEL";

// Two ends that are private and do not block, the kind of socket that keeps messages whole, or a
// stream. False: errno tells why there are none.
bool make_channel_pair(int (&ends)[2]);

Result<Channel> make_channel(int descriptor);  // Takes it over, also when it fails.

}  // namespace platform
