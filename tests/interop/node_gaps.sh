#!/bin/sh
# What Node gets wrong, and we do not: each case in our words (gaps.cpp) beside the same in Node
# (node/gaps.js). It fails when ours is wrong; that Node's has been mended is good news, and said.
# shellcheck source=tests/harness.sh source=tests/hosts.sh disable=SC2034,SC2086,SC2154
. "$(dirname "$0")/../harness.sh"
need node
ours=${GAPS:-tests/interop/gaps.exe}
need_built "$ours"
node=$(node --version)

gap() {  # name, in a sentence, what is right
    run 0 "$ours" "$1"
    our_answer=$(cat "$work/run.out")
    [ "$our_answer" = "$3" ] || fail "$1: $2: ours $our_answer, where right is: $3"
    run 0 node tests/interop/node/gaps.js "$1"
    node_answer=$(cat "$work/run.out")
    if [ "$node_answer" = "$3" ]; then
        ok "$1: $2: $our_answer (Node $node too: it has been mended)"
    else
        ok "$1: $2: $our_answer (Node $node: $node_answer)"
    fi
}

gap disconnect 'a socket that was connected and disconnects' 'the same port, hears'
gap stranger 'a socket that a stranger wrote to before it was connected to its peer' 'hears peer'
gap nul 'the name localhost\0.example.com' refused
gap zone 'the address ::1%nosuchif' refused
gap block_list 'a block list with 127.0.0.1, asked for what means the same' \
    'blocks ::ffff:127.0.0.1 ::127.0.0.1 2002:7f00:1:: 64:ff9b::7f00:1'
gap timer 'a timer of 2^31 ms' waits
