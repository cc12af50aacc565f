#!/bin/sh
# The driver, with contenders that answer whatever is wanted: what it prints, what it writes, and
# that a contender's failure is its own.
. "$(dirname "$0")/../harness.sh"

run 0 make build/bench/driver build/bench/plots

# contender NAME CODE: a program with the rows flood1_small and odd.
contender() {
    # shellcheck disable=SC2016,SC2154
    { echo 'if [ "$1" = --list ]; then echo flood1_small odd; exit; fi' && echo "$2"; } \
        >"$work/$1.sh"
}

# Rounds of 100, 300 and 900, whose median is not their mean; and 400 without offload.
# shellcheck disable=SC2016
contender ours 'case $* in
*off*) value=400 ;;
*)  value=$(cat "$0.next" 2>/dev/null || echo 100)
    echo $((value * 3)) >"$0.next" ;;
esac
printf "$value\tns\t10\t0.5\n"'
contender libuv 'printf "3000\tns\t10\t0\n"'
contender asio 'echo "this machine cannot" >&2; exit 77'
contender raw 'printf "30\tns\t10\t0\n"'
for name in ours libuv asio raw; do
    offload=-
    [ $name != ours ] || offload=offload
    echo "$name $offload sh $work/$name.sh"
done >"$work/programs"
row='flood1_small pinned datagrams 5 0.4'
printf '# Rows.\n%s value<=300 allocs<=0.5 calls<=2 # Odd is not listed.\n' "$row" >"$work/rows"

drive() {  # status, argument...
    drive_status=$1
    shift
    rm -f "$work"/*.next
    run "$drive_status" build/bench/driver --rounds=3 --seconds=0.01 --programs="$work/programs" \
        --rows="$work/rows" --output="$work/bench.tsv" "$@"
}

drive 0 flood
expect run '^flood1_small, offload on$'
expect run '^flood1_small, offload off$'
expect run '^  ours  *300\.0  *100\.0  *900\.0  *1\.00x  *-  *0\.5000$'
expect run '^  ours  *400\.0  *400\.0  *400\.0  *1\.00x  *-  *0\.5000$'
expect run '^  libuv  *3000  *3000  *3000  *10\.00x  *-  *0$'
expect run '^  asio  *left out: this machine cannot$'
expect run '^  goal 5x libuv: 10\.00 met$'
expect run '^  goal 0\.4 of raw: 0\.1000 missed$'
expect run '^  goal at most 300 ns: 300\.0 met$'
expect run '^  goal at most 0\.5 allocs/op: 0\.5000 met$'
expect run '^  goal at most 2 calls/op: not counted$'
expect run '^3 of 4 goals met$'
deny run '^odd'
ok 'a table with medians, ratios and goals'

tr '\t' ' ' <"$work/bench.tsv" | grep -qx 'flood1_small on libuv 3000 3000 3000 ns 10.00 - 0' ||
    fail 'the lines of the results are not what they should be'
[ "$(grep -c '^flood1_small' "$work/bench.tsv")" -eq 6 ] || fail 'there should be six results'
ok 'the results as lines'

run 0 build/bench/plots "$work/bench.tsv" "$work/plots"
grep -q '3,000 ns  (10x)' "$work/plots/flood.svg" || fail 'the chart lacks a bar'
ok 'a chart of them'

echo "$row value<=299 allocs<=0.4" >"$work/rows"
drive 1 flood
expect run '^  goal at most 299 ns: 300\.0 missed$'
expect run '^  goal at most 0\.4 allocs/op: 0\.5000 missed$'
expect run '^1 of 4 goals met$'
echo "$row value<=299" >"$work/rows"
drive 0 flood
expect run '^  goal at most 299 ns: 300\.0 missed$'
echo "$row cals<=13" >"$work/rows"
drive 1 flood
expect run 'rows: cals<=13: no such limit$'
echo "$row" >"$work/rows"
ok 'limits: a value and system calls are goals, allocations a gate, a misspelt one is an error'

# Three contenders of four, three rounds, none traced: 54 seconds of six each.
sed 's/^raw -/raw calls/' "$work/programs" >"$work/programs.calls"
mv "$work/programs.calls" "$work/programs"
{ echo "$row" && echo 'odd free quiet - - run=6'; } >"$work/rows"
drive 0 odd
expect run '3 rounds of 0\.01 s, about 0\.9 minutes'
expect run '^  libuv '
deny run '^  raw '
ok 'a row without calls to count leaves out who differs in these, and the estimate knows'

# Another build of ours: in turns, three pairs whose ratios are 1, 3 and 9, and a rate.
compare() {  # status
    rm -f "$work"/*.next
    for build in before now; do
        printf '#!/bin/sh\nexec sh %s "$@"\n' "$work/$build.sh" >"$work/$build"
        chmod +x "$work/$build"
    done
    run "$1" build/bench/driver --rounds=3 --seconds=0.01 --before="$work/before" \
        --now="$work/now" --rows="$work/rows"
}
# shellcheck disable=SC2016
contender before 'case $1 in odd) printf "50\t1/s\t10\t0\n"; exit ;; esac
printf "100\tns\t10\t0\n"'
# shellcheck disable=SC2016
contender now 'case $1 in odd) printf "100\t1/s\t10\t0\n"; exit ;; esac
value=$(cat "$0.next" 2>/dev/null || echo 100)
echo $((value * 3)) >"$0.next"
printf "$value\tns\t10\t0\n"'
compare 0
expect run '^flood1_small  *3\.0000  *1\.0000 to 9\.0000$'
expect run '^odd  *0\.5000  *0\.5000 to 0\.5000$'
contender before 'echo "a datagram was lost" >&2; exit 1'
compare 1
expect run '^flood1_small  *before FAILED: a datagram was lost$'
run 1 build/bench/driver --before= --now="$work/now"
expect run "^'' has no rows: --before wants a build of build/bench/ours\$"
ok 'two builds compared: medians of ratios, rates the other way round, failures are told'

contender libuv 'echo "a datagram was lost" >&2; exit 1'
drive 1
expect run '^odd$'
expect run '^  libuv  *FAILED: a datagram was lost$'
expect run '^  raw  *30\.00 '
ok 'a failure is told, and all the others go on'
