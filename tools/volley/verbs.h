// The verbs, in the order in which help lists them. A verb is one file.
#pragma once

#include "tools/volley/arguments.h"

namespace tool {

extern const Verb listen_verb;
extern const Verb send_verb;
extern const Verb echo_verb;

}  // namespace tool
