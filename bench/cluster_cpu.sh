#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Does a delivery cost more where the hub is clustered? Two httpds of one child
# each, one of them with EventStreamCluster and a broker of its own, are
# measured in turns by load: CPU of the httpd, without that of the broker, for
# each event that a client gets. It includes what publishing costs, more in a
# cluster, which all clients of the event share. single is one event at a time;
# batch is 20 in one POST. (20 POSTs one after the other over one connection
# come at once on one server, but in a cluster each waits for the broker.)
#
#   sh bench/cluster_cpu.sh [PAIRS [CLIENTS]]     (9 pairs, 1,000 clients)
#
#   and the variables of httpd.sh; ES_CHILDREN is 1
#
# Prints medians, and the median of the ratios of the pairs with the lowest and
# the highest. Exit status: 0; 1 a run lost, doubled or reordered an event; 2
# could not run; 77 no broker is installed.

set -u
here=$(cd "$(dirname "$0")" && pwd)
pairs=${1:-9}
clients=${2:-1000}
ES_CHILDREN=${ES_CHILDREN:-1}
ES_LIMIT=$ES_CHILDREN
server=
server_alone=
server_cluster=
faulty=0

# shellcheck source=bench/httpd.sh
. "$here/httpd.sh"
# shellcheck source=bench/broker.sh
. "$here/broker.sh"

clean_up() {
    end "$server_alone"
    end "$server_cluster"
    end_brokers
    rm -rf "$top"
}

top=$(mktemp -d) || exit 2
chmod 711 "$top"
trap clean_up EXIT
trap 'exit 2' HUP INT TERM
find_broker
check_build

# start SIDE: sets $server_SIDE and $port_SIDE
start() {
    tmp=$top/$1
    mkdir -p "$tmp"
    ES_EXTRA_CONF=$top/$1.conf
    start_httpd
    eval "server_$1=$server port_$1=$port"
    port=$((port + 2))
}

# run SIDE ROW OPTIONS: appends the CPU of a delivery to the values of the row
run() {
    side=$1
    row=$2
    shift 2
    eval "pid=\$server_$side at=\$port_$side"
    "$build/bench/load" --servers "127.0.0.1:$at" --pid "$pid" --locals 4 \
        --seconds 60 --clients "$clients" --idle 0.5 --poll-interval 1000 \
        --lockstep "$@" >"$top/one" 2>"$top/errors" || {
        faulty=1
        warn "$row, $side: load has failed"
        cat "$top/errors" >&2
    }
    awk '$1 == "server_cpu_us_per_delivery" { print $2 }' "$top/one" \
        >>"$top/$row.$side"
}

# middle FILE: the median
middle() {
    sort -n "$1" | awk '{ v[NR] = $1 }
        END { if (NR) printf "%.3f", (v[int((NR + 1) / 2)] + \
              v[int(NR / 2) + 1]) / 2 }'
}

# measure ROW OPTIONS
measure() {
    row=$1
    pair=0
    while [ "$pair" -lt "$pairs" ]; do
        run cluster "$@"
        run alone "$@"
        pair=$((pair + 1))
    done
    paste "$top/$row.cluster" "$top/$row.alone" |
        awk 'NF == 2 && $2 > 0 { print $1 / $2 }' | sort -n >"$top/ratios"
    printf '%-8s %8s %8s %7s %7.3f %7.3f\n' "$row" \
        "$(middle "$top/$row.cluster")" "$(middle "$top/$row.alone")" \
        "$(middle "$top/ratios")" "$(head -1 "$top/ratios")" \
        "$(tail -1 "$top/ratios")"
}

port_broker=$((port + 10))
while listens "$port_broker"; do
    port_broker=$((port_broker + 1))
done
start_broker broker "$port_broker"
: >"$top/alone.conf"
echo "EventStreamCluster redis://127.0.0.1:$port_broker/" >"$top/cluster.conf"
start alone
start cluster
echo "CPU of httpd in us per delivery, $pairs pairs, $clients clients"
printf '%-8s %8s %8s %7s %7s %7s\n' '' cluster alone ratio low high
measure single --events 300
measure batch --events 4000 --burst 20 --format batch
exit "$faulty"
