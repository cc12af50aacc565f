#!/bin/sh
# The architecture and the house style, enforced: who may include whom; where conditions, system
# headers, threads and output belong; how long things may get. Prints each violation as
# "file:line: why" and fails when there is one. The catch: it reads text, not C++. It knows the
# braces of this style; strings and comments that span lines may confuse it.
# Usage: tests/check_layers.sh [root of the tree]
set -u
LC_ALL=C
export LC_ALL
cd "${1:-$(dirname "$0")/..}" || exit 2
status=0

# ---- The tree: fixed entries at the top, snake_case below ----------------------------------------

# Compilers and ar may be at work next door: their temporary files are none of ours.
for entry in *; do
    case $entry in
    Makefile | CMakeLists.txt | README.md | LICENSE) continue ;;
    core | net | platform | tests | tools) continue ;;
    build | volley | volley.exe | libvolley.a* | libvolley-simulation.a*) continue ;;
    *.*) ;;
    *) [ -d "$entry" ] || continue ;;
    esac
    echo "$entry:1: the top level has its fixed entries and no others"
    status=1
done

find core net platform tests tools -type f |
    grep -vE '\.(o|exe|example|fuzz|run|simulation|simulated|walk|world|tmp)$|/st[A-Za-z0-9]{6}$' |
    awk '!/^([a-z0-9_]+\/)+([a-z0-9_]+(\.[a-z0-9]+)*|README\.md|\.[a-z]+)$/ {
        print $0 ":1: file names are snake_case"
        bad = 1
    }
    END { exit bad }' || status=1

# ---- Texts of all kinds --------------------------------------------------------------------------

set -- Makefile CMakeLists.txt README.md .ci/run
for file; do
    shift
    [ -f "$file" ] && set -- "$@" "$file"
done

find "$@" core net platform tests tools -type f \( -name '*.h' -o -name '*.cpp' -o -name '*.sh' \
    -o -name '*.js' -o -name '*.mjs' -o -name '*.py' -o -name '*.txt' -o -name '*.md' \
    -o -name Makefile -o -name run \) -exec awk '
function complain(why) {
    print FILENAME ":" FNR ": " why
    bad = 1
}

# Spliced, so that this script does not find itself.
BEGIN {
    unfinished = "(^|[^A-Za-z0-9_])(TO" "DO|FIX" "ME|XX" "X|HA" "CK)([^A-Za-z0-9_]|$)"
    machine = "/(home|root|work|Users)" "/"
}

FNR == 1 {
    cpp = FILENAME ~ /\.(h|cpp)$/
    prose = FILENAME ~ /\.md$/
    mark = cpp || FILENAME ~ /js$/ ? "^//" : "^#"
    opening = 1
    opening_lines = 0
    if (!prose && $0 !~ mark) complain("a file opens with a comment: what it is, why, the catch")
}

opening && $0 !~ mark { opening = 0 }
opening && !/^#!/ && ++opening_lines == 7 && cpp { complain("an opening comment has 1 to 6 lines") }
/[ \t\r]$/ { complain("no trailing blanks") }
$0 ~ unfinished { complain("finish it, or leave it out: no marks for later") }
$0 ~ machine { complain("no path of a machine") }
prose { next }
/\t/ && FILENAME != "Makefile" { complain("no tabs") }

length > 100 {
    characters = $0
    gsub(/[\200-\277]/, "", characters)  # The rest of each UTF-8 sequence.
    if (length(characters) > 100) complain("a line ends at column 100")
}

FNR == 701 && FILENAME != "Makefile" { complain("a file of more than 700 lines is two files") }
END { exit bad }' {} + || status=1

# ---- C++ -----------------------------------------------------------------------------------------

# shellcheck disable=SC2016
find core net platform tests tools -name '*.h' -o -name '*.cpp' | sort | xargs awk '
function complain(why) {
    complain_at(FNR, why)
}

function complain_at(line, why) {
    print FILENAME ":" line ": " why
    bad = 1
}

# A word as C++ sees words; the pattern may be a list, separated by bars.
function has(words) {
    return code ~ ("(^|[^A-Za-z0-9_])(" words ")([^A-Za-z0-9_]|$)")
}

BEGIN {
    for (i = 1; i < ARGC; i++) exists[ARGV[i]] = 1
    streams = "^(iostream|ostream|istream|fstream|sstream|syncstream|print)$"
    threads = "^(thread|mutex|shared_mutex|atomic|condition_variable|future|semaphore|latch|" \
              "barrier|stop_token|csignal|execution)$"
    thread_words = "thread_local|std::j?thread|std::[a-z_]*mutex|std::atomic[a-z_]*|" \
                   "std::condition_variable[a-z_]*|std::async"
    printing = "printf|fprintf|vprintf|vfprintf|dprintf|puts|fputs|putchar|putc|fputc|fwrite|" \
               "perror|psignal|syslog"
    channels = "stdout|stderr|STDOUT_FILENO|STDERR_FILENO|std::cout|std::cerr|std::clog|std::print"
    ending = "std::(abort|exit|_Exit|quick_exit|terminate)|::(abort|exit|_exit)|exit|_exit|_Exit"
    seam = "^platform/(platform|endpoint|error)\\.h$"
}

function finish_file() {
    if (header && !once) {
        print file ":1: a header begins with #pragma once"
        bad = 1
    }
}

FNR == 1 {
    finish_file()
    file = layer = FILENAME
    sub(/\/.*/, "", layer)
    header = FILENAME ~ /\.h$/
    library = layer == "core" || layer == "net" || layer == "platform"
    threaded = FILENAME == "tools/examples/threads.cpp"  # Which is what it shows.
    guarded = guards = depth = seen_code = once = defines_abandon = directive = 0
    in_function = blocks = statement_line = 0
    statement = ""
}

