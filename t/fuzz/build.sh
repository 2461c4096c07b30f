#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# make fuzz: builds the targets with libFuzzer and the sanitizers, into fuzz/ of
# the build folder.
#
#   CC=clang CFLAGS=... LIBS=... sh build.sh SOURCES TARGETS
#
# Both arguments are lists: the library's sources and the targets, with paths in
# the source folder ($srcdir) or, if make makes them, in the build folder.

set -eu

sources=$1
targets=$2
# the flags are quoted as for a shell
eval "set -- $CFLAGS -g -O1 -fno-omit-frame-pointer -fno-sanitize-recover=all"
set -- "$@" -U_FORTIFY_SOURCE

if ! echo 'int main(void) { return 0; }' |
    $CC -fsanitize=fuzzer-no-link -x c -c -o /dev/null - 2> /dev/null; then
    echo "make fuzz needs clang: configure with CC=clang" >&2
    exit 1
fi
mkdir -p fuzz/objects
for source in $sources; do
    case $source in
    *.c)
        object=fuzz/objects/$(echo "${source%.c}" | tr / _).o
        test -f "$srcdir/$source" && file=$srcdir/$source || file=$source
        $CC "$@" -fsanitize=fuzzer-no-link,address,undefined \
            -c -o "$object" "$file"
        ;;
    esac
done
for target in $targets; do
    name=${target##*/fuzz_}
    # shellcheck disable=SC2086 # a list
    $CC "$@" -I"$srcdir" -fsanitize=fuzzer,address,undefined \
        -o "fuzz/$name" "$srcdir/$target.c" fuzz/objects/*.o $LIBS
    echo "fuzz/$name"
done
