#!/bin/sh
# The checkers, checked: each violation is seeded into a small tree that is otherwise in order, and
# must be reported at its line with its reason, and alone. What is allowed must stay unreported.
# The tree is a model and not the real one, so that other faults cannot hide a missed one.
set -u
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 2' HUP INT TERM
tree=$work/tree
mkdir "$tree"
cd "$tree" || exit 2

# Counted in files, because what stands behind a pipe runs in a shell of its own.
: >"$work/seeds"
: >"$work/failures"

fail() {
    echo "tests/check_layers_test.sh: $1" | tee -a "$work/failures"
}

# ---- The model: one file of each kind, with all that is allowed --------------------------------

mkdir core net platform tests tools .ci
echo '# Lists.' >Makefile
echo '# Globs.' >CMakeLists.txt
echo 'Prose may have lines that are far longer than one hundred columns, since tables cannot be'\
    'wrapped at all, alas.' >README.md
printf '#!/bin/sh\n# The gate.\n' >.ci/run
printf '# Facts.\n1 the first\n2 the second\n' >tests/facts.txt

cat >platform/platform.h <<'END'
// The seam, with an atomic of its own.
#pragma once

#include <atomic>

#include "platform/error.h"
END

cat >platform/error.h <<'END'
// Errors.
#pragma once
END

cat >platform/posix_options.h <<'END'
// The one place with conditions inside.
#pragma once
#include <sys/socket.h>
#ifdef MSG_NOSIGNAL
constexpr int flags = MSG_NOSIGNAL;
#else
constexpr int flags = 0;
#endif
END

cat >platform/posix_abandon.cpp <<'END'
// The end of a program that ignores an error: the only thing that prints.
#if defined(__unix__) || \
    defined(__APPLE__)

#include <unistd.h>

#include "platform/posix_options.h"

namespace platform {

void abandon(std::string_view text) {
    (void)!write(STDERR_FILENO, text.data(), text.size());
    std::abort();
}

}  // namespace platform

#endif  // Unix
END

cat >core/loop.cpp <<'END'
// Says "printf", 'throw' and std::thread in comments and strings only; makes new things well.
#include "platform/platform.h"

namespace core {

constexpr char brace = '{', quote = '"';

Loop::Loop() : now_{0}, name_{"std::mutex // #if"} { std::snprintf(name_, 9, "printf(%d)", 1); }

template <class T>
struct Holder {
    T* make() { return new (std::nothrow) T{}; }
    void abort(int = {});
    int values[2] = {1, 2};
};

}  // namespace core
END

cat >net/datagram.cpp <<'END'
// Uses both layers below, and a system header's namesake is not taken for ours.
#include "core/loop.h"
#include "platform/error.h"

void Datagram::abort(Listener listener) {
    state().abort(std::move(listener));
}
END

cat >tests/loop.cpp <<'END'
// A test with one guard, threads and system headers.
#ifndef _WIN32
#include <doctest/doctest.h>
#include <net/if.h>

#include <iostream>
#include <thread>

TEST_CASE("[1][2] it works") { std::puts("{"); }
#endif
END

cat >tools/main.cpp <<'END'
// A tool: may print, and fail with errno.
#include <cerrno>
#include <cstdio>
#include "net/datagram.h"

int main() {
    std::puts("fine");
}
END

# 70 lines of function are allowed, and a class may be longer.
{
    echo '// Long things.'
    echo 'struct Long {'
    i=0 && while [ $((i += 1)) -le 80 ]; do echo "    int i$i = 0;"; done
    echo '};'
    echo 'int longest('
    echo '    int a) {'
    i=0 && while [ $((i += 1)) -le 67 ]; do echo "    a++;"; done
    echo '}'
} >core/long.cpp

sh "$here/check_layers.sh" "$tree" || fail 'the model tree is in order, but was reported'
sh "$here/check_facts.sh" "$tree" || fail 'each fact of the model has a test, but was reported'

# ---- The seeds ---------------------------------------------------------------------------------

# Runs a checker on the tree as it is; it must fail with this line, and say nothing else.
expect() {
    checker=$1 where=$2 why=$3
    echo >>"$work/seeds"
    if output=$(sh "$here/$checker" "$tree" 2>&1); then
        fail "missed at $where: $why"
        return
    fi
    case $output in
    "$where: "*"$why"*) [ "$(echo "$output" | wc -l)" -eq 1 ] || fail "more than $why: $output" ;;
    *) fail "expected $where: $why, got: $output" ;;
    esac
}

# seed FILE LINE WHY: standard input is that file for the time of one run.
seed() {
    cat >"$1"
    expect check_layers.sh "$1:$2" "$3"
    rm "$1"
}

# line FILE WHY TEXT: the C++ file has an opening comment, and the text as its third line.
line() {
    { echo '// A seed.' && echo && printf '%s\n' "$3"; } | seed "$1" 3 "$2"
}

