#!/bin/sh
# Node's dgram in a multicast group, both directions, on this host and between two. In a namespace,
# because the loopback interface has no IPv6 multicast: there it is looped back by another one.
# shellcheck source=tests/harness.sh source=tests/hosts.sh disable=SC2034,SC2086,SC2154
. "$(dirname "$0")/../harness.sh"
need node
need_built "$VOLLEY"
. "$(dirname "$0")/../hosts.sh"
node=tests/interop/node

multicast() {  # what it is, type, group, interface of ours, bound, Node's host, and its interface
    start listener "$VOLLEY" listen --count 1 --group "$3" --interface "$4" "$5:0"
    await listener 'listening on'
    run 0 $6 node $node/group.js "$2" "$3" "$7" tell "$(port listener)" 'hello from Node'
    end listener
    expect listener ' 15 bytes: hello from Node$'
    ok "$1: Node's multicast is heard"
    start node $6 node $node/group.js "$2" "$3" "$7" hear
    await node 'listening on'
    group=$3
    [ "$2" = udp4 ] || group="[$3]"
    run 0 "$VOLLEY" send --interface "$4" "$group:$(port node)" 'hello from volley'
    end node
    expect node '^heard: hello from volley'
    ok "$1: and Node hears ours"
}
multicast 'udp4, loopback' udp4 224.0.0.114 127.0.0.1 0.0.0.0 '' 127.0.0.1
multicast 'udp6, looped back' udp6 ff15::114 ::%veth0 '[::]' '' ::%veth0
multicast 'udp4, the other host' udp4 239.1.2.3 10.9.0.1 0.0.0.0 "$there" 10.9.0.2
multicast 'udp6, the other host' udp6 ff15::114 ::%veth0 '[::]' "$there" ::%veth1
