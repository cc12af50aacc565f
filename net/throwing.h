// For those who like exceptions: must(socket.address()) is the value, or throws. The library itself
// neither throws nor includes this.
#pragma once

#include <stdexcept>
#include <utility>

#include "net/failure.h"

namespace net {

class FailureError : public std::runtime_error {
   public:
    explicit FailureError(Failure failure)
        : std::runtime_error(failure.text()), failure_(std::move(failure)) {}
    const Failure& failure() const { return failure_; }

   private:
    Failure failure_;
};

template <class T>
T must(Result<T> result) {
    if (!result) throw FailureError(Failure(result.error()));
    return *std::move(result);
}

inline void must(Error error) {
    if (error) throw FailureError(Failure(error));
}

inline void must(const Failure& failure) {
    if (failure) throw FailureError(failure);
}

}  // namespace net
