#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Does httpd keep anything of clients that connect in a storm and are all
# dropped at once? Starts a private httpd. In each round so many clients connect
# at a rate, get their streams, and are dropped, half of them by a TCP reset.
# Compares memory, shared memory and descriptors of all its processes.
#
#   sh bench/storm.sh [CLIENTS [RATE [ROUNDS]]]     5000, 2000 and 20
#
#   ES_ADDRESSES  that they connect from (8)
#   ES_LIMIT_OF   EventStreamMaxClientsPerAddress; then all connect from one
#                 address, and a client of another one must get in each time
#   ES_CHANNELS   of the clients (20)
#   and those of httpd.sh
#
# What pools and malloc keep depends on the most connections that a worker and a
# child have had at a time, and these do not get the same share in each round:
# memory rises for some rounds and then stays. So after the last round memory
# and shared memory may be larger by a fiftieth than the most of the first three
# quarters of all rounds; no descriptor and no client may be left.
#
# Prints a line "storm key=value ...". Exit status: 0 all comes back; 1
# something does not; 2 could not run.

set -u
here=$(cd "$(dirname "$0")" && pwd)
clients=${1:-5000}
rate=${2:-2000}
rounds=${3:-20}
addresses=${ES_ADDRESSES:-8}
limit_of=${ES_LIMIT_OF:-0}
channels=${ES_CHANNELS:-20}
ES_HUB=${ES_HUB:-1m}
# the same children all the time: none is started, none ends
ES_LIMIT=${ES_CHILDREN:-4}
# shellcheck disable=SC2034 # of httpd.sh
spare=25

# shellcheck source=bench/httpd.sh
. "$here/httpd.sh"

use_folder server
check_build storm
extra_conf <<CONF
$(load_module status)
EventStreamMaxClientsPerAddress $limit_of
<Location "/server-status">
    SetHandler server-status
</Location>
CONF

# clients_left: how many clients httpd counts
clients_left() {
    curl -s -m 10 "http://127.0.0.1:$port/server-status?auto" |
        sed -n 's/^EventStream\.Clients: //p'
}

# wait_for_closes: until no client is left, and two seconds more
wait_for_closes() {
    tries=0
    while [ "$(clients_left)" != 0 ] && [ "$tries" -lt 300 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    sleep 2
}

# other_client: does a client of another address get a stream that stays?
other_client() {
    curl -s -m 1 --interface 127.0.0.200 "http://127.0.0.1:$port/events/c1" \
        >"$tmp/other"
    [ $? -eq 28 ] && grep -q stream-open "$tmp/other"
}

# one_round: a storm, and what came back
one_round() {
    locals=$addresses
    away=0
    [ "$limit_of" -eq 0 ] || locals=1 away=$((clients - limit_of))
    "$build/bench/storm" "127.0.0.1:$port" "$clients" "$rate" "$locals" \
        "$channels" "$away" >"$tmp/storm" 2>"$tmp/errors" &
    storm=$!
    if [ "$limit_of" -ne 0 ]; then
        sleep 1
        other_client || why="a client of another address got no stream"
    fi
    wait "$storm" || why="storm: $(cat "$tmp/storm" "$tmp/errors")"
    wait_for_closes
}

why=
start_httpd
before=$(children | sort)
peak=0
shared=0
descriptors=0
round=0
while [ "$round" -lt "$rounds" ] && [ -z "$why" ]; do
    round=$((round + 1))
    one_round
    # shellcheck disable=SC2046 # three words
    set -- $(measure)
    echo "round $round: $(cat "$tmp/storm") pss_kb=$1 shared_kb=$2" \
        "descriptors=$3" >&2
    if [ "$round" -le $(((rounds * 3 + 3) / 4)) ]; then
        [ "$1" -le "$peak" ] || peak=$1
        [ "$2" -le "$shared" ] || shared=$2
        [ "$3" -le "$descriptors" ] || descriptors=$3
    fi
done
[ "$(clients_left)" = 0 ] || why="clients are left"
[ "$3" -le "$descriptors" ] || why="descriptors are left"
[ "$2" -le $((shared * 102 / 100)) ] ||
    why="shared memory has grown"
[ "$1" -le $((peak * 102 / 100)) ] || why="memory has grown"
[ "$(children | sort)" = "$before" ] || why="children were replaced"
! has_errors || why="errors are in the log"
echo "storm clients=$clients rate=$rate rounds=$round limit=$limit_of" \
    "pss_kb=$peak pss_after_kb=$1 shared_kb=$shared shared_after_kb=$2" \
    "descriptors=$descriptors descriptors_after=$3 problem=\"$why\""
[ -z "$why" ]
