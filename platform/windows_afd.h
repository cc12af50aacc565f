// The part of the Auxiliary Function Driver that iocp.cpp uses. It is undocumented, unchanged since
// Windows 2000, and what wepoll, mio and libuv stand on too. For platform/ only.
#pragma once

#include "platform/windows_system.h"

#include <winternl.h>

namespace platform {

inline constexpr ULONG poll_control = 0x00012024;
inline constexpr ULONG poll_receive = 0x001;
inline constexpr ULONG poll_send = 0x004;
inline constexpr ULONG poll_disconnect = 0x008;  // Of a stream: the other end sends no more.
inline constexpr ULONG poll_abort = 0x010;
inline constexpr ULONG poll_local_close = 0x020;
inline constexpr ULONG poll_accept = 0x080;
inline constexpr ULONG poll_connect_fail = 0x100;
inline constexpr NTSTATUS status_success = 0;
inline constexpr NTSTATUS status_canceled = static_cast<NTSTATUS>(0xc0000120);
inline constexpr ULONG open_existing = 1;  // FILE_OPEN

struct PollInfo {
    LARGE_INTEGER timeout;
    ULONG count;
    ULONG exclusive;
    HANDLE handle;
    ULONG events;
    NTSTATUS status;
};

// Asked for by name, so that a program needs no library that Visual C++ does not link by itself.
struct Ntdll {
    decltype(&::NtCreateFile) create_file;
    decltype(&::NtDeviceIoControlFile) control;
    NTSTATUS(NTAPI* cancel)(HANDLE, IO_STATUS_BLOCK*, IO_STATUS_BLOCK*);

    bool load() {
        const HMODULE module = GetModuleHandleW(L"ntdll.dll");
        if (!module) return false;
        find(module, create_file, "NtCreateFile");
        find(module, control, "NtDeviceIoControlFile");
        find(module, cancel, "NtCancelIoFileEx");
        return create_file && control && cancel;
    }

   private:
    template <class Function>
    static void find(HMODULE module, Function& function, const char* name) {
        function =
            reinterpret_cast<Function>(reinterpret_cast<void*>(GetProcAddress(module, name)));
    }
};

}  // namespace platform
