/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of load; USAGE is its description. */
#include "bench/load_options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/clock.h"
#include "bench/payload.h"

static const char USAGE[] =
    "usage: load --servers ADDR:PORT[,ADDR:PORT...] [options]\n"
    "  --clients N       subscribers (100)\n"
    "  --channels N      channels they are spread over (1)\n"
    "  --events N        events to publish in all; 0 = memory only (100)\n"
    "  --size BYTES      data of an event (100)\n"
    "  --rate R          events per second; 0 = as fast as possible (0)\n"
    "  --burst B         events due at the same moment (1)\n"
    "  --lockstep        next burst when every client has the last one\n"
    "  --format F        raw, json (a POST each) or batch (a POST a burst)\n"
    "  --subscribe PATH  {} is the channel's number (/events/c{})\n"
    "  --publish PATH    where to POST (/publish)\n"
    "  --channel NAME    name of a channel when publishing (room-c{})\n"
    "  --locals N        come from 127.0.0.1 ... 127.0.0.N (1)\n"
    "  --connecting N    connections under way at once (200)\n"
    "  --procs N         reading processes; 0 = as few as possible (0)\n"
    "  --nap USECS       a reader's rest before it looks again (0)\n"
    "  --pid PID         root of the server's processes, to measure them\n"
    "  --idle SECONDS    rest before memory is measured (1)\n"
    "  --patience SECS   without news for so long, the rest is lost (3)\n"
    "  --seconds SECS    end of everything (60)\n";

enum {
    OPT_SERVERS = 1,
    OPT_CLIENTS,
    OPT_CHANNELS,
    OPT_EVENTS,
    OPT_SIZE,
    OPT_RATE,
    OPT_BURST,
    OPT_LOCKSTEP,
    OPT_FORMAT,
    OPT_SUBSCRIBE,
    OPT_PUBLISH,
    OPT_CHANNEL,
    OPT_LOCALS,
    OPT_CONNECTING,
    OPT_PROCS,
    OPT_NAP,
    OPT_PID,
    OPT_IDLE,
    OPT_PATIENCE,
    OPT_SECONDS
};

static const struct option LONG_OPTIONS[] = {
    {"servers", required_argument, NULL, OPT_SERVERS},
    {"clients", required_argument, NULL, OPT_CLIENTS},
    {"channels", required_argument, NULL, OPT_CHANNELS},
    {"events", required_argument, NULL, OPT_EVENTS},
    {"size", required_argument, NULL, OPT_SIZE},
    {"rate", required_argument, NULL, OPT_RATE},
    {"burst", required_argument, NULL, OPT_BURST},
    {"lockstep", no_argument, NULL, OPT_LOCKSTEP},
    {"format", required_argument, NULL, OPT_FORMAT},
    {"subscribe", required_argument, NULL, OPT_SUBSCRIBE},
    {"publish", required_argument, NULL, OPT_PUBLISH},
    {"channel", required_argument, NULL, OPT_CHANNEL},
    {"locals", required_argument, NULL, OPT_LOCALS},
    {"connecting", required_argument, NULL, OPT_CONNECTING},
    {"procs", required_argument, NULL, OPT_PROCS},
    {"nap", required_argument, NULL, OPT_NAP},
    {"pid", required_argument, NULL, OPT_PID},
    {"idle", required_argument, NULL, OPT_IDLE},
    {"patience", required_argument, NULL, OPT_PATIENCE},
    {"seconds", required_argument, NULL, OPT_SECONDS},
    {NULL, 0, NULL, 0},
};

static int read_count(uint32_t *value, const char *text, uint32_t min,
                      uint32_t max)
{
    unsigned long long number;
    char *end;

    number = strtoull(text, &end, 10);
    if (end == text || *end != '\0' || *text == '-' || number < min ||
        number > max) {
        return -1;
    }
    *value = (uint32_t)number;
    return 0;
}

static int read_seconds(uint64_t *ns, const char *text)
{
    double seconds;
    char *end;

    seconds = strtod(text, &end);
    if (end == text || *end != '\0' || !(seconds >= 0 && seconds <= 86400)) {
        return -1;
    }
    *ns = (uint64_t)(seconds * (double)EB_NS_PER_SEC);
    return 0;
}

