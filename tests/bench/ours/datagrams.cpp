// Our rows of datagrams.
#ifdef __linux__

#include "tests/bench/datagram_rows.h"
#include "tests/bench/ours/sockets.h"

namespace bench {

static const DatagramRows<OurSockets> datagrams;
static const UnixRows<OurSockets> unix_datagrams;

}  // namespace bench

#endif
