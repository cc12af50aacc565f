// libuv's rows of datagrams.
#ifdef __linux__

#include "tests/bench/datagram_rows.h"
#include "tests/bench/libuv/sockets.h"

namespace bench {

static const DatagramRows<UvSockets> datagrams;
static const UnixRows<UvSockets> unix_datagrams;

}  // namespace bench

#endif
