/* SPDX-License-Identifier: Apache-2.0 */
/**
 * load_options: what load was asked to do. Read once, then only looked at.
 */
#ifndef EB_LOAD_OPTIONS_H
#define EB_LOAD_OPTIONS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bench/net.h"

typedef enum {
    EB_LOAD_OPTIONS_RAW,  /* a POST for each event, the body is the data */
    EB_LOAD_OPTIONS_JSON, /* a POST for each event, the body is an object */
    EB_LOAD_OPTIONS_BATCH /* a POST for each burst, the body is an array */
} eb_load_options_format_t;

typedef struct {
    eb_net_addrs_t servers; /* at least one */
    const char *subscribe;  /* path, "{}" stands for the channel's number */
    const char *publish;    /* path, without query */
    const char *channel;    /* name to publish to, "{}" as above */
    double rate;            /* events/s, 0 = as fast as possible */
    uint32_t clients;
    uint32_t channels;
    uint32_t events;      /* in all; 0 = only connect and measure memory */
    uint32_t burst;       /* events that are due at the same moment */
    uint32_t size;        /* bytes of an event's data */
    uint32_t locals;      /* loopback addresses to connect from */
    uint32_t connecting;  /* connections under way at once */
    uint32_t procs;       /* reading processes; 0 = as few as possible */
    uint64_t seconds_ns;  /* the end of everything */
    uint64_t idle_ns;     /* rest before memory is measured */
    uint64_t patience_ns; /* without news for so long: the rest is lost */
    uint64_t nap_ns;      /* a reader's rest before it looks again */
    pid_t pid;            /* root of the server's processes; 0 = unknown */
    int lockstep;         /* the next burst waits for the last one */
    eb_load_options_format_t format;
} eb_load_options_t;

/**
 * Read the command line; says on stderr what is wrong with it.
 *
 * @return 0, or -1
 */
int eb_load_options_read(eb_load_options_t *opts, int argc, char **argv);

/** Clients of the first `channels` channels: client i takes i % channels. */
uint64_t eb_load_options_clients_of(const eb_load_options_t *opts,
                                    uint32_t channels);

/** Deliveries that are due once the first `events` events were published. */
uint64_t eb_load_options_deliveries(const eb_load_options_t *opts,
                                    uint32_t events);

#endif
