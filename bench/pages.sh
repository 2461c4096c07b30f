#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# How long does a page take, and a new connection, while a fault is injected
# into a httpd without the module? It is what the lines "pages" of soak.sh are
# to be compared with: the same configuration and intervals, no streams.
#
#   sh bench/pages.sh FAULT [SECONDS [INTERVAL]]
#
#   FAULT     none, graceful, restart, kill or killall, as soak.sh's
#   SECONDS   how long pages are asked for (12)
#   INTERVAL  seconds from one fault to the next (2)
#
#   and the variables of httpd.sh
#
# Prints a line "pages key=value ...".
# Exit status: 0 it ran; 2 it could not run.

set -u
here=$(cd "$(dirname "$0")" && pwd)
fault=${1:-none}
seconds=${2:-12}
interval=${3:-2}
bare=yes
pages=

# shellcheck source=bench/httpd.sh
. "$here/httpd.sh"

inject_fault() {
    case $fault in
    none) ;;
    graceful) kill -USR1 "$server" ;;
    restart) kill -HUP "$server" ;;
    kill) children | head -n 1 | xargs -r kill -9 ;;
    killall) children | xargs -r kill -9 ;;
    *) die "usage: pages.sh FAULT [SECONDS [INTERVAL]]; see its head" ;;
    esac
}

use_folder pages server
check_build pages
start_httpd
"$build/bench/pages" pages "127.0.0.1:$port" /page.txt &
pages=$!
left=$((seconds / interval))
while [ "$left" -gt 0 ]; do
    sleep "$interval"
    left=$((left - 1))
    [ "$left" -eq 0 ] || inject_fault
done
kill "$pages"
wait "$pages"
pages=
