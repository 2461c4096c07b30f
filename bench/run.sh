#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# How much slower is the module than a server that does nothing else? Measures
# the module and baseline in turns, A B A B ..., and prints medians and ratios.
# Starts a private httpd and baseline on a few loopback addresses.
#
#   sh bench/run.sh [all|quick|cpu|memory|tls|tls-cpu|tls-memory]
#
#   tls...: subscribers use TLS 1.3, publishers do not; baseline seals each
#   frame by EVP and sends it. Needs mod_ssl and openssl
#
#   ES_BUILDDIR   the build: .libs/mod_eventstream.so and bench/load
#                 (build in the folder of the sources)
#   ES_ROUNDS     pairs for each row (5; quick: 3)
#   ES_CHILDREN   children of httpd (1, as baseline has one process)
#   ES_THREADS    delivery threads of each child (1)
#   ES_PORT       first of two ports (18080); those for TLS follow
#   ES_IDLE       idle clients of the row "memory" (19,000; quick: 2,000)
#   ES_HTTPD      the server (apache2 or httpd)
#   ES_MODULES    folder of its modules (as apxs has it)
#   ES_EXTRA_CONF a file to be included in httpd's configuration
#   ES_AGAINST    "baseline": baseline takes the place of the module, so that
#                 the ratios show the noise of the machine. "nchan": nginx with
#                 nchan takes the place of baseline (see nchan.sh)
#   ES_CIPHER     of TLS 1.3, as OpenSSL names it (TLS_AES_256_GCM_SHA384)
#   ES_ROWS       only rows of these names, as "single-1000 burst-1000"
#
# A value that misses its target is marked "MISSED", and is not a failure. Exit
# status: 0; 1 a run lost, doubled or reordered an event; 2 could not run; 77
# skipped, since nginx with nchan is not installed.

set -u
here=$(cd "$(dirname "$0")" && pwd)
mode=${1:-all}
build=$(cd "${ES_BUILDDIR:-$here/../build}" 2>/dev/null && pwd)
children=${ES_CHILDREN:-1}
port_a=${ES_PORT:-18080}
port_b=$((port_a + 1))
httpd=${ES_HTTPD:-$(command -v apache2 || command -v httpd)}
modules=${ES_MODULES:-$(apxs -q LIBEXECDIR 2>/dev/null)}
addresses="127.0.0.1 127.0.0.2"
locals=4
limit=1800 # seconds until baseline exits by itself
pid_a=
pid_b=
cipher=${ES_CIPHER:-TLS_AES_256_GCM_SHA384}
faulty=0

# shellcheck source=bench/shell.sh
. "$here/shell.sh"
# shellcheck source=bench/nchan.sh
. "$here/nchan.sh"

stop_servers() {
    end "$pid_a"
    pid_a=
    end "$pid_b"
    pid_b=
}

use_folder pid_a pid_b

tls=no
case $mode in
tls) tls=yes mode=all ;;
tls-cpu | tls-memory) tls=yes mode=${mode#tls-} ;;
esac
case $mode in
all | cpu | memory) rounds=${ES_ROUNDS:-5} ;;
quick) rounds=${ES_ROUNDS:-3} ;;
*) die "usage: run.sh [all|quick|cpu|memory|tls|tls-cpu|tls-memory]" ;;
esac
[ -n "$build" ] || die "no build folder, set ES_BUILDDIR"
[ -x "$build/bench/load" ] || die "no $build/bench/load: make bench"
base=bench/baseline
if [ "${ES_AGAINST:-}" = nchan ]; then
    base="nginx with nchan"
    has_nchan || {
        echo "skipped: $base is not installed"
        exit 77
    }
fi
ulimit -n "$(ulimit -H -n)"

# at PORT: all addresses with that port, as load and baseline expect it
at() {
    list=
    for address in $addresses; do
        list="$list${list:+,}$address:$1"
    done
    echo "$list"
}

# tls_port PORT: that for TLS of the server with this port
tls_port() {
    echo $(($1 + 2))
}

# conf_of_tls: hosts of all addresses
conf_of_tls() {
    load_module socache_shmcb
    load_module ssl
    for address in $addresses; do
        echo "Listen $address:$(tls_port "$port_a")"
    done
    cat <<CONF
SSLSessionCache none
<VirtualHost *:$(tls_port "$port_a")>
    SSLEngine on
    SSLCertificateFile $tmp/cert.pem
    SSLCertificateKeyFile $tmp/key.pem
</VirtualHost>
CONF
}

write_conf() {
    {
        conf_of_base event
        echo "LoadModule eventstream_module" \
            "$build/.libs/mod_eventstream.so"
        for address in $addresses; do
            echo "Listen $address:$port_a"
        done
        echo "ListenBacklog 4096"
        echo "StartServers $children"
        echo "ServerLimit $children"
        echo "ThreadsPerChild 25"
        echo "MaxRequestWorkers $((25 * children))"
        echo "MinSpareThreads 1"
        echo "MaxSpareThreads $((25 * children))"
        echo "AsyncRequestWorkerFactor 100"
        conf_of_places
        [ "$tls" = no ] || conf_of_tls
        if [ -n "${ES_EXTRA_CONF:-}" ]; then
            echo "Include $ES_EXTRA_CONF"
        fi
    } >"$tmp/httpd.conf"
}

