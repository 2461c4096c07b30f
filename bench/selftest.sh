#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Do load and verify detect each fault? Runs load against baseline and verify
# against faulty_server, first without faults, then with each of them, and
# compares the counts. Prints TAP; takes about two minutes.
#
#   sh bench/selftest.sh [load|verify|tls|http2]   only load, or verify over
#                                                  plain HTTP, TLS or HTTP/2
#
#   ES_BENCHDIR  folder of the programs (bench/ of the build)

set -u
here=$(cd "$(dirname "$0")" && pwd)
bin=${ES_BENCHDIR:-$here/../build/bench}
tmp=$(mktemp -d) || exit 2
baseline=
faulty_server=
what=${1:-all}
tests=0
failed=0

# stop baseline|faulty_server
stop() {
    eval "pid=\$$1"
    if [ -n "$pid" ]; then
        kill "$pid" 2>/dev/null
        wait "$pid" 2>/dev/null
        eval "$1="
    fi
}
trap 'stop baseline; stop faulty_server; rm -rf "$tmp"' EXIT
trap 'exit 2' HUP INT TERM

# start baseline|faulty_server OPTIONS: sets $port; what it prints is in a file
# of its name
start() {
    program=$1
    shift
    stop "$program"
    : >"$tmp/$program"
    "$bin/$program" "$@" >"$tmp/$program" &
    eval "$program=$!"
    tries=0
    port=
    while [ -z "$port" ] && [ "$tries" -lt 100 ]; do
        sleep 0.05
        port=$(awk '$1 == "port" { print $2 }' "$tmp/$program")
        tries=$((tries + 1))
    done
}

start_baseline() {
    start baseline --listen 127.0.0.1:0 --seconds 60 "$@"
}

# the options of verify and faulty_server for the version that expect uses,
# whether verify uses HTTP/2, and more options of it
version=no
http2=
more=
over_tls() {
    [ "$version" = no ] || echo --tls
}

# verify OPTIONS: sets $rc, writes $tmp/report, stops faulty_server
verify() {
    "$bin/verify" --servers "127.0.0.1:$port" "$@" \
        >"$tmp/report.line" 2>"$tmp/stderr"
    rc=$?
    stop faulty_server
    # as load writes it: a name and a value on each line
    sed -n 's/^verify //p' "$tmp/report.line" | tr ' =' '\n ' \
        >"$tmp/report"
}

# injected FAULT: how often faulty_server has injected it
injected() {
    awk -v name="$1" '$1 == "fault" && $2 == name { print $3 }' \
        "$tmp/faulty_server"
}

# errors: "NAME=COUNT ..." of all errors and cuts that verify has counted
errors() {
    awk '$1 == "lost" { wanted = 1 }
         wanted && $2 != 0 { printf "%s%s=%s", n++ ? " " : "", $1, $2 }
         $1 == "cut" { exit }' "$tmp/report"
}

# expect "FIRST:N ... LAST:N" ERRORS WHAT: with these faults, and with ten
# clients and 100 events, verify counts exactly these errors; in ERRORS, F and L
# stand for how often the first and the last fault were injected; $last is the
# latter
expect() {
    # shellcheck disable=SC2086,SC2046 # one word each
    start faulty_server $(over_tls) $1
    verify --clients 10 --channels 1 --events 100 --rate 200 \
        --max-size 4000 --give-up 2 --tls "$version" $http2 $more
    first=$(injected "${1%%:*}")
    last=${1##* }
    last=$(injected "${last%%:*}")
    is "${last:-0} $(errors)" "$(echo "$last $2" |
        sed "s/=F/=$first/g; s/=L/=$last/g; s/^0 /never /")" "$3 ($last times)"
}

# load OPTIONS: sets $rc, writes $tmp/report
load() {
    "$bin/load" --servers "127.0.0.1:$port" --idle 0 --seconds 20 \
        --give-up 2 "$@" >"$tmp/report" 2>"$tmp/stderr"
    rc=$?
}

value() {
    awk -v name="$1" '$1 == name { print $2 }' "$tmp/report"
}

# is GOT WANTED WHAT
is() {
    tests=$((tests + 1))
    if [ "$1" = "$2" ]; then
        echo "ok $tests - $3"
    else
        failed=$((failed + 1))
        echo "not ok $tests - $3"
        echo "# got '$1', wanted '$2'"
        sed 's/^/# /' "$tmp/stderr"
    fi
}

