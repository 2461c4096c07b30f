/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A call is EVALSHA with the digest of the text. A broker that does not know
 * the text (it has just started, or somebody has flushed its scripts) says so
 * and has done nothing; then the text is loaded and the call is made again.
 */
#include "cluster/script.h"

#include <apr_sha1.h>
#include <apr_strings.h>

#include "base/clock.h"
#include "base/jitter.h"

#include <ctype.h>

/** Words of a hello after the head. */
#define HELLO_WORDS 3
#define RANDOM_BELOW 16777215

static es_slice_t key_name(const char *key, const char *hub, const char *name,
                           apr_pool_t *pool)
{
    return es_slice_of(apr_psprintf(pool, "{%s:%s}:%s", key, hub, name));
}

static void compute_digest(char digest[41])
{
    static const char hex[] = "0123456789abcdef";
    unsigned char bytes[APR_SHA1_DIGESTSIZE];
    apr_sha1_ctx_t sha1;
    int i;

    apr_sha1_init(&sha1);
    apr_sha1_update(&sha1, es_cluster_script_text,
                    (unsigned)strlen(es_cluster_script_text));
    apr_sha1_final(bytes, &sha1);
    for (i = 0; i < APR_SHA1_DIGESTSIZE; i++) {
        digest[2 * i] = hex[bytes[i] >> 4];
        digest[2 * i + 1] = hex[bytes[i] & 15];
    }
    digest[2 * APR_SHA1_DIGESTSIZE] = '\0';
}

void es_cluster_script_init(es_cluster_script_t *script, const char *key,
                            const char *hub, apr_pool_t *pool)
{
    static const char *const names[] = {"events", "meta", "ids", "closed",
                                        "nodes"};
    int i;

    compute_digest(script->digest);
    script->head[0] = es_slice_of("EVALSHA");
    script->head[1] = es_slice_of(script->digest);
    script->head[2] = es_slice_of("5");
    for (i = 0; i < 5; i++) {
        script->head[3 + i] = key_name(key, hub, names[i], pool);
    }
    script->events = script->head[3];
}

apr_status_t es_cluster_script_ask(es_cluster_link_t *link, int argc,
                                   const es_slice_t *argv, apr_time_t by,
                                   es_cluster_keep_fn_t *keep, void *arg,
                                   es_cluster_reply_t **reply)
{
    apr_status_t rv = es_cluster_link_add(link, argc, argv);

    *reply = NULL;
    while (rv == APR_SUCCESS) {
        apr_time_t now = es_clock_now();
        apr_time_t part = now + ES_CLUSTER_KEEP;

        rv = es_cluster_link_receive(link, reply, part < by ? part : by);
        if (rv != APR_TIMEUP || es_clock_now() >= by) {
            return rv;
        }
        rv = keep == NULL || keep(arg) ? APR_SUCCESS : APR_EINTR;
    }
    return rv;
}

/* @return APR_EGENERAL with *reply: the broker does not take the text */
static apr_status_t load(es_cluster_link_t *link, apr_time_t by,
                         es_cluster_keep_fn_t *keep, void *arg,
                         es_cluster_reply_t **reply)
{
    es_slice_t argv[3] = {es_slice_of("SCRIPT"), es_slice_of("LOAD"),
                          es_slice_of(es_cluster_script_text)};
    apr_status_t rv =
        es_cluster_script_ask(link, 3, argv, by, keep, arg, reply);

    if (rv == APR_SUCCESS && !es_cluster_reply_is_error(*reply)) {
        es_cluster_reply_free(*reply);
        *reply = NULL;
        return APR_SUCCESS;
    }
    return rv != APR_SUCCESS ? rv : APR_EGENERAL;
}

