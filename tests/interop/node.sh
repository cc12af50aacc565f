#!/bin/sh
# Node's dgram as the other side of the tool: echo, send and listen over IPv4 and IPv6, with
# datagrams from empty to the largest. VOLLEY may be another system's tool.
# shellcheck source=tests/harness.sh source=tests/hosts.sh disable=SC2034,SC2086,SC2154
. "$(dirname "$0")/../harness.sh"
need node
need_built "$VOLLEY"
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
