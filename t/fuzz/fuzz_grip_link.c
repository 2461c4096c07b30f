/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The path of a Grip-Link, which a proxy sends back. A text that is read has
 * one form: written again it is the same, and a state that is unpacked is one
 * that is packed, up to numbers with zeros before them.
 */
#include "fuzz.h"

#include "base/base64.h"
#include "grip/instruct.h"
#include "grip/link.h"

#define YEAR_S (APR_INT64_C(366) * 24 * 3600)

static int is_same(const es_grip_link_t *a, const es_grip_link_t *b)
{
    int i;

    for (i = 0; i < a->count && a->count == b->count; i++) {
        PROMISE(es_slice_equal(a->channels[i], b->channels[i]));
    }
    return a->count == b->count && a->expires_s == b->expires_s &&
           es_slice_equal(a->hub, b->hub) &&
           a->keepalive_us == b->keepalive_us &&
           a->keepalive_as_comment == b->keepalive_as_comment &&
           a->retry_ms == b->retry_ms && es_slice_equal(a->from, b->from);
}

static void check_expiry(apr_int64_t expires_s)
{
    apr_int64_t year;

    for (year = 0; year < 3; year++) {
        apr_int64_t now_s = year * YEAR_S;
        int is_current = es_grip_link_is_current(expires_s, now_s);

        PROMISE(!is_current ||
                (expires_s >= now_s - ES_GRIP_LINK_LEEWAY_S &&
                 expires_s <= now_s + 3 * ES_GRIP_LINK_LEEWAY_S));
    }
}

static void unpack(es_slice_t state, apr_pool_t *p)
{
    es_grip_link_t link, again;
    int i;

    if (!es_grip_link_unpack(&link, state, p)) {
        return;
    }
    PROMISE(link.count >= 1 && link.count <= ES_INSTRUCT_CHANNELS_MAX);
    PROMISE(link.expires_s >= 0 && link.keepalive_us >= 0 &&
            link.retry_ms >= 0);
    for (i = 0; i < link.count; i++) {
        PROMISE(link.channels[i].len > 0);
        PROMISE(!es_slice_has(link.channels[i], '\n'));
    }
    check_expiry(link.expires_s);
    if (link.expires_s == 0 || es_slice_has(state, '\0')) {
        return; /* of an earlier version; or no state of ours */
    }
    PROMISE(es_grip_link_unpack(&again,
                                fuzz_exact(es_grip_link_pack(&link, p), p), p));
    PROMISE(is_same(&link, &again));
}

FUZZ(text, p)
{
    const char *path = fuzz_string(text, p), *sealed;
    es_slice_t state;
    apr_uint64_t seal, other;

    unpack(text, p);
    if (es_grip_link_read(&state, &seal, path, p)) {
        PROMISE(state.len > 0 && state.len < strlen(path));
        PROMISE(strcmp(es_grip_link_write(state, seal, p), path) == 0);
        unpack(fuzz_exact(state, p), p);
    }
    if (text.len > 0) {
        seal = (apr_uint64_t)(unsigned char)text.data[0] << 56 | text.len;
        sealed = es_grip_link_write(text, seal, p);
        PROMISE(es_grip_link_read(&state, &other, sealed, p));
        PROMISE(other == seal && es_slice_equal(state, text));
    }
}
