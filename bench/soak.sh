#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Is any event lost, whatever happens to the server, and how long does a page
# take? Starts a private httpd with the built module, runs verify and pages
# against it, and injects faults meanwhile.
#
#   sh bench/soak.sh FAULT [SECONDS [INTERVAL [TIMES]]]
#
#   FAULT     none      nothing
#             graceful  SIGUSR1 to the parent
#             restart   SIGHUP to the parent
#             kill      SIGKILL to a child
#             segv      SIGSEGV to a child
#             killall   SIGKILL to all children at once
#             both      graceful, and the last fault is a kill; if a stream was
#                       cut before that, the run fails
#             stop      SIGSTOP to a child, SIGCONT after two seconds
#   SECONDS   how long events are published (12); longer on a slow machine, if
#             the faults take longer
#   INTERVAL  seconds from one fault to the next (2)
#   TIMES     number of faults (as many as fit, none in the last second)
#
#   ES_TARGET     busiest (preset) or random: which of the children with clients
#   ES_CLIENTS 200  ES_CHANNELS 20  ES_RATE 100  ES_SLOW 5  ES_CHURN 20
#   ES_MULTI 10   as verify's options of these names
#   ES_VERIFY     more options of verify
#   ES_TLS        1.2 or 1.3: clients and publishers of verify use TLS of this
#                 version; the run fails if the module does not detach them
#   ES_HTTP2      h2 or h2c: clients and publishers of verify use HTTP/2
#   ES_STREAMS    clients that share a connection of HTTP/2 (1)
#   ES_FRONT      ADDR:PORT that verify connects to, if there is a proxy in
#                 front of httpd
#   ES_KEEP       a folder to which configuration, logs and reports are copied
#   and the variables of httpd.sh
#
# Prints the faults, a line "soak key=value ...", those of pages and newcomers,
# and verify's.
# Exit status: 0 no errors; 1 errors, or a fault hit no clients; 2 could not
# run.

set -u
here=$(cd "$(dirname "$0")" && pwd)
fault=${1:-none}
seconds=${2:-12}
interval=${3:-2}
times=${4:-$(((seconds - 1) / interval))}
clients=${ES_CLIENTS:-200}
publishers=4
# a child with so many connections may have no client; under prefork a child has
# one of HTTP/2
idle=$publishers
[ "${ES_MPM:-}:${ES_HTTP2:-}" != prefork:h2c ] || idle=0
verify=
pages=
newcomers=
stopped=
count=0
hits=0
clients_hit=0
problem=

# shellcheck source=bench/httpd.sh
. "$here/httpd.sh"

case $fault in
none | graceful | restart | kill | segv | killall | both | stop) ;;
*) die "usage: soak.sh FAULT [SECONDS [INTERVAL [TIMES]]]; see its head" ;;
esac

clean_up() {
    [ -n "$stopped" ] && kill -CONT "$stopped" 2>/dev/null
    end_all
    [ -n "${ES_KEEP:-}" ] && cp "$tmp"/[!s]* "$ES_KEEP/" 2>/dev/null
    rm -rf "$top"
}

use_folder verify pages newcomers server
trap clean_up EXIT
check_build pages verify

# clients_of PID: connections of this child, publishers' included
clients_of() {
    find "/proc/$1/fd" -type l -printf '%l\n' 2>/dev/null |
        sed -n 's/^socket:\[\([0-9]*\)\]$/own \1/p' >"$tmp/sockets"
    awk -v at="$(printf ':%04X' "$port")" \
        -v at_tls="$(printf ':%04X' "$tls_port")" \
        '$1 == "own" { own[$2] = 1; next }
         ($2 ~ at "$" || $2 ~ at_tls "$") && $4 == "01" && ($10 in own) { n++ }
         END { print n + 0 }' "$tmp/sockets" /proc/net/tcp
}

# ---- faults ------------------------------------------------------------------

# list_children: "PID CLIENTS" of each child, the busiest first
list_children() {
    for child in $(children); do
        echo "$child $(clients_of "$child")"
    done | sort -k 2 -n -r
}

