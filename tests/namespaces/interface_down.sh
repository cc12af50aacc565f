#!/bin/sh
# An interface that goes down: the sends that wanted it fail, each with its own error, others leave,
# and when it is up again everything works, on the same sockets.
# shellcheck source=tests/harness.sh source=tests/hosts.sh disable=SC2034,SC2086,SC2154
. "$(dirname "$0")/../harness.sh"
. "$(dirname "$0")/../hosts.sh"
need_built "$VOLLEY" "$PROBE"

# IPv6 addresses would go with the interface.
setting '' ipv6/conf/veth0/keep_addr_on_down 1

goes_down() {  # type, theirs, loopback
    start server $there "$VOLLEY" echo --rate 0 "$2:0"
    await server 'echoing on'
    start loopback "$VOLLEY" echo --rate 0 "$3:0"
    await loopback 'echoing on'
    theirs=${2#[}
    theirs=${theirs%]}
    ours=${3#[}
    ours=${ours%]}
    far=$(port server)
    near=$(port loopback)

    start_fed unconnected "$PROBE" "$1"
    say unconnected send before "$theirs" "$far"
    await unconnected 'message: 6 bytes, .*: before'
    start_fed connected "$PROBE" "$1"
    say connected connect "$theirs" "$far"
    say connected send before
    await connected 'message: 6 bytes, .*: before'

    ip link set veth0 down
    printf 'send one %s %s\nsend two %s %s\nsend three %s %s\n' "$theirs" "$far" "$ours" "$near" \
        "$theirs" "$far" >"$work/unconnected.in"
    await unconnected 'message: 3 bytes, .*: two'
    expect unconnected "send one: send ENET(UNREACH|DOWN) $theirs:$far"
    expect unconnected 'send two: 3 bytes left'
    expect unconnected "send three: send ENET(UNREACH|DOWN) $theirs:$far"
    deny unconnected 'error:'
    ok "$1: what wanted the interface failed; what stood between arrived"

    say connected send four
    await connected "send four: send ENET(UNREACH|DOWN) $theirs:$far"
    deny connected 'error:'
    ok "$1: on a connected socket it is the error of the send too"

    ip link set veth0 up
    say unconnected send again "$theirs" "$far"
    await unconnected 'message: 5 bytes, .*: again'
    say connected send again
    await connected 'message: 5 bytes, .*: again'
    ok "$1: both sockets talk again when it is up"
    for name in unconnected connected; do
        say $name quit
        end $name
    done
    for name in server loopback; do
        interrupt $name
        end $name
    done
}

goes_down udp4 10.9.0.2 127.0.0.1
goes_down udp6 '[fd09::2]' '[::1]'

# The other side of the cable: nobody hears, and nobody is told.
start_fed probe "$PROBE" udp4
$there ip link set veth1 down
say probe send lost 10.9.0.2 9
await probe 'send lost: 4 bytes left'
$there ip link set veth1 up
deny probe 'error:'
ok "the other host's interface down: the datagram is lost, which is no error"
say probe quit
end probe
