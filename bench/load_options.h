/* SPDX-License-Identifier: Apache-2.0 */
/**
 * load_options: the command line of load.
 */
#ifndef EB_LOAD_OPTIONS_H
#define EB_LOAD_OPTIONS_H

#include <stdint.h>

#include "bench/net.h"
#include "bench/tls.h"

/* The values of eb_load_options_t.format. */
enum {
    EB_LOAD_OPTIONS_RAW,  /* a POST for each event, the body is the data */
    EB_LOAD_OPTIONS_JSON, /* a POST for each event, the body is an object */
    EB_LOAD_OPTIONS_BATCH /* a POST for each burst, the body is an array */
};

/* The values of eb_load_options_t.live. */
enum {
    EB_LOAD_OPTIONS_OPEN, /* a client is live with the event stream-open */
    EB_LOAD_OPTIONS_HEAD  /* with the head of the response */
};

typedef struct {
    eb_net_addrs_t servers;    /* at least one */
    eb_net_addrs_t publish_to; /* the first one; none: that of servers */
    const char *cipher;        /* the only one over TLS, or NULL */
    const char *subscribe;     /* path, "{}" stands for the channel's number */
    const char *publish;       /* path, without query */
    const char *channel;       /* name to publish to, "{}" as above */
    double rate;               /* events/s, 0 = as fast as possible */
    uint32_t clients;
    uint32_t channels;
    uint32_t events;           /* in all; 0 = only connect, measure memory */
    uint32_t burst;            /* events that are due at the same moment */
    uint32_t size;             /* bytes of an event's data */
    uint32_t locals;           /* loopback addresses to connect from */
    uint32_t connecting;       /* connections under way at once */
    uint32_t procs;            /* reading processes; 0 = as few as possible */
    uint32_t tls;              /* eb_tls_version_t, of subscribers */
    uint32_t pid;              /* parent of the server; 0 = unknown */
    uint32_t format;           /* EB_LOAD_OPTIONS_RAW ... */
    uint32_t live;             /* EB_LOAD_OPTIONS_OPEN ... */
    uint64_t seconds_ns;       /* deadline of the whole run */
    uint64_t idle_ns;          /* before memory is measured */
    uint64_t give_up_ns;       /* after this long without a delivery */
    uint64_t poll_interval_ns; /* pause of a reading process between polls */
    int lockstep;              /* the next burst waits for the last one */
} eb_load_options_t;

/**
 * Read the command line; errors are logged to stderr.
 *
 * @return 0, or -1
 */
int eb_load_options_read(eb_load_options_t *opts, int argc, char **argv);

/**
 * Deliveries that are due once the first `events` events were published.
 * Client i subscribes to channel i % channels, and event k is published to
 * channel k % channels.
 */
uint64_t eb_load_options_deliveries(const eb_load_options_t *opts,
                                    uint32_t events);

#endif
