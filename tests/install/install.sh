#!/bin/sh
# What is installed can be used: a program outside the tree is built and run by pkg-config, by
# find_package, and with the tree itself by add_subdirectory and FetchContent. Make and CMake give
# the same headers; the manual page knows every option of the tool.
# CMAKE_BUILD names a folder in which CMake has built it already, with CMAKE_BUILD_TYPE=Debug.
# Catch: the program is the demo, which ends on its own and includes what users include.
# shellcheck source=tests/harness.sh disable=SC2154
. "$(dirname "$0")/../harness.sh"
need make cmake pkg-config c++
need_built "$VOLLEY"
tree=$PWD
limit=300

# ---- make install --------------------------------------------------------------------------------

umask 077  # What is installed is for all.
run 0 make install "DESTDIR=$work/stage" PREFIX=/opt/volley
umask 022
[ -z "$(find "$work/stage/opt" ! -perm -444)" ] || fail 'not all can read what make installed'
run 0 make install "PREFIX=$work/made"
(cd "$work/stage/opt/volley" && find . -type f | sort) >"$work/staged"
(cd "$work/made" && find . -type f | sort) >"$work/installed"
cmp -s "$work/staged" "$work/installed" || fail 'DESTDIR changes what is installed'
grep -qx 'prefix=/opt/volley' "$work/stage/opt/volley/lib/pkgconfig/volley.pc" ||
    fail 'DESTDIR is no part of the prefix'
ok "make install: $(wc -l <"$work/installed") files, the same with DESTDIR"

run 0 "$work/made/bin/volley" --help
expect run '^usage: volley'
for verb in listen send echo; do
    run 0 "$work/made/bin/volley" "$verb" --help
    for option in $(sed -n 's/^ *\(--[a-z0-9-]*\) .*/\1/p' "$work/run.out"); do
        sed -n "/^\.Ss $verb/,/^\.S[sh] [^ ]*\$/p" "$work/made/share/man/man1/volley.1" |
            grep -q "^\.It Fl $(echo "$option" | cut -c 2-)\( \|\$\)" ||
            fail "volley.1 does not tell of $verb $option"
    done
done
ok 'the manual page has all options'
if command -v mandoc >/dev/null; then
    run 0 mandoc -Tlint -W warning "$work/made/share/man/man1/volley.1"
    ok 'the manual page is clean mdoc'
fi

# ---- Consumers -----------------------------------------------------------------------------------

mkdir "$work/consumer"
cp tools/demo/demo.cpp "$work/consumer/consumer.cpp"
cp tools/simulation/resolver_behind_nat.cpp "$work/consumer/world.cpp"
cd "$work/consumer" || exit 1

by_pkg_config() {  # where it is installed
    flags=$(PKG_CONFIG_PATH="$1/lib/pkgconfig" pkg-config --cflags --libs volley) ||
        fail "pkg-config finds no volley in $1"
    # shellcheck disable=SC2086
    run 0 c++ -std=c++20 -o consumer consumer.cpp $flags
    run 0 ./consumer
}

by_pkg_config "$work/made"
ok 'make install, and pkg-config'

# A header that nobody else includes must find what it includes, too.
(cd "$work/made/include/volley" && find . -name '*.h') | sed 's/.*/#include "&"/' >"$work/all.cpp"
run 0 c++ -std=c++20 -fsyntax-only "-I$work/made/include/volley" "$work/all.cpp"
ok 'all that the installed headers include is installed'

# Whose sources come along builds them as everywhere.
configure() {  # what brings volley, arguments for cmake
    cat >CMakeLists.txt <<END
cmake_minimum_required(VERSION 3.16)
project(consumer LANGUAGES CXX)
$1
add_executable(consumer consumer.cpp)
target_link_libraries(consumer PRIVATE volley::volley)
END
    shift
    rm -rf build
    run 0 cmake -S . -B build "$@"
    run 0 cmake --build build --target help
    deny run '(tests|examples)_|volley_tool'
}

by_cmake() {
    configure "$@"
    run 0 cmake --build build -j 2
    run 0 build/consumer
}

build=${CMAKE_BUILD:-$work/build}
version=$(sed -n 's/^VERSION *= *//p' "$tree/Makefile")
run 0 cmake -S "$tree" -B "$build" -DVOLLEY_TESTS=OFF -DCMAKE_INSTALL_LIBDIR=lib \
    -DCMAKE_BUILD_TYPE=Debug
run 0 cmake --build "$build" -j 2 --target volley volley_simulation volley_tool
run 0 cmake --install "$build" --prefix "$work/cmade"
diff -r "$work/made/include" "$work/cmade/include" >"$work/run.out" ||
    fail 'make and CMake install other headers'
ok 'cmake --install: the same headers'
by_pkg_config "$work/cmade"
ok 'cmake --install, and pkg-config'
by_cmake "find_package(volley $version REQUIRED)
add_executable(world world.cpp)
target_link_libraries(world PRIVATE volley::simulation)
add_custom_command(TARGET world POST_BUILD COMMAND world)" "-DCMAKE_PREFIX_PATH=$work/cmade"
ok 'cmake --install, and find_package, with the simulation'
configure "add_subdirectory($tree volley)"
ok 'add_subdirectory'
configure "include(FetchContent)
FetchContent_Declare(volley SOURCE_DIR $tree)
FetchContent_MakeAvailable(volley)"
ok 'FetchContent'

cd "$tree" || exit 1
run 0 make uninstall "PREFIX=$work/made"
[ -z "$(find "$work/made" -type f)" ] || fail 'make uninstall leaves files'
ok 'make uninstall leaves no file'
