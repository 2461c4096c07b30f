/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line consists of NAME=VALUE, with blanks in between:
 *
 *     audit: POST status=200 user=alice address=192.0.2.7 hub=default
 *     channels=room-1,room-2 events=2 bytes=52 ids=order-7 published=2
 *     id=1764446400000-3 clients=14
 *
 * Values come from outside. They are written as in a URL, %XX for each byte
 * that is not one of a few, so that no name can look like another field or
 * another line. httpd's own escapes of the error log leave that as it is, and
 * what it would append from the request is not there meanwhile.
 *
 * The memory of a request is bounded, however long its body is: a list holds so
 * many distinct names as fit, and ends with "..." if there were others.
 */
#include "http/publish_log.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include "base/clock.h"
#include "base/slice.h"
#include "server/log.h"
#include "server/settings.h"
#include "http/hooks.h"

#define POOL_KEY "es-publish-log"
/* httpd cuts a line of the error log at 8 KB. */
#define LIST_BYTES 2000
#define LIST_MAX 64
#define VALUE_BYTES 600
#define MORE "..."
#define REFERER "Referer"

/** Distinct names, escaped, with a comma before each but the first. */
typedef struct list_t {
    apr_size_t len;
    apr_size_t starts[LIST_MAX];
    int count;
    int has_more;
    char text[LIST_BYTES];
} list_t;

struct es_publish_log_t {
    request_rec *r;
    const es_dir_t *conf;
    list_t channels;
    list_t ids; /* of publishers */
    apr_uint64_t events;
    apr_uint64_t bytes; /* of their data */
    apr_uint64_t published;
    apr_uint64_t closed;
    apr_uint64_t clients;
    es_id_t last_id;
    int has_id;
    const char *revoked; /* the kind of name; NULL = none */
    es_slice_t revoked_name;
    apr_time_t since; /* of the line before, or of the first note */
    int is_ended;     /* the last line is written */
};

/* ---- Text ---------------------------------------------------------------- */

/* A comma separates names; the rest could end a value or start an escape. */
static int is_plain(unsigned char c)
{
    return apr_isalnum(c) || (c && strchr("-._~:/@!$&'()*+;=?#", c));
}

/** @return its length; 0 = it does not fit */
static apr_size_t escape(char *to, apr_size_t max, es_slice_t from)
{
    static const char digits[] = "0123456789ABCDEF";
    apr_size_t i, len = 0;

    for (i = 0; i < from.len; i++) {
        unsigned char c = (unsigned char)from.data[i];
        apr_size_t needs = is_plain(c) ? 1 : 3;

        if (max - len < needs) {
            return 0;
        }
        to[len] = is_plain(c) ? (char)c : '%';
        if (needs == 3) {
            to[len + 1] = digits[c >> 4];
            to[len + 2] = digits[c & 15];
        }
        len += needs;
    }
    return len;
}

static int has(const list_t *list, const char *name, apr_size_t len)
{
    int i;

    for (i = list->count - 1; i >= 0; i--) {
        apr_size_t end =
            i + 1 < list->count ? list->starts[i + 1] - 1 : list->len;

        if (end - list->starts[i] == len &&
            !memcmp(list->text + list->starts[i], name, len)) {
            return 1;
        }
    }
    return 0;
}

/* Written behind the list first; it is part of it once its len has grown. */
static void add(list_t *list, es_slice_t name)
{
    apr_size_t at = list->len + (list->count > 0);
    apr_size_t room = at < LIST_BYTES ? LIST_BYTES - at : 0;
    apr_size_t len = escape(list->text + at, room, name);

    if (len && has(list, list->text + at, len)) {
        return;
    }
    if (!len || list->count == LIST_MAX) {
        list->has_more = 1;
        return;
    }
    if (list->count > 0) {
        list->text[list->len] = ',';
    }
    list->starts[list->count++] = at;
    list->len = at + len;
}

static const char *list_text(const list_t *list, apr_pool_t *p)
{
    if (list->count == 0) {
        return list->has_more ? MORE : "-";
    }
    return apr_pstrcat(p, apr_pstrmemdup(p, list->text, list->len),
                       list->has_more ? "," MORE : "", NULL);
}

static const char *slice_value(es_slice_t text, apr_pool_t *p)
{
    char escaped[VALUE_BYTES];
    apr_size_t len;

    if (text.len == 0) {
        return "-";
    }
    len = escape(escaped, sizeof(escaped), text);
    return len ? apr_pstrmemdup(p, escaped, len) : MORE;
}

static const char *value(const char *text, apr_pool_t *p)
{
    return slice_value(es_slice_of(text), p);
}

/* ---- Notes --------------------------------------------------------------- */

/* Internal redirects have the pool of the request that came. */
static es_publish_log_t *find(const request_rec *r)
{
    void *found = NULL;

    apr_pool_userdata_get(&found, POOL_KEY, r->pool);
    return found;
}

es_publish_log_t *es_publish_log_of(request_rec *r)
{
    const es_dir_t *conf = es_settings_dir(r);
    es_publish_log_t *log;

    if (conf->logs_publish != 1) {
        return NULL;
    }
    log = find(r);
    if (!log) {
        log = apr_pcalloc(r->pool, sizeof(*log));
        log->since = es_clock_now();
        apr_pool_userdata_setn(log, POOL_KEY, NULL, r->pool);
    }
    log->r = r;
    log->conf = conf;
    return log;
}

void es_publish_log_channels(es_publish_log_t *log, const es_slice_t *names,
                             int count)
{
    int i;

    for (i = 0; log && i < count; i++) {
        add(&log->channels, names[i]);
    }
}

