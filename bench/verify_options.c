/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of verify: a table of its options. */
#include "bench/verify_options.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/clock.h"
#include "bench/payload.h"

typedef enum { AS_ADDRS, AS_TEXT, AS_COUNT, AS_REAL, AS_SECONDS, AS_FLAG } as_t;

typedef struct {
    const char *name;
    as_t as;
    size_t offset; /* of the field */
    double min;
    double max;
    const char *help;
} option_t;

#define FIELD(name) offsetof(eb_verify_options_t, name)

static const option_t OPTIONS[] = {
    {"--servers", AS_ADDRS, FIELD(servers), 0, 0, "ADDR:PORT[,ADDR:PORT...]"},
    {"--clients", AS_COUNT, FIELD(clients), 1, 100000, "N (100)"},
    {"--channels", AS_COUNT, FIELD(channels), 1, EB_PAYLOAD_CHECKED_CHANNELS,
     "N (10)"},
    {"--rate", AS_REAL, FIELD(rate), 0.01, 1e6, "events/s in all (100)"},
    {"--seconds", AS_SECONDS, FIELD(seconds_ns), 0, 86400,
     "how long to publish (10)"},
    {"--events", AS_COUNT, FIELD(events), 0, 1e8,
     "end after so many instead (0)"},
    {"--min-size", AS_COUNT, FIELD(min_size), EB_PAYLOAD_CHECKED_MIN,
     EB_PAYLOAD_CHECKED_MAX, "bytes of data (32)"},
    {"--max-size", AS_COUNT, FIELD(max_size), EB_PAYLOAD_CHECKED_MIN,
     EB_PAYLOAD_CHECKED_MAX, "log-uniform up to (40960)"},
    {"--slow", AS_COUNT, FIELD(slow), 0, 100,
     "per cent reading 1 KB/s or never (0)"},
    {"--fickle", AS_COUNT, FIELD(fickle), 0, 100,
     "per cent coming and going (0)"},
    {"--broad", AS_COUNT, FIELD(broad), 0, 100,
     "per cent with 2 to 8 channels (0)"},
    {"--publishers", AS_COUNT, FIELD(publishers), 1, 64, "connections (4)"},
    {"--timeout", AS_SECONDS, FIELD(timeout_ns), 0.1, 600,
     "wait for a publisher's answer (5)"},
    {"--patience", AS_SECONDS, FIELD(patience_ns), 0.1, 600,
     "at the end, without news (5)"},
    {"--no-cuts", AS_FLAG, FIELD(no_cuts), 0, 0, "a stream cut is a fault"},
    {"--subscribe", AS_TEXT, FIELD(subscribe), 0, 0,
     "path, {} is the channel's number (/events/c{})"},
    {"--wide", AS_TEXT, FIELD(wide), 0, 0,
     "path for several channels (/wide?)"},
    {"--wide-item", AS_TEXT, FIELD(wide_item), 0, 0,
     "behind it, for each channel (room=c{})"},
    {"--publish", AS_TEXT, FIELD(publish), 0, 0, "where to POST (/publish)"},
    {"--channel", AS_TEXT, FIELD(channel), 0, 0, "name (room-c{})"},
    {"--log", AS_TEXT, FIELD(log), 0, 0, "FILE, gets a line each second"},
    {"--seed", AS_COUNT, FIELD(seed), 1, 4294967295.0, "of all chance (1)"},
};

#define NOPTIONS (sizeof(OPTIONS) / sizeof(OPTIONS[0]))

static int usage(void)
{
    size_t i;

    fputs("usage: verify --servers ADDR:PORT [options]\n", stderr);
    for (i = 0; i < NOPTIONS; i++) {
        fprintf(stderr, "  %-13s %s\n", OPTIONS[i].name, OPTIONS[i].help);
    }
    return -1;
}

static int set_number(void *field, const option_t *option, const char *text)
{
    double value;
    char *end;

    value = strtod(text, &end);
    if (end == text || *end != '\0' ||
        !(value >= option->min && value <= option->max)) {
        return -1;
    }
    switch (option->as) {
    case AS_REAL: *(double *)field = value; return 0;
    case AS_SECONDS:
        *(uint64_t *)field = (uint64_t)(value * (double)EB_NS_PER_SEC);
        return 0;
    default:
        *(uint32_t *)field = (uint32_t)value;
        return value == (uint32_t)value ? 0 : -1;
    }
}

static int set(eb_verify_options_t *opts, const option_t *option,
               const char *text)
{
    void *field = (char *)opts + option->offset;

    switch (option->as) {
    case AS_ADDRS: return eb_net_addrs_parse(field, text);
    case AS_TEXT: *(const char **)field = text; return 0;
    default: return set_number(field, option, text);
    }
}

static const option_t *find(const char *name)
{
    size_t i;

    for (i = 0; i < NOPTIONS; i++) {
        if (strcmp(name, OPTIONS[i].name) == 0) {
            return &OPTIONS[i];
        }
    }
    return NULL;
}

static void preset(eb_verify_options_t *opts)
{
    memset(opts, 0, sizeof(*opts));
    opts->subscribe = "/events/c{}";
    opts->wide = "/wide?";
    opts->wide_item = "room=c{}";
    opts->publish = "/publish";
    opts->channel = "room-c{}";
    opts->rate = 100;
    opts->clients = 100;
    opts->channels = 10;
    opts->min_size = EB_PAYLOAD_CHECKED_MIN;
    opts->max_size = 40 * 1024;
    opts->publishers = 4;
    opts->seed = 1;
    opts->seconds_ns = 10 * EB_NS_PER_SEC;
    opts->timeout_ns = 5 * EB_NS_PER_SEC;
    opts->patience_ns = 5 * EB_NS_PER_SEC;
}

int eb_verify_options_read(eb_verify_options_t *opts, int argc, char **argv)
{
    const option_t *option;
    int i;

    preset(opts);
    for (i = 1; i < argc; i++) {
        option = find(argv[i]);
        if (option == NULL) {
            return usage();
        }
        if (option->as == AS_FLAG) {
            *(int *)((char *)opts + option->offset) = 1;
            continue;
        }
        if (i + 1 == argc || set(opts, option, argv[i + 1]) != 0) {
            fprintf(stderr, "verify: bad value for %s\n", option->name);
            return -1;
        }
        i++;
    }
    if (opts->publishers > opts->channels) {
        opts->publishers = opts->channels;
    }
    if (opts->servers.count == 0 || opts->max_size < opts->min_size ||
        opts->slow + opts->fickle > 100) {
        return usage();
    }
    return 0;
}