down='includes point down'
line platform/seed.cpp "$down" '#include "core/loop.h"'
line platform/seed.cpp "$down" '#include "net/datagram.h"'
line core/seed.cpp "$down" '#include "net/datagram.h"'
line core/seed.cpp "$down" '  #  include "tools/main.h"'
line net/seed.cpp "$down" '#include "tests/loop.h"'
line tools/seed.cpp "$down" '#include "tests/loop.h"'
line net/seed.cpp 'only the seam' '#include "platform/posix_options.h"'
line net/seed.cpp 'stand in quotes' '#include "address.h"'
line net/seed.cpp 'stand in quotes' '#include <platform/error.h>'

for folder in core net tools; do
    line $folder/seed.cpp 'conditions belong in platform/' '#if __linux__'
    line $folder/seed.cpp 'conditions belong in platform/' '#  ifndef SEED_H'
    line $folder/seed.cpp 'system headers belong' '#include <sys/socket.h>'
    line $folder/seed.cpp 'system headers belong' '#include <unistd.h>'
    line $folder/seed.cpp 'threads and signals' '#include <thread>'
    line $folder/seed.cpp 'threads and signals' '#include <mutex>'
    line $folder/seed.cpp 'threads and signals' '#include <atomic>'
    line $folder/seed.cpp 'threads belong' 'std::atomic<int> counter;'
    line $folder/seed.cpp 'threads belong' 'thread_local int counter;'
    line $folder/seed.cpp 'no stream headers' '#include <iostream>'
done
line platform/seed.cpp 'no stream headers' '#include <sstream>'
line core/seed.cpp 'system errors' '#include <cerrno>'
line platform/seed.cpp 'needs a guard' '#include <unistd.h>'
line tests/seed.cpp 'needs a guard' '#include <sys/socket.h>'

for folder in platform tests; do
    seed $folder/seed.cpp 4 'a condition inside' <<'END'
// A condition after code.
int a;

#ifdef __linux__
int b;
#endif
END
    seed $folder/seed.cpp 4 'a condition inside' <<'END'
// A choice in a guard.
#ifdef __linux__
int a;
#elif defined(__APPLE__)
int b;
#endif
END
    seed $folder/seed.cpp 4 'a condition inside' <<'END'
// A condition in a guard.
#ifdef __linux__
int a;
#if SEED
int b;
#endif
#endif
END
    seed $folder/seed.cpp 5 'does not reach to the end' <<'END'
// A guard around half a file.
#ifdef __linux__
int a;
#endif
int b;
END
done
seed platform/seed.h 3 'a header of platform/ has no conditions' <<'END'
// A header with a choice.
#pragma once
#ifdef __linux__
END
seed net/seed.h 1 'begins with #pragma once' <<'END'
// A header without a guard.
END

for folder in core net platform; do
    line $folder/seed.cpp 'prints nothing' 'void f() { std::printf("%d", 1); }'
    line $folder/seed.cpp 'prints nothing' 'void f() { puts ("text"); }'
    line $folder/seed.cpp 'prints nothing' 'void f() { std::cerr << 1; }'
    line $folder/seed.cpp 'prints nothing' 'void f() { ::write(STDERR_FILENO, "text", 4); }'
    line $folder/seed.cpp 'only platform::abandon' 'void f() { std::abort(); }'
    line $folder/seed.cpp 'only platform::abandon' 'void f() { exit(1); }'
    line $folder/seed.cpp 'std::nothrow' 'void* f() { return new int; }'
    line $folder/seed.cpp 'std::nothrow' 'auto f() { return std::make_unique<int>(); }'
done

for folder in core net platform tests tools; do
    line $folder/seed.cpp 'column 100' "$(printf 'int %097d;' 1)"
    line $folder/seed.cpp 'trailing blanks' 'int a; '
    line $folder/seed.cpp 'trailing blanks' "$(printf 'int a;\r')"
    line $folder/seed.cpp 'no tabs' "$(printf 'int\ta;')"
    for word in "TO""DO" "FIX""ME" "XX""X" "HA""CK"; do
        line $folder/seed.cpp 'no marks for later' "int a;  // $word: the rest."
    done
    line $folder/seed.cpp 'path of a machine' "// See /ho""me/somebody/notes."
    echo 'int a;' | seed $folder/seed.cpp 1 'opens with a comment'
    yes '// Seven lines.' | head -n 7 | seed $folder/seed.cpp 7 '1 to 6 lines'
    { echo '// Long.' && yes 'int a;' | head -n 700; } | seed $folder/seed.cpp 701 '700 lines'
    echo '// Names.' | seed $folder/SeedFile.cpp 1 'snake_case'
    echo '// Names.' | seed $folder/seed-file.cpp 1 'snake_case'
