#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# How fast is the link of a node to its broker? Starts a broker of its own, with
# nothing written to disk, and runs bench/cluster_link.
#
#   ES_BUILDDIR=. sh cluster_link.sh [EVENTS [BYTES [BATCH]]]

set -u
here=$(cd "$(dirname "$0")" && pwd)

# shellcheck source=bench/shell.sh
. "$here/shell.sh"
# shellcheck source=bench/broker.sh
. "$here/broker.sh"

use_folder broker
find_broker
"$top/redis-server" --port 0 --unixsocket "$top/socket" --save '' \
    --dir "$top" >"$top/log" 2>&1 &
broker=$!
tries=0
until [ -S "$top/socket" ]; do
    running "$broker" && [ "$tries" -lt 100 ] || die "$(cat "$top/log")"
    tries=$((tries + 1))
    sleep 0.1
done
"${ES_BUILDDIR:-.}/bench/cluster_link" "redis+unix://$top/socket" "$@"
