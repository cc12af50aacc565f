// The standard channels of a program, for tools and for last words.
#ifndef _WIN32

#include <sys/uio.h>
#include <unistd.h>

#include <cstdlib>

#include "platform/platform.h"
#include "platform/posix_error.h"

namespace platform {

void use_binary_channels() {}  // They know nothing else.

Result<std::size_t> read_input(std::span<std::byte> buffer) {
    ssize_t size = 0;
    do {
        size = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    } while (size < 0 && errno == EINTR);
    if (size < 0) return last_error(Operation::read);
    return static_cast<std::size_t>(size);
}

void abandon(std::string_view text) {
    // One call, so that lines of several threads do not mix. Nobody is left to tell of a failure.
    char newline = '\n';
    iovec parts[] = {{const_cast<char*>(text.data()), text.size()}, {&newline, 1}};
    (void)!writev(STDERR_FILENO, parts, 2);
    std::abort();
}

}  // namespace platform

#endif
