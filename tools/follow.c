/* SPDX-License-Identifier: Apache-2.0 */
/*
 *                      200, event stream
 *     WAITING ──────► OPEN ──────────────► the stream ends
 *        ▲  connect     │                        │
 *        │              │ refused                │
 *        │ retry:       ▼                        │
 *        └───────── 429, 502, 503, 504 ◄─────────┘
 *                       │ others, 204
 *                       ▼
 *                     ENDED
 *
 * A server that has never answered is an error, unless --wait says otherwise;
 * one that has answered is waited for, longer each time, up to 30 seconds.
 */
#include "tools/follow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <apr_strings.h>
#include <apr_time.h>

#include "base/channel.h"
#include "base/query.h"
#include "tools/http.h"
#include "tools/output.h"
#include "tools/publish.h"
#include "tools/stream.h"

#define WAIT_MIN_MS 100
#define WAIT_MAX_MS 30000
#define RETRY_AFTER_MAX_S 3600 /* what a server tells beyond it is ignored */
#define TURN_MS 500            /* longest wait for sockets */
#define WORDS_MAX 1024

typedef enum state_t { WAITING, OPEN, ENDED } state_t;

struct run_t;

typedef struct source_t {
    struct run_t *run;
    const char *url;
    state_t state;
    CURL *easy;
    struct curl_slist *headers;
    apr_pool_t *pool; /* of a connection */
    et_stream_t stream;
    char words[WORDS_MAX]; /* the body, if it is no stream */
    size_t words_len;
    char error[CURL_ERROR_SIZE];
    int is_stream;   /* the answer is one */
    int has_opened;  /* at least once */
    int failures;    /* since then */
    int is_too_long; /* a line or an event */
    int retry_after; /* seconds; 0 = the server has not told */
    apr_time_t due;  /* when WAITING ends */
} source_t;

typedef struct run_t {
    const et_options_t *options;
    CURLM *multi;
    source_t *sources;
    int count;
    long events;     /* so far */
    apr_time_t ends; /* 0 = never */
    int is_done;
    int has_failed;
    /* of a round trip; NULL = events are printed */
    const char *expects; /* data of the event */
    int is_open;         /* its stream has begun */
    int has_arrived;
} run_t;

static void note(const source_t *source, const char *text)
{
    if (source->run->options->is_verbose) {
        et_options_complain("%s: %s", source->url, text);
    }
}

/* ---- Events -------------------------------------------------------------- */

static int is_control(const es_event_t *event)
{
    return es_slice_is(event->type, "stream-open") ||
           es_slice_is(event->type, "keep-alive") ||
           es_slice_is(event->type, "stream-reset");
}

static int on_expected(run_t *run, const es_event_t *event)
{
    run->is_open = 1; /* also by an event before stream-open */
    if (es_slice_is(event->data, run->expects)) {
        run->has_arrived = 1;
        run->is_done = 1;
    }
    return !run->is_done;
}

static int on_event(void *data, const es_event_t *event, es_slice_t id,
                    apr_pool_t *p)
{
    source_t *source = data;
    run_t *run = source->run;
    const et_options_t *options = run->options;

    if (run->expects) {
        return on_expected(run, event);
    }
    if (es_slice_is(event->type, "stream-reset")) {
        et_options_complain("%s: events may have been missed (stream-reset)",
                            source->url);
    }
    if (!options->has_all && is_control(event)) {
        return 1;
    }
    if (!et_output_event(options, run->count > 1 ? source->url : NULL, event,
                         id, p)) {
        run->has_failed = run->is_done = 1;
        return 0;
    }
    run->events++;
    run->is_done = options->count > 0 && run->events >= (long)options->count;
    return !run->is_done;
}

/* ---- A connection -------------------------------------------------------- */

static size_t on_header(char *bytes, size_t size, size_t count, void *data)
{
    static const char name[] = "retry-after:";
    source_t *source = data;
    size_t len = size * count, end = len;
    es_slice_t value;

    if (len > sizeof(name) && !strncasecmp(bytes, name, sizeof(name) - 1)) {
        while (bytes[end - 1] == '\r' || bytes[end - 1] == '\n') {
            end--;
        }
        value = es_channel_trim(
            es_slice(bytes + sizeof(name) - 1, end + 1 - sizeof(name)));
        source->retry_after = (int)es_query_number(value, RETRY_AFTER_MAX_S);
    }
    return len;
}

