// errno, in the library's words. For platform/ only.
#pragma once

#include <cerrno>

#include "platform/error.h"

namespace platform {

Error to_error(int number, Operation);

inline Error last_error(Operation operation) { return to_error(errno, operation); }

// A signal is no answer: asks again.
template <class Call>
auto uninterrupted(Call call) {
    auto result = call();
    while (result < 0 && errno == EINTR) result = call();
    return result;
}

}  // namespace platform
