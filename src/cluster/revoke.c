/* SPDX-License-Identifier: Apache-2.0 */
/* A member of the key is KIND LF CHANNEL LF NAME, its score until when it
 * holds, by the broker's clock. */
#include "cluster/revoke.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/context.h"
#include "cluster/publisher_priv.h"

#define NUMBER_SIZE 21
#define ANSWER (5 * APR_USEC_PER_SEC)

/* ---- what workers do ---------------------------------------------------- */

static char *write_text(es_slice_t *word, es_slice_t from, char *text)
{
    if (from.len != 0) {
        memcpy(text, from.data, from.len);
    }
    *word = es_slice(text, from.len);
    return text + from.len;
}

static es_cluster_job_t *job_of(es_cluster_publisher_t *publisher,
                                const es_cluster_revoked_t *revoked)
{
    es_slice_t *words;
    char *text;
    es_cluster_job_t *job = es_cluster_job_create(
        ES_CLUSTER_PUBLISH_WORDS + 4,
        revoked->name.len + revoked->channel.len + NUMBER_SIZE, &text);

    if (job == NULL) {
        return NULL;
    }
    es_cluster_publish_head(job, publisher, "revoke");
    words = job->argv + ES_CLUSTER_PUBLISH_WORDS;
    words[0] = es_slice_of(revoked->kind == ES_IDENTITY_USER ? "user" : "jti");
    text = write_text(&words[1], revoked->name, text);
    text = write_text(&words[2], revoked->channel, text);
    words[3] = es_slice_of("always");
    if (revoked->seconds != ES_CLUSTER_REVOKED_ALWAYS) {
        words[3] = es_slice(
            text, es_decimal_write(text, (apr_uint64_t)revoked->seconds));
    }
    job->nevents = 1;
    return job;
}

apr_status_t es_cluster_revoke(es_cluster_publisher_t *publisher,
                               const es_cluster_revoked_t *revoked,
                               apr_time_t by, es_cluster_result_t *result)
{
    es_cluster_job_t *job = job_of(publisher, revoked);
    apr_status_t rv;

    ES_CONTEXT(ES_WORKER);
    rv = es_cluster_publish_put(publisher, job, NULL, by);
    if (rv != APR_SUCCESS) {
        es_cluster_publish_not_put(result, rv);
        return rv;
    }
    return es_cluster_publish_finish(job, result);
}

/* ---- what a node does --------------------------------------------------- */

void es_cluster_revoke_here(const es_cluster_hub_t *hub,
                            const es_cluster_revoked_t *revoked,
                            apr_int64_t until_ms, apr_int64_t offset_ms)
{
    apr_time_t until = ES_REVOCATION_ALWAYS;

    if (hub->revoke == NULL) {
        return;
    }
    if (until_ms != ES_CLUSTER_REVOKED_ALWAYS) {
        until_ms -= offset_ms;
        until = until_ms > 0 ? until_ms * 1000 : 0;
    }
    hub->revoke(hub->arg, revoked, until);
}

/* The offset is not exact, and one for no time is over at once. */
apr_int64_t es_cluster_revoke_until(const es_cluster_entry_t *entry)
{
    if (entry->revoked.seconds == ES_CLUSTER_REVOKED_ALWAYS) {
        return ES_CLUSTER_REVOKED_ALWAYS;
    }
    return entry->revoked.seconds == 0
               ? 0
               : (apr_int64_t)entry->id.ms + entry->revoked.seconds * 1000;
}

/* @return 0: it is none */
static int read_member(es_cluster_revoked_t *revoked, es_slice_t member)
{
    const char *end = member.data + member.len;
    const char *first, *second;

    first = member.len != 0 ? memchr(member.data, '\n', member.len) : NULL;
    second = first != NULL
                 ? memchr(first + 1, '\n', (apr_size_t)(end - first - 1))
                 : NULL;
    if (second == NULL || second + 1 == end) {
        return 0;
    }
    revoked->kind =
        first - member.data == 4 ? ES_IDENTITY_USER : ES_IDENTITY_TOKEN;
    revoked->channel = es_slice(first + 1, (apr_size_t)(second - first - 1));
    revoked->name = es_slice(second + 1, (apr_size_t)(end - second - 1));
    return 1;
}

/* A score, as the broker writes it. */
static apr_int64_t read_score(es_slice_t score)
{
    char text[32];

    if (score.len == 0 || score.len >= sizeof(text) || score.data[0] == 'i' ||
        score.data[0] == '+') {
        return ES_CLUSTER_REVOKED_ALWAYS;
    }
    memcpy(text, score.data, score.len);
    text[score.len] = '\0';
    return (apr_int64_t)strtod(text, NULL);
}

static void use_held(const es_cluster_hub_t *hub,
                     const es_cluster_reply_t *reply, apr_int64_t offset_ms)
{
    int count = es_cluster_reply_count(reply);
    es_cluster_revoked_t revoked;
    int i;

    for (i = 0; i + 1 < count; i += 2) {
        if (read_member(&revoked,
                        es_cluster_reply_text(es_cluster_reply_at(reply, i)))) {
            es_cluster_revoke_here(hub, &revoked,
                                   read_score(es_cluster_reply_text(
                                       es_cluster_reply_at(reply, i + 1))),
                                   offset_ms);
        }
    }
}

apr_status_t es_cluster_revoke_held(const es_cluster_hub_t *hub,
                                    const es_cluster_script_t *script,
                                    es_cluster_link_t *link,
                                    apr_int64_t offset_ms,
                                    es_cluster_keep_fn_t *keep, void *arg)
{
    es_slice_t argv[ES_CLUSTER_SCRIPT_HEAD + 1];
    es_cluster_reply_t *reply;
    apr_status_t rv;

    memcpy(argv, script->head, sizeof(script->head));
    argv[ES_CLUSTER_SCRIPT_HEAD] = es_slice_of("revoked");
    rv = es_cluster_script_call(link, ES_CLUSTER_SCRIPT_HEAD + 1, argv,
                                es_clock_now() + ANSWER, keep, arg, &reply);
    if (rv != APR_SUCCESS) {
        return rv == APR_EINTR ? rv : APR_ECONNRESET;
    }
    if (!es_cluster_reply_is_array(reply)) {
        rv = APR_ECONNRESET;
    }
    use_held(hub, reply, offset_ms);
    es_cluster_reply_free(reply);
    return rv;
}
