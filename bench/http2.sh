#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Do event streams over HTTP/2 delay the ordinary pages of the same connections?
# 200 clients (bench/browsers) ask for six pages at a time every two seconds,
# in turns without streams and with one each, and the times are compared.
#
#   sh bench/http2.sh [held|asked]
#
#   held   (preset) each stream is held by a worker: the budgets suffice
#   asked  presets of httpd and of the module: most streams are beyond the
#          budgets, their clients are asked to use HTTP/1.1 for them, and do so
#
#   ES_CLIENTS 200  ES_RATE 5 (events/s)  ES_ROUNDS 5  ES_SECONDS 5 (of a run)
#   and the variables of httpd.sh; ES_CHILDREN is 2 here
#
# Prints a line for each run and "http2 key=value ...": the medians of p99 in
# milliseconds, and the median of the ratios of neighbouring runs.
# Exit status: 0 the median ratio is at most 2, no page failed, all clients had
# a stream and all events; 1 otherwise; 2 could not run.

set -u
here=$(cd "$(dirname "$0")" && pwd)
mode=${1:-held}
clients=${ES_CLIENTS:-200}
pairs=${ES_ROUNDS:-5}
seconds=${ES_SECONDS:-5}
ES_HTTP2=h2
ES_CHILDREN=${ES_CHILDREN:-2}
case $mode in
held) ES_HELD=$clients ;;
asked) ES_HELD=preset ;;
*)
    echo "usage: http2.sh [held|asked]; see its head" >&2
    exit 2
    ;;
esac

# shellcheck source=bench/httpd.sh
. "$here/httpd.sh"

use_folder server
check_build browsers

# value NAME: of the last run
value() {
    tr ' ' '\n' <"$tmp/run" | sed -n "s/^$1=//p"
}

# browse WHAT OPTIONS: sets $p99
browse() {
    what=$1
    shift
    "$build/bench/browsers" --servers "127.0.0.1:$tls_port" --tls "$ES_TLS" \
        --clients "$clients" --seconds "$seconds" --publish \
        '/publish?channel=room-c' --rate "${ES_RATE:-5}" "$@" \
        >"$tmp/run" || die "browsers failed"
    echo "$what $(cat "$tmp/run")"
    p99=$(value p99_ms)
    [ "$(value failed)" = 0 ] || problem="pages failed"
}

# the last event may be on its way, and a stream may just be resumed
has_events() {
    [ "$(value streams)" = "$clients" ] && [ "$(value posted)" -gt 0 ] &&
        [ "$(value events)" -ge $((($(value posted) - 2) * clients)) ]
}

problem=
start_httpd
browse "warm-up" --seconds 1
while [ "$pairs" -gt 0 ]; do
    pairs=$((pairs - 1))
    browse "without"
    without=$p99
    browse "with   " --events /events/c
    has_events || problem="streams or events are missing"
    echo "$without" >>"$tmp/without"
    echo "$p99" >>"$tmp/with"
    echo "$without $p99" | awk '{ printf "%.3f\n", $2 / $1 }' >>"$tmp/ratios"
done
ratio=$(median "$tmp/ratios")
awk -v ratio="$ratio" 'BEGIN { exit !(ratio <= 2) }' ||
    problem="pages are delayed"
grep -E '\[[a-z_]*:(crit|alert|emerg|error)\]' "$tmp/error.log" >&2
echo "http2 mode=$mode without_ms=$(median "$tmp/without")" \
    "with_ms=$(median "$tmp/with") ratio=$ratio" \
    "ratios=$(in_order "$tmp/ratios")" \
    "problem=\"$problem\""
[ -z "$problem" ]
