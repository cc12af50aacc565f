#!/bin/sh
# Node's dgram as the other side: echo, send and listen, and connected sockets, each in both
# directions, over IPv4 and IPv6, with datagrams from empty to the largest.
# shellcheck source=tests/harness.sh source=tests/hosts.sh disable=SC2034,SC2086,SC2154
. "$(dirname "$0")/../harness.sh"
need node
need_built "$VOLLEY" "$PROBE" "$EXAMPLES_DIR/echo$SUFFIX"
node=tests/interop/node

echoes() {  # type, address as a place, address, what of ours
    start server "$4" ${5:+"$5" "$6" "$7"} ${5:+"$2:0"}
    await server '(echoing|listening) on'
    run 0 node $node/echo_client.js "$1" "$3" "$(port server)"
    expect run '^1000 datagrams \([0-9]+ bytes\) came back$'
    ok "$1: Node to ${4##*/} and back: $(cat "$work/run.out")"
    run 0 node $node/echo_client.js "$1" "$3" "$(port server)" connected
    expect run '^1000 datagrams \([0-9]+ bytes\) came back$'
    ok "$1: Node, connected, to ${4##*/} and back: the same"
    interrupt server
    end server
}
echoes udp4 127.0.0.1 127.0.0.1 "$VOLLEY" echo --rate 0
expect server 'sent 2000 datagrams \(([0-9]+) bytes\), received 2000 datagrams \(\1 bytes\)'
deny server 'not answered'
echoes udp6 '[::1]' ::1 "$VOLLEY" echo --rate 0
expect server 'sent 2000 datagrams \(([0-9]+) bytes\), received 2000 datagrams \(\1 bytes\)'

# The README's server.
start server "$EXAMPLES_DIR/echo$SUFFIX" 0
await server 'listening on'
run 0 node $node/echo_client.js udp4 127.0.0.1 "$(port server)"
ok "udp4: Node to the README's echo server and back: $(cat "$work/run.out")"
interrupt server
end server

for type in udp4 udp6; do
    address=127.0.0.1
    [ $type = udp4 ] || address=::1
    run 0 node $node/sent.js "$VOLLEY" $type $address
    ok "$type: volley send to Node: $(cat "$work/run.out")"
    run 0 node $node/listened.js "$VOLLEY" $type $address
    ok "$type: Node to volley listen: $(cat "$work/run.out")"
done

# Printed, a payload of the largest size is whole too.
start listener "$VOLLEY" listen 127.0.0.1:0
await listener 'listening on'
run 0 node -e "
    const socket = require('dgram').createSocket('udp4');
    socket.send('v'.repeat(65507), $(port listener), '127.0.0.1', () => socket.close());"
await listener '^127.0.0.1:[0-9]+ 65507 bytes: vvvv'
[ "$(sed 's/.*: //' "$work/listener.out" | tr -dc v | wc -c)" -eq 65507 ] || fail 'some is missing'
deny listener truncated
ok 'udp4: 65507 bytes are printed in full, and not called truncated'
interrupt listener
end listener

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
