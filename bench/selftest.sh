#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Shows that es_load sees what goes wrong: runs it against es_floor, first
# sound, then with each of its faults. Prints TAP; takes about ten seconds.
#
#   ES_BENCHDIR  where es_load and es_floor are (bench/ of the build)

set -u
here=$(cd "$(dirname "$0")" && pwd)
bin=${ES_BENCHDIR:-$here/../build/bench}
tmp=$(mktemp -d) || exit 2
floor=
tests=0
failed=0

stop_floor() {
    if [ -n "$floor" ]; then
        kill "$floor" 2>/dev/null
        wait "$floor" 2>/dev/null
        floor=
    fi
}
trap 'stop_floor; rm -rf "$tmp"' EXIT
trap 'exit 2' HUP INT TERM

# start_floor OPTIONS: sets $port
start_floor() {
    stop_floor
    : >"$tmp/port"
    "$bin/es_floor" --listen 127.0.0.1:0 --seconds 60 "$@" >"$tmp/port" &
    floor=$!
    tries=0
    port=
    while [ -z "$port" ] && [ "$tries" -lt 100 ]; do
        sleep 0.05
        port=$(awk '$1 == "port" { print $2 }' "$tmp/port")
        tries=$((tries + 1))
    done
}

# load OPTIONS: sets $rc, leaves the report in $tmp/report
load() {
    "$bin/es_load" --servers "127.0.0.1:$port" --idle 0 --seconds 20 \
        --patience 0.5 "$@" >"$tmp/report" 2>"$tmp/stderr"
    rc=$?
}

value() {
    awk -v name="$1" '$1 == name { print $2 }' "$tmp/report"
}

# is GOT WANTED WHAT
is() {
    tests=$((tests + 1))
    if [ "$1" = "$2" ]; then
        echo "ok $tests - $3"
    else
        failed=$((failed + 1))
        echo "not ok $tests - $3"
        echo "# got '$1', wanted '$2'"
        sed 's/^/# /' "$tmp/stderr"
    fi
}

# faults LOST DOUBLED REORDERED MALFORMED CUT WHAT
faults() {
    is "$(value lost) $(value doubled) $(value reordered) \
$(value malformed) $(value cut)" "$1 $2 $3 $4 $5" \
        "$6: lost, doubled, reordered, malformed, cut"
}

start_floor
load --clients 40 --events 50
is "$rc" 0 "sound server: exit status 0"
is "$(value deliveries)" 2000 "sound server: all deliveries counted"
faults 0 0 0 0 0 "sound server"
load --clients 45 --channels 7 --events 100 --burst 10 --lockstep --procs 2
is "$rc" 0 "seven channels, two readers, bursts in lockstep: exit status 0"
# 14 events each (two channels 15), 6 clients each (three channels 7)
is "$(value deliveries)" 644 "channels of several sizes: all counted"
load --clients 10 --events 30 --rate 200 --size 65536 --nap 500
is "$rc" 0 "64 KB events at a rate: exit status 0"

# 2,000 deliveries, each 97th is hit: 20 of them
start_floor --break drop:97
load --clients 40 --events 50
is "$rc" 1 "dropped events: exit status 1"
faults 20 0 0 0 0 "dropped events"

start_floor --break double:97
load --clients 40 --events 50
is "$rc" 1 "doubled events: exit status 1"
faults 0 20 0 0 0 "doubled events"

start_floor --break swap:97
load --clients 40 --events 50
is "$rc" 1 "swapped events: exit status 1"
faults 0 0 20 0 0 "swapped events"

start_floor --break spoil:97
load --clients 40 --events 50
is "$rc" 1 "spoilt events: exit status 1"
faults 20 0 0 20 0 "spoilt events"

start_floor --break cut:1990
load --clients 40 --events 50 --lockstep
is "$rc" 1 "cut stream: exit status 1"
faults 1 0 0 0 1 "cut stream"

stop_floor
load --clients 5 --events 5
is "$rc" 2 "no server: exit status 2"

echo "1..$tests"
[ "$failed" -eq 0 ]
