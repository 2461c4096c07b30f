#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Is nothing lost, whatever happens? All that soak.sh, churn.sh and slow.sh can
# tell, one after the other, each against a server of its own.
#
#   sh bench/check-soak.sh [full|brief] [FIGURE...]
#
#   full    some 20 minutes: 1,000 clients on 20 channels, 200 events/s of 32 B
#           to 40 KB, 5 % of them slow, 20 % coming and going
#   brief   a minute: 60 clients, a few faults of each kind
#   FIGURE  only these; see the list at the end
#
#   ES_BUILDDIR and the others of httpd.sh
#
# Prints a line for each figure, "sound" or "FAULTY" first; what made it faulty
# goes to stderr. Exit status: 0 all are sound; 1 not; 2 could not run.

set -u
here=$(cd "$(dirname "$0")" && pwd)
size=${1:-full}
[ $# -eq 0 ] || shift
tmp=$(mktemp -d) || exit 2
bad=0
child=

# What runs is ended by itself, and ends its server.
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
    few=10 some=20 many=60 rest=10 pace=2
    connects=100000 pause=4
    ;;
brief)
    load="ES_CLIENTS=60 ES_RATE=60 ES_SLOW=10"
    few=2 some=1 many=2 rest=1 pace=1
    connects=2000 pause=1
    ;;
*)
    echo "usage: check-soak.sh [full|brief] [FIGURE...]" >&2
    exit 2
    ;;
esac

# of LINE NAME: the value of NAME=
of() {
    echo "$1" | tr ' ' '\n' | sed -n "s/^$2=//p"
}

# run SECONDS COMMAND...: with all that it says in $tmp/out; ended after SECONDS
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

# tell NAME RC TEXT
tell() {
    if [ "$2" -eq 0 ]; then
        echo "sound  $1: $3"
    else
        echo "FAULTY $1: $3"
        bad=1
        sed 's/^/    /' "$tmp/out" "$tmp/err" >&2
    fi
}

# fault NAME FAULT TIMES EVERY VARIABLES...: soak.sh, TIMES faults
fault() {
    name=$1 what=$2 times=$3 every=$4
    shift 4
    # a pause behind the last one, so that all come back while events flow
    seconds=$((times * every + rest))
    # shellcheck disable=SC2086 # one word each
    run $((seconds * 5 + 180)) env $load "$@" \
        sh "$here/soak.sh" "$what" "$seconds" "$every" "$times"
    rc=$?
    soak=$(grep '^soak ' "$tmp/out")
    found=$(grep '^verify ' "$tmp/out")
    text="$(of "$soak" times) times"
    for key in lost doubled reordered torn forged silent_gaps needless_resets \
        refused cut reported_gaps deliveries; do
        text="$text, $(of "$found" "$key") $key"
    done
    # a slow machine may have had no time for all of them: that is no verdict
    if [ "$(of "$soak" times)" != "$times" ]; then
        echo "$(of "$soak" times) of $times faults" >>"$tmp/err"
        rc=1
    fi
    if [ "$name" = journal ] && [ "$(of "$found" reported_gaps)" = 0 ]; then
        echo "the journal was never too small: this shows nothing" >>"$tmp/err"
        rc=1
    fi
    tell "$name" "$rc" "$text, $(of "$soak" connections_hit) connections hit"
}

churn() {
    run 600 env ES_PAUSE="$pause" sh "$here/churn.sh" "$connects"
    rc=$?
    line=$(grep '^churn ' "$tmp/out")
    text="$(of "$line" connects) connects, $(of "$line" resets) resets, round"
    text="$text $(of "$line" round); kB of memory: $(of "$line" pss_kb), then"
    text="$text $(of "$line" pss_after_kb); shared: $(of "$line" shared_kb),"
    text="$text then $(of "$line" shared_after_kb); descriptors:"
    text="$text $(of "$line" descriptors), then"
    tell churn "$rc" "$text $(of "$line" descriptors_after)"
}

slow() {
    run 900 sh "$here/slow.sh" "$size"
    rc=$?
    line=$(grep '^slow ' "$tmp/out")
    text="p99 of the others $(of "$line" with_us) us with slow ones,"
    text="$text $(of "$line" without_us) without, ratio $(of "$line" ratio)"
    text="$text ($(of "$line" ratios)); memory for each slow one grew by"
    tell slow "$rc" "$text $(of "$line" bytes_per_slow) bytes"
}

figure() {
    case $1 in
    none) fault none none 0 1 ;;
    graceful) fault graceful graceful "$many" 2 ;;
    # with no room for new children before the old ones are gone
    packed) fault packed graceful "$some" 5 ES_LIMIT=4 ;;
    restart) fault restart restart "$some" 3 ;;
    kill) fault kill kill "$many" "$pace" ;;
    segv) fault segv segv "$many" "$pace" ES_VICTIM=random ;;
    killall) fault killall killall "$some" 3 ;;
    stop) fault stop stop "$some" 3 ;;
    # ten events a channel, and clients that are overtaken by the ring
    journal) fault journal kill "$few" 3 "ES_HUB=1m history=10" ES_SLOW=20 ;;
    churn) churn ;;
    slow) slow ;;
    *)
        echo "check-soak.sh: no figure $1" >&2
        exit 2
        ;;
    esac
}

[ $# -gt 0 ] ||
    set -- graceful packed restart kill segv killall stop journal churn slow
for each in "$@"; do
    figure "$each"
done
[ "$bad" -eq 0 ] && echo "all is sound"
exit "$bad"
