#!/bin/sh
# Errors of all peers, on one unconnected socket: who refuses, who is beyond a router that says no,
# whose path is too narrow. Each is a 'report' with its destination and its offender; none is an
# 'error', and none costs another peer a datagram. And what messages and sends know of their way.
# shellcheck source=tests/harness.sh source=tests/hosts.sh disable=SC2034,SC2086,SC2154
. "$(dirname "$0")/../harness.sh"
. "$(dirname "$0")/../hosts.sh"
need_built "$VOLLEY" "$PROBE"

# Three hosts in a row; the second wire is narrower, and behind it is a network that nobody enters.
add_far_host
ip route add 10.8.0.0/16 via 10.9.0.2
ip -6 route add fd08::/16 via fd09::2
$there ip route add unreachable 10.8.9.0/24
$there ip -6 route add unreachable fd08:9::/64

start_fed first "$PROBE" udp4 all
say first bind
wait_until 'the probe to answer' has_lines first 'listening on|bind ENOTSUP' 1
has_lines first 'bind ENOTSUP' 1 && skip 'this build has no queue of errors'
say first quit
end first

# Every second datagram is refused, each by a system call of its own (a setting between two lets the
# earlier one leave), so that each send to the friend may meet the refusal of the stranger's.
number=0
while [ $number -lt 150 ]; do
    printf 'send hostile %s 9\nmulticast_ttl 1\nsend friendly %s %s\nmulticast_ttl 1\n' \
        HOSTILE FRIEND PORT
    number=$((number + 1))
done >"$work/burst"

poisoned() {  # type, who refuses, the friend
    start friend $there "$VOLLEY" listen "$3:0"
    await friend 'listening on'
    start_fed poisoned "$PROBE" "$1" all
    say poisoned bind
    await poisoned 'listening on'
    bare=${3#[}
    sed "s/HOSTILE/$2/; s/FRIEND/${bare%]}/; s/PORT/$(port friend)/" "$work/burst" >"$work/both"
    for round in 1 2 3 4; do
        cat "$work/both" >"$work/poisoned.in"
        await poisoned '^send friendly: 8 bytes left' $((round * 150))
        await poisoned '^send hostile: 7 bytes left' $((round * 150))
    done
    await friend ': friendly$' 600
    await poisoned "report: .*:9, $2 says ECONNREFUSED" 600
    [ "$(count friend ': friendly$')" -eq 600 ] || fail 'a datagram was sent twice'
    deny poisoned 'error:'
    deny poisoned 'send .*E[A-Z]'
    [ "$(count poisoned 'report:')" -eq 600 ] || fail 'not one report for each refused datagram'
    before=$(awk '{ print $14 + $15 }' "/proc/$(process poisoned)/stat")
    sleep 1
    after=$(awk '{ print $14 + $15 }' "/proc/$(process poisoned)/stat")
    [ $((after - before)) -le 2 ] || fail "an idle second cost $((after - before)) ticks"
    ok "$1: 600 refusals of one peer, and not one of 600 datagrams to another is lost or fails"
    say poisoned quit
    end poisoned
    interrupt friend
    end friend
}
poisoned udp4 10.9.0.3 10.9.0.2
poisoned udp6 fd09::3 '[fd09::2]'

# What a router says: that there is no way, that the hops were too few, that the path is narrow.
routed() {  # type, far address, the network without a way, the router, types and codes, headers
    start_fed remote $far "$PROBE" "$1" info
    say remote bind
    await remote 'listening on'
    end=$(port remote)
    start_fed near "$PROBE" "$1" all
    say near bind
    await near 'listening on'
    say near send lost "$3" 9
    await near "report: .*:9, $4 says E(HOST|NET)UNREACH, type $5, mtu 0"
    say near send_with few "$2" "$end" 1 - -
    await near "report: .*:$end, $4 says EHOSTUNREACH, type $6, mtu 0"
    ok "$1: a router's 'no way' and 'no hops left' are told apart, each with its destination"
    say near send_with many "$2" "$end" 9 186 -
    await remote 'message: 4 bytes.*: many$'
    await remote "journey: to $2, 8 hops left, DSCP 46, ECN 2"
    say near send_with plain "$2" "$end" - - -
    await remote "journey: to $2, 63 hops left, DSCP 0, ECN 0"
    ok "$1: hops and class of one send, and of no other, as the far host sees them"
    say near path_mtu "$2"
    await near 'path_mtu: 1500'
    say near send_uncut 1400 "$2" "$end"
    await near "report: .*:$end, $4 says EMSGSIZE, type $7, mtu 1280"
    expect near 'send_uncut 1400: 1400 bytes left'
    say near path_mtu "$2"
    await near 'path_mtu: 1280'
    room=$((1280 - $8))
    say near send_uncut $((room + 1)) "$2" "$end"
    await near "send_uncut $((room + 1)): send EMSGSIZE"
    say near send_uncut $room "$2" "$end"
    await remote "message: $room bytes"
    say near send_size $((room + 1)) "$2" "$end"
    await remote "message: $((room + 1)) bytes"
    [ "$(count near 'says EMSGSIZE')" -eq 1 ] || fail 'what has not left is reported'
    ok "$1: a path's MTU is found, to the byte; what may be cut is cut all the same"
    deny near 'error:'
    say near quit
    end near
    say remote quit
    end remote
}
routed udp4 10.8.0.2 10.8.9.9 10.9.0.2 '3, code 1' '11, code 0' '3, code 4' 28
routed udp6 fd08::2 fd08:9::9 'fd09::[23]' '1, code [03]' '3, code 0' '2, code 0' 48

# A connected client hears only whom it has asked.
answered() {  # type, the second address
    start_fed server $there "$PROBE" "$1" info
    say server bind
    await server 'listening on'
    say server echo
    start_fed client "$PROBE" "$1"
    say client connect "$2" "$(port server)"
    await client 'connected to'
    say client send question
    await client 'message: 8 bytes, .*: question$'
    ok "$1: the answer comes from the address that was asked"
    say client quit
    end client
    say server quit
    end server
}
answered udp4 10.9.0.3
answered udp6 fd09::3
