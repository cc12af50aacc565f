#!/bin/sh
# Node's dgram as the other side of what is written with the library: the README's echo server, and
# connected sockets in both directions, with datagrams from empty to the largest.
# shellcheck source=tests/harness.sh source=tests/hosts.sh disable=SC2034,SC2086,SC2154
. "$(dirname "$0")/../harness.sh"
need node
need_built "$PROBE" "$EXAMPLES_DIR/echo$SUFFIX" "$EXAMPLES_DIR/connected_send$SUFFIX"
node=tests/interop/node

start server "$EXAMPLES_DIR/echo$SUFFIX" 0
await server 'listening on'
run 0 node $node/echo_client.js udp4 127.0.0.1 "$(port server)"
ok "udp4: Node to the README's echo server and back: $(cat "$work/run.out")"
interrupt server
end server

connected() {  # type, address
    start server node $node/echo_server.js "$1" "$2"
    await server 'listening on'
    start_fed probe "$PROBE" "$1"
    say probe connect "$2" "$(port server)"
    await probe 'connected to'
    say probe send hello
    await probe 'message: 5 bytes, .*: hello'
    ok "$1: volley, connected, talks to Node"
    say probe send stranger
    await probe ': after the stranger'
    deny probe ': from a stranger'
    ok "$1: and hears nobody else"
    say probe send sizes
    for number in 1 2 3 4 5; do
        await server '^sends:' $number
        sent=$(sed -n 's/^sends: //p' "$work/server.out" | sed -n ${number}p)
        await probe "message: $sent"
        say probe send next
    done
    ok "$1: five datagrams from Node, from empty to the largest: their checksums are right"
    say probe send_size 65507
    await server 'got: 65507 bytes'
    await probe 'message: 65507 bytes'
    deny probe 'truncated|error:|send .*E[A-Z]'
    ok "$1: 65507 bytes from the connected socket, and back"
    say probe quit
    end probe
    kill -TERM "$(process server)"
    end server 1
}
connected udp4 127.0.0.1
connected udp6 ::1

# The example: a connected socket whose peer is Node, then nobody.
start server node $node/echo_server.js udp4 127.0.0.1
await server 'listening on'
closed=$(port server)
run 0 "$EXAMPLES_DIR/connected_send$SUFFIX" "$closed"
await server 'got: 10 bytes'
ok 'udp4: the example connected_send reaches Node'
kill -TERM "$(process server)"
end server 1
