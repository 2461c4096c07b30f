#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# How fast is the link of a node to its broker? Starts a broker of its own, with
# nothing written to disk, and runs bench/cluster_link.
#
#   ES_BUILDDIR=. sh cluster_link.sh [EVENTS [BYTES [BATCH]]]

set -eu

dir=$(mktemp -d)
redis-server --port 0 --unixsocket "$dir/socket" --save '' --dir "$dir" \
    > "$dir/log" 2>&1 &
pid=$!
trap 'kill $pid 2> /dev/null; wait $pid 2> /dev/null; rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM HUP
tries=0
while ! test -S "$dir/socket"; do
    tries=$((tries + 1))
    if test $tries -gt 100; then
        cat "$dir/log" >&2
        exit 1
    fi
    sleep 0.1
done
"${ES_BUILDDIR:-.}/bench/cluster_link" "redis+unix://$dir/socket" "$@"
