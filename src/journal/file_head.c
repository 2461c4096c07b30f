/* SPDX-License-Identifier: Apache-2.0 */
/*
 *     0    magic, 8 bytes; not text, and cut by whatever changes line ends
 *     8    version of the format, 4
 *     12   state, 4
 *     16   name of the hub, 64, the rest is 0
 *     80   1 = it is clustered, 1
 *     81   key, 65, the rest is 0
 *     146  time it was saved, 8
 *     154  epoch, 16
 *     170  zeros
 */
#include "journal/file_head.h"

#include "journal/file_bytes.h"

#include <string.h>

static const unsigned char MAGIC[8] = {0x8e, 'E', 'S',  'H',
                                       'U',  'B', 0x0d, 0x0a};

#define VERSION 2

enum {
    VERSION_AT = 8,
    STATE_AT = 12,
    HUB_AT = 16,
    CLUSTER_AT = 80,
    KEY_AT = 81
};
enum { SAVED_AT = 146, EPOCH_AT = 154 };

static void put_text(unsigned char *at, const char *text, apr_size_t size)
{
    memcpy(at, text, strnlen(text, size - 1));
}

/** @return 0: it has no end, or something follows it */
static int get_text(char *text, const unsigned char *at, apr_size_t size)
{
    apr_size_t len = strnlen((const char *)at, size);
    apr_size_t i;

    for (i = len; i < size; i++) {
        if (at[i] != 0) {
            return 0;
        }
    }
    if (len == size) {
        return 0;
    }
    memcpy(text, at, size);
    return 1;
}

void es_file_head_write(unsigned char bytes[ES_FILE_HEAD_SIZE],
                        const es_file_head_t *head)
{
    memset(bytes, 0, ES_FILE_HEAD_SIZE);
    memcpy(bytes, MAGIC, sizeof(MAGIC));
    es_file_bytes_put(bytes + VERSION_AT, VERSION, 4);
    es_file_bytes_put(bytes + STATE_AT, (apr_uint64_t)head->state, 4);
    put_text(bytes + HUB_AT, head->hub, sizeof(head->hub));
    bytes[CLUSTER_AT] = head->is_clustered != 0;
    put_text(bytes + KEY_AT, head->key, sizeof(head->key));
    es_file_bytes_put(bytes + SAVED_AT, head->saved_ms, 8);
    es_file_bytes_put(bytes + EPOCH_AT, head->epoch.ms, 8);
    es_file_bytes_put(bytes + EPOCH_AT + 8, head->epoch.n, 8);
}

apr_status_t es_file_head_read(es_file_head_t *head, const unsigned char *bytes,
                               apr_size_t len)
{
    apr_uint64_t state;

    memset(head, 0, sizeof(*head));
    if (len < sizeof(MAGIC) || memcmp(bytes, MAGIC, sizeof(MAGIC)) != 0) {
        return APR_EINVAL;
    }
    if (len < ES_FILE_HEAD_SIZE) {
        return APR_EGENERAL;
    }
    if (es_file_bytes_get(bytes + VERSION_AT, 4) != VERSION) {
        return APR_EMISMATCH;
    }
    state = es_file_bytes_get(bytes + STATE_AT, 4);
    if (state < ES_FILE_IN_USE || state > ES_FILE_SAVED ||
        bytes[CLUSTER_AT] > 1 ||
        !get_text(head->hub, bytes + HUB_AT, sizeof(head->hub)) ||
        !get_text(head->key, bytes + KEY_AT, sizeof(head->key))) {
        return APR_EGENERAL;
    }
    head->state = (es_file_state_t)state;
    head->is_clustered = bytes[CLUSTER_AT];
    head->saved_ms = es_file_bytes_get(bytes + SAVED_AT, 8);
    head->epoch.ms = es_file_bytes_get(bytes + EPOCH_AT, 8);
    head->epoch.n = es_file_bytes_get(bytes + EPOCH_AT + 8, 8);
    return APR_SUCCESS;
}
