#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Is every event there, whatever happens to the server? Starts a private
# httpd with the built module, lets verify publish and listen, and does
# something to the server meanwhile.
#
#   sh bench/soak.sh FAULT [SECONDS [EVERY [TIMES]]]
#
#   FAULT     none      nothing
#             graceful  SIGUSR1 to the parent
#             restart   SIGHUP to the parent
#             kill      SIGKILL to a child
#             segv      SIGSEGV to a child
#             killall   SIGKILL to all children at once
#             stop      SIGSTOP to a child, SIGCONT after two seconds
#   SECONDS   how long events are published (12); longer if the machine is so
#             slow that the faults take longer
#   EVERY     seconds from one fault to the next (2)
#   TIMES     how many (as many as fit; the last second is left in peace)
#
#   ES_VICTIM     busiest (preset) or random: which child that has clients
#   ES_CLIENTS 200  ES_CHANNELS 20  ES_RATE 100  ES_SLOW 5  ES_CHURN 20
#   ES_MULTI 10   as verify's options of these names
#   ES_VERIFY     more of its options
#   ES_FRONT      address:port that verify asks, if that is not httpd itself
#                 but a proxy before it, such as a client of TLS
#   ES_KEEP       a folder that receives configuration, logs and reports
#   and those of httpd.sh
#
# Prints what happened, a line "soak key=value ..." and verify's line.
# Exit status: 0 sound; 1 not, or a fault hit nobody; 2 could not run.

set -u
here=$(cd "$(dirname "$0")" && pwd)
fault=${1:-none}
seconds=${2:-12}
every=${3:-2}
times=${4:-$(((seconds - 1) / every))}
clients=${ES_CLIENTS:-200}
publishers=4
verify=
stopped=
done_times=0
hits=0
clients_hit=0

# shellcheck source=bench/httpd.sh
. "$here/httpd.sh"

say() {
    echo "soak.sh: $*" >&2
}

die() {
    say "$@"
    exit 2
}

clean_up() {
    [ -n "$stopped" ] && kill -CONT "$stopped" 2>/dev/null
    end "$verify"
    end "$server"
    [ -n "${ES_KEEP:-}" ] && cp "$tmp"/[!s]* "$ES_KEEP/" 2>/dev/null
    rm -rf "$tmp"
}

case $fault in
none | graceful | restart | kill | segv | killall | stop) ;;
*) die "usage: soak.sh FAULT [SECONDS [EVERY [TIMES]]]; see its head" ;;
esac
tmp=$(mktemp -d) || exit 2
trap clean_up EXIT
trap 'exit 2' HUP INT TERM

check_build

# clients_of PID: connections that this child has, publishers' among them
clients_of() {
    find "/proc/$1/fd" -type l -printf '%l\n' 2>/dev/null |
        sed -n 's/^socket:\[\([0-9]*\)\]$/own \1/p' >"$tmp/sockets"
    awk -v at="$(printf ':%04X' "$port")" \
        '$1 == "own" { own[$2] = 1; next }
         $2 ~ at "$" && $4 == "01" && ($10 in own) { n++ }
         END { print n + 0 }' "$tmp/sockets" /proc/net/tcp
}

# ---- faults ------------------------------------------------------------------

# census: "PID CLIENTS" of each child, the busiest first
census() {
    for child in $(children); do
        echo "$child $(clients_of "$child")"
    done | sort -k 2 -n -r
}

victim() {
    if [ "${ES_VICTIM:-busiest}" = random ]; then
        awk -v seed="$(date +%N | sed 's/^0*//')" -v idle="$publishers" \
            'NR == 1 || $2 > idle { line[++n] = $0 }
             END { srand(seed); print line[1 + int(rand() * n)] }' \
            "$tmp/census"
    else
        head -n 1 "$tmp/census"
    fi
}

# hit CLIENTS: those of the child or children that a fault has struck
hit() {
    done_times=$((done_times + 1))
    clients_hit=$((clients_hit + $1))
    if [ "$1" -gt "$publishers" ]; then
        hits=$((hits + 1))
    fi
    echo "$fault $done_times: $2, $1 connections"
}

# somebody_has_clients: in the census; it is empty while no child is there
somebody_has_clients() {
    awk -v idle="$publishers" 'NR == 1 && $2 > idle { found = 1 }
                               END { exit !found }' "$tmp/census"
}

