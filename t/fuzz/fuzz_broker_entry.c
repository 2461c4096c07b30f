/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a broker's reply, and each of its elements as an entry of the
 * stream: what is read of it keeps the promises of an event that was published,
 * and can be written again.
 */
#include "fuzz.h"

#include "cluster/entry.h"
#include "cluster/parser.h"

static void check_event(const es_cluster_entry_t *entry, apr_pool_t *p)
{
    const es_event_t *event = &entry->event;
    es_slice_t words[ES_CLUSTER_ENTRY_WORDS];
    apr_size_t size = es_cluster_entry_size(event);
    char *text = apr_palloc(p, size);
    es_problem_t why;
    int i;

    PROMISE(event->nchannels >= 1 && event->nchannels <= ES_EVENT_CHANNELS_MAX);
    for (i = 0; i < event->nchannels; i++) {
        PROMISE(es_channel_check(event->channels[i], p, &why));
    }
    PROMISE(es_event_check(event, event->data.len, p, &why));
    PROMISE(es_cluster_entry_write(words, event, text) <= text + size);
    PROMISE(es_slice_equal(words[3], event->data));
}

static void check(const es_cluster_reply_t *reply, apr_pool_t *p)
{
    es_cluster_entry_t entry;

    es_cluster_entry_read(&entry, reply, p);
    switch (entry.kind) {
    case ES_CLUSTER_ENTRY_EVENT: check_event(&entry, p); break;
    case ES_CLUSTER_ENTRY_CLOSE:
        PROMISE(entry.event.nchannels == 1 && entry.seconds >= 0);
        break;
    case ES_CLUSTER_ENTRY_EPOCH: break;
    default: PROMISE(entry.why != NULL);
    }
    if (entry.kind != ES_CLUSTER_ENTRY_FOREIGN) {
        PROMISE(es_id_compare(&entry.before, &entry.id) < 0);
    }
}

FUZZ(text, p)
{
    es_cluster_parser_t *parser;
    es_cluster_reply_t *reply;
    const char *why;
    int i;

    if (!es_cluster_parser_is_built()) {
        return;
    }
    parser = es_cluster_parser_create(65536);
    if (es_cluster_parser_add(parser, text.data, text.len) &&
        es_cluster_parser_next(parser, &reply, &why) == APR_SUCCESS) {
        check(reply, p);
        for (i = 0; i < es_cluster_reply_count(reply) && i < 100; i++) {
            check(es_cluster_reply_at(reply, i), p);
        }
        es_cluster_reply_free(reply);
    }
    es_cluster_parser_destroy(parser);
}
