#!/bin/sh
# The README's program on a bad internet, pasted as a user would: it compiles with the command that
# stands there, does what it says, and does it again; another seed does something else.
# shellcheck source=tests/harness.sh disable=SC2154
. "$(dirname "$0")/../harness.sh"
[ -f libvolley-simulation.a ] || fail 'there is no libvolley-simulation.a; make makes it'

sed -n '/^## Test your protocol/,/^## The/p' README.md >"$work/section"
sed -n '/^```cpp$/,/^```$/p' "$work/section" | grep -v '^```' >"$work/bad_internet.cpp"
command=$(sed -n 's/^    make && c++ //p' "$work/section" |
    sed "s|bad_internet|$work/bad_internet|g")

# shellcheck disable=SC2086
run 0 ${CXX:-c++} $command
ok 'the program compiles with the command'
run 0 "$work/bad_internet" --seed=7
expect run '^100 answers to [0-9]+ questions; hash [0-9a-f]{16}$'
cp "$work/run.out" "$work/first"
run 0 "$work/bad_internet" --seed=7
cmp -s "$work/first" "$work/run.out" || fail 'the same seed is another run'
run 0 "$work/bad_internet" --seed=8
! cmp -s "$work/first" "$work/run.out" || fail 'another seed is the same run'
ok "one seed, one run: $(cat "$work/first")"
