/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What a client consists of. Only deliver/client.c and deliver/client_state.c
 * know it.
 */
#ifndef ES_DELIVER_CLIENT_BODY_H
#define ES_DELIVER_CLIENT_BODY_H

#include "deliver/backlog.h"
#include "deliver/client_priv.h"
#include "deliver/reader.h"

/** The control frame at hand. These numbers travel in the lifeboat, too. */
enum {
    ES_CONTROL_NONE,
    ES_CONTROL_KEEPALIVE,
    ES_CONTROL_RESET,
    ES_CONTROL_END
};

typedef char
    es_assert_control_max[ES_CONTROL_RESET == ES_CLIENT_CONTROL_MAX ? 1 : -1];

struct es_client_t {
    /* what each write touches comes first */
    es_sink_t *sink; /* owned */
    es_pos_t cursor;
    apr_time_t last;        /* a byte was taken then, or it became blocked */
    apr_size_t skip;        /* bytes, see deliver/reader.h */
    es_backlog_t *backlog;  /* NULL = none, or it is over */
    unsigned char control;  /* half-written or due: ES_CONTROL_… */
    unsigned char blocked;  /* the sink takes no more for now */
    unsigned char ending;   /* es_client_end was called */
    unsigned char finished; /* the end was told to the sink */
    unsigned char broken;   /* no more writes */
    unsigned char as_comment;
    apr_uint32_t hub;
    apr_interval_time_t keepalive;
    apr_interval_time_t send_timeout;
    apr_interval_time_t lifetime;
    apr_time_t end_at; /* its lifetime is over then; 0 = never */
    es_store_t *store;
    /* and what few do, last */
    apr_int64_t retry_ms;
    apr_size_t control_offset; /* bytes of the control frame taken */
    es_id_t reset_id;          /* of the reset at hand */
    es_slot_t *slots;          /* sorted; one_slot, or malloc'ed */
    int nslots;
    es_slot_t one_slot;
    apr_uint32_t child;
    es_counted_t counted;
};

/** One of its channels is closed: it ends, and comes back with the others, as
 * a client is one stream. */
void es_client_end_closed(es_client_t *client);

/** Its part of the journal. */
static inline es_reader_t es_client_reader(const es_client_t *client)
{
    es_reader_t reader;

    reader.store = client->store;
    reader.slots = client->slots;
    reader.nslots = client->nslots;
    reader.chunked = client->sink->chunked;
    reader.replay = client->backlog != NULL ? client->backlog->parts : NULL;
    return reader;
}

#endif