void es_publish_log_batch(es_publish_log_t *log, const es_batch_t *batch)
{
    int i;

    for (i = 0; log && i < batch->count; i++) {
        const es_event_t *event = &batch->events[i];

        es_publish_log_channels(log, event->channels, event->nchannels);
        if (event->id.len) {
            add(&log->ids, event->id);
        }
        log->events++;
        log->bytes += event->data.len;
    }
}

static void note_stored(es_publish_log_t *log, const es_id_t *id,
                        apr_uint64_t clients)
{
    log->last_id = *id;
    log->has_id = 1;
    log->clients = clients;
}

void es_publish_log_published(es_publish_log_t *log, apr_uint64_t events,
                              const es_id_t *last_id, apr_uint64_t clients)
{
    if (log && events > 0) {
        log->published += events;
        note_stored(log, last_id, clients);
    }
}

void es_publish_log_closed(es_publish_log_t *log, apr_uint64_t channels,
                           const es_id_t *id, apr_uint64_t clients)
{
    if (log && channels > 0) {
        log->closed += channels;
        note_stored(log, id, clients);
    }
}

void es_publish_log_revoked(es_publish_log_t *log, const char *kind,
                            es_slice_t name)
{
    if (log) {
        log->revoked = kind;
        log->revoked_name = name;
    }
}

/* ---- Lines --------------------------------------------------------------- */

/* Once in a child: who has switched this log on relies on it. */
static void warn_of_level(request_rec *r)
{
    static int has_warned; /* atomic; only one of several needs to see 0 */

    if (!__atomic_exchange_n(&has_warned, 1, __ATOMIC_RELAXED)) {
        es_rlog(APLOG_WARNING, 0, r, "ES0525",
                "EventStreamPublishLog is on, but LogLevel leaves its lines "
                "out; set LogLevel eventstream:info");
    }
}

static const char *counts_text(const es_publish_log_t *log, apr_pool_t *p)
{
    if (log->revoked) {
        return apr_psprintf(p, " revoked=%s:%s", log->revoked,
                            slice_value(log->revoked_name, p));
    }
    return log->closed
               ? apr_psprintf(p, " closed=%" APR_UINT64_T_FMT, log->closed)
               : "";
}

static const char *id_text(const es_publish_log_t *log, apr_pool_t *p)
{
    char text[ES_ID_TEXT_SIZE];

    if (!log->has_id) {
        return "-";
    }
    es_id_format(text, &log->last_id);
    return apr_pstrdup(p, text);
}

/* httpd's own format appends this header of the request to the line, with its
 * blanks: it could look like further fields.
 * @return what show_referer puts back; NULL = there is none */
static const char *hide_referer(const request_rec *r)
{
    const char *referer = apr_table_get(r->headers_in, REFERER);

    apr_table_unset(r->headers_in, REFERER);
    return referer;
}

static void show_referer(const request_rec *r, const char *referer)
{
    if (referer) {
        apr_table_setn(r->headers_in, REFERER, referer);
    }
}

/** @param p  for the line */
static void write_line(const es_publish_log_t *log, const char *status,
                       apr_pool_t *p)
{
    request_rec *r = log->r;
    const char *referer;

    if (!APLOG_R_IS_LEVEL(r, APLOG_INFO)) {
        warn_of_level(r);
        return;
    }
    referer = hide_referer(r);
    es_rlog(APLOG_INFO, 0, r, "ES0524",
            "audit: %s status=%s user=%s address=%s hub=%s channels=%s "
            "events=%" APR_UINT64_T_FMT " bytes=%" APR_UINT64_T_FMT
            " ids=%s published=%" APR_UINT64_T_FMT "%s id=%s "
            "clients=%" APR_UINT64_T_FMT,
            value(r->method, p), status, value(r->user, p),
            value(r->useragent_ip, p), es_settings_hub_name(log->conf),
            list_text(&log->channels, p), log->events, log->bytes,
            list_text(&log->ids, p), log->published, counts_text(log, p),
            id_text(log, p), log->clients);
    show_referer(r, referer);
}

static void write_last(es_publish_log_t *log, int status)
{
    if (!log->is_ended) {
        log->is_ended = 1;
        write_line(log, apr_itoa(log->r->pool, status), log->r->pool);
    }
}

static void forget(es_publish_log_t *log)
{
    es_publish_log_t old = *log;

    memset(log, 0, sizeof(*log));
    log->r = old.r;
    log->conf = old.conf;
}

/* A body may be endless, so each line has a pool of its own. */
void es_publish_log_progress(es_publish_log_t *log, apr_time_t now)
{
    apr_pool_t *p;

    if (!log || now - log->since < ES_PUBLISH_LOG_PAUSE ||
        (!log->events && !log->published)) {
        return;
    }
    apr_pool_create(&p, log->r->pool);
    write_line(log, "-", p);
    apr_pool_destroy(p);
    forget(log);
    log->since = now;
}

static int is_publish(const request_rec *r)
{
    return r->method_number == M_POST || r->method_number == M_PUT ||
           r->method_number == M_DELETE;
}

int es_publish_log_end(request_rec *r, int rc)
{
    es_publish_log_t *log =
        rc == OK && is_publish(r) ? es_publish_log_of(r) : NULL;

    if (log) {
        write_last(log, r->status);
    }
    return rc;
}

/* The request that came is the first, the one that was served last the last; an
 * ErrorDocument follows the one that was refused. */
int es_publish_log_transaction(request_rec *r)
{
    for (; r; r = r->next) {
        es_publish_log_t *log = NULL;

        if (is_publish(r) && es_settings_dir(r)->logs_publish == 1 &&
            es_route_is_publish(r)) {
            log = es_publish_log_of(r);
        }
        if (log) {
            write_last(log, r->status);
        }
    }
    return DECLINED;
}
