/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the tests of GRIP's sending share: a hub with a store, its proxies with
 * their outboxes, short ways to publish, and the events that a body holds.
 */
#ifndef T_UNIT_GRIP_KIT_H
#define T_UNIT_GRIP_KIT_H

#include <jansson.h>

#include "shm/wakeup.h"
#include "journal/close.h"
#include "grip/sender.h"
#include "t/unit/store_kit.h"
#include "t/unit/unit.h"

#define HUB_CHILDREN 2
#define HUB_PROXIES 2

typedef struct hub_kit_t {
    kit_t *kit;
    es_store_t *store;
    es_grip_t grip;
    es_proxy_t proxies[HUB_PROXIES];
    es_outbox_shm_t *outboxes; /* number i is proxy i's */
    int *wake_fds;
} hub_kit_t;

static hub_kit_t hub;

static __attribute__((unused)) void hub_open(apr_uint64_t ring_bytes)
{
    static const char *const uris[HUB_PROXIES] = {"http://a/publish/",
                                                  "http://b/publish/"};
    apr_uint32_t i;
    void *mem;

    memset(&hub, 0, sizeof(hub));
    hub.kit = kit_open(ring_bytes, 256, 0);
    hub.store = hub.kit->store;
    hub.grip.proxies = apr_array_make(pool, 2, sizeof(es_proxy_t *));
    hub.grip.prefix = "p-";
    assert_int_equal(es_segment_create(&mem, es_outbox_shm_size(HUB_CHILDREN),
                                       hub.kit->pool),
                     APR_SUCCESS);
    assert_int_equal(es_outbox_shm_format(mem, HUB_CHILDREN), APR_SUCCESS);
    assert_int_equal(
        es_wakeup_create(&hub.wake_fds, HUB_CHILDREN, hub.kit->pool),
        APR_SUCCESS);
    assert_int_equal(es_outbox_shm_attach(&hub.outboxes, mem, HUB_CHILDREN,
                                          hub.wake_fds, hub.kit->pool),
                     APR_SUCCESS);
    for (i = 0; i < HUB_PROXIES; i++) {
        hub.proxies[i].name = i == 0 ? "http://a" : "http://b";
        hub.proxies[i].publish_uri = uris[i];
        APR_ARRAY_PUSH(hub.grip.proxies, const es_proxy_t *) = &hub.proxies[i];
        es_outbox_begin(es_outbox_shm_at(hub.outboxes, i),
                        es_store_head(hub.store));
    }
}

static __attribute__((unused)) void hub_close(void)
{
    int i;

    for (i = 0; i < HUB_CHILDREN; i++) {
        close(hub.wake_fds[i]);
    }
    kit_close(hub.kit, 0);
}

/* ---- publishing -------------------------------------------------------- */

/** Positions of what was published. */
typedef struct range_t {
    es_pos_t from;
    es_pos_t to;
} range_t;

/**
 * Publish one event to channels.
 *
 * @param names  separated by commas
 */
static __attribute__((unused)) range_t publish_slice(const char *names,
                                                     es_slice_t tail)
{
    es_slice_t channels[ES_EVENT_CHANNELS_MAX];
    es_frame_t frame = {{NULL, 0}, {NULL, 0}, tail};
    es_entry_t entry = {channels, 0, &frame};
    es_appended_t done;
    char *last, *name;

    for (name = apr_strtok(apr_pstrdup(pool, names), ",", &last); name;
         name = apr_strtok(NULL, ",", &last)) {
        channels[entry.nchannels++] = es_slice_of(name);
    }
    assert_int_equal(
        es_store_append(hub.store, &entry, 1, KIT_NOW, hub.kit->touched, &done),
        APR_SUCCESS);
    return (range_t){done.from, done.head};
}

/** The same with data: "x" becomes "data: x\n\n". */
static __attribute__((unused)) range_t publish(const char *names,
                                               const char *data)
{
    return publish_slice(
        names, es_slice_of(apr_pstrcat(pool, "data: ", data, "\n\n", NULL)));
}

/** An event whose data is size times the same byte. */
static __attribute__((unused)) range_t publish_bytes(const char *names, char c,
                                                     apr_size_t size)
{
    es_slice_t data = repeat(c, size);

    return publish(names, data.data);
}

static __attribute__((unused)) void close_channel(const char *name)
{
    es_closed_t closed;

    assert_int_equal(es_close_channel(hub.store, es_slice_of(name), KIT_NOW,
                                      KIT_NOW, hub.kit->touched, &closed),
                     APR_SUCCESS);
}

/** Let the store evict all that it has. */
static __attribute__((unused)) void overwrite_all(void)
{
    es_pos_t head = es_store_head(hub.store);

    while (es_store_tail(hub.store) < head) {
        publish_bytes("filler", 'f', 4000);
    }
}

/** The record that starts at pos makes no sense any more. */
static __attribute__((unused)) void damage(es_pos_t pos)
{
    memset(hub.store->journal.ring + pos % hub.store->journal.bytes, 0xff, 64);
}

/* ---- bodies ------------------------------------------------------------ */

/* The data of a frame, or the first byte of long data. */
static __attribute__((unused)) const char *data_of(const json_t *stream)
{
    const char *content = json_string_value(json_object_get(stream, "content"));
    const char *data, *end;

    if (json_object_get(stream, "action") != NULL) {
        return json_string_value(json_object_get(stream, "action"));
    }
    data = strstr(content, "data: ") + 6;
    end = strstr(data, "\n\n");
    return apr_pstrmemdup(pool, data, end - data < 40 ? end - data : 1);
}

static __attribute__((unused)) json_t *items_of(const char *body, json_t **root)
{
    *root = json_loads(body, 0, NULL);
    assert_non_null(*root);
    return json_object_get(*root, "items");
}

/** The items of a body, as "channel:data channel:data". */
static __attribute__((unused)) const char *events_of(const char *body)
{
    const char *text = "";
    json_t *root, *items = items_of(body, &root);
    size_t i;

    for (i = 0; i < json_array_size(items); i++) {
        json_t *item = json_array_get(items, i);
        const char *channel =
            json_string_value(json_object_get(item, "channel"));
        json_t *formats = json_object_get(item, "formats");

        assert_memory_equal(channel, "p-", 2);
        text =
            apr_pstrcat(pool, text, *text ? " " : "", channel + 2, ":",
                        data_of(json_object_get(formats, "http-stream")), NULL);
    }
    json_decref(root);
    return text;
}

/** A member of an item. @return in the test's pool, NULL = not there */
static __attribute__((unused)) const char *member_of(const char *body,
                                                     size_t item,
                                                     const char *name)
{
    json_t *root, *items = items_of(body, &root);
    const char *text =
        json_string_value(json_object_get(json_array_get(items, item), name));

    text = text ? apr_pstrdup(pool, text) : NULL;
    json_decref(root);
    return text;
}

#endif
