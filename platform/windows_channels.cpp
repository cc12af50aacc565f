// The standard channels of a program, for tools and for last words.
#ifdef _WIN32

#include <fcntl.h>
#include <io.h>

#include <algorithm>
#include <cstdlib>

#include "platform/platform.h"
#include "platform/windows_error.h"
#include "platform/windows_system.h"

namespace platform {

void use_binary_channels() {
    (void)_setmode(0, _O_BINARY);
    (void)_setmode(1, _O_BINARY);
    (void)_setmode(2, _O_BINARY);
}

// A console ends its lines by two characters that nobody has typed, and its input by Ctrl-Z.
Result<std::size_t> read_input(std::span<std::byte> buffer) {
    constexpr std::byte carriage_return{'\r'};
    constexpr std::byte end_of_input{0x1a};
    const HANDLE channel = GetStdHandle(STD_INPUT_HANDLE);
    DWORD size = 0;
    if (!ReadFile(channel, buffer.data(), static_cast<DWORD>(buffer.size()), &size, nullptr)) {
        if (GetLastError() == ERROR_BROKEN_PIPE) return std::size_t{0};
        return last_error(Operation::read);
    }
    DWORD mode = 0;
    if (!GetConsoleMode(channel, &mode)) return std::size_t{size};
    const auto typed = buffer.first(size);
    if (!typed.empty() && typed[0] == end_of_input) return std::size_t{0};
    const auto end = std::remove(typed.begin(), typed.end(), carriage_return);
    return static_cast<std::size_t>(end - typed.begin());
}

void abandon(std::string_view text) {
    // One call, so that lines of several threads do not mix, unless the line is a long one.
    const HANDLE channel = GetStdHandle(STD_ERROR_HANDLE);
    char line[1024];
    std::size_t size = 0;
    DWORD written;
    for (const char c : text) {
        line[size++] = c;
        if (size < sizeof line) continue;
        (void)WriteFile(channel, line, static_cast<DWORD>(size), &written, nullptr);
        size = 0;
    }
    line[size++] = '\n';
    (void)WriteFile(channel, line, static_cast<DWORD>(size), &written, nullptr);
    std::abort();
}

}  // namespace platform

#endif
