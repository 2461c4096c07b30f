#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Shows that load and verify see what goes wrong: runs them against baseline
# and faulty_server, first sound, then with each of their faults. Prints
# TAP; takes about half a minute.
#
#   selftest.sh [load|verify]   only the one or the other
#
#   ES_BENCHDIR  where the programs are (bench/ of the build)

set -u
here=$(cd "$(dirname "$0")" && pwd)
bin=${ES_BENCHDIR:-$here/../build/bench}
tmp=$(mktemp -d) || exit 2
floor=
liar=
what=${1:-all}
tests=0
failed=0

stop_floor() {
    if [ -n "$floor" ]; then
        kill "$floor" 2>/dev/null
        wait "$floor" 2>/dev/null
        floor=
    fi
}
trap 'stop_floor; stop_liar; rm -rf "$tmp"' EXIT
trap 'exit 2' HUP INT TERM

# start_floor OPTIONS: sets $port
start_floor() {
    stop_floor
    : >"$tmp/port"
    "$bin/baseline" --listen 127.0.0.1:0 --seconds 60 "$@" >"$tmp/port" &
    floor=$!
    tries=0
    port=
    while [ -z "$port" ] && [ "$tries" -lt 100 ]; do
        sleep 0.05
        port=$(awk '$1 == "port" { print $2 }' "$tmp/port")
        tries=$((tries + 1))
    done
}

stop_liar() {
    if [ -n "$liar" ]; then
        kill "$liar" 2>/dev/null
        wait "$liar" 2>/dev/null
        liar=
    fi
}

# start_liar LIES: sets $port
start_liar() {
    stop_liar
    : >"$tmp/liar"
    "$bin/faulty_server" "$@" >"$tmp/liar" &
    liar=$!
    tries=0
    port=
    while [ -z "$port" ] && [ "$tries" -lt 100 ]; do
        sleep 0.05
        port=$(awk '$1 == "port" { print $2 }' "$tmp/liar")
        tries=$((tries + 1))
    done
}

# verify OPTIONS: sets $rc, leaves the report in $tmp/report, ends faulty_server
verify() {
    "$bin/verify" --servers "127.0.0.1:$port" "$@" \
        >"$tmp/report.line" 2>"$tmp/stderr"
    rc=$?
    stop_liar
    # as load writes it: a name and a value a line
    sed -n 's/^verify //p' "$tmp/report.line" | tr ' =' '\n ' \
        >"$tmp/report"
}

# told LIE: how often faulty_server has told it
told() {
    awk -v name="$1" '$1 == "lies" && $2 == name { print $3 }' "$tmp/liar"
}

# found: "NAME=COUNT ..." of all faults and cuts that verify has counted
found() {
    awk '$1 == "lost" { wanted = 1 }
         wanted && $2 != 0 { printf "%s%s=%s", n++ ? " " : "", $1, $2 }
         $1 == "cut" { exit }' "$tmp/report"
}

# lies "FIRST:N ... LAST:N" EXPECTED WHAT: of ten clients and 100 events
# exactly that is found; in EXPECTED, F and L stand for how often the first
# and the last lie were told
lies() {
    # shellcheck disable=SC2086 # one word each
    start_liar $1
    verify --clients 10 --channels 1 --events 100 --rate 200 \
        --max-size 4000 --give-up 0.8
    first=$(told "${1%%:*}")
    last=${1##* }
    last=$(told "${last%%:*}")
    is "${last:-0} $(found)" "$(echo "$last $2" |
        sed "s/=F/=$first/g; s/=L/=$last/g; s/^0 /never /")" "$3 ($last times)"
}

