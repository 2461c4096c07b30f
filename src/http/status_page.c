/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of the query decide what is served:
 *
 *   ?json       the figures (http/status_json.h)
 *   ?samples    those of the last ten minutes, for plots
 *   ?channels   a page of channels (http/status_channels.h)
 *   ?channel=C  that channel, with hub=H: its page; with json its figures; as a
 *               stream its events
 *   nothing     the page; as a stream its figures, once a second
 *
 * What a browser gets is one document with its style and its script, which a
 * random number of this answer admits (Content-Security-Policy). It loads
 * nothing but what this handler serves. Names are data of JSON for it, never a
 * part of the document.
 *
 * A stream of the page has a channel of its own beside that of the figures, in
 * which it is told how it is served, once that is certain.
 */
#include "http/status_page.h"

#include <apr_general.h>
#include <apr_strings.h>
#include <http_core.h>
#include <http_protocol.h>

#include <unistd.h>

#include "base/accept.h"
#include "base/base64.h"
#include "base/context.h"
#include "base/json_out.h"
#include "base/query.h"
#include "server/runtime.h"
#include "server/settings.h"
#include "server/status_hub.h"
#include "http/publish.h"
#include "http/reply.h"
#include "http/status_access.h"
#include "http/status_channels.h"
#include "http/status_json.h"
#include "http/subscribe.h"

#define ALLOW "GET, HEAD"
/* events of a channel that its page shows at once */
#define CHANNEL_REPLAY 20

static int asks_for(const request_rec *r, const char *name)
{
    es_slice_t value;

    return es_query_value(&value, es_slice_of(r->args), name, r->pool);
}

/* Does the Accept header name the type? Ranges with '*' do not count: the page
 * is what they get. */
static int accepts(const request_rec *r, const char *type)
{
    const char *accept = apr_table_get(r->headers_in, "Accept");

    return accept && ap_strcasestr(accept, type) &&
           es_accept_admits(accept, type);
}

/* ---- The page ----------------------------------------------------------- */

static const char *make_nonce(apr_pool_t *p)
{
    unsigned char bytes[18];

    return apr_generate_random_bytes(bytes, sizeof(bytes)) == APR_SUCCESS
               ? es_base64_encode_url(es_slice((char *)bytes, sizeof(bytes)), p)
               : NULL;
}

static void set_headers(request_rec *r, const char *nonce)
{
    es_reply_ignore_range(r);
    ap_set_content_type(r, "text/html; charset=utf-8");
    apr_table_setn(r->headers_out, "Cache-Control", "no-store");
    apr_table_setn(r->headers_out, "Vary", "Accept");
    apr_table_setn(r->headers_out, "X-Content-Type-Options", "nosniff");
    apr_table_setn(r->headers_out, "Referrer-Policy", "no-referrer");
    apr_table_setn(r->headers_out, "Content-Security-Policy",
                   apr_psprintf(r->pool,
                                "default-src 'none'; script-src 'nonce-%s'; "
                                "style-src 'nonce-%s'; img-src data:; "
                                "connect-src 'self'; base-uri 'none'; "
                                "form-action 'none'; frame-ancestors 'none'",
                                nonce, nonce));
}

static int send_page(request_rec *r)
{
    const char *nonce = make_nonce(r->pool);
    const char *page;

    if (!nonce) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    set_headers(r, nonce);
    page = apr_pstrcat(r->pool, es_status_page_head, "<style nonce=\"", nonce,
                       "\">\n", es_status_page_style, "</style>\n",
                       es_status_page_body, "<script type=\"module\" nonce=\"",
                       nonce, "\">\n", es_status_page_script,
                       "</script>\n</body>\n</html>\n", NULL);
    ap_set_content_length(r, (apr_off_t)strlen(page));
    ap_rputs(page, r);
    return OK;
}

/* ---- Streams ------------------------------------------------------------ */

/* The settings with which the streams of the page are served. */
static es_dir_t *settings_of(request_rec *r, const char *hub,
                             apr_int64_t replay)
{
    es_dir_t *conf = apr_pmemdup(r->pool, es_settings_dir(r), sizeof(*conf));

    conf->hub = hub;
    conf->replay = replay;
    conf->allow = NULL; /* who may see the page may see every channel */
    conf->origins = NULL;
    return conf;
}

