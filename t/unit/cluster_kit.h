/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What tests of the cluster share: replies of a broker that sends entries. All
 * functions are static, as each test is a program.
 */
#ifndef T_UNIT_CLUSTER_KIT_H
#define T_UNIT_CLUSTER_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/slice.h"
#include "cluster/reply.h"

#define CLUSTER_UNUSED __attribute__((unused))

static CLUSTER_UNUSED es_cluster_reply_t *kit_text(
    es_cluster_reply_maker_t *maker, es_cluster_reply_t *parent, int at,
    const char *text)
{
    es_cluster_reply_t *reply = es_cluster_reply_make(
        maker, ES_CLUSTER_REPLY_TEXT, parent, at, es_slice_of(text), 0);

    assert_non_null(reply);
    return reply;
}

static CLUSTER_UNUSED es_cluster_reply_t *kit_array(
    es_cluster_reply_maker_t *maker, es_cluster_reply_t *parent, int at,
    int count)
{
    es_cluster_reply_t *reply = es_cluster_reply_make(
        maker, ES_CLUSTER_REPLY_ARRAY, parent, at, es_slice(NULL, 0), count);

    assert_non_null(reply);
    return reply;
}

/** Add an entry with count fields and values. */
static CLUSTER_UNUSED void kit_add_entry(es_cluster_reply_maker_t *maker,
                                         es_cluster_reply_t *parent, int at,
                                         const char *id,
                                         const char *const *words, int count)
{
    es_cluster_reply_t *fields, *entry = kit_array(maker, parent, at, 2);
    int i;

    kit_text(maker, entry, 0, id);
    fields = kit_array(maker, entry, 1, count);
    for (i = 0; i < count; i++) {
        kit_text(maker, fields, i, words[i]);
    }
}

static es_cluster_reply_t *kit_reply; /* of kit_entry */

/** An entry alone; valid until the next call. */
static CLUSTER_UNUSED const es_cluster_reply_t *kit_entry(
    const char *id, const char *const *words, int count)
{
    es_cluster_reply_maker_t maker = {NULL, 0, 1 << 20};
    es_cluster_reply_t *root;

    es_cluster_reply_free(kit_reply);
    root = kit_array(&maker, NULL, 0, 1);
    kit_add_entry(&maker, root, 0, id, words, count);
    kit_reply = root;
    return es_cluster_reply_at(root, 0);
}

#endif
