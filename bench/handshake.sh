#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What does a client over TLS cost from its connect until it is detached and
# gone, by the cost of httpd's own GET of a page over TLS? Two private httpds,
# one without the module; new connections to each in turns.
#
#   sh bench/handshake.sh [full|resumed]
#
#   full, resumed   whole handshakes, or TLS sessions that are resumed; both, if
#                   none is given
#
#   ES_CONNECTIONS  of a run (2000)
#   ES_ROUNDS       rounds, each with a run of either kind (7)
#   ES_VERSION      of TLS: 1.2 or 1.3 (1.3)
#   ES_CIPHER       OpenSSL's name of the cipher (that with AES-256-GCM, SHA384)
#   ES_AT_ONCE      connections at a time (8)
#   and the variables of httpd.sh
#
# Kinds of run: "page", a small static file of httpd without the module; "own",
# that of httpd with it, which captures keys; "stream", up to stream-open. In
# all of them the client closes. Prints a line for each round, and "handshake
# key=value ...": medians of the processor time of httpd for a connection, in
# us, and of the ratios to "page" of the same round. Exit status: 0; 1 a
# connection failed, or was not resumed; 2 could not run.

set -u
here=$(cd "$(dirname "$0")" && pwd)
kinds=${1:-full resumed}
connections=${ES_CONNECTIONS:-2000}
turns=${ES_ROUNDS:-7}
version=${ES_VERSION:-1.3}
cipher=ECDHE-ECDSA-AES256-GCM-SHA384
[ "$version" = 1.2 ] || cipher=TLS_AES_256_GCM_SHA384
cipher=${ES_CIPHER:-$cipher}
at_once=${ES_AT_ONCE:-8}
ES_CHILDREN=1
ES_LIMIT=1
ES_TLS=$version
spare=1
faulty=0
plain_server=
server=

case $kinds in
full | resumed | "full resumed") ;;
*)
    echo "usage: handshake.sh [full|resumed]" >&2
    exit 2
    ;;
esac

# shellcheck source=bench/httpd.sh
. "$here/httpd.sh"

use_folder plain_server server
chmod 711 "$top"
check_build handshakes
command -v openssl >/dev/null || die "no openssl: it makes the certificate"
make_key "$top"

# start FOLDER: an httpd that has its files there, and the certificate of both
start() {
    tmp=$top/$1
    mkdir "$tmp"
    cp "$top/key.pem" "$top/cert.pem" "$tmp"
    start_httpd
}

bare=yes
start page
plain_server=$server
plain_port=$tls_port
bare=no
port=$((port + 2))
start stream
grep -q "over HTTP/1.1 they are detached" "$tmp/error.log" ||
    die "clients over TLS are not detached: $(cat "$tmp/error.log")"

# make KIND OF OPTIONS: appends to $top/KIND.OF
make() {
    kind=$1
    of=$2
    shift 2
    [ "$kind" = full ] || set -- --resume "$@"
    "$build/bench/handshakes" --tls "$version" --cipher "$cipher" \
        --connections "$connections" --at-once "$at_once" "$@" \
        >"$top/one" || {
        faulty=1
        warn "$kind, $of: $(cat "$top/one")"
    }
    sed -n 's/.* server_cpu_us=\([0-9.]*\).*/\1/p' "$top/one" \
        >>"$top/$kind.$of"
}

# ratios KIND OF: to "page", ascending
ratios() {
    paste "$top/$1.$2" "$top/$1.page" |
        awk '{ printf "%.3f\n", $1 / $2 }' | sort -n >"$top/ratios.$2"
}

turn=0
while [ "$turn" -lt "$turns" ]; do
    turn=$((turn + 1))
    for kind in $kinds; do
        make "$kind" page --servers "127.0.0.1:$plain_port" \
            --pid "$plain_server"
        make "$kind" stream --servers "127.0.0.1:$tls_port" --pid "$server" \
            --path /events/c0 --text "event: stream-open"
        make "$kind" own --servers "127.0.0.1:$tls_port" --pid "$server"
        echo "$kind page_us=$(tail -n 1 "$top/$kind.page")" \
            "own_us=$(tail -n 1 "$top/$kind.own")" \
            "stream_us=$(tail -n 1 "$top/$kind.stream")"
    done
done
for kind in $kinds; do
    ratios "$kind" own
    ratios "$kind" stream
    ratio=$(median "$top/ratios.stream")
    echo "handshake kind=$kind page_us=$(median "$top/$kind.page")" \
        "own_us=$(median "$top/$kind.own")" \
        "stream_us=$(median "$top/$kind.stream")" \
        "own_ratio=$(median "$top/ratios.own") ratio=$ratio" \
        "target=1.10 $(awk -v r="$ratio" \
            'BEGIN { print (r <= 1.1 ? "ok" : "MISSED") }')" \
        "ratios=$(tr '\n' '/' <"$top/ratios.stream")"
done
exit "$faulty"
