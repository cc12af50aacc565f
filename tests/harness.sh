# What the checks written in shell share, sourced by each: a folder for what they write, processes
# that cannot outlive them, and words for what was shown. The catch: a shell's background process
# ignores SIGINT, unless it is started by timeout(1), which everything here is.
#     ok TEXT, fail TEXT           one line for each thing shown; the end, with all last words
#     need PROGRAM...              or the end with status 77: skipped
#     run STATUS COMMAND...        in the foreground: output in $work/run.out and run.err
#     start NAME COMMAND...        in the background: output in $work/NAME.out and NAME.err
#     expect NAME PATTERN          or the end; NAME ("run", too) has written such a line, to either
#     deny NAME PATTERN            and that it has not
#     count NAME PATTERN           how many such lines
#     await NAME PATTERN [COUNT]   until there are as many (one)
#     port NAME                    the number at the end of the first line with "on"
#     say NAME TEXT                a line for the standard input of what start_fed started
#     interrupt NAME; end NAME [STATUS]
#     ask PATTERN ADDRESS TEXT     the tool sends, and gets such an answer
# Variables: VOLLEY, PROBE, EXAMPLES_DIR and SUFFIX say where the programs are; `limit` is how many
# seconds one may run.
# shellcheck shell=sh
set -u
LC_ALL=C
export LC_ALL
script=$(cd "$(dirname "$0")" && pwd)/$(basename "$0")
cd "$(dirname "$script")/../.." || exit 1

VOLLEY=${VOLLEY:-./volley}
PROBE=${PROBE:-tests/namespaces/probe.exe}
EXAMPLES_DIR=${EXAMPLES_DIR:-tools/examples}
SUFFIX=${SUFFIX:-.example}
limit=60
started=

work=$(mktemp -d) || exit 1
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

clean_up() {
    for clean_name in $started; do
        eval "kill -TERM \$timeout_$clean_name" 2>/dev/null
    done
    wait
    rm -rf "$work"
}

ok() {
    printf 'ok: %s\n' "$*"
}

fail() {
    printf 'FAILED: %s\n' "$*"
    for fail_file in "$work"/*.out "$work"/*.err; do
        [ -s "$fail_file" ] || continue
        printf '    %s:\n' "${fail_file##*/}"
        tail -n 12 "$fail_file" | cut -c 1-200 | cat -v | sed 's/^/    | /'
    done
    exit 1
}

skip() {
    printf 'skipped: %s\n' "$*"
    exit 77
}

need() {
    for need_program; do
        command -v "$need_program" >/dev/null || skip "$need_program is not installed"
    done
}

need_built() {
    for need_program; do
        [ -x "$need_program" ] || fail "$need_program is not built; make programs does it"
    done
}

# ---- Processes -----------------------------------------------------------------------------------

run() {
    run_status=$1
    shift
    timeout --kill-after=2 "$limit" "$@" >"$work/run.out" 2>"$work/run.err" <"${input:-/dev/null}"
    judge_status run $? "$run_status" "$*"
}

judge_status() {  # name, status, what it should be, what ran
    if grep -aq 'Sanitizer\|runtime error:' "$work/$1.err"; then fail "a sanitizer's report: $4"; fi
    [ "$2" -eq "$3" ] || fail "status $2 instead of $3: $4"
}

start() {
    start_name=$1
    shift
    : >"$work/$start_name.out"
    : >"$work/$start_name.err"
    rm -f "$work/$start_name.pid"
    # Its own number, because signals are for it and not for timeout.
    # shellcheck disable=SC2016
    timeout --foreground --kill-after=2 "$limit" \
        sh -c 'echo $$ >"$0.part"; mv "$0.part" "$0.pid"; exec "$@"' "$work/$start_name" "$@" \
        <"${input:-/dev/null}" >"$work/$start_name.out" 2>"$work/$start_name.err" &
    eval "timeout_$start_name=$!"
    started="$started $start_name"
    wait_until "$start_name to start" test -f "$work/$start_name.pid"
}

# As start, with a standard input that stays open and that say() writes to.
start_fed() {
    rm -f "$work/$1.in"
    mkfifo "$work/$1.in" || fail "no fifo can be made"
    # Both ends in one descriptor, so that no writer's end is the end of it.
    fed_name=$1
    shift
    # shellcheck disable=SC2016
    start "$fed_name" sh -c 'exec "$@" <>"$0"' "$work/$fed_name.in" "$@"
}

say() {
    say_name=$1
    shift
    printf '%s\n' "$*" >"$work/$say_name.in"
}

wait_until() {  # what, command...
    wait_what=$1
    shift
    wait_turns=0
    until "$@"; do
        wait_turns=$((wait_turns + 1))
        [ $wait_turns -lt 600 ] || fail "waited 30 s in vain for $wait_what"
        sleep 0.05
    done
}

process() {  # name
    cat "$work/$1.pid"
}

interrupt() {
    kill -INT "$(process "$1")" || fail "$1 has ended before it was interrupted"
}

end() {  # name, status
    eval "end_timeout=\$timeout_$1"
    wait "$end_timeout"
    end_status=$?
    end_others=
    for end_name in $started; do
        [ "$end_name" = "$1" ] || end_others="$end_others $end_name"
    done
    started=$end_others
    judge_status "$1" $end_status "${2:-0}" "$1"
}

# ---- What they wrote -----------------------------------------------------------------------------

count() {
    cat "$work/$1.out" "$work/$1.err" | grep -acE -e "$2"
}

has_lines() {
    [ "$(count "$1" "$2")" -ge "$3" ]
}

expect() {
    has_lines "$1" "$2" 1 || fail "$1 has not written '$2'"
}

deny() {
    ! has_lines "$1" "$2" 1 || fail "$1 has written '$2'"
}

await() {
    wait_until "$1 to write '$2'" has_lines "$1" "$2" "${3:-1}"
}

port() {
    cat "$work/$1.out" "$work/$1.err" |
        sed -n 's/.*\(on\|to\|listening\) .*:\([0-9][0-9]*\)$/\2/p' | sed -n 1p
}

ask() {
    ask_pattern=$1
    shift
    start ask "$VOLLEY" send --wait "$limit" "$@"
    await ask "$ask_pattern"
    interrupt ask
    end ask
}

# ---- Namespaces ----------------------------------------------------------------------------------

# Runs the script once more, as root of namespaces of its own; what follows runs in these only.
enter() {  # flags of unshare
    [ -z "${VOLLEY_INSIDE:-}" ] || return 0
    need unshare
    unshare "$@" true 2>"$work/run.err" || skip "unshare $*: $(cat "$work/run.err")"
    VOLLEY_INSIDE=1
    export VOLLEY_INSIDE VOLLEY PROBE EXAMPLES_DIR SUFFIX
    timeout --foreground --kill-after=5 240 unshare "$@" sh "$script"
    exit
}
