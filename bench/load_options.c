/* SPDX-License-Identifier: Apache-2.0 */
/* The options of load and their presets. */
#include "bench/load_options.h"

#include <string.h>

#include "bench/clock.h"
#include "bench/options.h"
#include "bench/payload.h"

#define FIELD(name) offsetof(eb_load_options_t, name)

static const eb_options_row_t ROWS[] = {
    {"--servers", EB_OPTIONS_ADDRS, FIELD(servers), 0, 0,
     "ADDR:PORT[,ADDR:PORT...]"},
    {"--publish-to", EB_OPTIONS_ADDRS, FIELD(publish_to), 0, 0,
     "ADDR:PORT to POST to, never over TLS (the first of --servers)"},
    {"--tls", EB_OPTIONS_CHOICE, FIELD(tls), 0, 0,
     EB_TLS_CHOICES "  subscribers use TLS of this version (no)"},
    {"--cipher", EB_OPTIONS_TEXT, FIELD(cipher), 0, 0,
     "OpenSSL's name of the only cipher (all)"},
    {"--clients", EB_OPTIONS_COUNT, FIELD(clients), 1, 1e6,
     "subscribers (100)"},
    {"--channels", EB_OPTIONS_COUNT, FIELD(channels), 1, 999999,
     "channels of these clients (1)"},
    {"--events", EB_OPTIONS_COUNT, FIELD(events), 0, 1e8,
     "events to publish in all; 0: measure memory only (100)"},
    {"--size", EB_OPTIONS_COUNT, FIELD(size), EB_PAYLOAD_TIMED_MIN,
     EB_PAYLOAD_TIMED_MAX, "bytes of an event's data (100)"},
    {"--rate", EB_OPTIONS_REAL, FIELD(rate), 0, 1e7,
     "events per second; 0: as fast as possible (0)"},
    {"--burst", EB_OPTIONS_COUNT, FIELD(burst), 1, 100000,
     "events due at the same moment (1)"},
    {"--lockstep", EB_OPTIONS_FLAG, FIELD(lockstep), 0, 0,
     "publish the next burst when every client has the last one"},
    {"--format", EB_OPTIONS_CHOICE, FIELD(format), 0, 0,
     "raw|json|batch  POST data, an object, or an array for each burst (raw)"},
    {"--subscribe", EB_OPTIONS_TEXT, FIELD(subscribe), 0, 0,
     "path to GET, {} is the channel's number (/events/c{})"},
    {"--publish", EB_OPTIONS_TEXT, FIELD(publish), 0, 0,
     "path to POST to (/publish)"},
    {"--live", EB_OPTIONS_CHOICE, FIELD(live), 0, 0,
     "open|head  a client has its stream with stream-open, or the head (open)"},
    {"--channel", EB_OPTIONS_TEXT, FIELD(channel), 0, 0,
     "name of a channel when publishing (room-c{})"},
    {"--locals", EB_OPTIONS_COUNT, FIELD(locals), 1, 250,
     "connect from 127.0.0.1 ... 127.0.0.N (1)"},
    {"--connecting", EB_OPTIONS_COUNT, FIELD(connecting), 1, 100000,
     "connections under way at once (200)"},
    {"--procs", EB_OPTIONS_COUNT, FIELD(procs), 0, 64,
     "reading processes; 0: as few as possible (0)"},
    {"--poll-interval", EB_OPTIONS_USECS, FIELD(poll_interval_ns), 0, 1e6,
     "microseconds that these pause between polls (0)"},
    {"--pid", EB_OPTIONS_COUNT, FIELD(pid), 1, 1 << 30,
     "parent of the server's processes, to measure them"},
    {"--idle", EB_OPTIONS_SECONDS, FIELD(idle_ns), 0, 86400,
     "seconds before memory is measured (1)"},
    {"--give-up", EB_OPTIONS_SECONDS, FIELD(give_up_ns), 0, 86400,
     "seconds without a delivery until the rest is lost (3)"},
    {"--seconds", EB_OPTIONS_SECONDS, FIELD(seconds_ns), 0, 86400,
     "deadline of the whole run (60)"},
};

static const eb_options_table_t TABLE = {"load", ROWS,
                                         sizeof(ROWS) / sizeof(ROWS[0])};

static void preset(eb_load_options_t *opts)
{
    memset(opts, 0, sizeof(*opts));
    opts->subscribe = "/events/c{}";
    opts->publish = "/publish";
    opts->channel = "room-c{}";
    opts->clients = 100;
    opts->channels = 1;
    opts->events = 100;
    opts->burst = 1;
    opts->size = 100;
    opts->locals = 1;
    opts->connecting = 200;
    opts->seconds_ns = 60 * EB_NS_PER_SEC;
    opts->idle_ns = EB_NS_PER_SEC;
    opts->give_up_ns = 3 * EB_NS_PER_SEC;
}

int eb_load_options_read(eb_load_options_t *opts, int argc, char **argv)
{
    preset(opts);
    if (eb_options_read(opts, &TABLE, argc, argv) != 0) {
        return -1;
    }
    return opts->servers.count > 0 ? 0 : eb_options_usage(&TABLE);
}

/* Clients of the first `channels` channels. */
static uint64_t clients_of(const eb_load_options_t *opts, uint32_t channels)
{
    uint32_t rest = opts->clients % opts->channels;

    return (uint64_t)channels * (opts->clients / opts->channels) +
           (channels < rest ? channels : rest);
}

uint64_t eb_load_options_deliveries(const eb_load_options_t *opts,
                                    uint32_t events)
{
    return (uint64_t)(events / opts->channels) * opts->clients +
           clients_of(opts, events % opts->channels);
}
