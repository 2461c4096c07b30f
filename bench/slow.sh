#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Do clients that read slowly, or not at all, delay the others? 800 clients are
# served in turns without and with 200 more, half of which read nothing and half
# 1 KB/s, and the latency of the 800 is compared.
#
#   sh bench/slow.sh [full|brief]      5 pairs of 10 s; a pair of 3 s
#
#   ES_RATE       events/s (100)
#   and the variables of httpd.sh
#
# Prints a line for each run and "slow key=value ...": the medians of the p99 in
# microseconds, the median of the ratios of neighbouring runs, and by how many
# bytes the server's private memory grew for each slow client in the second half
# of a run. Exit status: 0 the median ratio is at most 1.2, memory is constant
# and verify found no errors; 1 otherwise; 2 could not run.

set -u
here=$(cd "$(dirname "$0")" && pwd)
others=800
slow=200
rate=${ES_RATE:-100}
case ${1:-full} in
full) pairs=5 seconds=10 ;;
*) pairs=1 seconds=3 ;;
esac
verify=

# shellcheck source=bench/httpd.sh
. "$here/httpd.sh"

use_folder verify server
check_build verify

# memory: private kB of all processes
memory() {
    measure | awk '{ print $1 - $2 }'
}

# wait_until SECOND: of the run of verify
wait_until() {
    until grep -q "^seconds=$1 " "$tmp/progress" 2>/dev/null; do
        running "$verify" || return 1
        sleep 0.2
    done
}

# serve CLIENTS SLOW_PERCENT: sets $p99, $early and $late
serve() {
    start_httpd
    rm -f "$tmp/progress"
    "$build/bench/verify" --servers "127.0.0.1:$port" --clients "$1" \
        --slow "$2" --channels 20 --rate "$rate" --seconds "$seconds" \
        --log "$tmp/progress" >"$tmp/report" 2>"$tmp/errors" &
    verify=$!
    wait_until $((seconds / 2)) && early=$(memory)
    wait_until $((seconds - 1)) && late=$(memory)
    wait "$verify" || {
        cat "$tmp/report" "$tmp/errors" >&2
        why="verify has found errors"
    }
    verify=
    p99=$(sed -n 's/.* latency_p99_us=\([0-9]*\).*/\1/p' "$tmp/report")
    [ -n "$p99" ] || die "verify gave no report"
    echo "clients=$1 slow_per_cent=$2 p99_us=$p99 early_kb=$early late_kb=$late"
    stop_httpd
}

why=
early=0
late=0
pair=0
while [ "$pair" -lt "$pairs" ]; do
    pair=$((pair + 1))
    serve "$others" 0
    without=$p99
    serve $((others + slow)) $((100 * slow / (others + slow)))
    echo "$without" >>"$tmp/without"
    echo "$p99" >>"$tmp/with"
    echo "$without $p99" | awk '{ printf "%.3f\n", $2 / $1 }' >>"$tmp/ratios"
    echo $(((late - early) * 1024 / slow)) >>"$tmp/bytes"
done
ratio=$(median "$tmp/ratios")
bytes=$(median "$tmp/bytes")
awk -v ratio="$ratio" 'BEGIN { exit !(ratio <= 1.2) }' ||
    why="the others are delayed"
[ "$bytes" -lt 4096 ] || why="memory grows with unread events"
echo "slow without_us=$(median "$tmp/without") with_us=$(median "$tmp/with")" \
    "ratio=$ratio ratios=$(in_order "$tmp/ratios")" \
    "bytes_per_slow=$bytes problem=\"$why\""
[ -z "$why" ]