# faults LOST DOUBLED REORDERED MALFORMED CUT WHAT
faults() {
    is "$(value lost) $(value doubled) $(value reordered) \
$(value malformed) $(value cut)" "$1 $2 $3 $4 $5" \
        "$6: lost, doubled, reordered, malformed, cut"
}

# ---- load -----------------------------------------------------------------

test_load() {
    start_baseline
    load --clients 40 --events 50
    is "$rc" 0 "correct server: exit status 0"
    is "$(value deliveries)" 2000 "correct server: all deliveries counted"
    faults 0 0 0 0 0 "correct server"
    load --clients 45 --channels 7 --events 100 --burst 10 --lockstep --procs 2
    is "$rc" 0 "seven channels, two readers, bursts in lockstep: exit status 0"
    # 14 events each (two channels 15), 6 clients each (three channels 7)
    is "$(value deliveries)" 644 "channels of several sizes: all counted"
    load --clients 10 --events 30 --rate 200 --size 65536 --poll-interval 500
    is "$rc" 0 "64 KB events at a rate: exit status 0"
    load --clients 40 --events 50 --live head
    is "$rc $(value deliveries)" "0 2000" "live with the head: all counted"

    # 2,000 deliveries, each 97th is hit: 20 of them
    start_baseline --fault drop:97
    load --clients 40 --events 50
    is "$rc" 1 "dropped events: exit status 1"
    faults 20 0 0 0 0 "dropped events"

    start_baseline --fault double:97
    load --clients 40 --events 50
    is "$rc" 1 "doubled events: exit status 1"
    faults 0 20 0 0 0 "doubled events"

    start_baseline --fault swap:97
    load --clients 40 --events 50
    is "$rc" 1 "swapped events: exit status 1"
    faults 0 0 20 0 0 "swapped events"

    start_baseline --fault spoil:97
    load --clients 40 --events 50
    is "$rc" 1 "spoilt events: exit status 1"
    faults 20 0 0 20 0 "spoilt events"

    start_baseline --fault cut:1990
    load --clients 40 --events 50 --lockstep
    is "$rc" 1 "cut stream: exit status 1"
    faults 1 0 0 0 1 "cut stream"

    stop baseline
    load --clients 5 --events 5
    is "$rc" 2 "no server: exit status 2"
}

# ---- verify ---------------------------------------------------------------

test_verify() {
    start faulty_server
    verify --clients 10 --channels 1 --events 100 --rate 200 --give-up 2
    is "$rc $(value deliveries) $(errors)" "0 1000 " "a correct server"

    expect drop:97 "lost=L silent_gaps=L" "dropped"
    is "$rc" 1 "  exit status 1"
    expect double:97 "doubled=L" "doubled"
    expect swap:97 "reordered=L" "swapped"
    expect tear:97 "lost=L silent_gaps=L torn=L" "torn"
    expect truncate:97 "lost=L silent_gaps=L torn=L" "truncated"
    expect forge:97 "forged=L" "forged"
    expect wrong-channel:97 "forged=L" "of another channel"
    expect cut:97 "cut=L" "cut within an event"
    is "$rc $(value reconnects) $(value deliveries)" "0 10 1000" \
        "  allowed: all clients reconnect and have all events"
    expect rst:97 "cut=L" "cut by a TCP reset"
    expect end:97 "" "ended cleanly"
    is "$rc $(value clean_ends)" "0 10" "  allowed"
    expect needless-reset:97 "needless_resets=L" "a stream-reset without a gap"
    expect skip:97 "" "left out and reported by a stream-reset"
    is "$rc $(value reported_gaps) $(value reported_missing)" "0 10 10" \
        "  allowed"
    expect early-reset:97 "lost=L silent_gaps=L needless_resets=L" \
        "a stream-reset whose position is before the gap"
    expect wrong-reset:97 "lost=L silent_gaps=L invalid_resets=L" \
        "a stream-reset for another channel"
    expect "cut:47 resume-double:3" "doubled=L cut=F" "replayed again"
    expect "cut:47 resume-refuse:3" "refused=L cut=F" "refused at the resume"
    expect ack-drop:17 "lost=50 silent_gaps=50" "acknowledged, not delivered"
    expect nack-drop:17 "" "answered 500, not delivered"
    is "$rc $(value unknown)" "0 5" "  allowed, unknown"
    expect nack-send:17 "" "answered 500, delivered"
    is "$rc $(value unknown) $(value deliveries)" "0 5 1000" \
        "  allowed, unknown"

    test_verify_retries
    start faulty_server cut:47 resume-gap:3
    verify --clients 10 --channels 1 --events 100 --rate 200 --give-up 2
    is "$rc $([ "$(value silent_gaps)" -gt 0 ] && echo seen)" "1 seen" \
        "resumed with a gap"
    start faulty_server wrong-id:97
    verify --clients 10 --channels 1 --events 100 --rate 200 --give-up 2
    is "$rc $([ "$(value forged)" -ge 10 ] && echo seen)" "1 seen" \
        "delivered under another id"
    start faulty_server cut:97
    verify --clients 10 --channels 1 --events 100 --rate 200 --no-cuts
    is "$rc" 1 "with --no-cuts a cut is an error"
    start faulty_server cut:197 end:203
    verify --clients 60 --channels 6 --seconds 2 --slow 20 --churn 40 \
        --multi 30
    is "$rc $(errors | sed 's/^cut=[0-9]*//')" "0 " \
        "slow and churning clients, several channels, cuts and ends: no error"
}

