#!/bin/sh
# Three hosts in a row, the second wire narrower (1280 bytes) than the first (1500). A datagram that
# does not fit is cut up by IP and arrives whole; where that is forbidden it is EMSGSIZE, the send's
# own, or, when a router said so, an 'error' of a connected socket.
# shellcheck source=tests/harness.sh source=tests/hosts.sh disable=SC2034,SC2086,SC2154
. "$(dirname "$0")/../harness.sh"
. "$(dirname "$0")/../hosts.sh"
need_built "$VOLLEY" "$PROBE"

add_far_host

# The system forgets what routers told it about the path.
fresh_path() {
    ip route del 10.8.0.0/24 2>/dev/null
    ip -6 route del fd08::/64 2>/dev/null
    # shellcheck disable=SC2086
    ip route add 10.8.0.0/24 via 10.9.0.2 $1
    # shellcheck disable=SC2086
    ip -6 route add fd08::/64 via fd09::2 $2
    ip route flush cache
    ip -6 route flush cache
}

# Everybody has heard of everybody: the first datagrams are none that wait for ARP.
fresh_path '' ''
start far4 $far "$VOLLEY" listen 10.8.0.2:0
start far6 $far "$VOLLEY" listen '[fd08::2]:0'
await far4 'listening on'
await far6 'listening on'
far4=$(port far4)
far6=$(port far6)
start_fed warm4 "$PROBE" udp4
start_fed warm6 "$PROBE" udp6
say warm4 send warm 10.8.0.2 "$far4"
say warm6 send warm fd08::2 "$far6"
await far4 ': warm'
await far6 ': warm'

with_fragments() {  # type, address, port, listener
    for size in 1472 1473 9000 65507; do
        run 0 sh -c "echo send_size $size $2 $3 | '$PROBE' $1"
        expect run "send_size $size: $size bytes left"
    done
}

# On the first wire alone: nothing but the sender's own interface matters.
start near4 $there "$VOLLEY" listen 10.9.0.2:0
start near6 $there "$VOLLEY" listen '[fd09::2]:0'
await near4 'listening on'
await near6 'listening on'
with_fragments udp4 10.9.0.2 "$(port near4)"
with_fragments udp6 fd09::2 "$(port near6)"
for near in near4 near6; do
    for size in 1472 1473 9000 65507; do
        await $near " $size bytes: x"
    done
    deny $near 'truncated'
done
ok 'datagrams larger than the MTU are cut up and arrive whole, IPv4 and IPv6'

# A locked MTU: the sender cuts, whatever the interface could take.
fresh_path 'mtu lock 600' 'mtu lock 1280'
say warm4 send_size 5000 10.8.0.2 "$far4"
say warm6 send_size 5000 fd08::2 "$far6"
await far4 ' 5000 bytes: x'
await far6 ' 5000 bytes: x'
ok 'a route with a locked MTU: the same, in smaller pieces'

# Two datagrams of one tick, the first too big for the second wire. The setting between them lets
# the first leave alone, so that what the router says of it is there when the second leaves.
learns() {  # type, address, port, listener
    fresh_path '' ''
    start_fed connected "$PROBE" "$1"
    say connected connect "$2" "$3"
    await connected 'connected to'
    printf 'send_size 1401\nmulticast_ttl 1\nsend small\n' >"$work/connected.in"
    await connected 'error: recvmsg EMSGSIZE'
    await "$4" ': small$'
    expect connected 'send_size 1401: 1401 bytes left'
    expect connected 'send small: 5 bytes left'
    say connected send_size 1402
    await "$4" ' 1402 bytes: x'
    deny connected 'send.*EMSGSIZE'
    deny "$4" ' 1401 bytes'
    [ "$(count connected 'error:')" -eq 1 ] || fail 'one datagram was lost, and more errors told'
    ok "$1: a router's 'too big' is one 'error' of a connected socket; the next ones arrive"
    say connected quit
    end connected
}
learns udp4 10.8.0.2 "$far4" far4
learns udp6 fd08::2 "$far6" far6

# Never to be cut up: the descriptor says so, which the socket adopts.
unfragmented() {  # type, address, port, listener, what fits the first wire, and the second
    fresh_path '' ''
    start_fed probe "$PROBE" "$1"
    say probe adopt_unfragmented
    await probe 'listening on'
    printf 'send_size %s %s %s\nsend tiny %s %s\n' $(($5 + 1)) "$2" "$3" "$2" "$3" \
        >"$work/probe.in"
    await "$4" ': tiny$'
    expect probe "send_size $(($5 + 1)): send EMSGSIZE $2:$3"
    expect probe 'send tiny: 4 bytes left'
    ok "$1, never cut up: larger than this host's MTU is EMSGSIZE of that send alone"
    say probe send_size "$5" "$2" "$3"
    await probe "send_size $5: $5 bytes left"
    # It is the router's answer that has to come first.
    tries=0
    until has_lines probe "send_size $5: send EMSGSIZE $2:$3" 1; do
        tries=$((tries + 1))
        [ $tries -lt 100 ] || fail "no EMSGSIZE for $5 bytes"
        say probe send_size "$5" "$2" "$3"
        sleep 0.05
    done
    say probe send_size $(($6 + 1)) "$2" "$3"
    await probe "send_size $(($6 + 1)): send EMSGSIZE $2:$3"
    say probe send_size "$6" "$2" "$3"
    await "$4" " $6 bytes: x"
    deny probe 'error:'
    ok "$1, never cut up: then the path's MTU counts, to the byte"
    say probe quit
    end probe
}
unfragmented udp4 10.8.0.2 "$far4" far4 1472 1252
unfragmented udp6 fd08::2 "$far6" far6 1452 1232

for name in warm4 warm6; do
    deny $name 'error:'
    say $name quit
    end $name
done
for name in far4 far6 near4 near6; do
    interrupt $name
    end $name
done