# load OPTIONS: sets $rc, leaves the report in $tmp/report
load() {
    "$bin/load" --servers "127.0.0.1:$port" --idle 0 --seconds 20 \
        --give-up 0.5 "$@" >"$tmp/report" 2>"$tmp/stderr"
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

# ---- load -----------------------------------------------------------------

test_load() {
    start_floor
    load --clients 40 --events 50
    is "$rc" 0 "sound server: exit status 0"
    is "$(value deliveries)" 2000 "sound server: all deliveries counted"
    faults 0 0 0 0 0 "sound server"
    load --clients 45 --channels 7 --events 100 --burst 10 --lockstep --procs 2
    is "$rc" 0 "seven channels, two readers, bursts in lockstep: exit status 0"
    # 14 events each (two channels 15), 6 clients each (three channels 7)
    is "$(value deliveries)" 644 "channels of several sizes: all counted"
    load --clients 10 --events 30 --rate 200 --size 65536 --poll-interval 500
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
}

# ---- verify ---------------------------------------------------------------

test_verify() {
    start_liar
    verify --clients 10 --channels 1 --events 100 --rate 200 --give-up 0.8
    is "$rc $(value deliveries) $(found)" "0 1000 " "a sound server"

    lies drop:97 "lost=L untold_gaps=L" "dropped"
    is "$rc" 1 "  exit status 1"
    lies double:97 "doubled=L" "doubled"
    lies swap:97 "reordered=L" "swapped"
    lies tear:97 "lost=L untold_gaps=L torn=L" "torn"
    lies short:97 "lost=L untold_gaps=L torn=L" "cut short"
    lies forge:97 "forged=L" "forged"
    lies stray:97 "forged=L" "of another channel"
    lies cut:97 "cut=L" "cut within an event"
    is "$rc $(value reconnects) $(value deliveries)" "0 10 1000" \
        "  no fault by itself: all came back and have all"
    lies rst:97 "cut=L" "cut by a TCP reset"
    lies end:97 "" "ended cleanly"
    is "$rc $(value clean_ends)" "0 10" "  no fault"
    lies moan:97 "needless_resets=L" "told of a gap that is none"
    lies skip:97 "" "left out, and told so"
    is "$rc $(value told_gaps) $(value excused)" "0 10 10" "  no fault"
    lies early:97 "lost=L untold_gaps=L needless_resets=L" \
        "told of a gap before the real one"
    lies blame:97 "lost=L untold_gaps=L wrong_resets=L" \
        "told of a gap in another channel"
    lies "cut:47 again:3" "doubled=L cut=F" "replayed again"
    lies "cut:47 deny:3" "denied=L cut=F" "refused"
    lies hide:17 "lost=50 untold_gaps=50" "acknowledged, delivered to nobody"
    lies refuse:17 "" "answered 500, not delivered"
    is "$rc $(value unknown)" "0 5" "  no fault, unknown"
    lies grudge:17 "" "answered 500, delivered"
    is "$rc $(value unknown) $(value deliveries)" "0 5 1000" \
        "  no fault, unknown"

    start_liar cut:47 gap:3
    verify --clients 10 --channels 1 --events 100 --rate 200 --give-up 0.8
    is "$rc $([ "$(value untold_gaps)" -gt 0 ] && echo seen)" "1 seen" \
        "resumed with a gap"
    start_liar misid:97
    verify --clients 10 --channels 1 --events 100 --rate 200 --give-up 0.8
    is "$rc $([ "$(value forged)" -ge 10 ] && echo seen)" "1 seen" \
        "delivered under another id"
    start_liar cut:97
    verify --clients 10 --channels 1 --events 100 --rate 200 --no-cuts
    is "$rc" 1 "cuts are faults where they are said to be"
    start_liar cut:197 end:203
    verify --clients 60 --channels 6 --seconds 2 --slow 20 --churn 40 \
        --multi 30
    is "$rc $(found | sed 's/^cut=[0-9]*//')" "0 " \
        "slow, fickle and broad clients, cuts and ends: sound"
}

[ "$what" = verify ] || test_load
[ "$what" = load ] || test_verify
echo "1..$tests"
[ "$failed" -eq 0 ]
