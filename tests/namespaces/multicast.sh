#!/bin/sh
# Groups between two hosts: members hear, others and those that have left do not; interfaces by
# address, name and number; a hop limit of 0 stays at home.
# shellcheck source=tests/harness.sh source=tests/hosts.sh disable=SC2034,SC2086,SC2154
. "$(dirname "$0")/../harness.sh"
. "$(dirname "$0")/../hosts.sh"
need_built "$VOLLEY" "$PROBE"

number=$(ip -o link show dev veth0 | cut -d: -f1)

# Joins, says so, and hears what the other host says to the group.
hears() {  # description, group, interface here, bound to, group as a destination, interface there
    start listener "$VOLLEY" listen --count 1 --group "$2" ${3:+--interface "$3"} "$4:0"
    await listener 'listening on'
    run 0 $there "$VOLLEY" send --interface "$6" "$5:$(port listener)" "hello, $1"
    end listener
    expect listener ": hello, $1\$"
    ok "$1: heard from the other host"
}

hears 'udp4, by address' 239.1.2.3 10.9.0.1 0.0.0.0 239.1.2.3 10.9.0.2
hears 'udp6, by name' ff15::114 ::%veth0 '[::]' '[ff15::114]' ::%veth1
hears 'udp6, by number' ff15::114 "::%$number" '[::]' '[ff15::114]' ::%veth1
hears "udp6, by the group's zone" ff15::114%veth0 '' '[::]' '[ff15::114%veth1]' ::%veth1
hears 'udp6, link-local' ff02::114 ::%veth0 '[::]' '[ff02::114]' ::%veth1

# The other direction.
start listener $there "$VOLLEY" listen --count 1 --group 239.1.2.3 --interface 10.9.0.2 0
await listener 'listening on'
run 0 "$VOLLEY" send --interface 10.9.0.1 "239.1.2.3:$(port listener)" 'hello from here'
end listener
expect listener '^10.9.0.1:[0-9]+ 15 bytes: hello from here$'
ok 'udp4: the other host hears this one'
start listener $there "$VOLLEY" listen --count 1 --group ff15::114 --interface ::%veth1 '[::]:0'
await listener 'listening on'
run 0 "$VOLLEY" send --interface ::%veth0 "[ff15::114]:$(port listener)" 'hello from here'
end listener
expect listener '15 bytes: hello from here$'
ok 'udp6: the other host hears this one'

# A member among others, by what the probe prints; what came last shows what did not come before.
membership() {  # type, group, interface here, unicast here, group as destination, interface there
    start_fed probe "$PROBE" "$1"
    say probe bind
    await probe 'listening on'
    at=$(port probe)
    run 0 $there "$VOLLEY" send --interface "$6" "$5:$at" stranger
    run 0 $there "$VOLLEY" send "$4:$at" first
    await probe ': first$'
    deny probe 'stranger'
    ok "$1: who has not joined does not hear"
    say probe join "$2" "$3"
    await probe 'join: done'
    run 0 $there "$VOLLEY" send --interface "$6" "$5:$at" member
    await probe ': member$'
    say probe join "$2" "$3"
    await probe 'join: addMembership EADDRINUSE'
    say probe leave "$2" "$3"
    await probe 'leave: done'
    run 0 $there "$VOLLEY" send --interface "$6" "$5:$at" left
    run 0 $there "$VOLLEY" send "$4:$at" last
    await probe ': last$'
    deny probe ': left$'
    say probe leave "$2" "$3"
    await probe 'leave: dropMembership EADDRNOTAVAIL'
    ok "$1: a member hears until it leaves"
    say probe quit
    end probe
}

membership udp4 239.1.2.3 10.9.0.1 10.9.0.1 239.1.2.3 10.9.0.2
membership udp6 ff15::114 ::%veth0 '[fd09::1]' '[ff15::114]' ::%veth1

# Hops: 1 unless told otherwise reaches the neighbour; 0 does not leave the host, which Linux sees
# to only where the host is a member itself.
hops() {  # type, group, interface, unicast there, bound there, interface there
    start listener $there "$VOLLEY" listen --group "$2" --interface "$6" "$5:0"
    await listener 'listening on'
    at=$(port listener)
    start_fed probe "$PROBE" "$1"
    say probe bind
    say probe send - "$4" "$at"
    await listener '1 byte: -'
    say probe join "$2" "$3"
    say probe interface "$3"
    say probe multicast_ttl 0
    say probe send none "$2" "$at"
    say probe multicast_ttl 1
    say probe send one "$2" "$at"
    await listener ': one$'
    deny listener ': none$'
    expect probe 'send none: 4 bytes left'
    ok "$1: no hop stays on this host, one reaches the other"
    say probe quit
    end probe
    interrupt listener
    end listener
}

hops udp4 239.1.2.3 10.9.0.1 10.9.0.2 0.0.0.0 10.9.0.2
hops udp6 ff15::114 ::%veth0 fd09::2 '[::]' ::%veth1