# aim: a census in which somebody has clients, so that the fault hits some; for
# a moment all of them may be on their way from old children to new ones
aim() {
    tries=0
    census >"$tmp/census"
    until somebody_has_clients || [ "$tries" -ge 50 ]; do
        sleep 0.2
        tries=$((tries + 1))
        census >"$tmp/census"
    done
}

strike() {
    aim
    # shellcheck disable=SC2046 # two words
    set -- $(victim)
    all=$(awk '{ sum += $2 } END { print sum + 0 }' "$tmp/census")
    pids=$(awk '{ print $1 }' "$tmp/census")
    case $fault in
    graceful) kill -USR1 "$server" && hit "$all" "all children" ;;
    restart) kill -HUP "$server" && hit "$all" "all children" ;;
    killall) echo "$pids" | xargs kill -9 && hit "$all" "all children" ;;
    kill) kill -9 "$1" && hit "$2" "child $1" ;;
    segv) kill -SEGV "$1" && hit "$2" "child $1" ;;
    stop)
        kill -STOP "$1" && stopped=$1 && hit "$2" "child $1"
        sleep 2
        kill -CONT "$1"
        stopped=
        ;;
    esac
}

# value NAME: from verify's line
value() {
    awk -v name="$1" '$1 == "verify" {
        for (i = 2; i <= NF; i++) {
            split($i, part, "=")
            if (part[1] == name) { print part[2] }
        }
    }' "$tmp/report"
}

# ---- the run -----------------------------------------------------------------

start_httpd
before=$(children | sort)
case $fault in
kill | segv | killall) may_cut= ;;
*) may_cut=--no-cuts ;;
esac
# shellcheck disable=SC2086 # options
"$build/bench/verify" --servers "${ES_FRONT:-127.0.0.1:$port}" \
    --seconds "$((seconds * 4))" \
    --clients "$clients" --channels "${ES_CHANNELS:-20}" \
    --rate "${ES_RATE:-100}" --slow "${ES_SLOW:-5}" \
    --churn "${ES_CHURN:-20}" --multi "${ES_MULTI:-10}" \
    --publishers "$publishers" --seed "$$" --log "$tmp/progress" \
    $may_cut ${ES_VERIFY:-} >"$tmp/report" 2>"$tmp/findings" &
verify=$!

# until events flow
until grep -q 'acknowledged=[1-9]' "$tmp/progress" 2>/dev/null; do
    running "$verify" || break
    sleep 0.1
done
enough=$(($(date +%s) + seconds))
while [ "$fault" != none ] && [ "$done_times" -lt "$times" ] &&
    running "$verify"; do
    strike
    if [ "$fault" = stop ] && [ "$every" -ge 2 ]; then
        sleep $((every - 2)) # it has slept for two
    else
        sleep "$every"
    fi
done
while [ "$(date +%s)" -lt "$enough" ] && running "$verify"; do
    sleep 0.2
done
kill -USR1 "$verify" 2>/dev/null
wait "$verify"
rc=$?
verify=
cat "$tmp/findings" >&2

# ---- what came of it ---------------------------------------------------------

[ -s "$tmp/report" ] || die "verify gave no report, status $rc"
say_why=
cuts=$(($(value cut) + $(value cut_slow) + $(value failed_connects)))
ends=$(value clean_ends)
running "$server" || say_why="httpd is gone"
[ "$hits" -eq "$done_times" ] || say_why="a fault hit an idle child"
[ "$fault" = none ] || [ "$done_times" -gt 0 ] || say_why="there was no fault"
case $fault in
kill | segv | killall)
    # clients that left by themselves are not cut: half of them suffice
    [ $((cuts * 2)) -ge $((clients_hit - done_times * publishers)) ] ||
        say_why="only $cuts of $clients_hit connections were cut"
    ;;
none | graceful | restart | stop)
    ! grep -q 'exit signal' "$tmp/error.log" ||
        say_why="a child crashed (at a restart httpd's own do: see bare.sh)"
    ;;
esac
case $fault in
graceful | restart | kill | segv | killall)
    [ "$(children | sort)" != "$before" ] || say_why="no child was replaced"
    ;;
esac
grep -E '\[[a-z_]*:(crit|alert|emerg|error)\]' "$tmp/error.log" >&2
echo "soak fault=$fault times=$done_times hit=$hits" \
    "connections_hit=$clients_hit cuts=$cuts clean_ends=$ends" \
    "problem=\"$say_why\""
cat "$tmp/report"
if [ -n "$say_why" ]; then
    say "$say_why"
    [ "$rc" -ne 0 ] || rc=1
fi
exit "$rc"
