#!/bin/sh
# Another host's refusals (ICMP: port unreachable): a connected socket hears of each as one 'error'
# and lives on; an unconnected one never does.
# shellcheck source=tests/harness.sh source=tests/hosts.sh disable=SC2034,SC2086,SC2154
. "$(dirname "$0")/../harness.sh"
. "$(dirname "$0")/../hosts.sh"
need_built "$VOLLEY" "$PROBE"

refused() {  # type, our address, theirs
    # A port that nobody has, but had a moment ago.
    start server $there "$VOLLEY" echo --rate 0 "$3:0"
    await server 'echoing on'
    closed=$(port server)
    interrupt server
    end server

    host=${3#[}
    host=${host%]}
    start_fed connected "$PROBE" "$1"
    say connected connect "$host" "$closed"
    await connected 'connected to'
    say connected send one
    await connected 'error: recvmsg ECONNREFUSED'
    expect connected 'send one: 3 bytes left'
    ok "$1: the send has left, and its refusal is an 'error' of the connected socket"
    say connected send two
    await connected 'error: recvmsg ECONNREFUSED' 2
    say connected send three
    await connected 'error: recvmsg ECONNREFUSED' 3
    [ "$(count connected 'error:')" -eq 3 ] || fail 'more errors than refusals'
    [ "$(count connected '^send')" -eq 3 ] || fail 'not one outcome for each send'
    deny connected 'send .*E[A-Z]'
    ok "$1: one 'error' for each refused datagram, none for a send"

    start server $there "$VOLLEY" echo --rate 0 "$3:$closed"
    await server 'echoing on'
    say connected send four
    await connected "message: 4 bytes, .*: four"
    say connected send five
    await connected "message: 4 bytes, .*: five"
    deny connected 'send .*E[A-Z]'
    ok "$1: the socket lives on: it talks to a server that starts there"
    interrupt server
    end server

    start_fed unconnected "$PROBE" "$1"
    say unconnected bind
    await unconnected 'listening on'
    for word in one two three; do
        say unconnected send $word "$host" "$closed"
        await unconnected "send $word: .* bytes left"
    done
    start server $there "$VOLLEY" echo --rate 0 "$3:$closed"
    await server 'echoing on'
    say unconnected send four "$host" "$closed"
    await unconnected "message: 4 bytes, .*: four"
    deny unconnected 'error:'
    deny unconnected 'send .*E[A-Z]'
    ok "$1: an unconnected socket hears of no refusal, and goes on"
    interrupt server
    end server
    say connected quit
    say unconnected quit
    end connected
    end unconnected
}

refused udp4 10.9.0.1 10.9.0.2
refused udp6 fd09::1 '[fd09::2]'

# Refusals that come back at a pace, while more sends leave, each by a system call of its own (a
# setting between two lets the earlier one leave): one send may meet several, and none is its own.
# How fast they have to come depends on the machine, so there are several paces.
number=0
while [ $number -lt 150 ]; do
    printf 'send burst\nmulticast_ttl 1\n'
    number=$((number + 1))
done >"$work/burst"

hailed() {  # type, their address, rate
    $there tc qdisc replace dev veth1 root tbf rate "$3" burst 3000 latency 2s 2>"$work/run.err" ||
        skip "refusals cannot be paced: $(cat "$work/run.err")"
    start_fed connected "$PROBE" "$1"
    say connected connect "$2" 9
    await connected 'connected to'
    for round in 1 2 3 4 5; do
        cat "$work/burst" >"$work/connected.in"
        await connected '^send burst: ' $((round * 150))
    done
    await connected 'error: recvmsg ECONNREFUSED'
    deny connected 'send .*E[A-Z]'
    say connected quit
    end connected
}

need tc
for rate in 5mbit 10mbit 15mbit 20mbit 25mbit 30mbit 40mbit 60mbit; do
    hailed udp4 10.9.0.2 $rate
    hailed udp6 fd09::2 $rate
done
ok 'refusals at eight paces, among 12000 sends: none is charged to a send'
