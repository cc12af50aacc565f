#!/bin/sh
# A network card that is taken away and put back is another one to the kernel: who has asked to join
# again hears its groups on it, by name, number or address, and everywhere; who has not, does not.
# shellcheck source=tests/harness.sh source=tests/hosts.sh disable=SC2034,SC2086,SC2154
. "$(dirname "$0")/../harness.sh"
. "$(dirname "$0")/../hosts.sh"
need_built "$VOLLEY" "$PROBE"

add_host third
quicken "$third"

plug() {
    ip link add veth2 type veth peer name veth3 netns "$(process third)"
    ip address add 10.10.0.1/24 dev veth2
    ip -6 address add fd10::1/64 dev veth2 nodad
    ip link set veth2 up
    $third ip address add 10.10.0.2/24 dev veth3
    $third ip -6 address add fd10::2/64 dev veth3 nodad
    $third ip link set veth3 up
    await_link '' veth2
    await_link "$third" veth3
    number=$(ip -o link show dev veth2 | cut -d: -f1)
}

# Until the list of memberships is as wanted; they are looked at once a second.
await_memberships() {  # pattern
    for turn in 1 2 3 4 5 6 7 8 9 10; do
        say probe memberships
        sleep 0.5
        tail -n 1 "$work/probe.out" | grep -Eq "^memberships:$1\$" && return
    done
    fail "the memberships are not '$1'"
}

rejoins() {  # mode, type, how to join, group, over there, unicast here
    plug
    before=$number
    start_fed probe "$PROBE" "$2" $1
    by=$3
    [ "$by" = number ] && by=$number
    if [ "$by" = everywhere ]; then
        say probe join_everywhere "$4"
        await probe 'join_everywhere: done'
    else
        say probe join "$4" "$by"
        await probe 'join: done'
    fi
    await probe 'listening on'
    at=$(port probe)
    to=$4
    unicast=$6
    [ "$2" = udp6 ] && to="[$4]" unicast="[$6]"
    run 0 $third "$VOLLEY" send --interface "$5" "$to:$at" before
    await probe ': before$'
    ip link del veth2
    if [ "$1" = rejoin ]; then
        [ "$by" = everywhere ] || await_memberships ''
    fi
    plug
    [ "$number" != "$before" ] || fail 'the kernel gave the same number again'
    if [ "$1" = rejoin ]; then
        await_memberships ".* $4 $number"
        run 0 $third "$VOLLEY" send --interface "$5" "$to:$at" after
        await probe ': after$'
        ok "$2, by $3: heard again, on an interface of another number"
    else
        sleep 2
        run 0 $third "$VOLLEY" send --interface "$5" "$to:$at" after
        run 0 $third "$VOLLEY" send "$unicast:$at" marker
        await probe ': marker$'
        deny probe ': after$'
        ok "$2, by $3: not heard any more, unless that was asked for"
    fi
    say probe quit
    end probe
    ip link del veth2
}

# An address that has gone still names where it was joined, for who leaves. "EF010203" backwards.
leaves() {
    plug
    start_fed probe "$PROBE" udp4 rejoin
    say probe join 239.1.2.3 10.10.0.1
    await probe 'join: done'
    grep -q 030201EF /proc/net/igmp || fail 'it is not joined'
    ip address replace 10.10.0.9/24 dev veth2
    ip address del 10.10.0.1/24 dev veth2
    sleep 1.5
    say probe leave 239.1.2.3 10.10.0.1
    await probe 'leave: done'
    await_memberships ''
    grep -q 030201EF /proc/net/igmp && fail 'it is still joined'
    ok 'an address that has gone can be left'
    say probe quit
    end probe
    ip link del veth2
}

rejoins rejoin udp4 veth2 239.1.2.3 10.10.0.2 10.10.0.1
rejoins rejoin udp4 number 239.1.2.3 10.10.0.2 10.10.0.1
rejoins rejoin udp4 10.10.0.1 239.1.2.3 veth3 10.10.0.1
rejoins rejoin udp4 everywhere 239.1.2.3 veth3 10.10.0.1
rejoins '' udp4 veth2 239.1.2.3 10.10.0.2 10.10.0.1
rejoins rejoin udp6 veth2 ff15::114 veth3 fd10::1
rejoins rejoin udp6 fd10::1 ff15::114 ::%veth3 fd10::1
rejoins rejoin udp6 everywhere ff15::114 fd10::2 fd10::1
rejoins '' udp6 veth2 ff15::114 ::%veth3 fd10::1
leaves
