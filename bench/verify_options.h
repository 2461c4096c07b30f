/* SPDX-License-Identifier: Apache-2.0 */
/**
 * verify_options: the command line of verify.
 */
#ifndef EB_VERIFY_OPTIONS_H
#define EB_VERIFY_OPTIONS_H

#include <stdint.h>

#include "bench/net.h"
#include "bench/tls.h"

typedef struct {
    eb_net_addrs_t servers; /* at least one */
    const char *subscribe;  /* path, "{}" stands for the channel's number */
    const char *multi_path; /* path for several channels; see multi_item */
    const char *multi_item; /* appended for each of them, '&' between */
    const char *publish;    /* path, without query */
    const char *channel;    /* name to publish to, "{}" as above */
    const char *cipher;     /* the only one over TLS, or NULL */
    const char *log;        /* a file that gets a line each second, or NULL */
    double rate;            /* events/s in all */
    uint32_t clients;
    uint32_t channels;
    uint32_t events;     /* to publish in all; 0 = by seconds_ns */
    uint32_t min_size;   /* bytes of an event's data */
    uint32_t max_size;   /* log-uniform between the two */
    uint32_t slow;       /* per cent: half read 1 KB/s, half do not read */
    uint32_t churn;      /* per cent: disconnect and reconnect */
    uint32_t multi;      /* per cent: have several channels */
    uint32_t updates;    /* per cent: ask for new keys each second or so */
    uint32_t publishers; /* connections; a channel belongs to one of them */
    uint32_t tls;        /* eb_tls_version_t */
    uint32_t streams;    /* of HTTP/2: clients of a connection */
    uint32_t seed;       /* of the random numbers */
    uint64_t seconds_ns; /* how long to publish */
    uint64_t timeout_ns; /* of a POST: its event is unknown afterwards */
    uint64_t retry_ns;   /* how long it is posted again instead; 0: not */
    uint64_t give_up_ns; /* at the end, after this long without an event */
    int http2;           /* without TLS: by prior knowledge */
    int browser;         /* they use HTTP/1.1 if they are asked to */
    int no_cuts;         /* a stream cut is an error */
    int may_forget;      /* the servers may lose what they acknowledged, and
                            ids of publishers, if they tell their clients */
} eb_verify_options_t;

/**
 * Read the command line; errors are logged to stderr.
 *
 * @return 0, or -1
 */
int eb_verify_options_read(eb_verify_options_t *opts, int argc, char **argv);

#endif
