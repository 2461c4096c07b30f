/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as what a broker sends. The first byte is the size of the pieces in
 * which the rest arrives: the replies are the same in any pieces. Each can be
 * walked, and its memory is bounded.
 */
#include "fuzz.h"

#include "cluster/parser.h"

#define REPLY_MAX 65536
#define DEPTH_MAX 16
#define NODES_MAX 1000

typedef struct walk_t {
    uint64_t sum; /* FNV-1a of all that the replies have */
    int nodes;
} walk_t;

static void add(walk_t *walk, const char *data, apr_size_t size)
{
    apr_size_t i;

    for (i = 0; i < size; i++) {
        walk->sum = (walk->sum ^ (unsigned char)data[i]) * 1099511628211u;
    }
}

static void visit(walk_t *walk, const es_cluster_reply_t *reply, int depth)
{
    es_slice_t text = es_cluster_reply_text(reply);
    apr_int64_t number = es_cluster_reply_number(reply);
    int count = es_cluster_reply_count(reply), i;
    int kinds = es_cluster_reply_is_error(reply) +
                2 * es_cluster_reply_is_nil(reply) +
                4 * es_cluster_reply_is_array(reply);

    if (depth > DEPTH_MAX || walk->nodes++ > NODES_MAX) {
        return;
    }
    PROMISE(kinds == 0 || kinds == 1 || kinds == 2 || kinds == 4);
    PROMISE(text.data[text.len] == '\0');
    PROMISE(count <= ES_CLUSTER_REPLY_ELEMENTS_MAX);
    add(walk, (const char *)&kinds, sizeof(kinds));
    add(walk, text.data, text.len);
    add(walk, (const char *)&number, sizeof(number));
    add(walk, (const char *)&count, sizeof(count));
    for (i = 0; i < count; i++) {
        PROMISE(es_cluster_reply_at(reply, i) != NULL);
        visit(walk, es_cluster_reply_at(reply, i), depth + 1);
    }
    PROMISE(es_cluster_reply_at(reply, count) == NULL);
}

/* Until an error; @return APR_EAGAIN if there is none. */
static apr_status_t take_all(es_cluster_parser_t *parser, walk_t *walk)
{
    es_cluster_reply_t *reply;
    const char *why = NULL;
    apr_status_t rv;

    for (;;) {
        rv = es_cluster_parser_next(parser, &reply, &why);
        if (rv != APR_SUCCESS) {
            PROMISE(reply == NULL);
            PROMISE(rv == APR_EAGAIN || (why != NULL && *why != '\0'));
            return rv;
        }
        visit(walk, reply, 0);
        es_cluster_reply_free(reply);
    }
}

static uint64_t parse(es_slice_t text, apr_size_t piece)
{
    es_cluster_parser_t *parser = es_cluster_parser_create(REPLY_MAX);
    walk_t walk = {14695981039346656037u, 0};
    apr_status_t rv = APR_EAGAIN;
    apr_size_t at, size;

    for (at = 0; at < text.len && rv == APR_EAGAIN; at += size) {
        size = text.len - at < piece ? text.len - at : piece;
        PROMISE(es_cluster_parser_add(parser, text.data + at, size));
        rv = take_all(parser, &walk);
    }
    es_cluster_parser_destroy(parser);
    return walk.sum;
}

FUZZ(text, p)
{
    apr_size_t piece = text.len != 0 ? (unsigned char)text.data[0] : 0;

    (void)p;
    if (!es_cluster_parser_is_built() || piece == 0 || text.len > REPLY_MAX) {
        return;
    }
    text = es_slice(text.data + 1, text.len - 1);
    PROMISE(parse(text, piece) == parse(text, text.len ? text.len : 1));
}
