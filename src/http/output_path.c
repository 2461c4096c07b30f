/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filters are known by their names: those below, which httpd and common modules
 * have, and those of EventStreamTransparentFilter. A known name is no proof. A
 * filter such as MODSECURITY_OUT passes most responses on and keeps others to
 * look at them, as it is configured. So what has passed CONTENT_LENGTH, which
 * stands below all filters that change a body, is compared with what was
 * written: all of it, since the head ends with a flush.
 *
 * What stands where TLS does, or nearer to the socket, must be known here. If
 * it were another module's TLS, a stream without it would be readable by all.
 */
#include "http/output_path.h"

#include <apr_atomic.h>
#include <http_core.h>

#include "server/log.h"
#include "server/settings.h"
#include "server/stats.h"

#define TLS_TYPE (AP_FTYPE_CONNECTION + 5) /* of mod_ssl, and of others */

/* mod_log_forensic and mod_unique_id have none. */
static const char *const transparent[] = {
    "core",          "chunk",           "content_length", "http_header",
    "http_outerror", "byterange",       "old_write",      "log_input_output",
    "mod_logio",     "reqtimeout",      "logio",          "proxy_protocol",
    "dumpio_out",    "modsecurity_out", "logio_ttfb_out"};

/* mod_ssl's; what comes after them sees the sealed records. */
static const char *const of_tls[] = {"ssl/tls filter",
                                     "ssl/tls coalescing filter"};

#define HAS(names, name) \
    has_name(names, (int)(sizeof(names) / sizeof((names)[0])), name)

static int has_name(const char *const *names, int count, const char *name)
{
    int i;

    for (i = 0; i < count; i++) {
        if (!strcasecmp(name, names[i])) {
            return 1;
        }
    }
    return 0;
}

int es_output_path_may_name(const char *name)
{
    return !HAS(of_tls, name);
}

/* By EventStreamTransparentFilter. */
static int is_named(const request_rec *r, const ap_filter_t *filter)
{
    const apr_array_header_t *names = es_settings_dir(r)->transparent;

    return names && filter->frec->ftype < TLS_TYPE &&
           has_name((const char *const *)names->elts, names->nelts,
                    filter->frec->name);
}

/* @param unknown  the first filter in the way, or NULL */
static es_output_path_t find(const request_rec *r, const ap_filter_t *filter,
                             const ap_filter_t **unknown)
{
    es_output_path_t path = ES_OUTPUT_PLAIN;

    *unknown = NULL;
    if (r->connection->master ||
        !ap_get_conn_socket((conn_rec *)r->connection)) {
        return ES_OUTPUT_CHANGED;
    }
    for (; filter; filter = filter->next) {
        if (HAS(of_tls, filter->frec->name)) {
            path = ES_OUTPUT_TLS;
        }
        else if (!HAS(transparent, filter->frec->name) &&
                 !is_named(r, filter)) {
            *unknown = filter;
            return ES_OUTPUT_CHANGED;
        }
    }
    return path;
}

es_output_path_t es_output_path_find(const request_rec *r,
                                     const ap_filter_t *first)
{
    const ap_filter_t *unknown;

    return find(r, first, &unknown);
}

/* ---- once in the log ---------------------------------------------------- */

#define NOTED_MAX 32 /* further filters are not logged */

/* Filters that were logged, by this child. Two workers at once may log the same
 * one. */
static const ap_filter_rec_t *volatile noted[NOTED_MAX];

static int is_new(const ap_filter_rec_t *frec)
{
    int i;

    for (i = 0; i < NOTED_MAX; i++) {
        void *before = apr_atomic_casptr((volatile void **)(void *)&noted[i],
                                         (void *)frec, NULL);

        if (!before) {
            return 1;
        }
        if (before == frec) {
            return 0;
        }
    }
    return 0;
}

static void log_unknown(const request_rec *r, const ap_filter_rec_t *frec)
{
    if (!is_new(frec)) {
        return;
    }
    if (frec->ftype >= TLS_TYPE) {
        es_rlog(APLOG_INFO, 0, r, "ES0406",
                "a client is held because of the output filter %s, which "
                "stands where TLS does; further ones are not logged",
                frec->name);
        return;
    }
    es_rlog(APLOG_INFO, 0, r, "ES0407",
            "a client is held because of the output filter %s, which may "
            "change a stream or hold it back; if it does neither, "
            "EventStreamTransparentFilter %s lets its clients be detached; "
            "further ones are not logged",
            frec->name, frec->name);
}

/* Above CONTENT_LENGTH, the first filter that is not httpd's own. */
static const ap_filter_t *first_above(const ap_filter_t *filter)
{
    for (; filter && filter->frec->ftype < AP_FTYPE_PROTOCOL;
         filter = filter->next) {
        if (strcasecmp(filter->frec->name, "old_write") != 0) {
            return filter;
        }
    }
    return NULL;
}

static void log_kept(const request_rec *r, apr_size_t sent)
{
    const ap_filter_t *first = first_above(r->output_filters);

    if (first && is_new(first->frec)) {
        es_rlog(APLOG_INFO, 0, r, "ES0408",
                "a client is held because of the output filter %s: it has "
                "kept or changed what was sent (%" APR_OFF_T_FMT
                " of %" APR_OFF_T_FMT " bytes have passed); further ones are "
                "not logged",
                first->frec->name, r->bytes_sent, (apr_off_t)sent);
    }
}

/* ---- reasons ------------------------------------------------------------ */

static const struct {
    const char *key;
    const char *text;
} reasons[ES_OUTPUT_REASONS] = {
    {"Http2", "over HTTP/2 a stream ends with its worker"},
    {"OtherTls",
     "an output filter stands where TLS does, and is not mod_ssl's"},
    {"Filter", "an output filter may change a stream or hold it back"},
    {"Kept", "an output filter has kept or changed what was sent"},
};

const char *es_output_path_reason(unsigned int reason, const char **text)
{
    if (reason >= ES_OUTPUT_REASONS) {
        return NULL;
    }
    *text = reasons[reason].text;
    return reasons[reason].key;
}

static es_output_reason_t reason_of(const ap_filter_t *unknown)
{
    if (!unknown) {
        return ES_OUTPUT_HTTP2;
    }
    return unknown->frec->ftype >= TLS_TYPE ? ES_OUTPUT_OTHER_TLS
                                            : ES_OUTPUT_FILTER;
}

/* @return 1 */
static int is_held_for(es_output_reason_t reason, const char **why)
{
    es_stats_count_path(reason);
    *why = reasons[reason].text;
    return 1;
}

int es_output_path_is_changed(const request_rec *r, apr_size_t sent,
                              const char **why)
{
    const ap_filter_t *unknown;

    if (find(r, r->output_filters, &unknown) == ES_OUTPUT_CHANGED) {
        if (unknown) {
            log_unknown(r, unknown->frec);
        }
        return is_held_for(reason_of(unknown), why);
    }
    if (r->bytes_sent != (apr_off_t)sent) {
        log_kept(r, sent);
        return is_held_for(ES_OUTPUT_KEPT, why);
    }
    return 0;
}
