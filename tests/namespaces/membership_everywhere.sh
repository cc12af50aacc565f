#!/bin/sh
# Joining on every interface: a host on two wires hears both; a membership of one hears one.
# shellcheck source=tests/harness.sh source=tests/hosts.sh disable=SC2034,SC2086,SC2154
. "$(dirname "$0")/../harness.sh"
. "$(dirname "$0")/../hosts.sh"
need_built "$VOLLEY" "$PROBE"

add_host third
quicken "$third"
ip link add veth2 type veth peer name veth3 netns "$(process third)"
ip address add 10.10.0.1/24 dev veth2
ip -6 address add fd10::1/64 dev veth2 nodad
ip link set veth2 up
$third ip address add 10.10.0.2/24 dev veth3
$third ip -6 address add fd10::2/64 dev veth3 nodad
$third ip link set veth3 up
await_link '' veth2
await_link "$third" veth3
# So that "no interface" means the first wire.
ip route add 224.0.0.0/4 dev veth0

everywhere() {  # type, group, interface here, there, over there at the third, two unicasts here
    group=$(echo "$2" | tr -d '[]')
    start_fed probe "$PROBE" "$1"
    say probe join "$group" ${3:+"$3"}
    await probe 'join: done'
    await probe 'listening on'
    at=$(port probe)
    run 0 $there "$VOLLEY" send --interface "$4" "$2:$at" first-wire
    await probe ': first-wire$'
    run 0 $third "$VOLLEY" send --interface "$5" "$2:$at" second-wire
    run 0 $third "$VOLLEY" send "$7:$at" marker
    await probe ': marker$'
    deny probe ': second-wire$'
    ok "$1: a membership of one interface hears one wire"

    say probe join_everywhere "$group"
    await probe 'join_everywhere: done'
    run 0 $there "$VOLLEY" send --interface "$4" "$2:$at" both-first
    await probe ': both-first$'
    run 0 $third "$VOLLEY" send --interface "$5" "$2:$at" both-second
    await probe ': both-second$'
    [ "$(count probe ': both-')" -eq 2 ] || fail 'a datagram was delivered twice'
    ok "$1: a membership everywhere hears both, each datagram once"
    say probe join_everywhere "$group"
    await probe 'join_everywhere: done' 2
    ok "$1: and may be joined twice"

    say probe leave "$group"
    await probe 'leave: done'
    run 0 $there "$VOLLEY" send --interface "$4" "$2:$at" gone-first
    run 0 $third "$VOLLEY" send --interface "$5" "$2:$at" gone-second
    run 0 $there "$VOLLEY" send "$6:$at" last-first
    run 0 $third "$VOLLEY" send "$7:$at" last-second
    await probe ': last-first$'
    await probe ': last-second$'
    deny probe ': gone-'
    say probe leave "$group"
    await probe 'leave: dropMembership EADDRNOTAVAIL'
    ok "$1: dropping without an interface drops all"
    say probe quit
    end probe
}

everywhere udp4 239.1.2.3 '' 10.9.0.2 10.10.0.2 10.9.0.1 10.10.0.1
everywhere udp6 '[ff15::114]' ::%veth0 ::%veth1 ::%veth3 '[fd09::1]' '[fd10::1]'
