// Out of line, because a compiler that sees a local enter, and others leave it, warns of a pointer
// that dangles.
#include "core/ring.h"

namespace core {

void Ring::enter_before(Ring& other) {
    next_ = &other;
    previous_ = other.previous_;
    previous_->next_ = other.previous_ = this;
}

}  // namespace core
