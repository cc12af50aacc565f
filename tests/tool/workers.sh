#!/bin/sh
# `volley echo --workers N`: one port for all, an end by each signal, a successor for each one that
# dies, and nobody left when the primary is killed.
# Catch: asks /proc for the workers, so it is for Linux.
# shellcheck source=tests/harness.sh disable=SC2154
. "$(dirname "$0")/../harness.sh"
need_built "$VOLLEY"
[ -r "/proc/$$/task/$$/children" ] || skip 'this system does not tell whose child is whose'

workers_of() {  # name: their numbers
    cat "/proc/$(process "$1")/task/$(process "$1")/children"
}

number_of_workers() {
    workers_of "$1" | wc -w
}

has_workers() {  # name, number
    [ "$(number_of_workers "$1")" -eq "$2" ]
}

has_some_workers() {  # name, number
    [ "$(number_of_workers "$1")" -ge "$2" ]
}

all_gone() {  # numbers; what nobody has reaped has no command line
    for gone_number; do
        [ ! -r "/proc/$gone_number/cmdline" ] ||
            [ -z "$(tr -d '\0' <"/proc/$gone_number/cmdline" 2>/dev/null)" ] || return 1
    done
}

# Starts "echo", all of whose workers listen.
start_echo() {  # arguments
    start echo "$VOLLEY" echo "$@"
    await echo '^echoing on 127\.0\.0\.1:[0-9]+$'
    at=$(port echo)
}

answers() {
    ask "^127\\.0\\.0\\.1:$at 5 bytes: hello\$" "$at" hello
}

summaries() {  # how many workers, of those that say how many datagrams they have had
    count echo '^worker [0-9]+: sent [0-9]+ datagrams? .* in [0-9.]+ s$'
}

# ---- One port ------------------------------------------------------------------------------------

start_echo --workers 3 0
has_workers echo 3 || fail "$(number_of_workers echo) workers"
[ "$(count echo '^echoing on')" -eq 1 ] || fail 'it is said more than once'
answers
run 1 "$VOLLEY" echo "$at"
expect run "^volley: bind EADDRINUSE 127\\.0\\.0\\.1:$at\$"
ok 'three workers echo on one port, which nobody else gets'

interrupt echo
end echo
[ "$(summaries)" -eq 3 ] || fail 'not every worker has said what it has done'
expect echo '^worker [123]: sent 1 datagram \(5 bytes\), received 1 datagram \(5 bytes\) in '
deny echo '^volley: '
ok 'SIGINT ends them all, with a summary each'

start_echo --workers 2 0
workers=$(workers_of echo)
kill -TERM "$(process echo)"
end echo
# shellcheck disable=SC2086
all_gone $workers || fail 'workers are left'
[ "$(summaries)" -eq 2 ] || fail 'not every worker has said what it has done'
deny echo '^volley: '
ok 'SIGTERM, too'

start_echo --workers 2 0
# As a terminal does it: to all of them, in any order.
# shellcheck disable=SC2046
kill -INT $(workers_of echo) "$(process echo)"
end echo
deny echo '^volley: '
ok 'so does a signal to the whole group'

start echo "$VOLLEY" echo --workers 2 --duration 0.2 0
end echo
deny echo '^volley: '
[ "$(summaries)" -eq 2 ] || fail 'not every worker has said what it has done'
ok 'so does --duration'

for moment in 1 2 3 4 5 6 7 8; do
    start echo "$VOLLEY" echo --workers 8 0
    wait_until 'the first workers' has_some_workers echo $moment
    kill -TERM "$(process echo)"
    end echo
    deny echo '^volley: '
done
ok 'so does a signal while they start'

at=$("$EXAMPLES_DIR/exclusive_bind$SUFFIX" 0 | sed 's/.*://')
start_echo --workers 2 --reuse-port "$at"
answers
interrupt echo
end echo
[ "$(summaries)" -eq 2 ] || fail 'not every worker has said what it has done'
ok '--reuse-port: each has a socket of its own'

start unix "$VOLLEY" echo --workers 2 "$work/echo.sock"
await unix "^echoing on $work/echo\\.sock\$"
ask "^$work/echo\\.sock 5 bytes: hello\$" --from "$work/back" "$work/echo.sock" hello
interrupt unix
end unix
[ ! -e "$work/echo.sock" ] || fail 'the path is still there'
ok 'a unix socket is shared, and its path goes with them'

# ---- Deaths --------------------------------------------------------------------------------------

start_echo --workers 2 0
# shellcheck disable=SC2046
set -- $(workers_of echo)
kill -KILL "$1"
await echo '^volley: worker [12] was ended by signal 9, and is replaced$'
wait_until 'a successor' has_workers echo 2
case " $(workers_of echo) " in *" $1 "*) fail 'the dead one is still there' ;; esac
kill -KILL "$2"
await echo '^volley: worker [12] was ended by signal 9, and is replaced$' 2
answers
interrupt echo
end echo
deny echo '^volley: worker [34]'
ok 'a worker that is killed is replaced, and the port stays'

for options in --workers=2 "--workers=2 --reuse-port"; do
    # shellcheck disable=SC2086
    start_echo $options "$at"
    workers=$(workers_of echo)
    kill -KILL "$(process echo)"
    end echo 137
    # shellcheck disable=SC2086
    wait_until 'the workers to end' all_gone $workers
    [ "$(summaries)" -eq 2 ] || fail 'not every worker has ended by itself'
    ok "$options: the primary is killed, and no worker is left"
done

# ---- Failures, each told once --------------------------------------------------------------------

failure() {  # the line, arguments
    failure_pattern=$1
    shift
    run 1 "$VOLLEY" echo "$@"
    expect run "^volley: $failure_pattern\$"
    [ "$(count run '^volley: ')" -eq 1 ] || fail "more than one complaint: $*"
    deny run '^echoing'
    ok "1: $failure_pattern"
}

start_echo 0
failure "bind EADDRINUSE 127\\.0\\.0\\.1:$at" --workers 3 "$at"
failure "bind EADDRINUSE 127\\.0\\.0\\.1:$at" --workers 3 --reuse-port "$at"
interrupt echo
end echo
failure 'bind EADDRNOTAVAIL 192\.0\.2\.99' --workers 3 192.0.2.99:0

misuse() {  # the line, arguments
    misuse_pattern=$1
    shift
    run 2 "$VOLLEY" echo "$@"
    expect run "^volley: $misuse_pattern\$"
    ok "2: $misuse_pattern"
}

misuse "'0' is no value for --workers: a number from 1 to 1024 is" --workers 0
misuse '--count is for one process: not with --workers' --workers 2 --count 1
misuse 'each worker binds the port by itself with --reuse-port: which one is missing' \
    --workers 2 --reuse-port
