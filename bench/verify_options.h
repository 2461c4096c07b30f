/* SPDX-License-Identifier: Apache-2.0 */
/**
 * verify_options: what verify was asked to do. Read once, then only looked at.
 */
#ifndef EB_VERIFY_OPTIONS_H
#define EB_VERIFY_OPTIONS_H

#include <stdint.h>

#include "bench/net.h"

typedef struct {
    eb_net_addrs_t servers; /* at least one */
    const char *subscribe;  /* path, "{}" stands for the channel's number */
    const char *wide;       /* path for several channels; see wide_item */
    const char *wide_item;  /* appended for each of them, '&' between */
    const char *publish;    /* path, without query */
    const char *channel;    /* name to publish to, "{}" as above */
    const char *log;        /* a file that gets a line each second, or NULL */
    double rate;            /* events/s in all */
    uint32_t clients;
    uint32_t channels;
    uint32_t events;     /* to publish in all; 0 = by seconds */
    uint32_t min_size;   /* bytes of an event's data */
    uint32_t max_size;   /* log-uniform between the two */
    uint32_t slow;       /* per cent, half at 1 KB/s, half never reading */
    uint32_t fickle;     /* per cent, coming and going */
    uint32_t broad;      /* per cent, with several channels */
    uint32_t publishers; /* connections; a channel belongs to one of them */
    uint32_t seed;
    uint64_t seconds_ns;  /* how long to publish */
    uint64_t timeout_ns;  /* without answer for so long: unknown */
    uint64_t patience_ns; /* at the end, without news for so long: lost */
    int no_cuts;          /* a stream cut is a fault */
} eb_verify_options_t;

/**
 * Read the command line; says on stderr what is wrong with it.
 *
 * @return 0, or -1
 */
int eb_verify_options_read(eb_verify_options_t *opts, int argc, char **argv);

#endif