done
echo 'Nothing here.' | seed tests/seed.sh 1 'opens with a comment'
echo 'Nothing here.' | seed notes.md 1 'fixed entries'
for file in Makefile README.md .ci/run tests/facts.txt; do
    cp $file "$work/saved"
    echo "# TO""DO" >>$file
    expect check_layers.sh "$file:$(($(wc -l <$file)))" 'no marks for later'
    mv "$work/saved" $file
done

# ---- Functions of 71 lines ---------------------------------------------------------------------

# long_function OPENING INDENT: 71 lines, the opening's own and the closing brace included.
long_function() {
    printf '%s\n' "$1"
    i=$(printf '%s\n' "$1" | wc -l)
    while [ $((i += 1)) -le 70 ]; do echo "$2    a = {};"; done
    echo "$2}"
}

long='more than 70 lines'
for folder in core net platform tests tools; do
    { echo '// Long.' && long_function 'void f() {' ''; } | seed $folder/seed.cpp 2 "$long"
done
{
    echo '// With a signature over lines, initialisers and a return type behind.'
    echo 'namespace seed {'
    long_function "$(printf 'Seed::Seed(int a,\n           int b)\n    : a_{a},\n      b_{b} {')" ''
    echo '}'
} | seed core/seed.cpp 3 "$long"
{
    echo '// Behind a short one, with a block inside, in a class in a namespace.'
    echo 'namespace seed {'
    echo 'class Seed : public Base {'
    echo '   public:'
    echo '    int f() { return 1; }'
    long_function "$(printf '    template <class T>\n    auto g() const -> int {')" '    '
    echo '};'
    echo '}  // namespace seed'
} | seed core/seed.cpp 6 "$long"
{ echo '// A test.' && long_function 'TEST_CASE("a brace { in a name") {' ''; } |
    seed tests/seed.cpp 2 "$long"
{ echo '// A lambda.' && long_function 'const auto f = [](int) {' '' ; } |
    seed core/seed.cpp 2 "$long"

# ---- Facts and lists -----------------------------------------------------------------------------

echo '3 the third' >>tests/facts.txt
expect check_facts.sh tests/facts.txt 'fact 3 has no test: the third'
echo '// TEST_CASE("[3] not compiled") {' >tests/seed.cpp
echo 'TEST_CASE("[3] not run" * doctest::skip()) {' >>tests/seed.cpp
expect check_facts.sh tests/facts.txt 'fact 3 has no test'
printf 'TEST_CASE(\n    "[3][4] two lines") {\n' >tests/seed.cpp
expect check_facts.sh tests/seed.cpp:2 'there is no fact 4'
rm tests/seed.cpp

rm -r core net platform tests/* tools
mkdir core net platform tests/net tools tools/volley
for file in core/a.cpp core/b.cpp net/c.h tests/net/d.cpp tests/net/e_throwing.cpp \
    tools/volley/main.cpp; do echo '// A file.' >$file; done

# lists NUMBER TEXT: the Makefile, with one line replaced.
lists() {
    cat >Makefile <<'END'
# Lists.
LIBRARY = core/a.o \
    core/b.o
HEADERS = net/c.h
TESTS = tests/net/d.run
THROWING_TESTS = tests/net/e_throwing.run
TOOL = tools/volley/main.o
all: $(LIBRARY)
END
    sed "$1c\\
$2" Makefile >Makefile.replaced
    mv Makefile.replaced Makefile
}

lists 1 '# No change.'
sh "$here/check_lists.sh" "$tree" || fail 'the lists of the model are in order, but were reported'
lists 3 '    core/b.o core/b.o'
expect check_lists.sh Makefile:3 'core/b.o stands in LIBRARY twice'
lists 3 '    core/b.o core/d.o'
expect check_lists.sh Makefile:3 'core/d.cpp does not exist'
lists 3 ''
expect check_lists.sh core/b.cpp:1 'is in no list'
lists 4 'HEADERS ='
expect check_lists.sh net/c.h:1 'is in no list'
lists 5 'TESTS ='
expect check_lists.sh tests/net/d.cpp:1 'is in no list'
lists 5 'TESTS = tests/net/d.run tests/net/e_throwing.run'
expect check_lists.sh Makefile:5 'tests/net/e_throwing.run does not belong in TESTS'
lists 7 'TOOL = core/a.o tools/volley/main.o'
expect check_lists.sh Makefile:7 'core/a.o does not belong in TOOL'
echo '// A file.' >net/b.h
lists 4 'HEADERS = net/b.h net/c.h'
sh "$here/check_lists.sh" "$tree" || fail 'sorted lists were reported'
lists 4 'HEADERS = net/c.h net/b.h'
expect check_lists.sh Makefile:4 'net/b.h is out of order in HEADERS'

[ -s "$work/failures" ] && exit 1
echo "check_layers_test: each of $(($(wc -l <"$work/seeds"))) seeded violations was caught"