/* Tells the page how its stream is served: what was found to be so, and why. */
static void on_served(request_rec *r, const char *mode, void *channel)
{
    es_status_event_t event = {.type = "served"};
    es_json_out_t out;

    es_json_out_init(&out, r->pool, 4096);
    es_json_out_open(&out, NULL, '{');
    es_json_out_string(&out, "mode", mode);
    es_json_out_string(&out, "protocol", r->protocol);
    es_json_out_bool(&out, "tls", !strcmp(ap_http_scheme(r), "https"));
    es_json_out_string(&out, "why",
                       apr_table_get(r->notes, ES_NOT_DETACHED_NOTE));
    es_json_out_number(&out, "pid", getpid());
    es_json_out_close(&out, '}');
    event.data = es_json_out_slice(&out);
    (void)es_status_hub_publish(channel, &event, 1, r->pool);
}

/* A channel that no other page has; NULL = there are no random numbers. */
static const char *own_channel(apr_pool_t *p)
{
    const char *nonce = make_nonce(p);

    return nonce ? apr_pstrcat(p, "page-", nonce, NULL) : NULL;
}

static int stream_figures(request_rec *r)
{
    const char *channels[] = {ES_STATUS_CHANNEL, own_channel(r->pool)};
    es_problem_t why;

    if (!es_runtime_hub_named(ES_HUB_STATUS)) {
        es_problem_set(&why, r->pool, HTTP_SERVICE_UNAVAILABLE,
                       "The status page is not live here.");
        return es_reply_problem(r, &why);
    }
    return es_subscribe_serve(
        r, settings_of(r, ES_HUB_STATUS, 0), channels, channels[1] ? 2 : 1,
        channels[1] ? on_served : NULL, (void *)channels[1]);
}

static int stream_channel(request_rec *r)
{
    const char *channel, *hub;
    es_problem_t why;

    return es_status_channels_named(r, &channel, &hub, &why)
               ? es_subscribe_serve(r, settings_of(r, hub, CHANNEL_REPLAY),
                                    &channel, 1, NULL, NULL)
               : es_reply_problem(r, &why);
}

/* ---- The handler -------------------------------------------------------- */

typedef int json_fn_t(request_rec *r, const char **json, es_problem_t *why);

static int reply(request_rec *r, json_fn_t *make)
{
    const char *json;
    es_problem_t why = {0};

    apr_table_setn(r->headers_out, "Vary", "Accept");
    apr_table_setn(r->headers_out, "X-Content-Type-Options", "nosniff");
    return make(r, &json, &why) ? es_reply_json(r, json)
                                : es_reply_problem(r, &why);
}

static int serve(request_rec *r)
{
    int is_channel = asks_for(r, "channel");
    int wants_json = asks_for(r, "json") || (accepts(r, "application/json") &&
                                             !accepts(r, "text/html"));

    if (asks_for(r, "samples")) {
        return reply(r, es_status_json_samples);
    }
    if (asks_for(r, "channels")) {
        return reply(r, es_status_channels_list);
    }
    if (accepts(r, ES_STREAM_TYPE)) {
        return is_channel ? stream_channel(r) : stream_figures(r);
    }
    if (wants_json) {
        return reply(r, is_channel ? es_status_channels_one
                                   : es_status_json_figures);
    }
    return send_page(r);
}

/* A visitor is known by the address of the browser, which every page in that
 * browser has; by a name and a password only if the user gave them. */
static int is_of_this_site(request_rec *r, es_problem_t *why)
{
    if ((r->user && *r->user) || es_publish_auth_names_server(r)) {
        return 1;
    }
    es_problem_set(why, r->pool, HTTP_FORBIDDEN,
                   "The status is not shown under this host name.");
    return es_problem_remedy(
        why, ES_REMEDY_STATUS,
        apr_psprintf(r->pool,
                     "%s is no ServerName or ServerAlias of this server: a "
                     "page of another site may have made its name resolve to "
                     "it.",
                     r->hostname ? r->hostname : "(none)"));
}

int es_status_page_handler(request_rec *r)
{
    es_problem_t why;

    if (!r->handler || strcmp(r->handler, ES_HANDLER_STATUS) != 0 || r->main) {
        return DECLINED;
    }
    es_context_enter(ES_WORKER);
    if (r->method_number != M_GET) {
        return es_reply_method(r, ALLOW);
    }
    return es_status_access_admits(r, &why) && is_of_this_site(r, &why)
               ? serve(r)
               : es_reply_problem(r, &why);
}
