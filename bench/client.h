/* SPDX-License-Identifier: Apache-2.0 */
/**
 * client: one subscriber: connects, asks for its channel, reads its
 * stream, and enters what it gets into its ledger and the counts.
 */
#ifndef EB_CLIENT_H
#define EB_CLIENT_H

#include "bench/counts.h"
#include "bench/gaps.h"
#include "bench/http.h"
#include "bench/load_options.h"
#include "bench/sse.h"

typedef enum {
    EB_CLIENT_NEW,
    EB_CLIENT_CONNECTING, /* until the socket is writable */
    EB_CLIENT_HEAD,       /* asked, the head has not come yet */
    EB_CLIENT_WAITING,    /* head read, stream-open has not come yet */
    EB_CLIENT_LIVE,
    EB_CLIENT_GONE /* closed */
} eb_client_state_t;

typedef struct {
    eb_sse_t sse; /* also holds a head that has not come whole */
    eb_gaps_t ledger;
    eb_http_body_t body;
    uint32_t channel;
    int fd; /* -1 before and after */
    eb_client_state_t state;
} eb_client_t;

/* What the clients of one process share. */
typedef struct {
    const eb_load_options_t *opts;
    eb_counts_t *counts;
    char *buffer; /* all reads go here */
    size_t size;  /* its size */
} eb_client_shared_t;

/**
 * Start to connect client number `index` of all: it determines channel,
 * server and own address. Refusals are counted and, the first time in this
 * process, explained on stderr.
 *
 * @return 0, or -1: refused, the client is gone
 */
int eb_client_connect(eb_client_t *client, eb_client_shared_t *shared,
                      uint32_t index);

/**
 * The connection stands or failed: ask for the stream.
 *
 * @return 0, or -1: refused, the client is gone
 */
int eb_client_ask(eb_client_t *client, eb_client_shared_t *shared);

/** Read all there is. Its state tells what became of it. */
void eb_client_read(eb_client_t *client, eb_client_shared_t *shared);

/** Close and give back; any state. */
void eb_client_close(eb_client_t *client);

#endif
