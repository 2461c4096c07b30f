#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What is left of clients that have gone? Starts a private httpd, lets many
# clients come and go (half of them by a reset) while events are published,
# and compares memory, shared memory and descriptors of all its processes
# with what they were before.
#
#   sh bench/churn.sh [CONNECTS [AT_ONCE]]       100000 and 64
#
#   ES_CHANNELS   of the clients (20)
#   ES_PAUSE      seconds of publishing, at least, in each round (4)
#   ES_HUB        size of the hub (1m): small, so that the ring is all in use
#                 before the first look
#   and those of httpd.sh
#
# httpd and malloc keep what a worker has once needed, for its largest request
# and for the most connections at a time; when they had all that depends on
# chance. So more clients than that come and go before the first look, and where
# memory has grown all the same, as many again, up to ES_ROUNDS times (5): what
# leaks does so each time.
#
# Prints a line "churn key=value ...". Exit status: 0 all is back where it was,
# by two per cent; 1 not; 2 could not run.

set -u
here=$(cd "$(dirname "$0")" && pwd)
connects=${1:-100000}
at_once=${2:-64}
most_rounds=${ES_ROUNDS:-5}
channels=${ES_CHANNELS:-20}
ES_HUB=${ES_HUB:-1m}
# the same children from first to last: none is added, none taken away
ES_LIMIT=${ES_CHILDREN:-4}
spare=25
pause=${ES_PAUSE:-4}
churn=

# shellcheck source=bench/httpd.sh
. "$here/httpd.sh"

say() {
    echo "churn.sh: $*" >&2
}

die() {
    say "$@"
    exit 2
}

clean_up() {
    end "$churn"
    end "$server"
    rm -rf "$tmp"
}

tmp=$(mktemp -d) || exit 2
trap clean_up EXIT
trap 'exit 2' HUP INT TERM
check_build

# connections: those that the server has
connections() {
    awk -v at="$(printf ':%04X' "$port")" \
        '$2 ~ at "$" && $4 != "0A" && $4 != "06" { n++ } END { print n + 0 }' \
        /proc/net/tcp
}

# until all have gone, and for a moment more
settle() {
    tries=0
    while [ "$(connections)" -gt 0 ] && [ "$tries" -lt 300 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    sleep 2
}

# look: "PSS SHARED DESCRIPTORS" of all processes, kB
look() {
    for pid in "$server" $(children); do
        cat "/proc/$pid/smaps_rollup"
        for fd in "/proc/$pid/fd"/*; do
            [ -L "$fd" ] && echo fd
        done
    done | awk '/^Pss:/ { pss += $2 }
                /^Pss_Shmem:/ { shared += $2 }
                /^fd/ { fds++ }
                END { print pss, shared, fds }'
}

# publish SECONDS RATE: the events that others are cut off from
publish() {
    "$build/bench/verify" --servers "127.0.0.1:$port" --clients 40 \
        --channels "$channels" --rate "$2" --seconds "$1" --slow 10 \
        --give-up 2 >"$tmp/report" 2>"$tmp/findings" && return 0
    cat "$tmp/report" "$tmp/findings" >&2
    return 1
}

# come_and_go AT_ONCE RATE: with events meanwhile
come_and_go() {
    "$build/bench/churn" "127.0.0.1:$port" "$connects" "$1" "$channels" \
        >"$tmp/churn" &
    churn=$!
    publish "$pause" "$2" || why="verify is not content"
    while running "$churn"; do
        publish "$pause" "$2" || why="verify is not content"
    done
    wait "$churn" || why="churn: $(cat "$tmp/churn")"
    churn=
    settle
}

# has_grown PSS SHARED DESCRIPTORS PSS SHARED DESCRIPTORS: by more than 2 %?
has_grown() {
    awk -v a="$1" -v b="$2" -v c="$3" -v d="$4" -v e="$5" -v f="$6" \
        'BEGIN { exit d <= a * 1.02 && e <= b * 1.02 && f <= c * 1.02 }'
}

why=
start_httpd
before=$(children | sort)
come_and_go $((at_once * 4)) 1000
last=$(look)
round=0
grown=1
while [ "$grown" -eq 1 ] && [ "$round" -lt "$most_rounds" ]; do
    round=$((round + 1))
    first=$last
    come_and_go "$at_once" 100
    last=$(look)
    grown=0
    # shellcheck disable=SC2086 # three words each
    has_grown $first $last && grown=1
done
[ "$grown" -eq 0 ] || why="it grows each time"
[ "$(children | sort)" = "$before" ] || why="children were replaced"
[ "$(connections)" -eq 0 ] || why="there are connections left"
bad='\[eventstream:(crit|alert|emerg|error)\]|exit signal'
grep -E "$bad" "$tmp/error.log" >&2 &&
    why="there are errors in the log"
# shellcheck disable=SC2086 # three words each
set -- $first $last
echo "churn $(sed 's/^churn //' "$tmp/churn") round=$round" \
    "pss_kb=$1 pss_after_kb=$4 shared_kb=$2 shared_after_kb=$5" \
    "descriptors=$3 descriptors_after=$6 problem=\"$why\""
[ -z "$why" ]