static long status_of(const source_t *source)
{
    long status = 0;

    curl_easy_getinfo(source->easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

static const char *type_of(const source_t *source)
{
    const char *type = NULL;

    curl_easy_getinfo(source->easy, CURLINFO_CONTENT_TYPE, &type);
    return type ? type : "";
}

static int is_event_stream(const source_t *source)
{
    static const char type[] = "text/event-stream";

    return status_of(source) == 200 &&
           !strncasecmp(type_of(source), type, sizeof(type) - 1);
}

static void note_open(source_t *source)
{
    if (!source->is_stream) {
        source->is_stream = 1;
        source->has_opened = 1;
        source->failures = 0;
        note(source, "connected");
    }
}

static size_t on_body(char *bytes, size_t size, size_t count, void *data)
{
    source_t *source = data;
    size_t len = size * count, room = sizeof(source->words) - 1;
    apr_status_t rv;

    if (is_event_stream(source)) {
        note_open(source);
        rv = et_stream_add(&source->stream, es_slice(bytes, len));
        source->is_too_long = rv == APR_ENOSPC;
        return rv == APR_SUCCESS ? len : 0;
    }
    room -= source->words_len;
    memcpy(source->words + source->words_len, bytes, len < room ? len : room);
    source->words_len += len < room ? len : room;
    return len;
}

static void fail(source_t *source)
{
    source->state = ENDED;
    source->run->has_failed = 1;
}

static const char *last_id_header(source_t *source)
{
    es_slice_t id = es_buf_slice(&source->stream.last_id);

    if (id.len == 0) {
        return NULL;
    }
    return apr_pstrcat(source->pool, "Last-Event-ID: ",
                       apr_pstrmemdup(source->pool, id.data, id.len), NULL);
}

static void connect_source(source_t *source)
{
    const char *headers[] = {"Accept: text/event-stream", NULL, NULL};

    apr_pool_clear(source->pool);
    et_stream_begin(&source->stream);
    source->is_stream = 0;
    source->words_len = 0;
    source->retry_after = 0;
    source->error[0] = '\0';
    headers[1] = last_id_header(source);
    source->easy = et_http_begin(source->run->options, source->url, headers,
                                 &source->headers, source->pool);
    if (!source->easy) {
        fail(source);
        return;
    }
    curl_easy_setopt(source->easy, CURLOPT_ERRORBUFFER, source->error);
    curl_easy_setopt(source->easy, CURLOPT_PRIVATE, source);
    curl_easy_setopt(source->easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(source->easy, CURLOPT_HEADERDATA, source);
    curl_easy_setopt(source->easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(source->easy, CURLOPT_WRITEDATA, source);
    curl_multi_add_handle(source->run->multi, source->easy);
    source->state = OPEN;
}

static void close_source(source_t *source)
{
    if (source->easy) {
        curl_multi_remove_handle(source->run->multi, source->easy);
        curl_easy_cleanup(source->easy);
        curl_slist_free_all(source->headers);
        source->easy = NULL;
        source->headers = NULL;
    }
}

/* ---- The end of a connection --------------------------------------------- */

static void wait_ms(source_t *source, apr_int64_t ms)
{
    source->state = WAITING;
    ms = ms > WAIT_MIN_MS ? ms : WAIT_MIN_MS;
    source->due = apr_time_now() + ms * 1000;
}

/* Longer each time. */
static void wait_after_failure(source_t *source)
{
    apr_int64_t ms = source->stream.wait_ms > WAIT_MIN_MS
                         ? source->stream.wait_ms
                         : WAIT_MIN_MS;
    int i;

    for (i = 0; i < source->failures && ms < WAIT_MAX_MS; i++) {
        ms *= 2;
    }
    source->failures++;
    ms = ms < WAIT_MAX_MS ? ms : WAIT_MAX_MS;
    if (source->retry_after > 0) {
        ms = (apr_int64_t)source->retry_after * 1000;
    }
    wait_ms(source, ms);
}

static int may_wait(const source_t *source)
{
    const et_options_t *options = source->run->options;

    return !options->is_once && (source->has_opened || options->waits);
}

static void end_without_answer(source_t *source, CURLcode rc)
{
    const char *why = *source->error ? source->error : curl_easy_strerror(rc);

    if (may_wait(source)) {
        note(source, why);
        wait_after_failure(source);
        return;
    }
    et_options_complain("%s: %s", source->url, why);
    fail(source);
}

static void end_refused(source_t *source, long status)
{
    const char *type = type_of(source);
    const char *why =
        et_http_sentence(source->words, source->words_len, source->pool);
    int passes = status == 429 || (status >= 502 && status <= 504);

    if (status == 200) {
        why = apr_psprintf(
            source->pool, "this is no event stream, but %s",
            *type ? et_http_sentence(type, strlen(type), source->pool)
                  : "of an unknown type");
    }
    if (passes && may_wait(source)) {
        note(source, why);
        wait_after_failure(source);
        return;
    }
    et_options_complain("%s: %ld: %s", source->url, status, why);
    fail(source);
}

static void end_stream(source_t *source)
{
    if (source->is_too_long) {
        et_options_complain("%s: an event is too long", source->url);
        fail(source);
        return;
    }
    note(source, "the stream has ended");
    if (source->run->options->is_once) {
        source->state = ENDED;
        return;
    }
    wait_ms(source, source->stream.wait_ms);
}

static void on_end(source_t *source, CURLcode rc)
{
    long status = status_of(source);

    if (source->run->is_done) {
        source->state = ENDED;
    }
    else if (is_event_stream(source)) {
        note_open(source); /* also if it had no byte */
        end_stream(source);
    }
    else if (status == 204) {
        et_options_complain("%s: the channel is closed", source->url);
        source->state = ENDED;
    }
    else if (status == 0 || (rc != CURLE_OK && status == 200)) {
        end_without_answer(source, rc);
    }
    else {
        end_refused(source, status);
    }
    close_source(source);
}

/* ---- All streams --------------------------------------------------------- */

static void take_ends(run_t *run)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(run->multi, &left)) != NULL) {
        CURLcode rc = message->data.result;
        source_t *source;

        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &source);
        on_end(source, rc);
    }
}