# target: the line of the child that the next fault is for
target() {
    if [ "${ES_TARGET:-busiest}" = random ]; then
        awk -v seed="$(date +%N | sed 's/^0*//')" -v idle="$idle" \
            'NR == 1 || $2 > idle { line[++n] = $0 }
             END { srand(seed); print line[1 + int(rand() * n)] }' \
            "$tmp/children"
    else
        head -n 1 "$tmp/children"
    fi
}

# injected CLIENTS TEXT: a fault was injected into a child, or all of them,
# with this many connections
injected() {
    count=$((count + 1))
    clients_hit=$((clients_hit + $1))
    if [ "$1" -gt "$idle" ]; then
        hits=$((hits + 1))
    fi
    echo "$fault $count: $2, $1 connections"
}

# has_clients: does a child have any? The list is empty while there is no child.
has_clients() {
    awk -v idle="$idle" 'NR == 1 && $2 > idle { found = 1 }
                               END { exit !found }' "$tmp/children"
}

# wait_for_clients: until a child has clients; for a moment all of them may be
# between old children and new ones
wait_for_clients() {
    tries=0
    list_children >"$tmp/children"
    until has_clients || [ "$tries" -ge 50 ]; do
        sleep 0.2
        tries=$((tries + 1))
        list_children >"$tmp/children"
    done
}

# both_in_turn: sets $one, the fault that is next
both_in_turn() {
    one=graceful
    if [ $((count + 1)) -eq "$times" ]; then
        one=kill
        sleep 1.5 # progress is up to a second old
        cut=$(sed -n '$s/.* cut=\([0-9]*\) .*/\1/p' "$tmp/progress")
        [ "$cut" = 0 ] || problem="$cut streams were cut by graceful"
    fi
}

inject_fault() {
    one=$fault
    [ "$fault" != both ] || both_in_turn
    wait_for_clients
    # shellcheck disable=SC2046 # two words
    set -- $(target)
    all=$(awk '{ sum += $2 } END { print sum + 0 }' "$tmp/children")
    pids=$(awk '{ print $1 }' "$tmp/children")
    case $one in
    graceful) kill -USR1 "$server" && injected "$all" "all children" ;;
    restart) kill -HUP "$server" && injected "$all" "all children" ;;
    killall) echo "$pids" | xargs kill -9 && injected "$all" "all children" ;;
    kill) kill -9 "$1" && injected "$2" "child $1" ;;
    segv) kill -SEGV "$1" && injected "$2" "child $1" ;;
    stop)
        kill -STOP "$1" && stopped=$1 && injected "$2" "child $1"
        sleep 2
        kill -CONT "$1"
        stopped=
        ;;
    esac
}

# takes_turns: are there more clients over HTTP/2 than a child holds?
takes_turns() {
    [ -n "${ES_HTTP2:-}" ] || return 1
    [ "$held" = preset ] || [ "$held" -lt "$clients" ]
}

# value NAME: of verify's line, or that of pages; not that of newcomers
value() {
    awk -v name="$1" '$1 == "verify" || $1 == "pages" {
        for (i = 2; i <= NF; i++) {
            split($i, part, "=")
            if (part[1] == name) { print part[2] }
        }
    }' "$tmp/report" "$tmp/page_times"
}

# ---- the run -----------------------------------------------------------------

start_httpd
address=127.0.0.1:$port
[ -z "${ES_TLS:-}" ] || address=127.0.0.1:$tls_port
before=$(children | sort)
case $fault in
kill | segv | killall | both) no_cuts= ;;
restart)
    # httpd cuts the connections of its workers
    no_cuts=--no-cuts
    [ -z "${ES_HTTP2:-}" ] || no_cuts=
    ;;
