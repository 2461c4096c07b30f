#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Do many clients of one channel delay those of another channel of the same
# child? Each scenario serves a broad channel and a probe on another one, from
# one child, and compares the probe's latency.
#
#   sh bench/turn.sh busy|storm|large|keepalive|tls
#
#   busy       8,000 clients at 200 events/s; the probe are 4,000 newcomers that
#              connect meanwhile: their p99 by the p50 of the 8,000
#   storm      1,000 clients at 100 events/s are the probe, while 4,000 others
#              connect: their p99 by that without the 4,000
#   large      64 KB to 18,000 clients, twice a second: the probe's p99 by that
#              without the 18,000
#   keepalive  9,000 clients that had an event at once and are silent since;
#              EventStreamKeepAlive 2; the probe's p99 by that without them
#
#   tls        1,000 plain clients at 20 events/s are the probe, in turns alone,
#              beside 1,000 over TLS at 23 events/s, and beside 1,000 plain ones
#              at 23: its p99 beside those over TLS by that alone, by that
#              beside the plain ones (to_plain), and of those by alone (plain)
#
#   ES_CLIENTS    clients of the broad channel, instead of the numbers above
#   ES_RATE       tls: events/s of the 1,000 others (23); 0 = they are idle
#   ES_ALONE      tls: "yes": httpd has the first processor for itself, the
#                 clients the others, and the probe goes before other work
#                 (taskset, chrt; needs root)
#   ES_SECONDS    length of a run (10)
#   ES_ROUNDS     runs (3)
#   and the variables of httpd.sh
#
# Prints a line for each run, and "turn key=value ...": medians of the runs, of
# latencies in microseconds. To compare two builds, run it for each in turns.
# Exit status: 0; 1 a run lost, doubled or reordered an event; 2 could not run.

set -u
here=$(cd "$(dirname "$0")" && pwd)
scenario=${1:-}
seconds=${ES_SECONDS:-10}
rounds=${ES_ROUNDS:-3}
ES_CHILDREN=1
ES_LIMIT=1
broad=
faulty=0
first=  # command by which the probe is run
others= # the same for the other clients

case $scenario in
busy) clients=${ES_CLIENTS:-8000} ;;
storm) clients=${ES_CLIENTS:-4000} ;;
large) clients=${ES_CLIENTS:-18000} ;;
keepalive) clients=${ES_CLIENTS:-9000} ;;
tls)
    clients=${ES_CLIENTS:-1000}
    ES_TLS=1.3
    ;;
*)
    echo "usage: turn.sh busy|storm|large|keepalive|tls" >&2
    exit 2
    ;;
esac

# shellcheck source=bench/httpd.sh
. "$here/httpd.sh"

use_folder broad server
check_build load
[ "$scenario" != keepalive ] || extra_conf <<'CONF'
EventStreamKeepAlive 2
CONF

# load REPORT CHANNEL OPTIONS: to $to, if that is set, else to $port
load() {
    report=$1
    name=$2
    shift 2
    # shellcheck disable=SC2086 # words of a command
    $first "$build/bench/load" --servers "127.0.0.1:${to:-$port}" --locals 4 \
        --subscribe "/events/$name" --channel "room-$name" --seconds 120 \
        "$@" >"$tmp/$report" 2>"$tmp/$report.errors" || {
        warn "$report: load exits with status $?"
        faulty=1
        cat "$tmp/$report.errors" >&2
    }
}

# value REPORT NAME
value() {
    awk -v name="$2" '$1 == name { print $2 }' "$tmp/$1"
}

# probe REPORT: 20 clients, an event each 20 ms
probe() {
    load "$1" probe --clients 20 --rate 50 --events $((50 * seconds))
}

# connected N [PORT]: waits until the server has as many clients, ten seconds at
# most
connected() {
    hex=$(printf ':%04X' "${2:-$port}")
    tries=0
    until [ "$(awk -v at="$hex" '$2 ~ at "$" && $4 == "01"' /proc/net/tcp |
        wc -l)" -ge "$1" ] || [ "$tries" -gt 100 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
}

# with_broad OPTIONS: starts load for the broad channel
with_broad() {
    (first=$others && load broad broad --clients "$clients" "$@") &
    broad=$!
}

