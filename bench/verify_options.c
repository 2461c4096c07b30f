/* SPDX-License-Identifier: Apache-2.0 */
/* The options of verify and their presets. */
#include "bench/verify_options.h"

#include <stdio.h>
#include <string.h>

#include "bench/clock.h"
#include "bench/h2.h"
#include "bench/options.h"
#include "bench/payload.h"

#define FIELD(name) offsetof(eb_verify_options_t, name)

static const eb_options_row_t ROWS[] = {
    {"--servers", EB_OPTIONS_ADDRS, FIELD(servers), 0, 0,
     "ADDR:PORT[,ADDR:PORT...]"},
    {"--clients", EB_OPTIONS_COUNT, FIELD(clients), 1, 100000,
     "subscribers (100)"},
    {"--channels", EB_OPTIONS_COUNT, FIELD(channels), 1,
     EB_PAYLOAD_CHECKED_CHANNELS, "channels of these clients (10)"},
    {"--rate", EB_OPTIONS_REAL, FIELD(rate), 0.01, 1e6,
     "events per second in all (100)"},
    {"--seconds", EB_OPTIONS_SECONDS, FIELD(seconds_ns), 0, 86400,
     "how long to publish (10)"},
    {"--events", EB_OPTIONS_COUNT, FIELD(events), 0, 1e8,
     "publish this many instead (0)"},
    {"--min-size", EB_OPTIONS_COUNT, FIELD(min_size), EB_PAYLOAD_CHECKED_MIN,
     EB_PAYLOAD_CHECKED_MAX, "bytes of data (32)"},
    {"--max-size", EB_OPTIONS_COUNT, FIELD(max_size), EB_PAYLOAD_CHECKED_MIN,
     EB_PAYLOAD_CHECKED_MAX, "log-uniform up to (40960)"},
    {"--slow", EB_OPTIONS_COUNT, FIELD(slow), 0, 100,
     "per cent that read 1 KB/s or not at all (0)"},
    {"--churn", EB_OPTIONS_COUNT, FIELD(churn), 0, 100,
     "per cent that disconnect and reconnect (0)"},
    {"--multi", EB_OPTIONS_COUNT, FIELD(multi), 0, 100,
     "per cent with 2 to 8 channels (0)"},
    {"--publishers", EB_OPTIONS_COUNT, FIELD(publishers), 1, 64,
     "connections that publish (4)"},
    {"--timeout", EB_OPTIONS_SECONDS, FIELD(timeout_ns), 0.1, 600,
     "seconds to wait for the response to a POST (5)"},
    {"--retry", EB_OPTIONS_SECONDS, FIELD(retry_ns), 0, 600,
     "seconds in which an event without a 200 is posted again, with an id "
     "of its publisher (0)"},
    {"--may-forget", EB_OPTIONS_FLAG, FIELD(may_forget), 0, 0,
     "a stream-reset where nothing is missing is no error, nor is an event "
     "after it that was posted again"},
    {"--give-up", EB_OPTIONS_SECONDS, FIELD(give_up_ns), 0.1, 600,
     "at the end, seconds without an event until the rest is lost (5)"},
    {"--no-cuts", EB_OPTIONS_FLAG, FIELD(no_cuts), 0, 0,
     "a stream cut is an error"},
    {"--tls", EB_OPTIONS_CHOICE, FIELD(tls), 0, 0,
     EB_TLS_CHOICES "  over TLS of this version, publishers too (no)"},
    {"--cipher", EB_OPTIONS_TEXT, FIELD(cipher), 0, 0,
     "OpenSSL's name of the only cipher (all)"},
    {"--key-updates", EB_OPTIONS_COUNT, FIELD(updates), 0, 100,
     "per cent that ask for new keys about each second, TLS 1.3 (0)"},
    {"--http2", EB_OPTIONS_FLAG, FIELD(http2), 0, 0,
     "over HTTP/2, publishers too; without --tls by prior knowledge"},
    {"--streams", EB_OPTIONS_COUNT, FIELD(streams), 1, 100,
     "clients that share a connection of HTTP/2 (1)"},
    {"--browser", EB_OPTIONS_FLAG, FIELD(browser), 0, 0,
     "they have Sec-Fetch-Dest, and use HTTP/1.1 when they are asked to"},
    {"--subscribe", EB_OPTIONS_TEXT, FIELD(subscribe), 0, 0,
     "path to GET, {} is the channel's number (/events/c{})"},
    {"--multi-path", EB_OPTIONS_TEXT, FIELD(multi_path), 0, 0,
     "path to GET for several channels (/multi?)"},
    {"--multi-item", EB_OPTIONS_TEXT, FIELD(multi_item), 0, 0,
     "appended to it for each channel (room=c{})"},
    {"--publish", EB_OPTIONS_TEXT, FIELD(publish), 0, 0,
     "path to POST to (/publish)"},
    {"--channel", EB_OPTIONS_TEXT, FIELD(channel), 0, 0,
     "name of a channel when publishing (room-c{})"},
    {"--log", EB_OPTIONS_TEXT, FIELD(log), 0, 0,
     "FILE that gets a line each second"},
    {"--seed", EB_OPTIONS_COUNT, FIELD(seed), 1, 4294967295.0,
     "of the random numbers (1)"},
};

static const eb_options_table_t TABLE = {"verify", ROWS,
                                         sizeof(ROWS) / sizeof(ROWS[0])};

static void preset(eb_verify_options_t *opts)
{
    memset(opts, 0, sizeof(*opts));
    opts->subscribe = "/events/c{}";
    opts->multi_path = "/multi?";
    opts->multi_item = "room=c{}";
    opts->publish = "/publish";
    opts->channel = "room-c{}";
    opts->rate = 100;
    opts->clients = 100;
    opts->channels = 10;
    opts->min_size = EB_PAYLOAD_CHECKED_MIN;
    opts->max_size = 40 * 1024;
    opts->publishers = 4;
    opts->streams = 1;
    opts->seed = 1;
    opts->seconds_ns = 10 * EB_NS_PER_SEC;
    opts->timeout_ns = 5 * EB_NS_PER_SEC;
    opts->give_up_ns = 5 * EB_NS_PER_SEC;
}

int eb_verify_options_read(eb_verify_options_t *opts, int argc, char **argv)
{
    preset(opts);
    if (eb_options_read(opts, &TABLE, argc, argv) != 0) {
        return -1;
    }
    if (opts->publishers > opts->channels) {
        opts->publishers = opts->channels;
    }
    if (opts->servers.count == 0 || opts->max_size < opts->min_size ||
        opts->slow + opts->churn > 100 ||
        (opts->updates != 0 && opts->tls != EB_TLS_1_3) ||
        (!opts->http2 && (opts->streams != 1 || opts->browser))) {
        return eb_options_usage(&TABLE);
    }
    if (opts->http2 && !eb_h2_is_built()) {
        fprintf(stderr, "verify: it was built without libnghttp2 (Debian: "
                        "libnghttp2-dev), and cannot use HTTP/2\n");
        return -1;
    }
    return 0;
}
