#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Does httpd keep anything of clients that have disconnected? Starts a private
# httpd, lets many clients connect and disconnect (half of them by a TCP reset)
# while events are published, and compares memory, shared memory and descriptors
# of all its processes before and after.
#
#   sh bench/churn.sh [CONNECTS [AT_ONCE]]       100000 and 64
#
#   ES_CHANNELS   of the clients (20)
#   ES_SECONDS    how long events are published in each round, at least (4)
#   ES_ROUNDS     rounds at most (5)
#   ES_HUB        size of the hub (1m): small, so that all of the ring is in use
#                 before the first measurement
#   and those of httpd.sh
#
# httpd and malloc keep what a worker has once needed: for its largest request,
# and for the most connections at the same time. When that maximum is reached is
# a matter of chance. So there is a first round, with four times as many clients
# at once, before the first measurement; and if memory has grown after a round,
# there is another one, up to ES_ROUNDS: a leak grows in each of them.
#
# Prints a line "churn key=value ...". Exit status: 0 nothing has grown by more
# than two per cent; 1 something has; 2 could not run.

set -u
here=$(cd "$(dirname "$0")" && pwd)
connects=${1:-100000}
at_once=${2:-64}
max_rounds=${ES_ROUNDS:-5}
channels=${ES_CHANNELS:-20}
ES_HUB=${ES_HUB:-1m}
# the same children all the time: none is started, none ends
ES_LIMIT=${ES_CHILDREN:-4}
spare=25
seconds=${ES_SECONDS:-4}
churn=

# shellcheck source=bench/httpd.sh
. "$here/httpd.sh"

use_folder churn server
check_build churn verify

# connections: how many the server has
connections() {
    awk -v at="$(printf ':%04X' "$port")" \
        '$2 ~ at "$" && $4 != "0A" && $4 != "06" { n++ } END { print n + 0 }' \
        /proc/net/tcp
}

# waits until there are no connections, and two seconds more
wait_for_closes() {
    tries=0
    while [ "$(connections)" -gt 0 ] && [ "$tries" -lt 300 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    sleep 2
}

# publish SECONDS RATE: publishes, with clients that receive all events
publish() {
    "$build/bench/verify" --servers "127.0.0.1:$port" --clients 40 \
        --channels "$channels" --rate "$2" --seconds "$1" --slow 10 \
        --give-up 2 >"$tmp/report" 2>"$tmp/errors" && return 0
    cat "$tmp/report" "$tmp/errors" >&2
    return 1
}

# run_churn AT_ONCE RATE: connects and disconnects, and publishes meanwhile
run_churn() {
    "$build/bench/churn" "127.0.0.1:$port" "$connects" "$1" "$channels" \
        >"$tmp/churn" &
    churn=$!
    publish "$seconds" "$2" || why="verify has found errors"
    while running "$churn"; do
        publish "$seconds" "$2" || why="verify has found errors"
    done
    wait "$churn" || why="churn: $(cat "$tmp/churn")"
    churn=
    wait_for_closes
}

# has_grown PSS SHARED DESCRIPTORS PSS SHARED DESCRIPTORS: by more than 2 %?
has_grown() {
    awk -v a="$1" -v b="$2" -v c="$3" -v d="$4" -v e="$5" -v f="$6" \
        'BEGIN { exit d <= a * 1.02 && e <= b * 1.02 && f <= c * 1.02 }'
}

why=
start_httpd
before=$(children | sort)
run_churn $((at_once * 4)) 1000
last=$(measure)
round=0
grown=1
while [ "$grown" -eq 1 ] && [ "$round" -lt "$max_rounds" ]; do
    round=$((round + 1))
    first=$last
    run_churn "$at_once" 100
    last=$(measure)
    grown=0
    # shellcheck disable=SC2086 # three words each
    has_grown $first $last && grown=1
done
[ "$grown" -eq 0 ] || why="it grows in each round"
[ "$(children | sort)" = "$before" ] || why="children were replaced"
[ "$(connections)" -eq 0 ] || why="connections are left"
! has_errors || why="errors are in the log"
# shellcheck disable=SC2086 # three words each
set -- $first $last
echo "churn $(sed 's/^churn //' "$tmp/churn") round=$round" \
    "pss_kb=$1 pss_after_kb=$4 shared_kb=$2 shared_after_kb=$5" \
    "descriptors=$3 descriptors_after=$6 problem=\"$why\""
[ -z "$why" ]
