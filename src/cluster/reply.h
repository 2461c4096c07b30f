/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A reply of the broker, or an element of one. It is a tree in memory of its
 * own; texts and elements live as long as the reply. A reply may be anything:
 * each function returns a harmless value for one of another kind, or for NULL.
 */
#ifndef ES_CLUSTER_REPLY_H
#define ES_CLUSTER_REPLY_H

#include <apr.h>

#include "base/slice.h"

typedef struct es_cluster_reply_t es_cluster_reply_t;

/** Bytes of a reply as it is sent, unless the link's params tell another. */
#define ES_CLUSTER_REPLY_MAX ((apr_size_t)256 << 20)

/** Elements of one array. */
#define ES_CLUSTER_REPLY_ELEMENTS_MAX (1 << 20)

/** Free a reply, not an element of one. NULL does nothing. */
void es_cluster_reply_free(es_cluster_reply_t *reply);

int es_cluster_reply_is_error(const es_cluster_reply_t *reply);
int es_cluster_reply_is_nil(const es_cluster_reply_t *reply);
int es_cluster_reply_is_array(const es_cluster_reply_t *reply);

/** 1 if it is an error whose first word is code: "LOADING", "NOSCRIPT". */
int es_cluster_reply_is_code(const es_cluster_reply_t *reply, const char *code);

/** The bytes of a string, status or error, with a NUL behind the last one;
 * empty for others. */
es_slice_t es_cluster_reply_text(const es_cluster_reply_t *reply);

/** An integer; a text that is a whole decimal number; 0 for others. */
apr_int64_t es_cluster_reply_number(const es_cluster_reply_t *reply);

/** Elements of an array; 0 for others. */
int es_cluster_reply_count(const es_cluster_reply_t *reply);

/** An element of an array; NULL out of range, and for others. */
const es_cluster_reply_t *es_cluster_reply_at(const es_cluster_reply_t *reply,
                                              int i);

/* ---- for the parser of a link -------------------------------------------- */

enum {
    ES_CLUSTER_REPLY_NIL,
    ES_CLUSTER_REPLY_TEXT, /* a string or a status */
    ES_CLUSTER_REPLY_ERROR,
    ES_CLUSTER_REPLY_NUMBER,
    ES_CLUSTER_REPLY_ARRAY
};

/** A reply that is being made. */
typedef struct es_cluster_reply_maker_t {
    es_cluster_reply_t *root; /* NULL = nothing was made yet */
    apr_size_t memory;        /* bytes taken so far */
    apr_size_t memory_max;    /* no more than this */
} es_cluster_reply_maker_t;

/**
 * Add a node. The first one is the root, and keeps the memory of all others.
 *
 * @param kind    ES_CLUSTER_REPLY_…
 * @param parent  an array that was made before; NULL for the root
 * @param index   in parent
 * @param text    copied; of TEXT and ERROR
 * @param number  of NUMBER; the count of an ARRAY
 * @return NULL: an array of too many elements, or too much memory
 */
es_cluster_reply_t *es_cluster_reply_make(es_cluster_reply_maker_t *maker,
                                          int kind, es_cluster_reply_t *parent,
                                          apr_int64_t index, es_slice_t text,
                                          apr_int64_t number);

/** Bytes of all texts in a list of stream entries, as XREAD has them. */
apr_uint64_t es_cluster_reply_bytes(const es_cluster_reply_t *entries);

#endif
