#!/bin/sh
# Hosts that nobody answers for (ARP and neighbour discovery fail) and networks that a router does
# not know: a connected socket hears of it as 'error', an unconnected one does not. Where this host
# itself has no route it is the send's own error.
# shellcheck source=tests/harness.sh source=tests/hosts.sh disable=SC2034,SC2086,SC2154
. "$(dirname "$0")/../harness.sh"
. "$(dirname "$0")/../hosts.sh"
need_built "$VOLLEY" "$PROBE"

# Half a second instead of three; both hosts fail so fast.
for family in ipv4 ipv6; do
    setting '' $family/neigh/veth0/mcast_solicit 2
    setting '' $family/neigh/veth0/retrans_time_ms 200
done

connected_hears() {  # type, address, code
    start_fed connected "$PROBE" "$1"
    say connected connect "$2" 9
    await connected 'connected to'
    say connected send one
    await connected "error: recvmsg $3"
    expect connected 'send one: 3 bytes left'
    [ "$(count connected 'error:')" -eq 1 ] || fail 'one datagram, several errors'
    say connected send two
    await connected "error: recvmsg $3" 2
    expect connected 'send two: 3 bytes left'
    ok "$1: a connected socket hears $3 of each datagram, and the sends have left"
}

talks_when_there() {  # type, address in brackets where it needs them; of a `connected` to port 9
    start server $there "$VOLLEY" echo --rate 0 "$2:9"
    await server 'echoing on'
    say connected send three
    await connected 'message: 5 bytes, .*: three'
    ok "$1: and talks to it as soon as it is there"
    say connected quit
    end connected
    interrupt server
    end server
}

unconnected_does_not() {  # type, unreachable address, one that answers
    start server $there "$VOLLEY" echo --rate 0 "$3:0"
    await server 'echoing on'
    host=${3#[}
    start_fed unconnected "$PROBE" "$1"
    say unconnected send one "$2" 9
    await unconnected 'send one: 3 bytes left'
    # The other one hears it: by then this one would have.
    start_fed connected "$PROBE" "$1"
    say connected connect "$2" 9
    await connected 'connected to'
    say connected send one
    await connected 'error: recvmsg E'
    say unconnected send two "$2" 9
    say unconnected send three "${host%]}" "$(port server)"
    await unconnected 'message: 5 bytes, .*: three'
    expect unconnected 'send two: 3 bytes left'
    deny unconnected 'error:'
    ok "$1: an unconnected socket does not, and others get its datagrams"
    say connected quit
    say unconnected quit
    end connected
    end unconnected
    interrupt server
    end server
}

# No such host.
connected_hears udp4 10.9.0.77 EHOSTUNREACH
$there ip address add 10.9.0.77/24 dev veth1
$there "$VOLLEY" send --from 10.9.0.77:0 10.9.0.1:9 hello 2>/dev/null  # Tells its address.
talks_when_there udp4 10.9.0.77
unconnected_does_not udp4 10.9.0.78 10.9.0.2

connected_hears udp6 fd09::77 EHOSTUNREACH
$there ip -6 address add fd09::77/64 dev veth1 nodad
$there "$VOLLEY" send --from '[fd09::77]:0' '[fd09::1]:9' hello 2>/dev/null
talks_when_there udp6 '[fd09::77]'
unconnected_does_not udp6 fd09::78 '[fd09::2]'

# A network that the router does not know.
setting "$there" ipv4/ip_forward 1
setting "$there" ipv6/conf/all/forwarding 1
ip route add 10.8.0.0/24 via 10.9.0.2
ip -6 route add fd08::/64 via fd09::2
connected_hears udp4 10.8.0.1 ENETUNREACH
say connected quit
end connected
connected_hears udp6 fd08::1 ENETUNREACH
say connected quit
end connected

# A network that this host does not know.
no_route() {  # type, address, address that works
    start_fed probe "$PROBE" "$1"
    printf 'send one %s 9\nsend two %s 9\nsend three %s 9\n' "$2" "$3" "$2" >"$work/probe.in"
    await probe 'send three:'
    expect probe "send one: send ENETUNREACH $2:9"
    expect probe 'send two: 3 bytes left'
    expect probe "send three: send ENETUNREACH $2:9"
    deny probe 'error:'
    ok "$1: without a route it is the error of these sends, and of no other"
    say probe quit
    end probe
    start_fed probe "$PROBE" "$1"
    say probe connect "$2" 9
    await probe "not connected: connect ENETUNREACH $2:9"
    say probe connect "$3" 9
    await probe 'connected to'
    ok "$1: and of connect, after which the socket can connect elsewhere"
    say probe quit
    end probe
    run 1 "$VOLLEY" send "$4:9" hello
    expect run "^volley: send ENETUNREACH $2:9\$"
    ok "$1: the tool says so"
}
no_route udp4 192.0.2.1 10.9.0.2 192.0.2.1
no_route udp6 2001:db8::1 fd09::2 '[2001:db8::1]'
