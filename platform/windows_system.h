// Windows' own headers, in the one order in which they go together, without the macros that would
// rename our own words. For the windows_*.cpp files and iocp.cpp only.
#pragma once

#undef NOMINMAX
#define NOMINMAX
#undef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN

#include <winsock2.h>
#include <ws2tcpip.h>
#include <mswsock.h>
#include <windows.h>
#include <iphlpapi.h>

#undef interface