run_busy() {
    with_broad --rate 200 --events $((200 * seconds))
    connected "$clients"
    load probe other --clients $((clients / 2)) --rate 5 \
        --events $((5 * seconds / 2))
    wait "$broad"
    a=$(value probe latency_p99_us)
    b=$(value broad latency_p50_us)
}

run_storm() {
    live="--clients 1000 --rate 100 --events $((100 * seconds))"
    # shellcheck disable=SC2086 # one word each
    load alone live $live
    with_broad --events 0 --idle "$seconds"
    # shellcheck disable=SC2086
    load probe live $live
    wait "$broad"
    a=$(value probe latency_p99_us)
    b=$(value alone latency_p99_us)
}

run_large() {
    probe alone
    with_broad --rate 2 --size 65536 --events $((2 * seconds + 4))
    connected "$clients"
    probe probe
    wait "$broad"
    a=$(value probe latency_p99_us)
    b=$(value alone latency_p99_us)
}

# an event to all, then one after the other probe
run_keepalive() {
    probe alone
    with_broad --rate 0.2 --events $((seconds / 5 + 2)) --give-up 30
    connected "$clients"
    probe probe
    wait "$broad"
    a=$(value probe latency_p99_us)
    b=$(value alone latency_p99_us)
}

# give_processors: see ES_ALONE
give_processors() {
    [ "${ES_ALONE:-}" = yes ] || return 0
    for pid in "$server" $(children); do
        taskset -a -c -p 0 "$pid" && chrt -a -r -p 1 "$pid"
    done >/dev/null || die "ES_ALONE: taskset or chrt is not possible"
    others="taskset -c 1-$(($(nproc) - 1))"
    first="$others chrt -r 2"
}

# beside REPORT PORT OPTIONS: the probe, beside others that connect to this port
beside() {
    report=$1
    to=$2
    shift 2
    rate=${ES_RATE:-23}
    if [ "$rate" -gt 0 ]; then
        set -- --rate "$rate" --events $((rate * (seconds + 6))) "$@"
    else
        set -- --events 0 --idle $((seconds + 6)) "$@"
    fi
    with_broad --publish-to "127.0.0.1:$port" "$@"
    connected "$clients" "$to"
    to=
    sleep 3 # for the last handshakes
    # shellcheck disable=SC2086 # one word each
    load "$report" live $live
    running "$broad" || die "the others ended too early: raise ES_SECONDS"
    wait "$broad"
}

run_tls() {
    give_processors
    live="--clients 1000 --rate 20 --events $((20 * seconds))"
    # shellcheck disable=SC2086 # one word each
    load alone live $live
    beside by_plain "$port"
    beside by_tls "$tls_port" --tls 1.3
    a=$(value by_tls latency_p99_us)
    b=$(value alone latency_p99_us)
    c=$(value by_plain latency_p99_us)
    [ -n "$c" ] || die "load gave no report"
    echo "$a $c" >>"$tmp/to_plain"
    echo "$c $b" >>"$tmp/plain"
}

# ratio FILE: the median of those of its lines
ratio() {
    awk '{ printf "%.2f\n", $1 / $2 }' "$1" >"$1.ratios"
    median "$1.ratios"
}

round=0
while [ "$round" -lt "$rounds" ]; do
    round=$((round + 1))
    start_httpd
    "run_$scenario"
    broad=
    [ -n "$a" ] && [ -n "$b" ] || die "load gave no report"
    echo "$scenario probe_us=$a base_us=$b" \
        "ratio=$(echo "$a $b" | awk '{ printf "%.2f", $1 / $2 }')"
    echo "$a" >>"$tmp/a"
    echo "$b" >>"$tmp/b"
    echo "$a $b" | awk '{ printf "%.2f\n", $1 / $2 }' >>"$tmp/ratios"
    stop_httpd
done
more=
if [ "$scenario" = tls ]; then
    more=" plain=$(ratio "$tmp/plain") to_plain=$(ratio "$tmp/to_plain")"
fi
echo "turn scenario=$scenario probe_us=$(median "$tmp/a")" \
    "base_us=$(median "$tmp/b") ratio=$(median "$tmp/ratios")$more" \
    "ratios=$(in_order "$tmp/ratios")"
exit "$faulty"
