#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# How often does a child of httpd crash at an ungraceful restart without the
# module? Restarts a private httpd while ab requests a page, each time over a
# new connection, and counts the crashes.
#
#   sh bench/bare.sh [RESTARTS [INTERVAL]]     100, one every 0.4 seconds
#
#   ES_MPM and the other variables of httpd.sh, except ES_BUILDDIR
#
# Prints a line "bare key=value ...". "at" is the function in which the children
# crashed, with its count, if gdb is installed and cores are written to the
# folder that httpd names (sysctl kernel.core_pattern without a path). Needs ab.
# Exit status: 0 it ran; 2 it could not run.

set -u
here=$(cd "$(dirname "$0")" && pwd)
restarts=${1:-100}
interval=${2:-0.4}
bare=yes
# shellcheck disable=SC2034 # see use_folder
load=

# shellcheck source=bench/httpd.sh
. "$here/httpd.sh"

# crashed_at: "NAME:COUNT ..." of the innermost functions of all cores
crashed_at() {
    for core in "$tmp"/cores/*; do
        [ -f "$core" ] && gdb -batch -q "$httpd" "$core" 2>/dev/null |
            sed -n 's/^#0 .* in \([^ ]*\) .*/\1/p'
    done | sort | uniq -c |
        awk '{ print $2 ":" $1 }' | paste -s -d ' ' -
}

use_folder load server
[ -n "$httpd" ] || die "no httpd found, set ES_HTTPD"
command -v ab >/dev/null || die "no ab found (apache2-utils)"
mkdir "$tmp/cores" && chmod 711 "$tmp" && chmod 1777 "$tmp/cores"
extra_conf <<CONF
CoreDumpDirectory $tmp/cores
CONF
# shellcheck disable=SC3045 # all relevant shells have it
ulimit -c "$(ulimit -H -c)"
start_httpd

# ab gives up when too many connections fail: repeat, until a minute after the
# last restart at most
last=$(($(date +%s) + 60 + restarts * 2))
while [ "$(date +%s)" -lt "$last" ]; do
    ab -q -r -s 2 -c 30 -n 3000 "http://127.0.0.1:$port/"
done >/dev/null 2>&1 &
load=$!
count=0
while [ "$count" -lt "$restarts" ] && running "$server"; do
    sleep "$interval"
    kill -HUP "$server"
    count=$((count + 1))
done
sleep 1
crashes=$(grep -c 'exit signal Segmentation' "$tmp/error.log")
echo "bare mpm=$mpm restarts=$count crashes=$crashes at=\"$(crashed_at)\""
