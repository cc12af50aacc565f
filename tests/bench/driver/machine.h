// Where the numbers come from: kernel, processor, and whether trains of datagrams work here.
#pragma once

namespace bench {

void describe_machine();  // To standard output.

}  // namespace bench
