#!/bin/sh
# Each fact of the contract (facts.txt) has a test that pins it: a TEST_CASE whose name begins with
# its number in brackets, or with several: "[3][31] the bytes stay until the callback".
# It cannot see whether the test proves the fact. Usage: tests/check_facts.sh [root of the tree]
set -u
cd "${1:-$(dirname "$0")/..}" || exit 2

find tests -name '*.cpp' -exec awk '
FNR == 1 { opened = 0 }
/^ *\/\// || /doctest::skip/ { next }
{
    # The name may stand on the line after the macro.
    if (opened || /TEST_CASE[A-Z_]*\(/) {
        if (match($0, /"(\[[0-9]+\])+/)) {
            numbers = substr($0, RSTART + 2, RLENGTH - 3)
            gsub(/\]\[/, " ", numbers)
            print FILENAME ":" FNR, numbers
        }
        opened = !/"/
    }
}' {} + | awk '
NR == FNR {
    if (/^[0-9]/) {
        number[++count] = $1
        sub(/^[0-9]+ /, "")
        title[number[count]] = $0
    }
    next
}
{
    for (i = 2; i <= NF; i++) {
        proved[$i] = 1
        if (!($i in title)) {
            print $1 ": there is no fact " $i
            status = 1
        }
    }
}
END {
    for (i = 1; i <= count; i++)
        if (!(number[i] in proved)) {
            print "tests/facts.txt: fact " number[i] " has no test: " title[number[i]]
            status = 1
        }
    if (!count) status = 1
    exit status
}' tests/facts.txt -