# start_baseline a|b PORT: sets $pid_a or $pid_b
start_baseline() {
    # shellcheck disable=SC2046 # two words
    "$build/bench/baseline" --listen "$(at "$2")" --seconds "$limit" \
        $([ "$tls" = no ] || echo --tls "$(at "$(tls_port "$2")")") \
        >"$tmp/baseline.$2" 2>&1 &
    eval "pid_$1=\$!"
    wait_for "$!" "$2" "$tmp/baseline.$2"
}

# wait_for PID PORT LOG: until it listens on all addresses
wait_for() {
    hex=$(printf ':%04X' "$2")
    tries=0
    # shellcheck disable=SC2086 # one word each
    until awk -v at="$hex" -v wanted="$(echo $addresses | wc -w)" \
        '$2 ~ at "$" && $4 == "0A" { found++ }
         END { exit !(found >= wanted) }' /proc/net/tcp; do
        if ! running "$1" || [ "$tries" -gt 200 ]; then
            cat "$3" >&2
            die "no server on port $2 (ES_PORT chooses another)"
        fi
        sleep 0.05
        tries=$((tries + 1))
    done
}

start_module() {
    if [ "${ES_AGAINST:-}" = baseline ]; then
        start_baseline a "$port_a"
        return
    fi
    [ -f "$build/.libs/mod_eventstream.so" ] ||
        die "no $build/.libs/mod_eventstream.so: build the module first"
    [ -n "$httpd" ] || die "no httpd found, set ES_HTTPD"
    [ "$tls" = no ] || make_key "$tmp"
    write_conf
    mkdir -p "$tmp/pages"
    echo page >"$tmp/pages/page.txt"
    chmod 711 "$tmp" "$tmp/pages" # for the User of httpd
    : >"$tmp/error.log"
    "$httpd" -f "$tmp/httpd.conf" -t >"$tmp/syntax" 2>&1 ||
        die "httpd refuses its configuration: $(cat "$tmp/syntax")"
    "$httpd" -f "$tmp/httpd.conf" -D FOREGROUND &
    pid_a=$!
    wait_for "$pid_a" "$port_a" "$tmp/error.log"
    sleep 1 # the children come after the sockets
}

start_servers() {
    stop_servers
    start_module
    if [ "${ES_AGAINST:-}" = nchan ]; then
        start_nchan
    else
        start_baseline b "$port_b"
    fi
}

# load a|b ROW OPTIONS: one run; appends its report to those of the row
load() {
    side=$1
    row=$2
    shift 2
    eval "pid=\$pid_$side port=\$port_$side"
    to=$port
    if [ "$tls" = yes ]; then
        to=$(tls_port "$port")
        set -- --tls 1.3 --cipher "$cipher" --publish-to "127.0.0.1:$port" "$@"
    fi
    if [ "$side" = b ] && [ "${ES_AGAINST:-}" = nchan ]; then
        set -- --live head "$@" # its streams begin with a comment
    fi
    "$build/bench/load" --servers "$(at "$to")" --pid "$pid" \
        --locals "$locals" --seconds 120 "$@" >"$tmp/one" 2>"$tmp/stderr"
    rc=$?
    cat "$tmp/one" >>"$tmp/$row.$side"
    if [ "$rc" -ne 0 ]; then
        faulty=1
        warn "$row, side $side: load exits with status $rc"
        running "$pid" || warn "its server, process $pid, has ended"
        cat "$tmp/stderr" >&2
        sed -n '/^unacknowledged/,$p' "$tmp/one" |
            awk '$2 != 0 { print "  " $0 }' >&2
    fi
}

# median_of ROW SIDE NAME: the middle of two, if there are two
median_of() {
    awk -v name="$3" '$1 == name { print $2 }' "$tmp/$1.$2" | sort -n |
        awk -v OFMT=%.3f '{ v[NR] = $1 }
             END {
                 if (NR == 0) { print "-" }
                 else if (NR % 2) { print v[(NR + 1) / 2] }
                 else { print (v[NR / 2] + v[NR / 2 + 1]) / 2 }
             }'
}

# ratios ROW NAME: of each pair, ascending; a drift of the machine moves these
# less than it moves the two medians
ratios() {
    awk -v name="$2" '$1 == name { print $2 }' "$tmp/$1.a" >"$tmp/va"
    awk -v name="$2" '$1 == name { print $2 }' "$tmp/$1.b" >"$tmp/vb"
    paste "$tmp/va" "$tmp/vb" |
        awk 'NF == 2 && $2 > 0 { printf "ratio %.3f\n", $1 / $2 }' |
        sort -k 2 -n >"$tmp/ratio.a"
}

