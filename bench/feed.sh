#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Measures what publishing a stream of lines (application/x-ndjson) costs: one
# writer, one channel, no clients. Starts a private httpd with one child on
# 127.0.0.1, and takes it down again.
#
#   sh bench/feed.sh
#
#   ES_BUILDDIR   the build: .libs/mod_eventstream.so (../build beside the
#                 sources)
#   ES_EVENTS     lines of a body (1000000)
#   ES_ROUNDS     bodies (5)
#   ES_DATA       bytes of an event's data (100)
#   ES_PORT       port (18090)
#   ES_HTTPD      the server (apache2 or httpd)
#   ES_MODULES    its modules' folder (asked of apxs)
#
# A row for each body: CPU of the child in us per event, of it in the kernel,
# and the events that a core could take in a second at that; then the median.
#
# Exit status: 0; 1 an answer was not as it should be; 2 could not run.

set -u
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "${ES_BUILDDIR:-$here/../build}" 2>/dev/null && pwd)
events=${ES_EVENTS:-1000000}
rounds=${ES_ROUNDS:-5}
data=${ES_DATA:-100}
port=${ES_PORT:-18090}
httpd=${ES_HTTPD:-$(command -v apache2 || command -v httpd)}
modules=${ES_MODULES:-$(apxs -q LIBEXECDIR 2>/dev/null)}
pid=

die() {
    echo "feed.sh: $*" >&2
    exit 2
}

stop() {
    [ -n "$pid" ] && kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
    pid=
}

[ -f "$build/.libs/mod_eventstream.so" ] || die "no build, set ES_BUILDDIR"
[ -n "$httpd" ] || die "no httpd found, set ES_HTTPD"
[ "$data" -ge 2 ] || die "ES_DATA is 2 at least, two quotes"
tmp=$(mktemp -d) || exit 2
trap 'stop; rm -rf "$tmp"' EXIT
trap 'exit 2' HUP INT TERM

# shared modules only: what is built in cannot be loaded
load_module() {
    if [ -f "$modules/mod_$1.so" ]; then
        echo "LoadModule $1_module $modules/mod_$1.so"
    fi
}

{
    echo "ServerRoot $tmp"
    echo "DefaultRuntimeDir $tmp"
    echo "PidFile $tmp/httpd.pid"
    echo "ErrorLog $tmp/error.log"
    echo "LogLevel warn"
    echo "ServerName localhost"
    echo "Listen 127.0.0.1:$port"
    load_module mpm_event
    load_module unixd
    load_module authz_core
    echo "LoadModule eventstream_module $build/.libs/mod_eventstream.so"
    if [ "$(id -u)" -eq 0 ]; then
        echo "User nobody"
        echo "Group $(id -gn nobody)"
    fi
    cat <<'CONF'
StartServers 1
ServerLimit 1
ThreadsPerChild 4
MaxRequestWorkers 4
MinSpareThreads 1
MaxSpareThreads 4
<Location "/publish">
    SetHandler eventstream-publish
    LimitRequestBody 0
    Require all granted
</Location>
CONF
} >"$tmp/httpd.conf"

awk -v events="$events" -v data="$data" 'BEGIN {
    while (length(text) < data - 2) text = text "x"
    for (i = 0; i < events; i++)
        print "{\"channel\":\"news\",\"data\":\"" text "\"}"
}' >"$tmp/lines"

"$httpd" -f "$tmp/httpd.conf" -D FOREGROUND &
pid=$!
tries=0
until curl -s -o /dev/null "http://127.0.0.1:$port/"; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || die "no answer: $(cat "$tmp/error.log")"
    sleep 0.1
done
child=$(awk -v us="$pid" '{ if ($4 == us) print $1 }' /proc/[0-9]*/stat \
    2>/dev/null | head -1)
[ -n "$child" ] || die "httpd has no child"

# cpu: user and system time of the child in ticks
cpu() {
    sed 's/.*) //' "/proc/$child/stat" | awk '{ print $12, $13 }'
}

ticks=$(getconf CLK_TCK)
for round in $(seq "$rounds"); do
    before=$(cpu)
    answer=$(curl -s -T "$tmp/lines" -X POST -H 'Expect:' \
        -H 'Content-Type: application/x-ndjson' \
        "http://127.0.0.1:$port/publish")
    case $answer in
    '{"published": '"$events,"*) ;;
    *)
        echo "feed.sh: answered with $answer" >&2
        exit 1
        ;;
    esac
    echo "$before $(cpu)" | awk -v n="$events" -v ticks="$ticks" \
        -v round="$round" '{
            us = 1e6 / ticks / n
            all = ($3 - $1 + $4 - $2) * us
            printf "round %d  us_per_event=%.2f kernel=%.2f per_core=%.0f\n",
                round, all, ($4 - $2) * us, 1e6 / all }'
done | tee "$tmp/rows"
[ "$(wc -l <"$tmp/rows")" -eq "$rounds" ] || exit 1
sed 's/.*us_per_event=\([0-9.]*\).*/\1/' "$tmp/rows" | sort -n |
    awk '{ row[NR] = $1 }
         END { m = row[int((NR + 1) / 2)]
               printf "median   us_per_event=%.2f per_core=%.0f\n",
                   m, 1e6 / m }'
