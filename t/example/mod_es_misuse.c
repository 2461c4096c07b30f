/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wrong calls, for t/37-capi.t: each path of the handler es-misuse is a call
 * with a mistake, or by a module that was built with an older or newer header.
 * The answer is the returned status, that of the result, and its sentence.
 */
#include <httpd.h>
#include <http_config.h>
#include <http_protocol.h>
#include <apr_strings.h>

#include "mod_eventstream.h"

module AP_MODULE_DECLARE_DATA es_misuse_module;

static APR_OPTIONAL_FN_TYPE(eventstream_publish) *publish;
static APR_OPTIONAL_FN_TYPE(eventstream_publish_batch) *publish_batch;
static APR_OPTIONAL_FN_TYPE(eventstream_count_clients) *count_clients;

static const char *const news = "news";

/* An event and a result as a later header might define them. */
typedef struct newer_event_t {
    eventstream_event_t now;
    apr_int64_t added;
} newer_event_t;

typedef struct newer_result_t {
    eventstream_result_t now;
    apr_int64_t added;
} newer_result_t;

typedef struct misuse_t {
    request_rec *r;
    eventstream_event_t event; /* good: "news", "text" */
    eventstream_result_t result;
} misuse_t;

/* ---- The calls --------------------------------------------------------- */

static int send_event(misuse_t *m)
{
    return publish(m->r->server, NULL, &m->event, &m->result, m->r->pool);
}

static int good(misuse_t *m)
{
    return send_event(m);
}

static int main_server(misuse_t *m)
{
    return publish(NULL, NULL, &m->event, &m->result, m->r->pool);
}

static int other_hub(misuse_t *m)
{
    return publish(m->r->server, "shop", &m->event, &m->result, m->r->pool);
}

/* The result has the id although the call failed. */
static int proxied_hub(misuse_t *m)
{
    int status =
        publish(m->r->server, "proxied", &m->event, &m->result, m->r->pool);

    m->result.sentence =
        apr_pstrcat(m->r->pool, m->result.sentence, " id ", m->result.id, NULL);
    return status;
}

static int no_hub(misuse_t *m)
{
    return publish(m->r->server, "no\nne", &m->event, &m->result, m->r->pool);
}

static int no_pool(misuse_t *m)
{
    return publish(m->r->server, NULL, &m->event, &m->result, NULL);
}

static int no_event(misuse_t *m)
{
    return publish(m->r->server, NULL, NULL, &m->result, m->r->pool);
}

static int no_result(misuse_t *m)
{
    return publish(m->r->server, NULL, &m->event, NULL, m->r->pool);
}

static int result_without_size(misuse_t *m)
{
    m->result.size = 0;
    return send_event(m);
}

static int result_never_set(misuse_t *m)
{
    m->result.size = (apr_size_t)-2;
    return send_event(m);
}

static int event_without_size(misuse_t *m)
{
    m->event.size = 0;
    return send_event(m);
}

static int older_event(misuse_t *m)
{
    m->event.size -= 1; /* no earlier header had this size */
    return send_event(m);
}

static int newer_event(misuse_t *m, apr_int64_t added)
{
    newer_event_t newer = {m->event, added};

    newer.now.size = sizeof(newer);
    return publish(m->r->server, NULL, &newer.now, &m->result, m->r->pool);
}

static int newer_field_unset(misuse_t *m)
{
    return newer_event(m, 0);
}

static int newer_field_set(misuse_t *m)
{
    return newer_event(m, 1);
}

static int newer_result(misuse_t *m)
{
    newer_result_t newer = {m->result, 7};
    int status;

    newer.now.size = sizeof(newer);
    status = publish(m->r->server, NULL, &m->event, &newer.now, m->r->pool);
    m->result = newer.now;
    return newer.added == 0 && newer.now.size == sizeof(newer) ? status : 0;
}

static int no_channels(misuse_t *m)
{
    m->event.channels = NULL;
    return send_event(m);
}

static int channel_null(misuse_t *m)
{
    const char *none = NULL;

    m->event.channels = &none;
    return send_event(m);
}

