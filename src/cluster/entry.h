/* SPDX-License-Identifier: Apache-2.0 */
/**
 * An entry of the broker's stream: read from a reply, and an event as the words
 * that the script makes an entry of (cluster/script/stream.lua has its fields).
 *
 * An entry may have been written by anyone: another version of this module, or
 * another program. So nothing of it is trusted. Pure.
 */
#ifndef ES_CLUSTER_ENTRY_H
#define ES_CLUSTER_ENTRY_H

#include <apr_pools.h>

#include "base/event.h"
#include "base/id.h"
#include "shm/revocations.h"
#include "cluster/reply.h"

enum {
    ES_CLUSTER_ENTRY_EVENT,
    ES_CLUSTER_ENTRY_CLOSE,
    ES_CLUSTER_ENTRY_EPOCH,
    ES_CLUSTER_ENTRY_BAD,    /* ours, but it cannot be used */
    ES_CLUSTER_ENTRY_FOREIGN /* it names no entry before it: not ours */
};

/** Longest time for which a channel may be closed, in seconds. */
#define ES_CLUSTER_CLOSE_MAX APR_INT64_C(2147483647)

/** The channel of entries that revoke, which are events without data. */
#define ES_CLUSTER_REVOKED_CHANNEL "eventstream-revoked"
/** Longest name of a user or a token, in bytes. */
#define ES_CLUSTER_REVOKED_NAME_MAX 4096
/** For es_cluster_revoked_t: until it is revoked again. */
#define ES_CLUSTER_REVOKED_ALWAYS (-1)

/** A user or a token that is revoked. */
typedef struct es_cluster_revoked_t {
    es_identity_kind_t kind;
    es_slice_t name;
    es_slice_t channel;  /* empty = all of the hub */
    apr_int64_t seconds; /* 0..; or ES_CLUSTER_REVOKED_ALWAYS */
} es_cluster_revoked_t;

typedef struct es_cluster_entry_t {
    int kind;
    es_id_t id;          /* 0-0 if not even this can be read */
    es_id_t before;      /* of the entry before it; not of FOREIGN */
    apr_uint32_t follow; /* entries of its batch that follow */
    es_event_t event;    /* of EVENT; of CLOSE only its channel */
    apr_int64_t seconds; /* of CLOSE */
    int is_again;        /* of EVENT: the broker had lost it; see
                          * es_stream_entry_t */
    int revokes;         /* of EVENT: it revokes, in addition */
    es_cluster_revoked_t revoked;
    int is_continued; /* of EPOCH: nothing is missing before it */
    const char *why;  /* of BAD and FOREIGN: what is wrong, half a sentence
                          * for the log */
} es_cluster_entry_t;

/**
 * Read an entry of a reply to XREAD or XREVRANGE.
 *
 * @param entry  its slices live as long as reply and p
 */
void es_cluster_entry_read(es_cluster_entry_t *entry,
                           const es_cluster_reply_t *reply, apr_pool_t *p);

/** Words of an event in a call of publish. */
#define ES_CLUSTER_ENTRY_WORDS 5

/** Bytes that es_cluster_entry_write needs. */
apr_size_t es_cluster_entry_size(const es_event_t *event);

/**
 * Write an event, which was checked, as words.
 *
 * @param text  has es_cluster_entry_size bytes; words point into it
 * @return text, behind what was written
 */
char *es_cluster_entry_write(es_slice_t words[ES_CLUSTER_ENTRY_WORDS],
                             const es_event_t *event, char *text);

#endif
