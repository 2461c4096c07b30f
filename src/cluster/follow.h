/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Following the broker's stream: entries come in its order, and are appended
 * to the journal, whole batches at a time. Nothing may be missing: each entry
 * names the one before it. It sends nothing, and knows no link.
 */
#ifndef ES_CLUSTER_FOLLOW_H
#define ES_CLUSTER_FOLLOW_H

#include <apr_pools.h>

#include "journal/stream_append.h"
#include "cluster/entry.h"
#include "cluster/hub.h"
#include "cluster/reply.h"

typedef struct es_cluster_follow_t {
    const es_cluster_hub_t *hub;
    apr_pool_t *pool;             /* of what is held */
    apr_pool_t *parent;           /* of touched */
    apr_uint64_t *touched;        /* a bit for each child */
    es_id_t last;                 /* the last id in the journal */
    es_id_t at;                   /* of the last entry of ours */
    es_id_t seen;                 /* of the last entry; read on from here */
    es_stream_entry_t *entries;   /* held: not appended yet */
    int count, room;              /* of entries */
    int *ends;                    /* where the batches in entries end */
    int nends, ends_room;         /* of ends */
    apr_uint32_t follow;          /* entries of the batch to come */
    apr_uint64_t bytes;           /* of what is held, in the ring */
    es_cluster_reply_t **replies; /* in which the entries are */
    int nreplies, replies_room;   /* of replies */
    apr_int64_t clock_offset_ms;  /* the broker's clock - es_clock_ms */
} es_cluster_follow_t;

/**
 * Start; es_cluster_follow_from comes before the first entries.
 *
 * @param pool  the caller's, of the thread
 */
void es_cluster_follow_init(es_cluster_follow_t *follow,
                            const es_cluster_hub_t *hub, apr_pool_t *pool);

/** Free what it holds. */
void es_cluster_follow_clear(es_cluster_follow_t *follow);

/** Continue after the last id of the journal; what is held is dropped. */
void es_cluster_follow_from(es_cluster_follow_t *follow, const es_id_t *last);

/**
 * Take entries, which were read after seen.
 *
 * An entry of another program is skipped. A batch of which the rest is still to
 * come is held, or will be read again.
 *
 * @param reply    is freed by and by
 * @param entries  an array in reply
 * @return APR_SUCCESS; APR_INCOMPLETE: an entry is missing, cannot be used, or
 *         begins an epoch before which something may be missing: the journal
 *         has to be filled; APR_EMISMATCH: another child has appended to the
 *         journal; APR_TIMEUP, APR_ENOMEM, APR_EGENERAL: as es_store_append_at.
 *         After an error es_cluster_follow_from comes next
 *
 * Context: CLUSTER; takes the store lock.
 */
apr_status_t es_cluster_follow_take(es_cluster_follow_t *follow,
                                    es_cluster_reply_t *reply,
                                    const es_cluster_reply_t *entries);

/** Log an entry that cannot be used, not too often. */
void es_cluster_follow_log(const es_cluster_hub_t *hub,
                           const es_cluster_entry_t *entry);

/**
 * Make an event or a close ready for the journal.
 *
 * @param offset_ms  the broker's clock - es_clock_ms
 */
void es_cluster_follow_make(es_stream_entry_t *out,
                            const es_cluster_entry_t *entry,
                            apr_int64_t offset_ms, apr_pool_t *p);

#endif
