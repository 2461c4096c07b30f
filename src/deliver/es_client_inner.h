/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What a client is beside es_client.h to the delivery that owns it.
 */
#ifndef ES_CLIENT_INNER_H
#define ES_CLIENT_INNER_H

#include "deliver/es_client.h"

/**
 * es_client_step that sees the journal up to limit only, so that its client
 * stands just where the next round starts. A cursor beyond the limit (where a
 * subscription or a stream-reset has set it) stays.
 */
es_step_t es_client_step_to(es_client_t *client, es_pos_t limit, apr_time_t now,
                            char *scratch, apr_size_t scratch_size);

/** The first record not seen, as far as the client knows itself. */
es_pos_t es_client_pos(const es_client_t *client);

/** All of its records below pos are known to be seen. */
void es_client_seek(es_client_t *client, es_pos_t pos);

/** Times count from now on: it has come to an owner with another clock. */
void es_client_rebase(es_client_t *client, apr_time_t now);

/** 1 when its end has been told to the sink: the peer may read it first. */
int es_client_is_finished(const es_client_t *client);

es_sink_t *es_client_sink(const es_client_t *client);
apr_uint32_t es_client_hub(const es_client_t *client);
apr_int64_t es_client_retry_ms(const es_client_t *client);

/** Its channels, sorted. They live as long as the client. */
const es_slot_t *es_client_slots(const es_client_t *client, int *count);

#endif
