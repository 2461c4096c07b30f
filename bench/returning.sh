#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Does catching up cost what a client has missed, or what others published?
# 2,000 clients return for two events each, with a few and with many events of
# other channels between the two, in turns.
#
#   sh bench/returning.sh [full|brief]     5 pairs; one pair
#
#   ES_FEW        events between (2000)
#   ES_MANY       the same (200000)
#   ES_CLIENTS    (2000), of 20 channels
#   ES_RATIO      the largest ratio that is right (1.5)
#   and the variables of httpd.sh
#
# Prints a line for each run and "returning key=value ...": the medians of the
# seconds until all have their events, and the median of the ratios of
# neighbouring runs; the same of the processor time of httpd's child. Exit
# status: 0 both median ratios are at most ES_RATIO and all clients got their
# events; 1 otherwise; 2 could not run.

set -u
here=$(cd "$(dirname "$0")" && pwd)
few=${ES_FEW:-2000}
many=${ES_MANY:-200000}
clients=${ES_CLIENTS:-2000}
most=${ES_RATIO:-1.5}
channels=20
case ${1:-full} in
full) pairs=5 ;;
*) pairs=1 ;;
esac
ES_CHILDREN=1
ES_LIMIT=1
ES_HUB=${ES_HUB:-128m}

# shellcheck source=bench/httpd.sh
. "$here/httpd.sh"

use_folder server
check_build returning
take_long_bodies
ticks=$(getconf CLK_TCK)

# events COUNT CHANNELS PREFIX DATA: NDJSON, in turns to the channels
events() {
    awk -v n="$1" -v channels="$2" -v prefix="$3" -v data="$4" 'BEGIN {
        for (i = 0; i < n; i++)
            print "{\"channel\":\"" prefix i % channels \
                "\",\"data\":\"" data "\"}" }'
}

# publish FILE: prints the last event's id
publish() {
    publish_lines "$1" | sed -n 's/.*"id": *"\([^"]*\)".*/\1/p'
}

# cpu: user and system time of the child, in ms
cpu() {
    cpu_of "$(children | head -1)" |
        awk -v ticks="$ticks" '{ print int(($1 + $2) * 1000 / ticks) }'
}

# serve OTHERS: sets $seconds and $ms
serve() {
    start_httpd
    events 1 1 start start >"$tmp/start"
    id=$(publish "$tmp/start")
    [ -n "$id" ] || die "no id in the answer to a publisher"
    {
        events "$channels" "$channels" room-c first
        events "$1" 100 other- other
        events "$channels" "$channels" room-c last
    } >"$tmp/lines"
    publish "$tmp/lines" >"$tmp/last"
    [ -s "$tmp/last" ] || die "the events are not published"
    before=$(cpu)
    "$build/bench/returning" "127.0.0.1:$port" "$clients" "$channels" \
        '/events/c{}' "$id" >"$tmp/report" || {
        cat "$tmp/report" >&2
        why="clients have not got their events"
    }
    ms=$(($(cpu) - before))
    seconds=$(sed -n 's/.* seconds=\([0-9.]*\).*/\1/p' "$tmp/report")
    [ -n "$seconds" ] || die "returning gave no report"
    echo "others=$1 seconds=$seconds child_ms=$ms"
    stop_httpd
}

# over A B: prints B / A
over() {
    awk -v a="$1" -v b="$2" 'BEGIN { printf "%.3f\n", b / (a > 0 ? a : 1) }'
}

why=
pair=0
while [ "$pair" -lt "$pairs" ]; do
    pair=$((pair + 1))
    serve "$few"
    few_seconds=$seconds
    few_ms=$ms
    serve "$many"
    echo "$few_seconds" >>"$tmp/few"
    echo "$seconds" >>"$tmp/many"
    over "$few_seconds" "$seconds" >>"$tmp/ratios"
    over "$few_ms" "$ms" >>"$tmp/cpu_ratios"
done
ratio=$(median "$tmp/ratios")
cpu_ratio=$(median "$tmp/cpu_ratios")
for value in "$ratio" "$cpu_ratio"; do
    awk -v value="$value" -v most="$most" 'BEGIN { exit !(value <= most) }' ||
        why="others' events delay clients that return"
done
echo "returning few_seconds=$(median "$tmp/few")" \
    "many_seconds=$(median "$tmp/many") ratio=$ratio cpu_ratio=$cpu_ratio" \
    "ratios=$(in_order "$tmp/ratios") problem=\"$why\""
[ -z "$why" ]
