/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Its events are appended as those of any hub, but they are not counted, and no
 * proxy and no publisher of another module gets them.
 */
#include "server/status_hub.h"

#include "base/clock.h"
#include "base/sigblock.h"
#include "server/runtime.h"
#include "server/settings.h"

/* More than a minute of snapshots, if they are as large as they can be. */
#define HUB_BYTES (8 * 1024 * 1024)
/* Each page that is open has a channel of its own. */
#define HUB_CHANNELS 4096

void es_status_hub_add(server_rec *s)
{
    es_settings_t *global = es_settings_of(s);
    es_hub_conf_t *hub;

    if (global->hubs->nelts >= ES_HUBS_MAX) {
        return;
    }
    hub = es_settings_add_hub(global, ES_HUB_STATUS);
    hub->size_bytes = HUB_BYTES;
    hub->channels = HUB_CHANNELS;
    hub->is_internal = 1;
}

int es_status_hub_has_clients(void)
{
    const es_runtime_hub_t *hub = es_runtime_hub_named(ES_HUB_STATUS);
    apr_uint32_t most = es_runtime_max_children(), child;

    for (child = 1; hub && child <= most; child++) {
        if (es_store_child_subscriptions(hub->store, child) != 0) {
            return 1;
        }
    }
    return 0;
}

static apr_status_t append(const es_runtime_hub_t *hub,
                           const es_entry_t *entries, int count, apr_pool_t *p)
{
    apr_uint64_t *touched = apr_pcalloc(
        p, sizeof(*touched) * ((es_runtime_max_children() + 63) / 64));
    es_appended_t done;
    es_sigblock_t sigblock;
    apr_status_t rv;

    es_store_set_clock(hub->store, es_clock_ms());
    es_sigblock_begin(&sigblock); /* the store has a lock */
    rv = es_store_append(hub->store, entries, count,
                         (apr_uint64_t)apr_time_as_msec(apr_time_now()),
                         touched, &done);
    es_sigblock_end(&sigblock);
    if (rv == APR_SUCCESS) {
        es_runtime_wake(touched);
    }
    return rv;
}

apr_status_t es_status_hub_publish(const char *channel,
                                   const es_status_event_t *events, int count,
                                   apr_pool_t *p)
{
    const es_runtime_hub_t *hub = es_runtime_hub_named(ES_HUB_STATUS);
    es_slice_t name = es_slice_of(channel);
    es_entry_t *entries = apr_palloc(p, sizeof(*entries) * (apr_size_t)count);
    es_frame_t *frames = apr_palloc(p, sizeof(*frames) * (apr_size_t)count);
    int i;

    if (!hub) {
        return APR_ENOENT;
    }
    for (i = 0; i < count; i++) {
        es_event_t event = {.channels = &name, .nchannels = 1};

        event.type = es_slice_of(events[i].type);
        event.data = events[i].data;
        event.retry_ms = -1;
        es_frame_make(&frames[i], &event, p);
        entries[i].channels = &name;
        entries[i].nchannels = 1;
        entries[i].frame = &frames[i];
    }
    return append(hub, entries, count, p);
}
