#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Is any event lost when servers share a hub through a broker, whatever happens
# to them and to it? Starts three httpds and a broker of its own, runs verify
# against all of them, and injects faults meanwhile. A client that comes back
# comes back to another server, as behind a balancer without stickiness, and a
# publisher goes from one to the next, and posts again what was not
# acknowledged.
#
#   sh bench/cluster.sh [CASE [SECONDS [INTERVAL]]]
#
#   CASE      steady            nothing (preset)
#             node-kill         SIGKILL to all processes of a server, which is
#                               started again
#             node-stop         SIGSTOP to all of them, SIGCONT after 2 s
#             rolling           graceful of one server after another
#             restart           the same with restart
#             join              a server that starts late, and leaves
#             broker-stop       SIGSTOP to the broker, SIGCONT after 2 s
#             broker-kill       SIGKILL, and started again with nothing
#             broker-kill-file  the same with an append-only file (always)
#             flush             FLUSHALL
#             failover-replica  SIGKILL to the primary, whose replica takes over
#                               by three sentinels; with acks=replica
#             failover-primary  the same with acks=primary
#             partition         the packets between a server and the broker
#                               are lost for INTERVAL s: those to it, those
#                               from it, or all; takes root, and is left out
#                               of all (77 alone) where it is not allowed
#             all               each of them in turn
#   SECONDS   how long events are published (12)
#   INTERVAL  seconds from one fault to the next (3)
#
#   ES_CLIENTS 150  ES_CHANNELS 20  ES_RATE 100  ES_SLOW 5  ES_CHURN 20
#   ES_MULTI 10   as verify's options of these names
#   ES_RETRY      seconds in which events are posted again (60; 0 for steady
#                 and rolling, whose events have ids of the servers then)
#   ES_VERIFY     more options of verify
#   ES_TLS, ES_HTTP2   as soak.sh has them
#   ES_KEEP       a folder to which logs and reports are copied
#   and the variables of httpd.sh; ES_CHILDREN is 2
#
# steady also asks the broker for a second how long a PING takes: with
# ES_CLIENTS=3 ES_CHANNELS=1 ES_SLOW=0 ES_CHURN=0 ES_MULTI=0 each server has
# one client, and verify's latency is that from a POST to the clients of all
# servers.
#
# Prints the faults, a line "cluster key=value ..." and verify's. An event that
# is posted again and not acknowledged in the end is a problem. Where the broker
# itself may lose what it has acknowledged (broker-kill, flush,
# failover-primary), and where nobody can know that it has not
# (broker-kill-file), verify has --may-forget: clients must be told, and may be
# told although nothing is missing. failover-replica has it, too: clients may be
# told if a server had an event that the replica had not confirmed yet.
# Exit status: 0 no errors; 1 errors; 2 could not run; 77 no broker is
# installed.

set -u
here=$(cd "$(dirname "$0")" && pwd)
case=${1:-steady}
seconds=${2:-12}
interval=${3:-3}
cases="steady node-kill node-stop rolling restart join broker-stop broker-kill
broker-kill-file flush failover-replica failover-primary partition"
ES_CHILDREN=${ES_CHILDREN:-2}
server=
verify=
stopped=
count=0
problem=
keeper=

if [ "$case" = all ]; then
    failed=0
    for case in $cases; do
        sh "$0" "$case" "$seconds" "$interval"
        rc=$?
        [ "$case:$rc" != partition:77 ] || continue
        [ "$rc" -lt 2 ] || exit "$rc"
        [ "$rc" -eq 0 ] || failed=1
    done
    exit "$failed"
fi

# shellcheck source=bench/httpd.sh
. "$here/httpd.sh"
# shellcheck source=bench/broker.sh
. "$here/broker.sh"

echo "$cases" | tr ' ' '\n' | grep -qxF -- "$case" ||
    die "usage: cluster.sh [CASE [SECONDS [INTERVAL]]]; see its head"

# Servers and verify have a namespace of the network, the broker another one.
if [ "$case" = partition ] && [ -z "${ES_OWN_NETWORK:-}" ]; then
    unshare --net true || {
        warn "needs network namespaces"
        exit 77
    }
    ES_OWN_NETWORK=1 exec unshare --net -- sh "$0" "$@"
fi

