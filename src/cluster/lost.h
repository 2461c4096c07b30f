/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Tells the broker which events with publishers' ids it has lost. If one of
 * them is published again it gets another place in the stream, and who comes
 * with its id may have had it at the old one: the broker marks it (field ag of
 * an entry), and nodes reset clients that resume by it.
 */
#ifndef ES_CLUSTER_LOST_H
#define ES_CLUSTER_LOST_H

#include "cluster/fill.h"
#include "journal/stream_append.h"

/**
 * Tell what the journal has and a history, by which it is about to be replaced,
 * has not.
 *
 * @param before  the stream has this id, and something may be missing after it,
 *                where the history begins; {0, 0}: not known
 * @param spans   of the history, nspans of them, oldest first
 * @return APR_SUCCESS; APR_ECONNRESET: the link has failed, or the broker does
 *         not answer; APR_ECONNREFUSED: it refuses, and why is filled;
 *         APR_EINTR: keep has returned 0; APR_TIMEUP, APR_EGENERAL: the journal
 *         cannot be read. A part may be told; it does no harm to tell it again
 *
 * Context: CLUSTER; takes the store lock.
 */
apr_status_t es_cluster_lost_tell(const es_cluster_fill_params_t *params,
                                  es_cluster_link_t *link,
                                  const es_id_t *before, const es_span_t *spans,
                                  int nspans);

#endif
