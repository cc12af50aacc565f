#!/bin/sh
# A process that may have few descriptors, from three upward: each verb of the tool says what it
# lacks and ends, or works; it neither hangs nor crashes.
# Catch: the dynamic linker needs one itself, so standard input is closed to leave it that.
# shellcheck source=tests/harness.sh disable=SC2154
. "$(dirname "$0")/../harness.sh"
need_built "$VOLLEY"

# few N ARGUMENTS...: the status, or the end.
few() {
    few_limit=$1
    shift
    (
        ulimit -n "$few_limit" || exit 99
        exec timeout --kill-after=2 20 "$VOLLEY" "$@"
    ) <&- >"$work/few.out" 2>"$work/few.err"
    few_status=$?
    case $few_status in
    0) works=$((works + 1)) ;;
    1)
        grep -q '^volley: ' "$work/few.err" || fail "$few_limit descriptors, $*: no word why"
        fails=$((fails + 1))
        ;;
    *) fail "$few_limit descriptors, $*: status $few_status" ;;
    esac
}

sweep() {  # arguments
    works=0
    fails=0
    descriptors=3
    while [ $descriptors -le 24 ]; do
        few $descriptors "$@"
        descriptors=$((descriptors + 1))
    done
    [ $fails -gt 0 ] || fail "$*: three descriptors are enough?"
    [ $few_status -eq 0 ] || fail "$*: 24 descriptors are too few?"
    ok "volley $*: $fails limits too low, each with its reason; $works high enough"
}

sweep send 127.0.0.1:9 hello
sweep send localhost:9 hello
sweep listen --duration 0.01 0
sweep listen --duration 0.01 '[::1]:0'
sweep echo --duration 0.01 "$work/echo.sock"
sweep listen --duration 0.01 --group 224.0.0.114 --interface 127.0.0.1 0