clean_up() {
    [ -z "$stopped" ] || echo "$stopped" | xargs kill -CONT 2>/dev/null
    end_all
    end_brokers
    end "$keeper"
    [ -z "${ES_KEEP:-}" ] || cp -r "$top"/[!h]* "$ES_KEEP/" 2>/dev/null
    rm -rf "$top"
}

use_folder verify server_1 server_2 server_3
trap clean_up EXIT
chmod 711 "$top"
find_broker

# this httpd ends with this shell, however that ends
cat >"$top/httpd" <<END
#!/bin/sh
exec setpriv --pdeathsig TERM -- "$httpd" "\$@"
END
chmod 700 "$top/httpd"

# ---- servers -----------------------------------------------------------------

# node N: what httpd.sh does is done to this one
node() {
    tmp=$top/node$1
    eval "server=\${server_$1:-}"
    eval "port=\${port_of_$1:-$((base + $1 * 2))}"
    tls_port=$((port + 1))
}

start_node() {
    node "$1"
    mkdir -p "$tmp"
    [ ! -f "$tmp/error.log" ] || cat "$tmp/error.log" >>"$tmp/earlier.log"
    {
        eval "echo EventStreamCluster \${url_$1:-\$url} acks=$acks timeout=1s"
        [ -z "$extra_conf" ] || cat "$extra_conf"
    } >"$tmp/extra.conf"
    ES_EXTRA_CONF=$tmp/extra.conf
    wanted=$port
    httpd=$top/httpd
    start_httpd
    eval "server_$1=$server port_of_$1=$port"
    [ "$count" -eq 0 ] || [ "$port" -eq "$wanted" ] ||
        die "another process has taken port $wanted"
}

# processes: the pids of the node that was set
processes() {
    echo "$server"
    children
}

# answers N: does it follow the broker's stream? Its own publisher is answered
# when its journal has the event.
answers() {
    node "$1"
    [ "$(curl -s -o /dev/null -w '%{http_code}' --max-time 5 -d x \
        -H 'Content-Type: text/plain' \
        "http://127.0.0.1:$port/publish?channel=first")" = 200 ]
}

wait_for_answer() {
    tries=0
    until answers "$1"; do
        tries=$((tries + 1))
        [ "$tries" -lt 100 ] || die "server $1 does not publish"
        sleep 0.2
    done
}

# ---- the broker --------------------------------------------------------------

# base: a range of 20 ports of which none is used
find_ports() {
    base=$((12000 + $$ % 500 * 20))
    while awk -v from="$base" \
        '{ split($2, at, ":"); p = 0
           for (i = 1; i <= 4; i++) {
               p = p * 16 + index("0123456789ABCDEF", substr(at[2], i, 1)) - 1
           }
           if (p >= from && p < from + 20) { found = 1 } }
         END { exit !found }' /proc/net/tcp; do
        base=$((base + 20))
    done
}

# knows_all PORT: does this sentinel know the others and the replica?
knows_all() {
    ask "$1" SENTINEL MASTER es | awk '
        last == "num-other-sentinels" && $1 == 2 { n++ }
        last == "num-slaves" && $1 >= 1 { n++ }
        last == "flags" && $1 == "master" { n++ }
        { last = $1 }
        END { exit n != 3 }'
}

primary_port() {
    ask $((base + 12)) SENTINEL get-master-addr-by-name es | sed -n 2p
}

# has_replica PORT: is it a primary with a replica in step?
has_replica() {
    ask "$1" INFO replication | grep -q '^slave0:.*state=online'
}

# until_true WHAT COMMAND...
until_true() {
    what=$1
    shift
    tries=0
    until "$@"; do
        tries=$((tries + 1))
        [ "$tries" -lt 300 ] || die "$what"
        sleep 0.1
    done
}

# Each server has a way of its own to the broker.
make_network() {
    setpriv --pdeathsig KILL -- unshare --net sleep 86400 &
    keeper=$!
    until_true "there is no namespace" has_namespace
    broker_in="nsenter --net=/proc/$keeper/ns/net --"
    $broker_in ip link set lo up
    for number in 1 2 3; do
        ip link add "to$number" type veth peer name "from$number" \
            netns "$keeper" &&
            ip addr add "192.0.2.$((number * 4 + 1))/30" dev "to$number" &&
            ip link set "to$number" up &&
            tc qdisc add dev "to$number" clsact &&
            $broker_in ip addr add "192.0.2.$((number * 4 + 2))/30" \
                dev "from$number" &&
            $broker_in ip link set "from$number" up ||
            die "cannot make a network"
        eval "url_$number=redis://192.0.2.$((number * 4 + 2)):$port_1/"
    done
}

