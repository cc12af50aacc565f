// Winsock's and Windows' numbers, in the library's words. For platform/ only.
#pragma once

#include <cstdint>

#include "platform/error.h"

namespace platform {

// Of WSAGetLastError() and GetLastError(), which share one range without meeting in it.
Error to_error(std::uint32_t number, Operation);

Error last_error(Operation);

}  // namespace platform