/** @return how many have not ended */
static int start_due(run_t *run, apr_time_t now, apr_time_t *next)
{
    int i, left = 0;

    for (i = 0; i < run->count; i++) {
        source_t *source = &run->sources[i];

        if (source->state == WAITING && source->due <= now) {
            connect_source(source);
        }
        if (source->state == WAITING && source->due < *next) {
            *next = source->due;
        }
        left += source->state != ENDED;
    }
    return left;
}

static void wait_for_sockets(run_t *run, apr_time_t now, apr_time_t next)
{
    int ms = next > now ? (int)((next - now) / 1000) + 1 : 0;
    int sockets = 0;

    ms = ms < TURN_MS ? ms : TURN_MS;
    curl_multi_wait(run->multi, NULL, 0, ms, &sockets);
    if (sockets == 0) {
        /* without sockets older libraries do not wait */
        apr_sleep(apr_time_from_msec(ms < 10 ? ms : 10));
    }
}

/** @return 0: it is over */
static int turn(run_t *run)
{
    apr_time_t now = apr_time_now();
    apr_time_t next = now + apr_time_from_msec(TURN_MS);
    int left, running;

    if (run->ends && now >= run->ends) {
        return 0;
    }
    if (run->ends && run->ends < next) {
        next = run->ends;
    }
    left = start_due(run, now, &next);
    curl_multi_perform(run->multi, &running);
    take_ends(run);
    if (run->is_done || left == 0) {
        return 0;
    }
    wait_for_sockets(run, now, next);
    return 1;
}

static void begin_run(run_t *run, const et_options_t *options,
                      const char *const *urls, int count, apr_pool_t *p)
{
    int i;

    memset(run, 0, sizeof(*run));
    run->options = options;
    run->multi = curl_multi_init();
    run->count = count;
    run->sources = apr_pcalloc(p, sizeof(*run->sources) * (apr_size_t)count);
    if (options->timeout > 0) {
        run->ends =
            apr_time_now() + (apr_time_t)(options->timeout * APR_USEC_PER_SEC);
    }
    for (i = 0; i < count; i++) {
        source_t *source = &run->sources[i];

        source->run = run;
        source->url = urls[i];
        apr_pool_create(&source->pool, p);
        et_stream_init(&source->stream, options->last_id, on_event, source, p);
    }
}

static void end_run(run_t *run)
{
    int i;

    for (i = 0; i < run->count; i++) {
        close_source(&run->sources[i]);
    }
    curl_multi_cleanup(run->multi);
}

int et_follow(const et_options_t *options, apr_pool_t *p)
{
    const char **urls =
        apr_palloc(p, sizeof(*urls) * (apr_size_t)options->nwords);
    run_t run;
    int i;

    for (i = 0; i < options->nwords; i++) {
        urls[i] = et_http_url(options, options->words[i], "", p);
    }
    begin_run(&run, options, urls, options->nwords, p);
    while (turn(&run)) {
    }
    end_run(&run);
    if (run.has_failed) {
        return ET_EXIT_FAILED;
    }
    return options->count > 0 && !run.is_done && run.ends ? ET_EXIT_TIMEOUT
                                                          : ET_EXIT_OK;
}

/* ---- A round trip -------------------------------------------------------- */

/* Nobody else publishes this. */
static const char *test_data(apr_pool_t *p)
{
    return apr_psprintf(p, "eventstream-tail --check %ld %" APR_TIME_T_FMT,
                        (long)getpid(), apr_time_now());
}

/* @return NULL, or what has failed */
static const char *wait_until(run_t *run, const int *fact, const char *failed)
{
    while (!*fact) {
        if (!turn(run)) {
            break;
        }
    }
    return *fact ? NULL : failed;
}

const char *et_follow_round_trip(const et_options_t *options, double *seconds,
                                 apr_pool_t *p)
{
    et_options_t own = *options;
    const char *url = options->stream_url, *err;
    apr_time_t began;
    run_t run;

    own.is_once = 1;
    own.last_id = NULL;
    own.timeout = *seconds;
    begin_run(&run, &own, &url, 1, p);
    run.expects = test_data(p);
    err = wait_until(&run, &run.is_open, "the stream does not open");
    began = apr_time_now();
    err = err ? err : et_publish_event(&own, run.expects, p);
    err = err ? err
              : wait_until(&run, &run.has_arrived,
                           "the event was published, but does not arrive");
    *seconds = (double)(apr_time_now() - began) / APR_USEC_PER_SEC;
    end_run(&run);
    return err;
}