static int negative_channels(misuse_t *m)
{
    m->event.nchannels = -1;
    return send_event(m);
}

static int with_channel(misuse_t *m, const char *name)
{
    m->event.channels = &name;
    return send_event(m);
}

static int control_channel(misuse_t *m)
{
    return with_channel(m, "a\001b");
}

static int long_channel(misuse_t *m)
{
    return with_channel(m, apr_psprintf(m->r->pool, "%0256d", 1));
}

static int latin_channel(misuse_t *m)
{
    return with_channel(m, "caf\xe9");
}

static int many_channels(misuse_t *m, int count)
{
    const char **names = apr_palloc(m->r->pool, sizeof(*names) * (size_t)count);
    int i;

    for (i = 0; i < count; i++) {
        names[i] = apr_psprintf(m->r->pool, "c%d", i);
    }
    m->event.channels = names;
    m->event.nchannels = count;
    return send_event(m);
}

static int most_channels(misuse_t *m)
{
    return many_channels(m, 64);
}

static int too_many_channels(misuse_t *m)
{
    return many_channels(m, 65);
}

static int blank_channel(misuse_t *m)
{
    static const char *const names[] = {"news "};

    m->event.channels = names;
    m->event.nchannels = 1;
    return send_event(m);
}

static int data_null(misuse_t *m)
{
    m->event.data = NULL;
    return send_event(m); /* with a length */
}

static int no_data(misuse_t *m)
{
    m->event.data = NULL;
    m->event.data_len = 0;
    return send_event(m);
}

static int with_data(misuse_t *m, apr_size_t len)
{
    char *data = apr_palloc(m->r->pool, len);

    memset(data, 'x', len);
    m->event.data = data;
    m->event.data_len = len;
    return send_event(m);
}

static int most_data(misuse_t *m)
{
    return with_data(m, 100);
}

static int large_data(misuse_t *m)
{
    return with_data(m, 101);
}

static int latin_data(misuse_t *m)
{
    m->event.data = "caf\xe9";
    m->event.data_len = 4;
    return send_event(m);
}

static int line_in_type(misuse_t *m)
{
    m->event.type = "a\nb";
    return send_event(m);
}

static int our_id(misuse_t *m)
{
    m->event.id = "1-2";
    return send_event(m);
}

static int negative_retry(misuse_t *m)
{
    m->event.retry_ms = -1;
    return send_event(m);
}

static int all_fields(misuse_t *m)
{
    m->event.type = "kind";
    m->event.id = "mine";
    m->event.retry_ms = 1;
    m->event.data = "two\nlines, of which 9 bytes count";
    m->event.data_len = 9;
    return send_event(m);
}

static int same_id(misuse_t *m)
{
    m->event.id = "mine";
    return send_event(m);
}

static int no_batch(misuse_t *m)
{
    return publish_batch(m->r->server, NULL, NULL, 1, &m->result, m->r->pool);
}

static int empty_batch(misuse_t *m)
{
    const eventstream_event_t *events[1] = {&m->event};

    return publish_batch(m->r->server, NULL, events, 0, &m->result, m->r->pool);
}

static int batch_of_two(misuse_t *m, const eventstream_event_t *second)
{
    const eventstream_event_t *events[2] = {&m->event, second};

    return publish_batch(m->r->server, NULL, events, 2, &m->result, m->r->pool);
}

static int null_in_batch(misuse_t *m)
{
    return batch_of_two(m, NULL);
}

static int large_in_batch(misuse_t *m)
{
    eventstream_event_t large = m->event;

    large.data = apr_psprintf(m->r->pool, "%0101d", 1);
    large.data_len = EVENTSTREAM_STRLEN;
    return batch_of_two(m, &large);
}

static int large_batch(misuse_t *m)
{
    const eventstream_event_t *events[8192];
    size_t i;

    for (i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
        events[i] = &m->event;
    }
    return publish_batch(m->r->server, "shop", events, (int)i, &m->result,
                         m->r->pool);
}

