#!/bin/sh
# No route for multicast: the system has no interface to offer, so joining without one is ENODEV;
# joining by interface works, and dropping without one finds it again.
# shellcheck source=tests/harness.sh source=tests/hosts.sh disable=SC2034,SC2086,SC2154
. "$(dirname "$0")/../harness.sh"
. "$(dirname "$0")/../hosts.sh"
need_built "$VOLLEY" "$PROBE"

# IPv6 has a multicast route for each interface in a table of its own, without which it hears
# nothing either.
ipv6_route() {  # add or del
    ip -6 route "$1" multicast ff00::/8 dev veth0 table local || skip 'the route cannot be changed'
}
ipv6_route del

no_route() {  # type, group, interface here, unicast here, interface there
    group=$(echo "$2" | tr -d '[]')
    start_fed probe "$PROBE" "$1"
    say probe join "$group"
    await probe 'join: addMembership E(NODEV|NETUNREACH|ADDRNOTAVAIL)'
    ok "$1: joining without an interface: $(sed -n 's/^join: //p' "$work/probe.out")"
    say probe send lost "$group" 9
    await probe "send lost: send E(NETUNREACH|ADDRNOTAVAIL|NODEV) $group:9"
    ok "$1: so is sending: $(sed -n 's/^send lost: //p' "$work/probe.out")"
    say probe join "$group" "$3"
    await probe 'join: done'
    await probe 'listening on'
    at=$(port probe)
    [ "$1" = udp4 ] || ipv6_route add
    run 0 $there "$VOLLEY" send --interface "$5" "$2:$at" member
    await probe ': member$'
    [ "$1" = udp4 ] || ipv6_route del
    say probe leave "$group"
    await probe 'leave: done'
    [ "$1" = udp4 ] || ipv6_route add
    run 0 $there "$VOLLEY" send --interface "$5" "$2:$at" gone
    run 0 $there "$VOLLEY" send "$4:$at" last
    await probe ': last$'
    deny probe ': gone$'
    say probe leave "$group"
    await probe 'leave: dropMembership EADDRNOTAVAIL'
    ok "$1: joined by interface, dropped without one"
    say probe quit
    end probe
}

no_route udp4 239.1.2.3 10.9.0.1 10.9.0.1 10.9.0.2
no_route udp6 '[ff15::114]' ::%veth0 '[fd09::1]' ::%veth1
