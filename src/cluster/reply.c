/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reply is a list of blocks of memory. The first block begins with the root:
 *
 *     ┌ block_t ┬ root ┬ nodes, texts, lists of elements … ┐ → block → block
 *
 * so that the root's address is enough to free all. An element is in the list
 * of its parent once it is made; until then the list has NULL there.
 */
#include "cluster/reply.h"

#include <stdlib.h>

#define BLOCK_MIN 1024
#define BLOCK_STEP (64 * 1024)

typedef struct block_t {
    struct block_t *next; /* the newest follows the first one */
    apr_size_t size;      /* bytes behind this header */
    apr_size_t used;
    apr_size_t spare; /* nodes are aligned as for 16 bytes */
} block_t;

struct es_cluster_reply_t {
    int kind; /* ES_CLUSTER_REPLY_… */
    union {
        es_slice_t text;
        apr_int64_t number;
        struct {
            const es_cluster_reply_t **elements;
            int count;
        } array;
    } is;
};

/* ---- making it ----------------------------------------------------------- */

static block_t *first_of(es_cluster_reply_t *root)
{
    return (block_t *)root - 1;
}

/* Small replies, of which there are most, get a small block. */
static block_t *block_create(es_cluster_reply_maker_t *maker, apr_size_t need)
{
    apr_size_t size = maker->root == NULL ? BLOCK_MIN : BLOCK_STEP;
    block_t *block;

    size = need > size / 2 ? need + size / 2 : size;
    if (maker->memory_max - maker->memory < size + sizeof(*block)) {
        return NULL;
    }
    block = malloc(sizeof(*block) + size);
    if (block == NULL) {
        return NULL;
    }
    maker->memory += size + sizeof(*block);
    block->next = NULL;
    block->size = size;
    block->used = 0;
    return block;
}

static void *take(block_t *block, apr_size_t size)
{
    char *mem = (char *)(block + 1) + block->used;

    block->used += size;
    return mem;
}

static void *allocate(es_cluster_reply_maker_t *maker, apr_size_t size)
{
    block_t *first = first_of(maker->root), *block;

    size = (size + 15) & ~(apr_size_t)15;
    block = first->next ? first->next : first;
    if (block->size - block->used < size) {
        block = block_create(maker, size);
        if (block == NULL) {
            return NULL;
        }
        block->next = first->next;
        first->next = block;
    }
    return take(block, size);
}

static es_cluster_reply_t *make_node(es_cluster_reply_maker_t *maker)
{
    apr_size_t size = (sizeof(es_cluster_reply_t) + 15) & ~(apr_size_t)15;
    block_t *block;

    if (maker->root != NULL) {
        return allocate(maker, size);
    }
    block = block_create(maker, size);
    if (block != NULL) {
        maker->root = take(block, size);
    }
    return maker->root;
}

static int make_text(es_cluster_reply_maker_t *maker, es_cluster_reply_t *node,
                     es_slice_t text)
{
    char *copy = allocate(maker, text.len + 1);

    if (copy == NULL) {
        return 0;
    }
    if (text.len != 0) {
        memcpy(copy, text.data, text.len);
    }
    copy[text.len] = '\0';
    node->is.text = es_slice(copy, text.len);
    return 1;
}

static int make_array(es_cluster_reply_maker_t *maker, es_cluster_reply_t *node,
                      apr_int64_t count)
{
    apr_size_t size;

    if (count < 0 || count > ES_CLUSTER_REPLY_ELEMENTS_MAX) {
        return 0;
    }
    size = (apr_size_t)count * sizeof(*node->is.array.elements);
    node->is.array.elements = allocate(maker, size);
    if (node->is.array.elements == NULL) {
        return 0;
    }
    memset(node->is.array.elements, 0, size);
    node->is.array.count = (int)count;
    return 1;
}

static int fill(es_cluster_reply_maker_t *maker, es_cluster_reply_t *node,
                int kind, es_slice_t text, apr_int64_t number)
{
    switch (kind) {
    case ES_CLUSTER_REPLY_TEXT:
    case ES_CLUSTER_REPLY_ERROR: return make_text(maker, node, text);
    case ES_CLUSTER_REPLY_ARRAY: return make_array(maker, node, number);
    default: node->is.number = number; return 1;
    }
}

