/* SPDX-License-Identifier: Apache-2.0 */
/* Names end at the first character that is none of a name. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1 /* memmem */
#endif
#include "bench/faulty_request.h"

#include <stdio.h>
#include <string.h>

#include "bench/http.h"

#define EVENTS_PATH "GET /events/"
#define MULTI_PATH "GET /multi?"
#define MULTI_ITEM "room="
#define PUBLISH_PATH "POST /publish?channel="
#define OWN_ID "&id="

static void add_channel(eb_faulty_stream_t *stream, const char *name)
{
    if (stream->nchannels < EB_FAULTY_STREAM_CHANNELS) {
        snprintf(stream->channels[stream->nchannels++], EB_STORE_NAME_SIZE,
                 "room-%.*s", (int)strcspn(name, " &\r\n"), name);
    }
}

/* Returns 0, or -1: this is no request of a stream. */
static int read_channels(eb_faulty_stream_t *stream, const char *head)
{
    size_t len = strcspn(head, "\r\n"); /* the head is complete */
    const char *end = head + len;
    const char *at;

    if (strncmp(head, EVENTS_PATH, sizeof(EVENTS_PATH) - 1) == 0) {
        add_channel(stream, head + sizeof(EVENTS_PATH) - 1);
        return 0;
    }
    if (strncmp(head, MULTI_PATH, sizeof(MULTI_PATH) - 1) != 0) {
        return -1;
    }
    at = head;
    for (;;) {
        at = memmem(at, (size_t)(end - at), MULTI_ITEM, sizeof(MULTI_ITEM) - 1);
        if (at == NULL) {
            return 0;
        }
        at += sizeof(MULTI_ITEM) - 1;
        add_channel(stream, at);
    }
}

/* An id of the server, or one that a publisher gave to an event. */
static int read_id(eb_sse_id_t *id, const char *text)
{
    const eb_store_event_t *event;
    char own_id[EB_STORE_NAME_SIZE];

    if (eb_sse_id_parse(id, text, strcspn(text, "\r")) == 0) {
        return 0;
    }
    snprintf(own_id, sizeof(own_id), "%.*s", (int)strcspn(text, "\r"), text);
    event = eb_store_find(own_id);
    if (event == NULL) {
        return -1;
    }
    *id = event->id;
    return 0;
}

int eb_faulty_request_subscribe(eb_faulty_stream_t *stream, const char *head,
                                size_t len)
{
    const char *text = eb_http_header(head, len, "Last-Event-ID");
    eb_sse_id_t id;

    if (read_channels(stream, head) != 0) {
        return -1;
    }
    if (text == NULL || read_id(&id, text) != 0) {
        eb_faulty_stream_begin(stream, NULL);
    }
    else if (eb_faulty_stream_has_fault(EB_FAULTY_STREAM_RESUME_REFUSE)) {
        eb_faulty_stream_respond(stream, 503, "refused\n");
        return -1;
    }
    else {
        eb_faulty_stream_begin(stream, &id);
    }
    return 0;
}

int eb_faulty_request_publishes(const char *head)
{
    return strncmp(head, PUBLISH_PATH, sizeof(PUBLISH_PATH) - 1) == 0;
}

/* Adds it to the store, unless its id is known there. */
static const eb_store_event_t *publish(const char *name, const char *data,
                                       size_t len)
{
    int is_hidden = eb_faulty_stream_has_fault(EB_FAULTY_STREAM_ACK_DROP);
    const eb_store_event_t *event = NULL;
    char channel[EB_STORE_NAME_SIZE];
    char own_id[EB_STORE_NAME_SIZE] = "";

    snprintf(channel, sizeof(channel), "%.*s", (int)strcspn(name, " &"), name);
    name += strcspn(name, " &");
    if (strncmp(name, OWN_ID, sizeof(OWN_ID) - 1) == 0) {
        name += sizeof(OWN_ID) - 1;
        snprintf(own_id, sizeof(own_id), "%.*s", (int)strcspn(name, " "), name);
        event = eb_store_find(own_id);
    }
    if (event != NULL && !eb_faulty_stream_has_fault(EB_FAULTY_STREAM_FORGET)) {
        return event;
    }
    return eb_store_add(channel, own_id, data, len, is_hidden);
}

void eb_faulty_request_publish(eb_faulty_stream_t *stream, const char *head,
                               const char *data, size_t len)
{
    const char *name = head + sizeof(PUBLISH_PATH) - 1;
    int drops = eb_faulty_stream_has_fault(EB_FAULTY_STREAM_NACK_DROP);
    int denies = eb_faulty_stream_has_fault(EB_FAULTY_STREAM_NACK_SEND);
    const eb_store_event_t *event = NULL;
    char body[128];

    if (!drops) {
        event = publish(name, data, len);
        eb_faulty_stream_send_new();
    }
    if (event == NULL || denies) {
        eb_faulty_stream_respond(stream, 500, "no\n");
        return;
    }
    snprintf(body, sizeof(body), "{\"published\":1,\"id\":\"%llu-%llu\"}\n",
             (unsigned long long)event->id.ms, (unsigned long long)event->id.n);
    eb_faulty_stream_respond(stream, 200, body);
}
