// Where the numbers come from: kernel, processor, and whether trains of datagrams work here.
#pragma once

#include <string>

namespace bench {

std::string describe_machine();

}  // namespace bench
