// The raw rows of datagrams.
#ifdef __linux__

#include "tests/bench/datagram_rows.h"
#include "tests/bench/raw/sockets.h"

namespace bench {

static const DatagramRows<RawSockets> datagrams;
static const UnixRows<RawSockets> unix_datagrams;

}  // namespace bench

#endif