# what is not acknowledged is posted again, with an id of its publisher
test_verify_retries() {
    more="--retry 10"
    expect nack-drop:17 "" "posted again after a 500"
    is "$rc $(value unknown) $(value repeated) $(value deliveries)" \
        "0 0 $last 1000" "  all are acknowledged, and delivered once"
    expect nack-send:17 "" "posted again, although it was delivered"
    is "$rc $(value unknown) $(value repeated) $(value deliveries)" \
        "0 0 $last 1000" "  all are acknowledged, and delivered once"
    start faulty_server nack-send:17 forget:1
    verify --clients 10 --channels 1 --events 100 --rate 200 --give-up 2 \
        --retry 10
    is "$rc $(errors)" "1 doubled=$(($(injected forget) * 10))" \
        "published twice by a server that has forgotten the id"
    more="--retry 10 --may-forget"
    start faulty_server nack-send:17 forget:1
    verify --clients 10 --channels 1 --events 100 --rate 200 --give-up 2 \
        --retry 10 --may-forget
    is "$rc $(errors)" "1 doubled=$(($(injected forget) * 10))" \
        "the same without a stream-reset, although it may forget"
    expect needless-reset:97 "" "a needless stream-reset of such a server"
    is "$rc $(value allowed_resets)" "0 $last" "  allowed"
    expect double:97 "doubled=L" "doubled by such a server"
    more=
}

# test_verify_events OVER VERSION [OPTION]: the same over TLS, whatever its
# version, and over HTTP/2, with TLS or without
test_verify_events() {
    over=$1
    version=$2
    http2=${3:-}
    expect drop:97 "lost=L silent_gaps=L" "$over: dropped"
    expect double:97 "doubled=L" "$over: doubled"
    expect swap:97 "reordered=L" "$over: swapped"
    expect tear:97 "lost=L silent_gaps=L torn=L" "$over: torn"
    expect forge:97 "forged=L" "$over: forged"
    http2=
}

# clean ends need close_notify, and no record may be spoilt
test_verify_tls() {
    version=$1
    over="TLS $version"
    start faulty_server --tls
    verify --clients 10 --channels 1 --events 100 --rate 200 --give-up 2 \
        --tls "$version"
    is "$rc $(value deliveries) $(errors)" "0 1000 " "$over: a correct server"
    expect spoil:97 "torn=L cut=L" "$over: a record that does not open"
    expect cut:97 "cut=L" "$over: cut within an event"
    expect rst:97 "cut=L" "$over: cut by a TCP reset"
    expect no-notify:97 "cut=L" "$over: last chunk and FIN, no close_notify"
    is "$rc $(value clean_ends) $(value deliveries)" "0 0 1000" \
        "  allowed: all clients reconnect and have all events"
    expect end:97 "" "$over: ended cleanly"
    is "$rc $(value clean_ends)" "0 10" "  allowed"
    start faulty_server --tls cut:197 end:203
    verify --clients 60 --channels 6 --seconds 2 --slow 20 --churn 40 \
        --multi 30 --tls "$version"
    is "$rc $(errors | sed 's/^cut=[0-9]*//')" "0 " \
        "$over: slow and churning clients, cuts and ends: no error"
}