apr_status_t es_cluster_script_call(es_cluster_link_t *link, int argc,
                                    const es_slice_t *argv, apr_time_t by,
                                    es_cluster_keep_fn_t *keep, void *arg,
                                    es_cluster_reply_t **reply)
{
    apr_status_t rv =
        es_cluster_script_ask(link, argc, argv, by, keep, arg, reply);

    if (rv != APR_SUCCESS || !es_cluster_reply_is_code(*reply, "NOSCRIPT")) {
        return rv;
    }
    es_cluster_reply_free(*reply);
    rv = load(link, by, keep, arg, reply);
    if (rv != APR_SUCCESS) {
        return rv == APR_EGENERAL && *reply != NULL ? APR_SUCCESS : rv;
    }
    return es_cluster_script_ask(link, argc, argv, by, keep, arg, reply);
}

/* ---- hello --------------------------------------------------------------- */

/* A copy of text; bytes that are not printable become '?'. */
static void copy_printable(char *to, apr_size_t size, es_slice_t text)
{
    apr_size_t i;

    for (i = 0; i < text.len && i + 1 < size; i++) {
        to[i] = isprint((unsigned char)text.data[i]) ? text.data[i] : '?';
    }
    to[i] = '\0';
}

/* Without " script: DIGEST, on @user_script:LINE.", which Redis adds. */
static es_slice_t without_place(es_slice_t text)
{
    static const char place[] = " script: ";
    apr_size_t i;

    for (i = 0; i + sizeof(place) <= text.len; i++) {
        if (!memcmp(text.data + i, place, sizeof(place) - 1)) {
            return es_slice(text.data, i);
        }
    }
    return text;
}

void es_cluster_script_error(char *why, apr_size_t size,
                             const es_cluster_reply_t *reply)
{
    copy_printable(why, size,
                   es_cluster_reply_is_error(reply)
                       ? without_place(es_cluster_reply_text(reply))
                       : es_slice_of("the broker's answer is not understood"));
}

static int read_hello(es_cluster_hello_t *hello,
                      const es_cluster_reply_t *reply)
{
    if (es_cluster_reply_count(reply) != 5 ||
        !es_id_parse(&hello->last,
                     es_cluster_reply_text(es_cluster_reply_at(reply, 1)))) {
        return 0;
    }
    apr_snprintf(hello->epoch, sizeof(hello->epoch), "%" APR_INT64_T_FMT,
                 es_cluster_reply_number(es_cluster_reply_at(reply, 0)));
    hello->now_ms = es_cluster_reply_number(es_cluster_reply_at(reply, 3));
    copy_printable(hello->began, sizeof(hello->began),
                   es_cluster_reply_text(es_cluster_reply_at(reply, 4)));
    return hello->now_ms > 0;
}

apr_status_t es_cluster_script_hello(const es_cluster_script_t *script,
                                     es_cluster_link_t *link,
                                     const es_id_t *last, apr_time_t by,
                                     es_cluster_keep_fn_t *keep, void *arg,
                                     es_cluster_hello_t *hello, char *why,
                                     apr_size_t why_size)
{
    es_slice_t argv[ES_CLUSTER_SCRIPT_HEAD + HELLO_WORDS];
    es_slice_t *words = argv + ES_CLUSTER_SCRIPT_HEAD;
    char random[ES_DECIMAL_MAX + 1], id[ES_ID_TEXT_SIZE];
    es_cluster_reply_t *reply;
    apr_status_t rv;

    memcpy(argv, script->head, sizeof(script->head));
    apr_snprintf(random, sizeof(random), "%" APR_INT64_T_FMT,
                 es_jitter_below(RANDOM_BELOW));
    words[0] = es_slice_of("hello");
    words[1] = es_slice_of(random);
    words[2] = es_slice(id, es_id_format(id, last));
    rv = es_cluster_script_call(link, ES_CLUSTER_SCRIPT_HEAD + HELLO_WORDS,
                                argv, by, keep, arg, &reply);
    if (rv != APR_SUCCESS) {
        apr_cpystrn(why,
                    rv == APR_TIMEUP ? "the broker does not answer"
                                     : es_cluster_link_why(link),
                    why_size);
        return rv;
    }
    if (!read_hello(hello, reply)) {
        es_cluster_script_error(why, why_size, reply);
        rv = APR_EGENERAL;
    }
    es_cluster_reply_free(reply);
    return rv;
}
