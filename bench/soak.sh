#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Is every event there, whatever happens to the server? Starts a private
# httpd with the built module, lets es_verify publish and listen, and does
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
#   SECONDS   how long events are published (12)
#   EVERY     seconds from one fault to the next (2)
#   TIMES     how many (as many as fit; the last second is left in peace)
#
#   ES_BUILDDIR   the build: .libs/mod_eventstream.so and bench/es_verify
#                 (../build beside the sources)
#   ES_VICTIM     busiest (preset) or random: which child
#   ES_CLIENTS 200  ES_CHANNELS 20  ES_RATE 100  ES_SLOW 5  ES_FICKLE 20
#   ES_BROAD 10   as es_verify's options of these names
#   ES_VERIFY     more of its options
#   ES_CHILDREN   children of httpd (4), ES_LIMIT its ServerLimit (twice that;
#                 with the same, new children wait until old ones are gone)
#   ES_HUB        size of the hub (64m)
#   ES_PORT       first port to try (18180)
#   ES_HTTPD      the server (apache2 or httpd)
#   ES_MODULES    its modules' folder (asked of apxs)
#   ES_EXTRA_CONF a file to be included in httpd's configuration
#   ES_KEEP       a folder that receives configuration, logs and reports
#
# Prints what happened, a line "soak key=value ..." and es_verify's line.
# Exit status: 0 sound; 1 not, or a fault hit nobody; 2 could not run.

set -u
here=$(cd "$(dirname "$0")" && pwd)
fault=${1:-none}
seconds=${2:-12}
every=${3:-2}
times=${4:-$(((seconds - 1) / every))}
build=$(cd "${ES_BUILDDIR:-$here/../build}" 2>/dev/null && pwd)
clients=${ES_CLIENTS:-200}
publishers=4
children=${ES_CHILDREN:-4}
limit=${ES_LIMIT:-$((children * 2))}
port=${ES_PORT:-18180}
httpd=${ES_HTTPD:-$(command -v apache2 || command -v httpd)}
modules=${ES_MODULES:-$(apxs -q LIBEXECDIR 2>/dev/null)}
server=
verify=
stopped=
done_times=0
hits=0
clients_hit=0

say() {
    echo "soak.sh: $*" >&2
}

die() {
    say "$@"
    exit 2
}

# running PID: is it a child of ours, and no zombie?
running() {
    awk -v us="$$" '/^State:/ { state = $2 }
                    /^PPid:/ { parent = $2 }
                    END { exit !(parent == us && state != "Z") }' \
        "/proc/$1/status" 2>/dev/null
}

