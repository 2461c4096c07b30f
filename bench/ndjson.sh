#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What does publishing by NDJSON (a body of lines, each of them an event) cost?
# One publisher, one channel, no clients, one child.
#
#   sh bench/ndjson.sh
#
#   ES_EVENTS     lines of a body (1000000)
#   ES_ROUNDS     bodies (5)
#   ES_DATA       bytes of an event's data (100)
#   and the variables of httpd.sh
#
# Prints a row for each body: CPU of the child in us per event, the part of it
# in the kernel, and the events per second of one core that follow; then the
# median. Exit status: 0; 1 a response was not as expected, or the median is
# above 3.3 us (300,000 events a second); 2 could not run.

set -u
here=$(cd "$(dirname "$0")" && pwd)
events=${ES_EVENTS:-1000000}
bodies=${ES_ROUNDS:-5}
data=${ES_DATA:-100}
ES_CHILDREN=1
ES_LIMIT=1

# shellcheck source=bench/httpd.sh
. "$here/httpd.sh"

use_folder server
check_build
[ "$data" -ge 2 ] || die "ES_DATA is at least 2, for the quotes"
take_long_bodies
awk -v events="$events" -v data="$data" 'BEGIN {
    while (length(text) < data - 2) text = text "x"
    for (i = 0; i < events; i++)
        print "{\"channel\":\"news\",\"data\":\"" text "\"}"
}' >"$tmp/lines"
start_httpd
child=$(children | head -1)

ticks=$(getconf CLK_TCK)
: >"$tmp/rows"
for round in $(seq "$bodies"); do
    before=$(cpu_of "$child")
    response=$(publish_lines "$tmp/lines")
    case $response in
    '{"published": '"$events,"*) ;;
    *)
        warn "unexpected response: $response"
        exit 1
        ;;
    esac
    echo "$before $(cpu_of "$child")" | awk -v n="$events" -v ticks="$ticks" \
        -v round="$round" '{
            us = 1e6 / ticks / n
            all = ($3 - $1 + $4 - $2) * us
            printf "ndjson round=%d us_per_event=%.2f kernel=%.2f", round, all,
                ($4 - $2) * us
            printf " per_core=%d\n", 1e6 / all }' |
        tee -a "$tmp/rows"
done
sed 's/.*us_per_event=\([0-9.]*\).*/\1/' "$tmp/rows" | sort -n |
    awk '{ row[NR] = $1 }
         END { median = row[int((NR + 1) / 2)]
               printf "ndjson median us_per_event=%.2f per_core=%d\n",
                   median, 1e6 / median
               exit median > 3.3 }'
