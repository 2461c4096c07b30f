#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Writes sources.mk, the lists of files that Makefile.am includes, from what is
# in the folders. Automake wants them spelled out; nobody should have to.
#
#   sh tools/sources.sh            write sources.mk
#   sh tools/sources.sh --print    print it (t/00-sources.t compares)

set -eu
LC_ALL=C
export LC_ALL
cd "$(dirname "$0")/.."

# What a build in the source folder leaves behind is not ours.
files()
{
    find "$@" -type f \
        ! -path '*/.*' ! -path '*/node_modules/*' \
        ! -name '*.o' ! -name '*.lo' ! -name '*.la' ! -name '*~' \
        ! -name '*.log' ! -name '*.trs' ! -name '*.orig' ! -name '*.rej' \
        2>/dev/null | sort
}

# list NAME: a make variable from the lines of stdin
list()
{
    awk -v name="$1" '
        { lines[NR] = $0 }
        END {
            printf "\n%s =", name
            for (i = 1; i <= NR; i++) {
                printf " \\\n    %s", lines[i]
            }
            printf "\n"
        }'
}

# Files that nothing above compiles or installs. A program built in the source
# folder has the name of its source without the .c.
dist_files()
{
    for f in $(files bench conf demo docs t tools); do
        case $f in
        t/unit/*.c | t/clock/*.c | t/example/*.c | t/inspect/*.c) continue ;;
        t/fuzz/*.[ch] | bench/*.[ch] | conf/eventstream.conf) continue ;;
        t/build.conf) continue ;;
        esac
        if [ ! -f "$f.c" ]; then
            echo "$f"
        fi
    done
    for f in .clang-format .editorconfig .ci/run CHANGES quickstart.sh; do
        if [ -f "$f" ]; then
            echo "$f"
        fi
    done
}

generate()
{
    echo '# Written by tools/sources.sh; do not edit.'
    files src/base src/shm src/journal src/deliver src/grip src/cluster |
        grep '\.[ch]$' | list CORE_SOURCES
    files src/server src/http src/config | grep '\.[ch]$' | list MODULE_SOURCES

    units=$(files t/unit | sed -n 's|^\(t/unit/[a-z]*/[a-z0-9_]*\)\.c$|\1|p')
    echo "$units" | sed '/^$/d' | list UNIT_TESTS
    for unit in $units; do
        var=$(echo "$unit" | tr '/' '_')
        echo "${var}_SOURCES = $unit.c"
        echo "${var}_CPPFLAGS = \$(AM_CPPFLAGS) \$(CMOCKA_CFLAGS)"
        echo "${var}_LDADD = \$(UNIT_LIBS)"
    done

    # What tests preload into httpd.
    shims=$(files t/clock t/names | sed -n 's|^\(.*\)\.c$|\1|p')
    echo "$shims" | sed '/^$/d; s/$/.la/' | list SHIMS
    for shim in $shims; do
        var=$(echo "$shim" | tr '/' '_')_la
        echo "${var}_SOURCES = $shim.c"
        echo "${var}_LDFLAGS = \$(SHIM_LDFLAGS)"
    done

    # A target of t/fuzz/, for make check with a main that reads its seeds.
    targets=$(files t/fuzz | sed -n 's|^\(t/fuzz/fuzz_[a-z0-9_]*\)\.c$|\1|p')
    shared=$(files t/fuzz | grep '\.h$\|/replay\.c$')
    echo "$targets" | sed '/^$/d' | list FUZZ_TARGETS
    for target in $targets; do
        var=$(echo "$target" | tr '/' '_')
        # shellcheck disable=SC2086 # one word each
        echo "${var}_SOURCES =" "$target.c" $shared
        echo "${var}_LDADD = \$(FUZZ_LIBS)"
    done

    # A file of bench/ with a main is a program; the others are parts of each.
    programs=$(files bench | grep '\.c$' | xargs -r grep -l '\<main(' || true)
    parts=$(files bench | grep '\.[ch]$' | grep -vxF "$programs" || true)
    echo "$programs" | sed '/^$/d; s/\.c$//' | list BENCHES
    for program in $programs; do
        var=$(echo "${program%.c}" | tr '/-' '__')
        # shellcheck disable=SC2086 # one word each
        echo "${var}_SOURCES =" "$program" $parts
    done

    dist_files | list DIST_FILES
}

if [ "${1-}" = --print ]; then
    generate
else
    generate > sources.mk.new
    mv sources.mk.new sources.mk
fi