es_cluster_reply_t *es_cluster_reply_make(es_cluster_reply_maker_t *maker,
                                          int kind, es_cluster_reply_t *parent,
                                          apr_int64_t index, es_slice_t text,
                                          apr_int64_t number)
{
    es_cluster_reply_t *node = make_node(maker);

    if (node == NULL) {
        return NULL;
    }
    node->kind = ES_CLUSTER_REPLY_NIL; /* until it is whole */
    if (!fill(maker, node, kind, text, number)) {
        return NULL;
    }
    node->kind = kind;
    if (parent != NULL && index >= 0 && index < parent->is.array.count) {
        parent->is.array.elements[index] = node;
    }
    return node;
}

void es_cluster_reply_free(es_cluster_reply_t *reply)
{
    block_t *block = reply ? first_of(reply) : NULL;

    while (block != NULL) {
        block_t *next = block->next;

        free(block);
        block = next;
    }
}

/* ---- reading it ---------------------------------------------------------- */

static int is_kind(const es_cluster_reply_t *reply, int kind)
{
    return reply != NULL && reply->kind == kind;
}

int es_cluster_reply_is_error(const es_cluster_reply_t *reply)
{
    return is_kind(reply, ES_CLUSTER_REPLY_ERROR);
}

int es_cluster_reply_is_nil(const es_cluster_reply_t *reply)
{
    return is_kind(reply, ES_CLUSTER_REPLY_NIL);
}

int es_cluster_reply_is_array(const es_cluster_reply_t *reply)
{
    return is_kind(reply, ES_CLUSTER_REPLY_ARRAY);
}

int es_cluster_reply_is_code(const es_cluster_reply_t *reply, const char *code)
{
    apr_size_t len = strlen(code);

    return es_cluster_reply_is_error(reply) && reply->is.text.len >= len &&
           !memcmp(reply->is.text.data, code, len) &&
           (reply->is.text.len == len || reply->is.text.data[len] == ' ');
}

es_slice_t es_cluster_reply_text(const es_cluster_reply_t *reply)
{
    return is_kind(reply, ES_CLUSTER_REPLY_TEXT) ||
                   is_kind(reply, ES_CLUSTER_REPLY_ERROR)
               ? reply->is.text
               : es_slice("", 0);
}

/* At most 18 digits, which cannot overflow. */
static apr_int64_t number_of(es_slice_t text)
{
    apr_size_t i = text.len != 0 && text.data[0] == '-' ? 1 : 0;
    apr_int64_t value = 0;

    if (text.len == i || text.len - i > 18) {
        return 0;
    }
    for (; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return 0;
        }
        value = value * 10 + (text.data[i] - '0');
    }
    return text.data[0] == '-' ? -value : value;
}

apr_int64_t es_cluster_reply_number(const es_cluster_reply_t *reply)
{
    if (is_kind(reply, ES_CLUSTER_REPLY_NUMBER)) {
        return reply->is.number;
    }
    return is_kind(reply, ES_CLUSTER_REPLY_TEXT) ? number_of(reply->is.text)
                                                 : 0;
}

int es_cluster_reply_count(const es_cluster_reply_t *reply)
{
    return es_cluster_reply_is_array(reply) ? reply->is.array.count : 0;
}

const es_cluster_reply_t *es_cluster_reply_at(const es_cluster_reply_t *reply,
                                              int i)
{
    return i >= 0 && i < es_cluster_reply_count(reply)
               ? reply->is.array.elements[i]
               : NULL;
}

apr_uint64_t es_cluster_reply_bytes(const es_cluster_reply_t *entries)
{
    apr_uint64_t bytes = 0;
    int i, k;

    for (i = 0; i < es_cluster_reply_count(entries); i++) {
        const es_cluster_reply_t *fields =
            es_cluster_reply_at(es_cluster_reply_at(entries, i), 1);

        for (k = 0; k < es_cluster_reply_count(fields); k++) {
            bytes += es_cluster_reply_text(es_cluster_reply_at(fields, k)).len;
        }
    }
    return bytes;
}
