#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Do two delivery threads of a child use two cores? The clients do not read
# while the child is measured, so that it has the cores for itself.
#
#   sh bench/threads.sh [step|burst|rate|turns]
#
#   step       the next event when all clients have the last one
#   burst      20 events at once, the next 20 when all clients have them
#   rate       ES_RATE events/s, whether the clients have the last one or not
#   turns      as step, but the clients are of two channels, in turns as they
#              connect, and the events of one of these
#
#   ES_CLIENTS    (4000), of one channel, or of two (turns)
#   ES_EVENTS     events of a run (60; burst 400)
#   ES_RATE       (20)
#   ES_PAIRS      pairs of runs, with one thread and with two in turns (7)
#   ES_MANY       threads, instead of two
#   ES_WAITED     a pair does not count in which the threads waited for a
#                 processor for more than this part of the time for which they
#                 ran (no limit); it is made again, ten times ES_PAIRS in all
#   and the variables of httpd.sh
#
# Prints a line for each run, see bench/README, and "threads key=value ...":
#
#   one_seconds, many_seconds    from publishing until all clients have the
#                                events, in all; medians
#   ratio                        many_seconds by one_seconds
#   busiest_ratio                the same of the processor time of the busiest
#                                thread: what ratio is when each thread has a
#                                core for itself
#   cpu_ratio                    the same of the child's processor time for a
#                                delivery
#   one_segments, many_segments  segments for a delivery, medians
#   ratios                       all ratios, sorted
#
# Ratios are medians of those of neighbouring runs. Exit status: 0; 1 a client
# has not got all events once and in order; 2 could not run.

set -u
here=$(cd "$(dirname "$0")" && pwd)
mode=${1:-step}
clients=${ES_CLIENTS:-4000}
pairs=${ES_PAIRS:-7}
many=${ES_MANY:-2}
waited=${ES_WAITED:-}
faulty=0
ES_CHILDREN=1
ES_LIMIT=1
case $mode in
step) options="--events ${ES_EVENTS:-60}" ;;
burst) options="--events ${ES_EVENTS:-400} --burst 20" ;;
rate) options="--events ${ES_EVENTS:-60} --rate ${ES_RATE:-20}" ;;
turns) options="--events ${ES_EVENTS:-60} --channels 2" ;;
*)
    echo "usage: threads.sh [step|burst|rate|turns]" >&2
    exit 2
    ;;
esac

# shellcheck source=bench/httpd.sh
. "$here/httpd.sh"

use_folder server
check_build unread
extra_conf <<CONF
EventStreamKeepAlive 600
CONF

# value NAME: of the report
value() {
    sed -n "s/.* $1=\\([0-9.]*\\).*/\\1/p" "$tmp/report"
}

# serve THREADS FILE: writes "seconds busiest cpu segments waited" to FILE
serve() {
    ES_THREADS=$1
    start_httpd
    # shellcheck disable=SC2086 # one word each
    "$build/bench/unread" --servers "127.0.0.1:$port" \
        --pid "$(children | head -1)" --clients "$clients" $options \
        >"$tmp/report" || faulty=1
    [ -s "$tmp/report" ] || die "unread gave no report"
    sed "s/^unread/$mode threads=$1/" "$tmp/report"
    echo "$(value seconds) $(value first) $(value cpu_us) $(value segments)" \
        "$(value waited)" >"$2"
    stop_httpd
}

# is_quiet FILE THREADS: have these not waited too long?
is_quiet() {
    [ -z "$waited" ] || awk -v most="$waited" -v threads="$2" \
        '{ exit !($5 <= most * $2 * threads) }' "$1"
}

pair=0
tries=$((pairs * 10))
while [ "$pair" -lt "$pairs" ] && [ "$tries" -gt 0 ]; do
    tries=$((tries - 1))
    serve 1 "$tmp/a"
    serve "$many" "$tmp/b"
    if is_quiet "$tmp/a" 1 && is_quiet "$tmp/b" "$many"; then
        pair=$((pair + 1))
        cat "$tmp/a" >>"$tmp/one"
        cat "$tmp/b" >>"$tmp/many"
    fi
done
[ "$pair" -gt 0 ] || die "the machine was too busy"
# columns 6 to 9 by 1 to 4
paste -d ' ' "$tmp/one" "$tmp/many" | awk '{
    for (i = 1; i <= 4; i++)
        printf "%.3f ", ($i > 0 ? $(i + 5) / $i : 0)
    print "" }' >"$tmp/ratios"
echo "threads mode=$mode pairs=$pair one_seconds=$(median "$tmp/one")" \
    "many_seconds=$(median "$tmp/many") ratio=$(median "$tmp/ratios")" \
    "busiest_ratio=$(median "$tmp/ratios" 2)" \
    "cpu_ratio=$(median "$tmp/ratios" 3)" \
    "one_segments=$(median "$tmp/one" 4)" \
    "many_segments=$(median "$tmp/many" 4)" \
    "ratios=$(cut -d ' ' -f 1 "$tmp/ratios" | in_order -)"
exit "$faulty"