is_wanted() {
    case " ${ES_ROWS:-$1} " in
    *" $1 "*) return 0 ;;
    esac
    return 1
}

# cpu_row ROW TARGET OPTIONS: runs $rounds pairs, prints a line of the table
cpu_row() {
    row=$1
    target=$2
    shift 2
    is_wanted "$row" || return 0
    [ "${ES_AGAINST:-}" != nchan ] || target=0.70
    round=0
    while [ "$round" -lt "$rounds" ]; do
        load a "$row" --idle 0.5 --poll-interval 1000 "$@"
        load b "$row" --idle 0.5 --poll-interval 1000 "$@"
        round=$((round + 1))
    done
    name=server_cpu_us_per_delivery
    ratios "$row" "$name"
    ratio=$(median_of ratio a ratio)
    printf '%-13s %7s %7s %6s %6s %6s %6s %-7s %9s %9s %9s %9s %9s %9s\n' \
        "$row" \
        "$(median_of "$row" a "$name")" "$(median_of "$row" b "$name")" \
        "$ratio" \
        "$(awk 'NR == 1 { print $2 }' "$tmp/ratio.a")" \
        "$(awk 'END { print $2 }' "$tmp/ratio.a")" \
        "< $target" \
        "$(awk -v r="$ratio" -v t="$target" \
            'BEGIN { print r != "-" && r <= t ? "ok" : "MISSED" }')" \
        "$(median_of "$row" a deliveries_per_s | cut -d. -f1)" \
        "$(median_of "$row" b deliveries_per_s | cut -d. -f1)" \
        "$(median_of "$row" a latency_p50_us)" \
        "$(median_of "$row" b latency_p50_us)" \
        "$(median_of "$row" a latency_p99_us)" \
        "$(median_of "$row" b latency_p99_us)"
}

cpu_table() {
    start_servers
    echo "server CPU in us per delivery; deliveries per second; latency in us" \
        "(base: $base)"
    printf '%-13s %7s %7s %6s %6s %6s %6s %-7s %9s %9s %9s %9s %9s %9s\n' \
        "" module base ratio low high target "" dlv/s base p50 base p99 base
    if [ "$mode" = quick ]; then
        cpu_row single-1000 1.15 --clients 1000 --events 60 --lockstep
        cpu_row burst-1000 1.00 --clients 1000 --events 100 --burst 20 \
            --lockstep
        return
    fi
    of_burst=1.00
    [ "$tls" = no ] || of_burst=0.30
    cpu_row single-1000 1.15 --clients 1000 --events 200 --lockstep
    cpu_row single-10000 1.15 --clients 10000 --events 30 --lockstep
    cpu_row burst-1000 "$of_burst" --clients 1000 --events 2000 --burst 50 \
        --lockstep
    cpu_row burst-10000 "$of_burst" --clients 10000 --events 200 --burst 20 \
        --lockstep
}

# memory_row NAME A B TARGET: prints a line of the table; TARGET "-": none
memory_row() {
    printf '%-14s %9s %9s' "$1" "$2" "$3"
    [ "$4" = - ] || printf ' < %-5s %s' "$4" "$(awk -v b="$2" -v t="$4" \
        'BEGIN { print (b != "-" && b < t ? "ok" : "MISSED") }')"
    echo
}

# What httpd keeps of as many connections that got a page and were closed, and
# what clients cost after these.
memory_after_pages() {
    start_servers
    "$build/bench/handshakes" --servers "$(at "$(tls_port "$port_a")")" \
        --cipher "$cipher" --locals "$locals" --pid "$pid_a" --at-once 200 \
        --connections "$clients" >"$tmp/pages.out" || {
        faulty=1
        warn "pages: $(cat "$tmp/pages.out")"
    }
    memory_row pages "$(sed 's/.*pss_before_kb=\([0-9]*\) .*=/\1 /' \
        "$tmp/pages.out" | awk -v n="$clients" \
        '{ printf "%.2f", ($2 - $1) * 1024 / n }')" - -
    load a after --clients "$clients" --events 0 --idle 3
    memory_row "after pages" \
        "$(median_of after a pss_bytes_per_client)" - -
}

memory_table() {
    clients=19000
    target=1500
    [ "$mode" = quick ] && clients=2000
    [ "$tls" = yes ] && target=900
    clients=${ES_IDLE:-$clients}
    start_servers # fresh ones: nothing allocated for earlier clients
    load a memory --clients "$clients" --events 0 --idle 3
    load b memory --clients "$clients" --events 0 --idle 3
    name=pss_bytes_per_client
    echo "process memory, $clients idle clients (base: $base)"
    printf '%-14s %9s %9s %s\n' "" module base target
    memory_row bytes/client "$(median_of memory a "$name")" \
        "$(median_of memory b "$name")" "$target"
    if [ "$tls" = yes ] && [ "${ES_AGAINST:-}" != baseline ]; then
        memory_after_pages
    fi
}

if [ "$mode" != memory ]; then
    cpu_table
fi
if [ "$mode" != cpu ]; then
    memory_table
fi
exit "$faulty"
