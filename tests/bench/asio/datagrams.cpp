// Asio's rows of datagrams.
#ifdef __linux__

#include "tests/bench/asio/sockets.h"
#include "tests/bench/datagram_rows.h"

namespace bench {

static const DatagramRows<AsioUdpSockets> datagrams;
static const UnixRows<AsioUnixSockets> unix_datagrams;

}  // namespace bench

#endif
