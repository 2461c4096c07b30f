#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# How often does a child of httpd crash at an ungraceful restart, without the
# module? Restarts a private httpd while ab asks for a page, each time over a
# new connection, and counts.
#
#   sh bench/bare.sh [RESTARTS [EVERY]]      100, one each 0.4 seconds
#
#   ES_MPM ... of httpd.sh; ES_BUILDDIR is not needed
#
# Prints a line "bare key=value ...": "at" is the function in which they
# crashed and how often, where gdb is and cores are written to the folder that
# httpd names (sysctl kernel.core_pattern without a path). Needs ab.
# Exit status: 0 it ran; 2 it could not.

set -u
here=$(cd "$(dirname "$0")" && pwd)
restarts=${1:-100}
every=${2:-0.4}
bare=yes
load=

# shellcheck source=bench/httpd.sh
. "$here/httpd.sh"

say() {
    echo "bare.sh: $*" >&2
}

die() {
    say "$@"
    exit 2
}

clean_up() {
    end "$load"
    end "$server"
    rm -rf "$tmp"
}

# where: "NAME:TIMES ..." of the innermost functions of all cores
where() {
    for core in "$tmp"/cores/*; do
        [ -f "$core" ] && gdb -batch -q "$httpd" "$core" 2>/dev/null |
            sed -n 's/^#0 .* in \([^ ]*\) .*/\1/p'
    done | sort | uniq -c |
        awk '{ print $2 ":" $1 }' | paste -s -d ' ' -
}

tmp=$(mktemp -d) || exit 2
trap clean_up EXIT
trap 'exit 2' HUP INT TERM
[ -n "$httpd" ] || die "no httpd found, set ES_HTTPD"
command -v ab >/dev/null || die "no ab found (apache2-utils)"
mkdir "$tmp/cores" && chmod 711 "$tmp" && chmod 1777 "$tmp/cores"
echo "CoreDumpDirectory $tmp/cores" >"$tmp/extra.conf"
ES_EXTRA_CONF=$tmp/extra.conf
# shellcheck disable=SC3045 # all shells that matter know it
ulimit -c "$(ulimit -H -c)"
start_httpd

# ab gives up when too many connections fail; a minute beyond the last restart
last=$(($(date +%s) + 60 + restarts * 2))
while [ "$(date +%s)" -lt "$last" ]; do
    ab -q -r -s 2 -c 30 -n 3000 "http://127.0.0.1:$port/"
done >/dev/null 2>&1 &
load=$!
done_times=0
while [ "$done_times" -lt "$restarts" ] && running "$server"; do
    sleep "$every"
    kill -HUP "$server"
    done_times=$((done_times + 1))
done
sleep 1
crashes=$(grep -c 'exit signal Segmentation' "$tmp/error.log")
echo "bare mpm=$mpm restarts=$done_times crashes=$crashes at=\"$(where)\""