has_namespace() {
    [ "$(readlink "/proc/$keeper/ns/net")" != "$(readlink /proc/self/ns/net)" ]
}

start_all_brokers() {
    port_1=$((base + 10))
    [ "$case" != partition ] || make_network
    case $case in
    broker-kill-file)
        start_broker first "$port_1" --appendonly yes --appendfsync always
        ;;
    *) start_broker first "$port_1" ;;
    esac
    url=redis://127.0.0.1:$port_1/
    case $case in
    failover-*) ;;
    *) return ;;
    esac
    start_broker second $((base + 11)) --replicaof 127.0.0.1 "$port_1"
    until_true "there is no replica" has_replica "$port_1"
    for number in 2 3 4; do
        start_sentinel "sentinel$number" $((base + 10 + number)) "$port_1"
    done
    for number in 2 3 4; do
        until_true "the sentinels do not find each other" \
            knows_all $((base + 10 + number))
    done
    url=redis+sentinel://127.0.0.1:$((base + 12)),127.0.0.1:$((base + 13))
    url=$url,127.0.0.1:$((base + 14))/es
}

# ---- faults ------------------------------------------------------------------

injected() {
    count=$((count + 1))
    echo "$case $count: $1"
}

# sets $turn, the server that is next
next_node() {
    turn=$((count % 3 + 1))
}

kill_node() {
    next_node
    node "$turn"
    processes | xargs kill -9
    wait "$server" 2>/dev/null
    injected "server $turn is killed"
    sleep 0.5
    start_node "$turn"
}

stop_node() {
    next_node
    node "$turn"
    stopped=$(processes)
    # the parent first: it would replace children that do not answer
    echo "$stopped" | xargs kill -STOP
    injected "server $turn is stopped"
    sleep 2
    echo "$stopped" | xargs kill -CONT
    stopped=
}

# signal_node SIGNAL: all children must be replaced
signal_node() {
    next_node
    node "$turn"
    children | sort >"$top/before"
    kill "-$1" "$server"
    injected "server $turn, SIG$1"
    until_true "no child is replaced" has_new_child
}

has_new_child() {
    [ -n "$(children | sort | comm -13 "$top/before" -)" ]
}

# the third server joins, and leaves at the next occasion
join_or_leave() {
    node 3
    if [ -n "$server" ]; then
        end "$server"
        server_3=
        injected "server 3 leaves"
    else
        injected "server 3 joins"
        start_node 3
    fi
}

stop_broker() {
    eval "stopped=\$pid_first"
    signal_broker STOP first
    injected "the broker is stopped"
    sleep 2
    signal_broker CONT first
    stopped=
}

kill_broker() {
    signal_broker KILL first
    injected "the broker is killed"
    sleep 0.5
    again first
}

has_moved() {
    moved=$(primary_port)
    [ "$moved" != "$1" ] && ask "$moved" ROLE | grep -q '^master'
}

# the one that was killed is the replica of the other one afterwards
fail_over() {
    old=$(primary_port)
    name=first
    [ "$old" -eq "$port_1" ] || name=second
    one=$name
    signal_broker KILL "$one"
    injected "the primary at $old is killed"
    until_true "no replica is promoted" has_moved "$old"
    again "$one" --replicaof 127.0.0.1 "$moved"
    until_true "the old primary is no replica" has_replica "$moved"
}

# Each server in each of the three ways. The program drops every packet.
part_node() {
    next_node
    case $(((count + count / 3) % 3)) in
    0) ways="ingress egress" ;;
    1) ways=ingress ;;
    2) ways=egress ;;
    esac
    for way in $ways; do
        tc filter add dev "to$turn" "$way" prio 1 bpf da bytecode '1,6 0 0 2' ||
            die "cannot drop packets"
    done
    injected "server $turn is cut off: $ways"
    sleep "$interval"
    for way in $ways; do
        tc filter del dev "to$turn" "$way" prio 1
    done
}

inject_fault() {
    case $case in
    node-kill) kill_node ;;
    node-stop) stop_node ;;
    rolling) signal_node USR1 ;;
    restart) signal_node HUP ;;
    join) join_or_leave ;;
    broker-stop) stop_broker ;;
    broker-kill*) kill_broker ;;
    flush) ask "$port_1" FLUSHALL >/dev/null && injected "FLUSHALL" ;;
    failover-*) fail_over ;;
    partition) part_node ;;
    esac
}

