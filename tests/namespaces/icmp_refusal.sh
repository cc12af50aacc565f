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

    # Refusals that come while the rest of a tick's sends leave are none of theirs.
    number=0
    while [ $number -lt 100 ]; do
        echo "send burst-$number"
        number=$((number + 1))
    done >"$work/burst"
    cat "$work/burst" >"$work/connected.in"
    await connected '^send burst-[0-9]+: [0-9]+ bytes left' 100
    deny connected 'send .*E[A-Z]'
    ok "$1: a hundred sends of one tick: whatever refusals come, none is a send's own"

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