# end PID: asks, then insists after ten seconds
end() {
    [ -n "$1" ] && running "$1" || return 0
    kill "$1"
    tries=0
    while running "$1" && [ "$tries" -lt 100 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    running "$1" && kill -9 "$1"
    wait "$1" 2>/dev/null
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

[ -n "$build" ] || die "no build folder, set ES_BUILDDIR"
[ -x "$build/bench/es_verify" ] || die "no $build/bench/es_verify: make bench"
[ -f "$build/.libs/mod_eventstream.so" ] || die "build the module first"
[ -n "$httpd" ] || die "no httpd found, set ES_HTTPD"
# shellcheck disable=SC3045 # all shells that matter know them
ulimit -n "$(ulimit -H -n)"
# shellcheck disable=SC3045
ulimit -c 0

# ---- httpd -------------------------------------------------------------------

# shared modules only: what is built in cannot be loaded
load_module() {
    if [ -f "$modules/mod_$1.so" ]; then
        echo "LoadModule ${1}_module $modules/mod_$1.so"
    fi
}

write_conf() {
    {
        echo "ServerRoot $tmp"
        echo "DefaultRuntimeDir $tmp"
        echo "PidFile $tmp/httpd.pid"
        echo "ErrorLog $tmp/error.log"
        echo "LogLevel warn eventstream:info"
        echo "ServerName localhost"
        load_module mpm_event
        load_module unixd
        load_module authz_core
        echo "LoadModule eventstream_module" \
            "$build/.libs/mod_eventstream.so"
        echo "Listen 127.0.0.1:$port"
        echo "KeepAliveTimeout 60"
        echo "MaxKeepAliveRequests 0"
        echo "StartServers $children"
        echo "ServerLimit $limit"
        echo "ThreadsPerChild 25"
        echo "MaxRequestWorkers $((25 * limit))"
        echo "MinSpareThreads $((25 * children))"
        echo "MaxSpareThreads $((25 * limit))"
        if [ "$(id -u)" -eq 0 ]; then
            echo "User nobody"
            echo "Group $(id -gn nobody)"
        fi
        echo "EventStreamHub default size=${ES_HUB:-64m}"
        cat <<'CONF'
EventStreamRetry 1
EventStreamDrain 2
<LocationMatch "^/events/(?<room>[^/]+)$">
    SetHandler eventstream
    EventStreamChannel "room-{room}"
</LocationMatch>
<Location "/wide">
    SetHandler eventstream
    EventStreamChannel "room-{?room}"
</Location>
<Location "/publish">
    SetHandler eventstream-publish
    Require all granted
</Location>
CONF
        if [ -n "${ES_EXTRA_CONF:-}" ]; then
            echo "Include $ES_EXTRA_CONF"
        fi
    } >"$tmp/httpd.conf"
}

# listens PORT: does anybody?
listens() {
    awk -v at="$(printf ':%04X' "$1")" \
        '$2 ~ at "$" && $4 == "0A" { found = 1 } END { exit !found }' \
        /proc/net/tcp
}

# children: their numbers
children() {
    for stat in /proc/[0-9]*/stat; do
        sed -n 's/^\([0-9]*\) (.*) [^Z] \([0-9]*\) .*/\1 \2/p' "$stat"
    done 2>/dev/null | awk -v parent="$server" '$2 == parent { print $1 }'
}

start_httpd() {
    while listens "$port"; do
        port=$((port + 1))
    done
    write_conf
    : >"$tmp/error.log"
    "$httpd" -f "$tmp/httpd.conf" -t >"$tmp/syntax" 2>&1 ||
        die "httpd refuses its configuration: $(cat "$tmp/syntax")"
    "$httpd" -f "$tmp/httpd.conf" -D FOREGROUND &
    server=$!
    tries=0
    until listens "$port" && [ "$(children | wc -l)" -ge "$children" ]; do
        if ! running "$server" || [ "$tries" -gt 100 ]; then
            cat "$tmp/error.log" >&2
            die "httpd does not start"
        fi
        sleep 0.1
        tries=$((tries + 1))
    done
}

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
        awk -v seed="$(date +%N | sed 's/^0*//')" \
            '{ line[NR] = $0 }
             END { srand(seed); print line[1 + int(rand() * NR)] }' \
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

strike() {
    census >"$tmp/census"
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

# value NAME: from es_verify's line
value() {
    awk -v name="$1" '$1 == "es_verify" {
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
"$build/bench/es_verify" --servers "127.0.0.1:$port" --seconds "$seconds" \
    --clients "$clients" --channels "${ES_CHANNELS:-20}" \
    --rate "${ES_RATE:-100}" --slow "${ES_SLOW:-5}" \
    --fickle "${ES_FICKLE:-20}" --broad "${ES_BROAD:-10}" \
    --publishers "$publishers" --seed "$$" --log "$tmp/progress" \
    $may_cut ${ES_VERIFY:-} >"$tmp/report" 2>"$tmp/findings" &
verify=$!

# until events flow
until grep -q 'acknowledged=[1-9]' "$tmp/progress" 2>/dev/null; do
    running "$verify" || break
    sleep 0.1
done
while [ "$fault" != none ] && [ "$done_times" -lt "$times" ] &&
    running "$verify"; do
    strike
    if [ "$fault" = stop ] && [ "$every" -ge 2 ]; then
        sleep $((every - 2)) # it has slept for two
    else
        sleep "$every"
    fi
done
wait "$verify"
rc=$?
verify=
cat "$tmp/findings" >&2

# ---- what came of it ---------------------------------------------------------

[ -s "$tmp/report" ] || die "es_verify gave no report, status $rc"
say_why=
cuts=$(($(value cut) + $(value cut_slow) + $(value unconnected)))
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
    ! grep -q 'exit signal' "$tmp/error.log" || say_why="a child crashed"
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
