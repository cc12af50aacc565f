// What tests of exceptions share: running a loop out, however often its callbacks throw.
#pragma once

#include "tests/net/receiver.h"

namespace test {

// Runs until nothing throws any more; how often something did.
template <class Exception>
int runs_that_throw(core::Loop& loop) {
    for (int thrown = 0; thrown < 1000; thrown++) {
        try {
            const bool ended = runs_out(loop);
            CHECK(ended);
            return thrown;
        } catch (const Exception&) {
            continue;
        }
    }
    return -1;
}

}  // namespace test
