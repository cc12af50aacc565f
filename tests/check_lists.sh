#!/bin/sh
# Portable make cannot list a folder, so the Makefile's lists are written by hand: each source and
# header must stand in the list of its folder, once and in order, and each entry must exist.
# (CMakeLists.txt globs the same folders.) Usage: tests/check_lists.sh [root of the tree]
set -u
LC_ALL=C
export LC_ALL
cd "${1:-$(dirname "$0")/..}" || exit 2

status=0

# What odd machines leave out are tests that exist.
for list in tests/odd/*.txt; do
    [ -f "$list" ] || continue
    while read -r name; do
        case $name in '#'* | '') continue ;; esac
        find tests -name '*.cpp' -exec grep -lF -e "$name" {} + | grep -q . || {
            echo "$list:1: no test is called '$name'"
            status=1
        }
    done <"$list"
done

find core net platform tests tools -name '*.cpp' -o -name '*.h' | sort | awk '
function complain(where, why) {
    print where ": " why
    status = 1
}

function source_of(word) {
    if (word !~ /\.h$/) sub(/\.[a-z]+$/, ".cpp", word)
    return word
}

# What a list may hold, by its name; other macros may hold anything.
function belongs(list, word) {
    if (list == "PORTABLE") return word ~ /^(core|net|platform)\/[a-z_]+\.o$/
    if (list == "SYSTEMS") return word ~ /^platform\/[a-z0-9_]+\.o$/
    if (list == "SIMULATION") return word ~ /^platform\/simulation\/.*\.o$/
    if (list == "SIMULATED_TESTS") return word ~ /\.simulated$/ && word !~ /_throwing\./
    if (list == "SIMULATED_THROWING_TESTS") return word ~ /_throwing\.simulated$/
    if (list == "TOOL") return word ~ /^tools\/volley\/.*\.o$/
    if (list ~ /^(THREADED_)?EXAMPLES$/) return word ~ /^tools\/examples\/.*\.example$/
    if (list == "WORLDS") return word ~ /^tools\/simulation\/.*\.world$/
    if (list == "TESTS") return word ~ /^tests\/.*\.run$/ && word !~ /_throwing\.run$/
    if (list == "THROWING_TESTS") return word ~ /^tests\/.*_throwing\.run$/
    if (list == "PROGRAMS") return word ~ /^tests\/.*\.exe$/
    if (list == "FUZZERS") return word ~ /^tests\/fuzz\/.*\.fuzz$/
    if (list == "WALK") return word ~ /^tests\/walk\/[a-z_]+\.o$/
    if (list == "WALKS") return word ~ /^tests\/walk\/[a-z_]+\.walk$/
    if (list == "BENCH_CONTENDER") return word ~ /^tests\/bench\/[a-z_]+\.o$/
    if (list ~ /^BENCH_/) return word ~ "^tests/bench/" tolower(substr(list, 7)) "/.*\\.o$"
    if (list == "PUBLIC") return word ~ /^(core|net|platform)\/.*\.h$/
    if (list == "SWARM") return word ~ /^tests\/simulation\/swarm\/.*\.o$/
    if (list == "HEADERS") return word ~ /\.h$/
    return 1
}

function enter(list, word, where) {
    sub(/:$/, "", word)
    if (word !~ /^(core|net|platform|tests|tools)\//) return
    if (word !~ /\.(h|o|exe|example|fuzz|run|simulated|walk|world)$/) return
    file = source_of(word)
    listed[file] = 1
    if (!(file in exists)) complain(where, file " does not exist")
    if (list == "") return
    if (!belongs(list, word)) complain(where, word " does not belong in " list)
    if (previous[list] == word) complain(where, word " stands in " list " twice")
    if (previous[list] > word) complain(where, word " is out of order in " list)
    previous[list] = word
}

NR == FNR { exists[$0] = 1; found[NR] = $0; found_count = NR; next }
/^\t/ || /^#/ { next }
{
    first = 1
    if (!continues) list = ""
    if (!continues && $2 == "=") { list = $1; first = 3 }
    for (i = first; i <= NF; i++) enter(list, $i, FILENAME ":" FNR)
    continues = /\\$/
}

END {
    for (i = 1; i <= found_count; i++)
        if (!(found[i] in listed)) complain(found[i] ":1", "is in no list of the Makefile")
    exit status
}' - Makefile || status=1
exit $status
