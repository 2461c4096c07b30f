# SPDX-License-Identifier: Apache-2.0
# A private broker (Redis or Valkey), replicas and sentinels, for the scripts
# that read this file after shell.sh. They set $top, a temporary folder, and may
# set $broker_in, the command that runs another one in the network namespace of
# the brokers.
#
#   find_broker             sets $broker_program, ES_BROKER if that is set;
#                           exits with 77 if there is none
#   start_broker NAME PORT [WORD...]
#                           in $top/NAME; WORDs are settings as on the command
#                           line, kept for again; sets $pid_NAME; waits until
#                           it answers
#   start_sentinel NAME PORT OF
#                           watches the primary at port OF as "es"
#   again NAME [WORD...]    starts it once more, with these settings besides
#   signal_broker SIG NAME  KILL waits for its end
#   ask PORT WORD...        prints the broker's reply
#   end_brokers             ends all
#
# Each ends with this shell, too, however that ends.

brokers=
broker_in=

find_broker() {
    for program in ${ES_BROKER:-redis-server valkey-server redis-check-rdb}; do
        broker_program=$(command -v "$program") && break
    done
    [ -n "$broker_program" ] && command -v redis-cli >/dev/null || {
        warn "not installed: redis-server, redis-cli (Debian: redis-tools)"
        exit 77
    }
    # by this name it is a server, whatever its file is called
    ln -s "$broker_program" "$top/redis-server" || exit 2
}

ask() {
    port_asked=$1
    shift
    $broker_in redis-cli -p "$port_asked" "$@" 2>&1
}

# run_broker NAME WORD...
run_broker() {
    name=$1
    shift
    setpriv --pdeathsig KILL -- $broker_in "$top/redis-server" "$@" \
        >>"$top/$name/log" 2>&1 &
    eval "pid_$name=$!"
    case " $brokers " in
    *" $name "*) ;;
    *) brokers="$brokers $name" ;;
    esac
    eval "asked=\$port_$name"
    tries=0
    # a replica whose primary is down answers, too
    until ask "$asked" PING | grep -q '^PONG\|MASTERDOWN'; do
        tries=$((tries + 1))
        [ "$tries" -lt 200 ] || die "$name: $(cat "$top/$name/log")"
        sleep 0.05
    done
}

start_broker() {
    name=$1
    mkdir -p "$top/$name"
    eval "port_$name=$2"
    shift 2
    {
        if [ -n "$broker_in" ]; then
            echo "protected-mode no"
        else
            echo "bind 127.0.0.1"
        fi
        eval "echo port \$port_$name"
        echo "dir $top/$name"
        echo 'save ""'
        echo "repl-diskless-sync yes"
        echo "repl-diskless-sync-delay 0"
        echo "repl-ping-replica-period 1"
    } >"$top/$name/conf"
    eval "words_$name=\$*"
    again "$name"
}

start_sentinel() {
    name=$1
    mkdir -p "$top/$name"
    eval "port_$name=$2"
    {
        echo "bind 127.0.0.1"
        echo "port $2"
        echo "dir $top/$name"
        echo "sentinel monitor es 127.0.0.1 $3 2"
        echo "sentinel down-after-milliseconds es 500"
        echo "sentinel failover-timeout es 3000"
    } >"$top/$name/conf"
    eval "words_$name=--sentinel"
    again "$name"
    # all that they ask is asked more often, and a machine that stands still
    # does not keep them from acting; a replica that has not told about
    # itself for five pings is not promoted, and is asked once a second then
    for pair in "tilt-trigger 60000" "info-period 200" "publish-period 200" \
        "ask-period 200" "ping-period 300"; do
        # shellcheck disable=SC2086 # two words
        ask "$2" SENTINEL DEBUG $pair >/dev/null
    done
}

again() {
    name=$1
    shift
    eval "words=\$words_$name"
    # shellcheck disable=SC2086 # words
    run_broker "$name" "$top/$name/conf" $words "$@"
}

signal_broker() {
    eval "pid=\$pid_$2"
    kill "-$1" "$pid"
    # shellcheck disable=SC2154 # set by eval
    [ "$1" != KILL ] || wait "$pid" 2>/dev/null
}

end_brokers() {
    for name in $brokers; do
        eval "pid=\$pid_$name"
        if running "$pid"; then
            kill -9 "$pid"
            wait "$pid" 2>/dev/null
        fi
    done
}
