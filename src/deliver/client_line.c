/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of a client when its stream ends, for EventStreamLog. */
#include "deliver/client_priv.h"

#include <stdlib.h>

#include "base/clock.h"

#define NAMES_MAX 64 /* more do not fit into a line, mostly */

void es_client_because(es_client_t *client, es_end_t why)
{
    if (client->why == ES_END_ERROR && es_client_is_open(client)) {
        client->why = (unsigned char)why;
    }
}

const es_stream_line_t *es_client_line(const es_client_t *client)
{
    return client->line;
}

void es_client_forget_line(es_client_t *client)
{
    free(client->line);
    client->line = NULL;
}

/* The id up to which it has seen all; {0, 0} = unknown. Takes no lock. */
static es_id_t last_id(const es_client_t *client)
{
    es_id_t id = {0, 0};
    es_start_t latest;
    es_record_t record;

    if (client->skip == 0 &&
        es_store_latest(client->store, client->slots, client->nslots,
                        &latest) == APR_SUCCESS &&
        latest.pos <= client->cursor) {
        id = latest.id;
    }
    else if (es_store_look(client->store, client->cursor, &record) ==
             APR_SUCCESS) {
        id = es_id_before(&record.id);
    }
    return id;
}

void es_client_log_line(const es_client_t *client)
{
    es_slice_t names[NAMES_MAX];
    es_stream_end_t end;
    int i;

    if (client->line == NULL) {
        return;
    }
    end.channels = names;
    end.nchannels = client->nslots < NAMES_MAX ? client->nslots : NAMES_MAX;
    end.is_cut = client->nslots > NAMES_MAX;
    for (i = 0; i < end.nchannels; i++) {
        names[i] = es_store_name(client->store, client->slots[i]);
    }
    end.last_id = last_id(client);
    /* after its end, the connection may have stayed open for a while */
    end.at =
        client->state == ES_CLIENT_FINISHED ? client->last : es_clock_now();
    end.why = (es_end_t)client->why;
    es_stream_line_log(client->line, &end);
}
