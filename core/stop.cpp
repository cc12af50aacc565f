// The end of what a source and its tokens share. Out of line, because a compiler that sees several
// tokens end cannot count their holders, and warns of a use after free.
#include "core/stop.h"

namespace core {

void StopToken::let_go(State* state) {
    if (--state->holders == 0) delete state;
}

}  // namespace core