# ---- the run -----------------------------------------------------------------

check_build verify
[ "$case" != partition ] || ip link set lo up
find_ports
start_all_brokers
acks=primary
[ "$case" != failover-replica ] || acks=replica
extra_conf=${ES_EXTRA_CONF:-}
servers=
for number in 1 2 3; do
    if [ "$case:$number" = join:3 ]; then
        # its address is known before it runs
        port_of_3=$((base + 6))
        port=$port_of_3
        [ -z "${ES_TLS:-}" ] || port=$((port + 1))
    else
        start_node "$number"
        wait_for_answer "$number"
        [ -z "${ES_TLS:-}" ] || port=$tls_port
    fi
    servers=$servers${servers:+,}127.0.0.1:$port
done
retry=60
case $case in
steady | rolling) retry=0 ;;
esac
retry=${ES_RETRY:-$retry}
may_forget=
case $case in
broker-kill* | flush | failover-*) may_forget=--may-forget ;;
esac

# shellcheck disable=SC2086 # options
"$build/bench/verify" --servers "$servers" --seconds "$((seconds * 4))" \
    --clients "${ES_CLIENTS:-150}" --channels "${ES_CHANNELS:-20}" \
    --rate "${ES_RATE:-100}" --slow "${ES_SLOW:-5}" \
    --churn "${ES_CHURN:-20}" --multi "${ES_MULTI:-10}" \
    --tls "${ES_TLS:-no}" ${ES_HTTP2:+--http2} \
    --publishers 6 --timeout 1 --retry "$retry" --seed "$$" \
    --log "$top/progress" $may_forget ${ES_VERIFY:-} \
    >"$top/report" 2>"$top/errors" &
verify=$!
until grep -q 'acknowledged=[1-9]' "$top/progress" 2>/dev/null; do
    running "$verify" || break
    sleep 0.1
done
begin=$(date +%s)
round_trip=
if [ "$case" = steady ]; then
    # one second of pings in the middle of the run
    sleep $((seconds / 2))
    round_trip=$(redis-cli -p "$port_1" --raw --latency </dev/null |
        awk '{ printf " ping_avg_us=%.0f ping_max_us=%.0f", $3 * 1000, \
               $2 * 1000 }')
fi
while [ "$case" != steady ] && running "$verify" &&
    [ $(($(date +%s) - begin)) -lt $((seconds - interval)) ]; do
    sleep 1
    inject_fault
    sleep $((interval - 1))
done
while [ $(($(date +%s) - begin)) -lt "$seconds" ] && running "$verify"; do
    sleep 0.2
done
kill -USR1 "$verify" 2>/dev/null
wait "$verify"
rc=$?
verify=
cat "$top/errors" >&2

# ---- the result --------------------------------------------------------------

value() {
    tr ' ' '\n' <"$top/report" | sed -n "s/^$1=//p"
}

[ -s "$top/report" ] || die "verify gave no report, status $rc"
[ "$case" = steady ] || [ "$count" -gt 0 ] || problem="there was no fault"
[ "$retry" -eq 0 ] || [ "$(value unknown)" = 0 ] ||
    problem="$(value unknown) events were never acknowledged"
for number in 1 2 3; do
    node "$number"
    [ -z "$server" ] || running "$server" || problem="server $number has ended"
    cat "$tmp/earlier.log" "$tmp/error.log" 2>/dev/null
done >"$top/error.log"
grep -E '\[[a-z_]*:(crit|alert|emerg|error)\]|exit signal' "$top/error.log" \
    >"$top/serious" && cat "$top/serious" >&2
case $case in
node-kill) ;;
*)
    ! grep -q 'exit signal' "$top/serious" ||
        problem="a child crashed (at a restart httpd's own do: see bare.sh)"
    ;;
esac
case $case in
node-kill)
    [ "$(value cut)" -gt 0 ] || problem="no stream was cut"
    ;;
broker-kill* | flush | failover-primary)
    [ $(($(value reported_gaps) + $(value allowed_resets) + \
        $(value uncertain_resets))) -gt 0 ] || problem="no client was told"
    ;;
esac
echo "cluster case=$case faults=$count$round_trip problem=\"$problem\""
cat "$top/report"
if [ -n "$problem" ]; then
    warn "$problem"
    [ "$rc" -ne 0 ] || rc=1
fi
exit "$rc"