{
    code = $0
    gsub(/\047(\\.|[^\\\047])\047/, "0", code)
    gsub(/R"\([^)]*\)"/, "\"\"", code)
    if (code !~ /^ *# *include/) gsub(/"(\\.|[^"\\])*"/, "\"\"", code)
    gsub(/\/\*[^*]*\*\//, "", code)
    sub(/\/\/.*/, "", code)
    sub(/ +$/, "", code)
}

code == "" { next }

# A directive that goes on is one directive.
directive { directive = code ~ /\\$/; next }
/^ *#/ { directive = code ~ /\\$/ }

# ---- Conditions: a guard around the whole file where systems differ, nothing anywhere else.

/^ *# *pragma once/ { once = 1; next }

/^ *# *(if|elif|else|endif)/ {
    if (FILENAME == "platform/posix_options.h") next
    if (layer != "platform" && layer != "tests") {
        complain("conditions belong in platform/")
    } else if (layer == "platform" && header) {
        complain("a header of platform/ has no conditions; posix_options.h has them")
    } else if (/^ *# *endif/) {
        if (--depth == 0) guarded = 0
    } else if (/^ *# *el/ || seen_code || guards) {
        complain("a condition inside the file; one guard around the whole of it is allowed")
        if (!/^ *# *el/) depth++
    } else {
        guards++
        guarded = 1
        depth++
    }
    next
}

guards && !guarded { complain("the guard does not reach to the end of the file"); guards = 0 }
{ seen_code = 1 }

# ---- Includes point down: net -> core -> platform.

/^ *# *include/ {
    included = $0
    sub(/^ *# *include */, "", included)
    quoted = included ~ /^"/
    sub(/^["<]/, "", included)
    sub(/[">].*/, "", included)
    if (quoted ? included !~ /^(core|net|platform|tests|tools)\// : included in exists) {
        complain("our headers stand in quotes and begin with their folder")
        next
    }
    if (quoted) {
        target = included
        sub(/\/.*/, "", target)
        if ((layer == "platform" && target != "platform") ||
            (layer == "core" && target !~ /^(core|platform)$/) ||
            (layer == "net" && target !~ /^(net|core|platform)$/) ||
            (layer == "tools" && target == "tests"))
            complain("includes point down: net -> core -> platform")
        else if (layer == "tools" && included == "platform/simulation/simulation.h")
            next
        else if (layer !~ /^(platform|tests)$/ && target == "platform" && included !~ seam)
            complain("above platform/ only the seam is included: platform.h, endpoint.h, error.h")
        next
    }
    if (layer != "tests" && included ~ streams) complain("no stream headers")
    if (layer !~ /^(platform|tests)$/ && included ~ threads && !threaded)
        complain("threads and signals belong in platform/")
    if (library && layer != "platform" && included == "cerrno")
        complain("system errors belong in platform/")
    if (included ~ /\.h$|\// && included != "doctest/doctest.h") {
        if (layer != "platform" && layer != "tests")
            complain("system headers belong in platform/")
        else if (!guarded && !header)
            complain("a system header needs a guard around the whole file")
    }
    next
}

/^ *#/ { next }

# ---- Words.

layer !~ /^(platform|tests)$/ && has(thread_words) && !threaded {
    complain("threads belong in platform/")
}

library {
    if (code ~ /void abandon\(/) defines_abandon = FNR
    if (code ~ ("(^|[^A-Za-z0-9_.>])(" printing ") *\\(") && !defines_abandon)
        complain("the library prints nothing")
    if (has(channels) && !defines_abandon) complain("the library prints nothing")
    if (code ~ ("(^|[^A-Za-z0-9_.>:])(" ending ") *\\(") && !defines_abandon)
        complain("only platform::abandon ends a program")
    # What a callback holds belongs to its user, and may end the program.
    if ((code ~ /(^|[^A-Za-z0-9_])new +[A-Za-z_:]/ || has("make_unique|make_shared")) &&
        FILENAME != "core/callback.h")
        complain("allocate with new (std::nothrow) and tell when memory is out")
}

# ---- Functions: at most 70 lines from the first of the signature to the closing brace.
# A brace opens a block when a blank precedes it, but not after "=", "(", "," and "{": those, and
# braces that follow a name, hold a value. Blocks within a function belong to it.

/^ *(public|private|protected):/ { next }

{
    rest = code
    while (match(rest, /[{};]/)) {
        before = substr(rest, 1, RSTART - 1)
        brace = substr(rest, RSTART, 1)
        rest = substr(rest, RSTART + 1)
        if (statement ~ /^ *$/ && before !~ /^ *$/) statement_line = FNR
        statement = statement before
        if (brace == "{") {
            kind[++blocks] = "scope"
            start[blocks] = statement_line
            if (in_function) kind[blocks] = "inner"
            else if (statement !~ /(^| )$/ || statement ~ /[=(,{] *$/) kind[blocks] = "value"
            else if (statement ~ /\(/ &&
                     statement !~ /^ *(template *<.*> *)?(class|struct|union|enum|namespace) /) {
                kind[blocks] = "function"
                in_function = 1
            }
            if (kind[blocks] == "value") continue
        } else if (brace == "}" && blocks > 0) {
            block = kind[blocks--]
            if (block == "function") {
                in_function = 0
                if (FNR - start[blocks + 1] + 1 > 70)
                    complain_at(start[blocks + 1], "a function of more than 70 lines is two")
            }
            if (block == "value") continue
        }
        statement = ""
    }
    if (statement ~ /^ *$/ && rest !~ /^ *$/) statement_line = FNR
    statement = statement rest " "
}

END {
    finish_file()
    exit bad
}' || status=1

exit $status