static int read_rate(double *rate, const char *text)
{
    char *end;

    *rate = strtod(text, &end);
    return end != text && *end == '\0' && *rate >= 0 && *rate <= 1e7 ? 0 : -1;
}

static int read_format(eb_load_options_format_t *format, const char *text)
{
    static const char *const NAMES[] = {"raw", "json", "batch"};
    size_t i;

    for (i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
        if (strcmp(text, NAMES[i]) == 0) {
            *format = (eb_load_options_format_t)i;
            return 0;
        }
    }
    return -1;
}

static int read_option(eb_load_options_t *opts, int option, const char *value)
{
    uint32_t number;

    switch (option) {
    case OPT_SERVERS: return eb_net_addrs_parse(&opts->servers, value);
    case OPT_CLIENTS: return read_count(&opts->clients, value, 1, 1000000);
    case OPT_CHANNELS: return read_count(&opts->channels, value, 1, 999999);
    case OPT_EVENTS: return read_count(&opts->events, value, 0, 100000000);
    case OPT_SIZE:
        return read_count(&opts->size, value, EB_PAYLOAD_TIMED_MIN,
                          EB_PAYLOAD_TIMED_MAX);
    case OPT_RATE: return read_rate(&opts->rate, value);
    case OPT_BURST: return read_count(&opts->burst, value, 1, 100000);
    case OPT_LOCKSTEP: opts->lockstep = 1; return 0;
    case OPT_FORMAT: return read_format(&opts->format, value);
    case OPT_SUBSCRIBE: opts->subscribe = value; return 0;
    case OPT_PUBLISH: opts->publish = value; return 0;
    case OPT_CHANNEL: opts->channel = value; return 0;
    case OPT_LOCALS: return read_count(&opts->locals, value, 1, 250);
    case OPT_CONNECTING: return read_count(&opts->connecting, value, 1, 100000);
    case OPT_PROCS: return read_count(&opts->procs, value, 0, 64);
    case OPT_NAP:
        if (read_count(&number, value, 0, 1000000) != 0) {
            return -1;
        }
        opts->nap_ns = number * EB_NS_PER_US;
        return 0;
    case OPT_PID:
        if (read_count(&number, value, 1, 1u << 30) != 0) {
            return -1;
        }
        opts->pid = (pid_t)number;
        return 0;
    case OPT_IDLE: return read_seconds(&opts->idle_ns, value);
    case OPT_PATIENCE: return read_seconds(&opts->patience_ns, value);
    case OPT_SECONDS: return read_seconds(&opts->seconds_ns, value);
    default: return -1;
    }
}

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
    opts->patience_ns = 3 * EB_NS_PER_SEC;
}

int eb_load_options_read(eb_load_options_t *opts, int argc, char **argv)
{
    int option;
    int index = 0;

    preset(opts);
    for (;;) {
        option = getopt_long(argc, argv, "", LONG_OPTIONS, &index);
        if (option == -1) {
            break;
        }
        if (option == '?') {
            fputs(USAGE, stderr);
            return -1;
        }
        if (read_option(opts, option, optarg) != 0) {
            fprintf(stderr, "load: bad value for --%s: %s\n",
                    LONG_OPTIONS[index].name, optarg);
            return -1;
        }
    }
    if (optind != argc || opts->servers.count == 0) {
        fputs(USAGE, stderr);
        return -1;
    }
    return 0;
}

uint64_t eb_load_options_clients_of(const eb_load_options_t *opts,
                                    uint32_t channels)
{
    uint32_t rest = opts->clients % opts->channels;

    return (uint64_t)channels * (opts->clients / opts->channels) +
           (channels < rest ? channels : rest);
}

uint64_t eb_load_options_deliveries(const eb_load_options_t *opts,
                                    uint32_t events)
{
    return (uint64_t)(events / opts->channels) * opts->clients +
           eb_load_options_clients_of(opts, events % opts->channels);
}
