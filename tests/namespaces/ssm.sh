#!/bin/sh
# Source-specific multicast (RFC 4607) between two hosts: of two senders in one group only the
# wanted one is heard.
# shellcheck source=tests/harness.sh source=tests/hosts.sh disable=SC2034,SC2086,SC2154
. "$(dirname "$0")/../harness.sh"
. "$(dirname "$0")/../hosts.sh"
need_built "$VOLLEY" "$PROBE"

say_in_group() {  # from, group, port, interface, text
    run 0 $there "$VOLLEY" send --from "$1:0" --interface "$4" "$2:$3" "$5"
}

tool() {  # type, wanted, unwanted, group, interface here, bound, wanted's interface, unwanted's
    bare=$(echo "$2" | tr -d '[]')
    start listener "$VOLLEY" listen --count 1 --group "$(echo "$4" | tr -d '[]')" \
        --source "$bare" --interface "$5" "$6:0"
    await listener 'listening on'
    say_in_group "$3" "$4" "$(port listener)" "$8" unwanted
    say_in_group "$2" "$4" "$(port listener)" "$7" wanted
    end listener
    expect listener ' 6 bytes: wanted$'
    deny listener ': unwanted'
    ok "$1: the wanted source is heard, the other is not"
}

tool udp4 10.9.0.2 10.9.0.3 232.1.1.1 10.9.0.1 0.0.0.0 10.9.0.2 10.9.0.3
tool udp6 '[fd09::2]' '[fd09::3]' '[ff35::8000:114]' ::%veth0 '[::]' ::%veth1 ::%veth1

members() {  # type, source, other source, group, interface, unicast here, interface there
    first=$(echo "$2" | tr -d '[]')
    second=$(echo "$3" | tr -d '[]')
    group=$(echo "$4" | tr -d '[]')
    start_fed probe "$PROBE" "$1"
    say probe join_source "$first" "$group" "$5"
    await probe 'join_source: done'
    await probe 'listening on'
    at=$(port probe)
    say_in_group "$2" "$4" "$at" "$7" one
    await probe ': one$'
    say probe join_source "$first" "$group" "$5"
    await probe 'join_source: addSourceSpecificMembership EADDRINUSE'
    say probe join_source "$second" "$group" "$5"
    await probe 'join_source: done' 2
    say_in_group "$3" "$4" "$at" "$7" two
    await probe ': two$'
    say probe leave_source "$first" "$group" "$5"
    await probe 'leave_source: done'
    say_in_group "$2" "$4" "$at" "$7" gone
    say_in_group "$3" "$4" "$at" "$7" three
    await probe ': three$'
    deny probe ': gone$'
    say probe leave_source "$second" "$group" "$5"
    await probe 'leave_source: done' 2
    say probe leave_source "$second" "$group" "$5"
    await probe 'leave_source: dropSourceSpecificMembership EADDRNOTAVAIL'
    say_in_group "$3" "$4" "$at" "$7" gone
    run 0 $there "$VOLLEY" send "$6:$at" last
    await probe ': last$'
    deny probe ': gone$'
    ok "$1: sources come and go one by one"
    say probe quit
    end probe
}

members udp4 10.9.0.2 10.9.0.3 232.1.1.1 10.9.0.1 10.9.0.1 10.9.0.2
members udp6 '[fd09::2]' '[fd09::3]' '[ff35::8000:114]' ::%veth0 '[fd09::1]' ::%veth1