static int count_blank(misuse_t *m)
{
    return count_clients(m->r->server, NULL, " news", &m->result, m->r->pool);
}

static int count_nothing(misuse_t *m)
{
    return count_clients(m->r->server, NULL, NULL, &m->result, m->r->pool);
}

static int count_without_result(misuse_t *m)
{
    return count_clients(m->r->server, NULL, news, NULL, m->r->pool);
}

static int count_in_no_hub(misuse_t *m)
{
    return count_clients(m->r->server, "none", news, &m->result, m->r->pool);
}

static int count_quiet(misuse_t *m)
{
    return count_clients(m->r->server, NULL, "quiet", &m->result, m->r->pool);
}

static const struct {
    const char *name;
    int (*call)(misuse_t *m);
} calls[] = {
    {"good", good},
    {"main-server", main_server},
    {"other-hub", other_hub},
    {"proxied-hub", proxied_hub},
    {"no-hub", no_hub},
    {"no-pool", no_pool},
    {"no-event", no_event},
    {"no-result", no_result},
    {"result-without-size", result_without_size},
    {"result-never-set", result_never_set},
    {"event-without-size", event_without_size},
    {"older-event", older_event},
    {"newer-field-unset", newer_field_unset},
    {"newer-field-set", newer_field_set},
    {"newer-result", newer_result},
    {"no-channels", no_channels},
    {"channel-null", channel_null},
    {"negative-channels", negative_channels},
    {"control-channel", control_channel},
    {"long-channel", long_channel},
    {"latin-channel", latin_channel},
    {"most-channels", most_channels},
    {"too-many-channels", too_many_channels},
    {"blank-channel", blank_channel},
    {"data-null", data_null},
    {"no-data", no_data},
    {"most-data", most_data},
    {"large-data", large_data},
    {"latin-data", latin_data},
    {"line-in-type", line_in_type},
    {"our-id", our_id},
    {"negative-retry", negative_retry},
    {"all-fields", all_fields},
    {"same-id", same_id},
    {"no-batch", no_batch},
    {"empty-batch", empty_batch},
    {"null-in-batch", null_in_batch},
    {"large-in-batch", large_in_batch},
    {"large-batch", large_batch},
    {"count-blank", count_blank},
    {"count-nothing", count_nothing},
    {"count-without-result", count_without_result},
    {"count-in-no-hub", count_in_no_hub},
    {"count-quiet", count_quiet},
};

/* ---- The module -------------------------------------------------------- */

static int on_misuse(request_rec *r)
{
    misuse_t m = {r, EVENTSTREAM_EVENT_INIT, EVENTSTREAM_RESULT_INIT};
    const char *name = strrchr(r->uri, '/') + 1;
    size_t i;

    if (!r->handler || strcmp(r->handler, "es-misuse")) {
        return DECLINED;
    }
    m.event.channels = &news;
    m.event.nchannels = 1;
    m.event.data = "text";
    m.event.data_len = 4;
    for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        if (!strcmp(calls[i].name, name)) {
            int status = calls[i].call(&m);

            ap_rprintf(r, "%d %d %s\n", status, m.result.status,
                       m.result.sentence);
            return OK;
        }
    }
    return HTTP_NOT_FOUND;
}

static void on_optional_fn_retrieve(void)
{
    publish = APR_RETRIEVE_OPTIONAL_FN(eventstream_publish);
    publish_batch = APR_RETRIEVE_OPTIONAL_FN(eventstream_publish_batch);
    count_clients = APR_RETRIEVE_OPTIONAL_FN(eventstream_count_clients);
}

static void register_hooks(apr_pool_t *p)
{
    (void)p;
    ap_hook_optional_fn_retrieve(on_optional_fn_retrieve, NULL, NULL,
                                 APR_HOOK_MIDDLE);
    ap_hook_handler(on_misuse, NULL, NULL, APR_HOOK_MIDDLE);
}

module AP_MODULE_DECLARE_DATA es_misuse_module = {
    STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, register_hooks,
    AP_MODULE_FLAG_NONE,
};
