#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Is any event lost, whatever happens, and how long does an ordinary page take
# meanwhile? Runs soak.sh with each fault, churn.sh, and slow.sh, one after the
# other, each with a server of its own.
#
#   sh bench/check-soak.sh [full|brief] [CASE...]
#
#   full    about 30 minutes: 1,000 clients on 20 channels, 200 events/s of 32 B
#           to 40 KB, 5 % of the clients slow, 20 % churning; over HTTP/2 400
#   brief   a minute: 60 clients, a few faults of each kind
#   CASE    only these: graceful packed restart kill segv killall stop journal
#           tls h2 h2c turns asked churn slow, or none
#
#   ES_BUILDDIR and the other variables of httpd.sh
#
# Prints a line for each case, beginning with "ok" or "FAULTY"; the output of a
# faulty one goes to stderr. Exit status: 0 all are ok; 1 not; 2 could not run.

set -u
here=$(cd "$(dirname "$0")" && pwd)
size=${1:-full}
[ $# -eq 0 ] || shift
tmp=$(mktemp -d) || exit 2
failed=0
child=
extra=

# the script that runs ends its own server
clean_up() {
    [ -z "$child" ] || kill "$child" 2>/dev/null
    [ -z "$child" ] || wait "$child" 2>/dev/null
    rm -rf "$tmp"
}
trap clean_up EXIT
trap 'exit 2' HUP INT TERM

case $size in
full)
    load="ES_CLIENTS=1000 ES_RATE=200"
    few=10 some=20 many=60 rest=10 interval=2
    over_http2="ES_CLIENTS=400 ES_RATE=100" held=400 budget=25
    connects=100000 publish=4
    churn=
    ;;
brief)
    load="ES_CLIENTS=60 ES_RATE=60 ES_SLOW=10"
    few=2 some=1 many=2 rest=1 interval=1
    over_http2="ES_CLIENTS=60" held=60 budget=5
    connects=2000 publish=1
    # until each worker of four children has once had its largest request takes
    # more publishing than that
    churn="ES_CHILDREN=1 ES_ROUNDS=10"
    ;;
*)
    echo "usage: check-soak.sh [full|brief] [CASE...]" >&2
    exit 2
    ;;
esac

# value LINE NAME: the value of NAME= in LINE
value() {
    echo "$1" | tr ' ' '\n' | sed -n "s/^$2=//p"
}

# run SECONDS COMMAND...: output to $tmp/out and $tmp/err; killed after SECONDS
run() {
    last=$(($(date +%s) + $1))
    shift
    "$@" >"$tmp/out" 2>"$tmp/err" &
    child=$!
    while kill -0 "$child" 2>/dev/null && [ "$(date +%s)" -lt "$last" ]; do
        sleep 0.5
    done
    kill "$child" 2>/dev/null && echo "it took too long" >>"$tmp/err"
    wait "$child"
    rc=$?
    child=
    return "$rc"
}

# report CASE RC TEXT
report() {
    if [ "$2" -eq 0 ]; then
        echo "ok     $1: $3"
    else
        echo "FAULTY $1: $3"
        failed=1
        sed 's/^/    /' "$tmp/out" "$tmp/err" >&2
    fi
}

# soak CASE FAULT TIMES INTERVAL VARIABLES...: soak.sh with this many faults
soak() {
    name=$1 fault=$2 times=$3 every=$4
    shift 4
    # a pause after the last one, so that all clients reconnect while events
    # are published
    seconds=$((times * every + rest))
    # shellcheck disable=SC2086 # one word each
    run $((seconds * 5 + 180)) env $load $extra "$@" \
        sh "$here/soak.sh" "$fault" "$seconds" "$every" "$times"
    rc=$?
    line=$(grep '^soak ' "$tmp/out")
    verify=$(grep '^verify ' "$tmp/out")
    text="$(value "$line" times) times"
    for key in lost doubled reordered torn forged silent_gaps needless_resets \
        refused cut reported_gaps deliveries; do
        text="$text, $(value "$verify" "$key") $key"
    done
    # a slow machine may not have had the time for all of them
    if [ "$(value "$line" times)" != "$times" ]; then
        echo "$(value "$line" times) of $times faults" >>"$tmp/err"
        rc=1
    fi
    if [ "$name" = journal ] &&
        [ "$(value "$verify" reported_gaps)" = 0 ]; then
        echo "no client was overtaken: this proves nothing" >>"$tmp/err"
        rc=1
    fi
    text="$text, $(value "$line" connections_hit) connections hit"
    for key in pages newcomers; do
        line=$(grep "^$key " "$tmp/out")
        text="$text; $key: worst $(value "$line" worst_ms) ms"
        text="$text, p99 $(value "$line" p99_ms) ms"
        text="$text, $(value "$line" failed) of $(value "$line" requests)"
        text="$text failed"
    done
    report "$name" "$rc" "$text"
}