*) no_cuts=--no-cuts ;;
esac
# shellcheck disable=SC2086 # options
"$build/bench/verify" --servers "${ES_FRONT:-$address}" \
    --seconds "$((seconds * 4))" \
    --clients "$clients" --channels "${ES_CHANNELS:-20}" \
    --rate "${ES_RATE:-100}" --slow "${ES_SLOW:-5}" \
    --churn "${ES_CHURN:-20}" --multi "${ES_MULTI:-10}" \
    --tls "${ES_TLS:-no}" ${ES_HTTP2:+--http2} --streams "${ES_STREAMS:-1}" \
    --publishers "$publishers" --seed "$$" --log "$tmp/progress" \
    $no_cuts ${ES_VERIFY:-} >"$tmp/report" 2>"$tmp/errors" &
verify=$!
"$build/bench/pages" pages "127.0.0.1:$port" /page.txt >"$tmp/page_times" &
pages=$!
"$build/bench/pages" newcomers "127.0.0.1:$port" /events/newcomer \
    'event: stream-open' >"$tmp/newcomer_times" &
newcomers=$!

# until events are acknowledged
until grep -q 'acknowledged=[1-9]' "$tmp/progress" 2>/dev/null; do
    running "$verify" || break
    sleep 0.1
done
enough=$(($(date +%s) + seconds))
while [ "$fault" != none ] && [ "$count" -lt "$times" ] &&
    running "$verify"; do
    inject_fault
    if [ "$fault" = stop ] && [ "$interval" -ge 2 ]; then
        sleep $((interval - 2)) # inject_fault has slept for two
    else
        sleep "$interval"
    fi
done
while [ "$(date +%s)" -lt "$enough" ] && running "$verify"; do
    sleep 0.2
done
kill -USR1 "$verify" 2>/dev/null
wait "$verify"
rc=$?
verify=
kill "$pages" "$newcomers" 2>/dev/null
wait "$pages" "$newcomers"
pages=
newcomers=
cat "$tmp/errors" >&2

# ---- the result --------------------------------------------------------------

[ -s "$tmp/report" ] || die "verify gave no report, status $rc"
cuts=$(($(value cut) + $(value cut_slow) + $(value failed_connects)))
ends=$(value clean_ends)
running "$server" || problem="httpd has ended"
[ "$hits" -eq "$count" ] || problem="a fault hit an idle child"
[ "$fault" = none ] || [ "$count" -gt 0 ] || problem="there was no fault"
case $fault in
kill | segv | killall)
    # clients that had just closed are not cut: half of the others suffice, or
    # any where connections of HTTP/2 wait for their next turn
    least=$(((clients_hit - count * publishers) / 2))
    ! takes_turns || least=1
    [ "$cuts" -ge "$least" ] ||
        problem="only $cuts of $clients_hit connections were cut"
    ;;
none | graceful | restart | stop)
    ! grep -q 'exit signal' "$tmp/error.log" ||
        problem="a child crashed (at a restart httpd's own do: see bare.sh)"
    ;;
esac
case $fault in
graceful | restart | kill | segv | killall | both)
    [ "$(children | sort)" != "$before" ] || problem="no child was replaced"
    ;;
esac
# a client may send something at just this moment
if grep -v 'has begun' "$tmp/error.log" | grep 'ES0405\|ES0023' >&2; then
    problem="clients over TLS are not detached"
elif [ -n "${ES_TLS:-}" ] && [ -z "${ES_HTTP2:-}" ] &&
    ! grep -q ES0022 "$tmp/error.log"; then
    problem="the module was built without mod_ssl_openssl.h"
fi
[ -n "$(value worst_ms)" ] || problem="pages gave no report"
[ -s "$tmp/newcomer_times" ] || problem="newcomers gave no report"
case $fault in
none | graceful)
    [ "$(value failed)" = 0 ] || problem="$(value failed) pages failed"
    ;;
esac
grep -E '\[[a-z_]*:(crit|alert|emerg|error)\]' "$tmp/error.log" >&2
echo "soak fault=$fault times=$count hit=$hits" \
    "connections_hit=$clients_hit cuts=$cuts clean_ends=$ends" \
    "problem=\"$problem\""
cat "$tmp/page_times" "$tmp/newcomer_times" "$tmp/report"
if [ -n "$problem" ]; then
    warn "$problem"
    [ "$rc" -ne 0 ] || rc=1
fi
exit "$rc"
