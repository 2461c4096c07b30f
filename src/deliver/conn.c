/* SPDX-License-Identifier: Apache-2.0 */
#include "deliver/conn.h"

#include <stddef.h>
#include <stdlib.h>

#include "deliver/client_priv.h"

es_conn_t *es_conn_create(es_client_t *client)
{
    es_conn_t *conn = calloc(1, sizeof(*conn));
    const es_slot_t *slots;
    int nslots, i;

    if (conn == NULL) {
        return NULL;
    }
    slots = es_client_slots(client, &nslots);
    (void)slots;
    conn->links = &conn->link;
    if (nslots > 1) {
        conn->links = calloc((size_t)nslots, sizeof(es_channel_link_t));
        if (conn->links == NULL) {
            free(conn);
            return NULL;
        }
    }
    for (i = 0; i < nslots; i++) {
        conn->links[i].owner = conn;
    }
    conn->client = client;
    conn->sink = es_client_sink(client);
    conn->chunked = conn->sink->chunked != 0;
    conn->nslots = (apr_uint32_t)nslots;
    es_timer_wheel_timer_init(&conn->timer);
    es_list_init(&conn->lag);
    return conn;
}

void es_conn_destroy(es_conn_t *conn)
{
    if (conn->links != &conn->link) {
        free(conn->links);
    }
    free(conn);
}

es_conn_t *es_conn_of_note(es_note_t *note)
{
    return (es_conn_t *)((char *)note - offsetof(es_conn_t, note));
}
