/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A member: a client in a delivery's crew, with its places in the crew's
 * lists and in the index of its hub. It does nothing by itself; what happens
 * to it is told in deliver/conns.h.
 */
#ifndef ES_DELIVER_CONN_H
#define ES_DELIVER_CONN_H

#include "base/list.h"
#include "deliver/channel_index.h"
#include "deliver/client.h"
#include "deliver/hub.h"
#include "deliver/inbox.h"
#include "deliver/timer_wheel.h"

typedef enum es_conn_state_t {
    ES_CONN_CURRENT,
    ES_CONN_READY,
    ES_CONN_AHEAD,
    ES_CONN_BLOCKED,
    ES_CONN_LINGER,
    ES_CONN_DEAD
} es_conn_state_t;

typedef struct es_conn_t es_conn_t;

struct es_conn_t {
    es_client_t *client; /* owned */
    es_sink_t *sink;     /* the client's */
    apr_uint32_t nslots;
    unsigned char state; /* es_conn_state_t */
    unsigned char chunked;
    unsigned char wants_out;   /* epoll tells when it is writable */
    unsigned char is_polled;   /* it is in the epoll set */
    unsigned char was_current; /* since it was last blocked */
    apr_uint32_t turn;         /* number of the round it took part in */
    es_channel_link_t link;    /* if it has one channel */
    es_channel_link_t *links;  /* nslots: link, or malloc'ed */
    es_hub_t *hub;             /* NULL before it is taken up */
    es_list_t list;            /* of its state */
    es_list_t lag;             /* in its hub's headway, or alone */
    apr_time_t moved;          /* es_client_moved when it was last blocked */
    apr_time_t counts_until;   /* BLOCKED: writers wait for it until then */
    es_timer_t timer;
    apr_time_t deadline; /* LINGER: closed then at the latest */
    es_note_t note;      /* by which it comes */
};

/** @return the member, owning client, or NULL without memory */
es_conn_t *es_conn_create(es_client_t *client);

/** Free a member that was never taken up, but not its client. */
void es_conn_destroy(es_conn_t *conn);

es_conn_t *es_conn_of_note(es_note_t *note);

#endif