# a clean end is END_STREAM, and no frame may be spoilt
test_verify_http2() {
    over=$1
    version=$2
    http2=--http2
    # shellcheck disable=SC2046
    start faulty_server $(over_tls)
    verify --clients 10 --channels 1 --events 100 --rate 200 --give-up 2 \
        --tls "$version" --http2
    is "$rc $(value deliveries) $(errors)" "0 1000 " "$over: a correct server"
    expect spoil:97 "torn=L cut=L" "$over: a record or frame that must not be"
    expect cut:97 "cut=L" "$over: cut within an event"
    is "$rc $(value reconnects) $(value deliveries)" "0 $last 1000" \
        "  allowed: all clients reconnect and have all events"
    expect rst:97 "cut=L" "$over: cut by a TCP reset"
    expect reset-stream:97 "cut=L" "$over: reset within an event"
    expect end:97 "" "$over: ended cleanly"
    is "$rc $(value clean_ends)" "0 $last" "  allowed"
    expect goaway:97 "" "$over: ended cleanly, with GOAWAY"
    is "$rc $(value clean_ends) $(value connects)" "0 $last $((10 + last))" \
        "  allowed"
    expect "cut:47 resume-refuse:3" "refused=L cut=F" "$over: refused"
    # shellcheck disable=SC2046
    start faulty_server $(over_tls) cut:197 end:203 goaway:307 reset-stream:401
    verify --clients 60 --channels 6 --seconds 2 --slow 20 --churn 40 \
        --multi 30 --tls "$version" --http2
    is "$rc $(errors | sed 's/^cut=[0-9]*//')" "0 " \
        "$over: slow and churning clients, cuts and ends: no error"
    # shellcheck disable=SC2046
    start faulty_server $(over_tls) cut:197 end:203 goaway:307 reset-stream:401
    verify --clients 60 --channels 6 --seconds 2 --slow 20 --churn 40 \
        --multi 30 --tls "$version" --http2 --streams 6
    is "$rc $(errors | sed 's/^cut=[0-9]*//')" "0 " \
        "$over: the same with six streams of a connection"
    http2=
}

test_verify_asks() {
    start faulty_server --tls ask:3
    verify --clients 12 --channels 1 --events 50 --rate 100 --tls 1.3 --http2 \
        --browser
    is "$rc $(value asked) $(value deliveries)" "0 4 600" \
        "clients that are asked to use HTTP/1.1 do so"
}

test_verify_options() {
    start faulty_server --tls
    verify --clients 2 --channels 1 --events 5 --tls 1.3 --cipher NONE
    is "$rc" 2 "an unknown cipher: exit status 2"
    start faulty_server --tls
    verify --clients 2 --channels 1 --events 5 --rate 100 --tls 1.2 \
        --cipher ECDHE-ECDSA-CHACHA20-POLY1305
    is "$rc $(value deliveries)" "0 10" "a cipher by name"
    start faulty_server --tls
    verify --clients 10 --channels 1 --seconds 2 --tls 1.3 --key-updates 50
    is "$rc $(value lost) $([ "$(value key_updates)" -gt 0 ] && echo asked)" \
        "0 0 asked" "clients that ask for new keys"
}

is_wanted() {
    [ "$what" = all ] || [ "$what" = "$1" ]
}

if is_wanted load; then
    test_load
fi
if is_wanted verify; then
    test_verify
    test_verify_options
fi
if is_wanted tls; then
    test_verify_events "over TLS" 1.3
    test_verify_tls 1.2
    test_verify_tls 1.3
fi
if is_wanted http2; then
    if "$bin/verify" --servers 127.0.0.1:1 --http2 2>&1 |
        grep -q 'built without libnghttp2'; then
        "$bin/verify" --servers 127.0.0.1:1 --http2 2>"$tmp/stderr"
        is "$?" 2 "built without libnghttp2, it refuses HTTP/2"
    else
        test_verify_events HTTP/2 1.3 --http2
        test_verify_http2 HTTP/2 1.3
        test_verify_http2 "HTTP/2 without TLS" no
        test_verify_asks
    fi
fi
echo "1..$tests"
[ "$failed" -eq 0 ]