# http2 CASE FAULT TIMES INTERVAL VARIABLES...: the same with as many clients as
# workers can hold
http2() {
    extra=$over_http2
    soak "$@"
    extra=
}

churn() {
    # shellcheck disable=SC2086 # words
    run 600 env ES_SECONDS="$publish" $churn sh "$here/churn.sh" "$connects"
    rc=$?
    line=$(grep '^churn ' "$tmp/out")
    text="$(value "$line" connects) connects, $(value "$line" resets) resets,"
    text="$text round $(value "$line" round);"
    text="$text kB of memory: $(value "$line" pss_kb), then"
    text="$text $(value "$line" pss_after_kb);"
    text="$text shared: $(value "$line" shared_kb), then"
    text="$text $(value "$line" shared_after_kb);"
    text="$text descriptors: $(value "$line" descriptors), then"
    report churn "$rc" "$text $(value "$line" descriptors_after)"
}

slow() {
    run 900 sh "$here/slow.sh" "$size"
    rc=$?
    line=$(grep '^slow ' "$tmp/out")
    text="p99 of the others $(value "$line" with_us) us with slow clients,"
    text="$text $(value "$line" without_us) without,"
    text="$text ratio $(value "$line" ratio) ($(value "$line" ratios));"
    text="$text memory grew by $(value "$line" bytes_per_slow) bytes for each"
    report slow "$rc" "$text slow client"
}

run_case() {
    case $1 in
    none) soak none none 0 1 ;;
    graceful) soak graceful graceful "$many" 2 ;;
    # new children have no slot until old ones have ended
    packed) soak packed graceful "$some" 5 ES_LIMIT=4 ;;
    restart) soak restart restart "$some" 3 ;;
    kill) soak kill kill "$many" "$interval" ;;
    segv) soak segv segv "$many" "$interval" ES_TARGET=random ;;
    killall) soak killall killall "$some" 3 ;;
    stop) soak stop stop "$some" 3 ;;
    # ten events a channel, and clients that the ring overtakes
    journal) soak journal kill "$few" 3 "ES_HUB=1m history=10" ES_SLOW=20 ;;
    tls) soak tls both $((some + 1)) "$interval" ES_TLS=1.3 ;;
    h2) http2 h2 both $((some + 1)) 3 ES_HTTP2=h2 ES_HELD=$held ;;
    h2c)
        http2 h2c kill "$some" "$interval" ES_HTTP2=h2c ES_HELD=$held \
            ES_STREAMS=4
        ;;
    # the budgets are used up; then browsers are asked to use HTTP/1.1
    turns)
        http2 turns graceful "$some" "$interval" ES_HTTP2=h2 ES_HELD=$budget
        ;;
    asked)
        http2 asked kill "$some" "$interval" ES_HTTP2=h2 ES_HELD=$budget \
            ES_VERIFY=--browser
        ;;
    churn) churn ;;
    slow) slow ;;
    *)
        echo "check-soak.sh: no case $1" >&2
        exit 2
        ;;
    esac
}

[ $# -gt 0 ] ||
    set -- graceful packed restart kill segv killall stop journal tls \
        h2 h2c turns asked churn slow
for each in "$@"; do
    run_case "$each"
done
[ "$failed" -eq 0 ] && echo "all ok"
exit "$failed"
