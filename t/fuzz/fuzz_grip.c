/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a GRIP proxy sends, and what an administrator configures for it. The
 * lines are a key, a token and a channel; the rest is a Grip-Last. The first
 * line is read as a GRIP_URL, too. libjwt must not crash, nothing else.
 */
#include "fuzz.h"

#include "base/base64.h"
#include "grip/instruct.h"
#include "token/jwt.h"
#include "token/key.h"
#include "grip/url.h"

/* A valid token in the seeds is signed with this. */
static const char secret[] = "changeme";

static void verify(const char *token, const es_key_t *key, apr_pool_t *p)
{
    es_jwt_rule_t rule = {key, NULL, 0};
    const char *why = NULL;

    if (!es_jwt_verify(token, &rule, apr_time_from_sec(1700000000), &why, p)) {
        PROMISE(why != NULL && *why != '\0');
    }
}

static void base64(es_slice_t text, apr_pool_t *p)
{
    es_slice_t bytes;

    if (es_base64_decode(&bytes, text, ES_BASE64_URL, p)) {
        PROMISE(es_slice_equal(
            text, es_slice_of(es_base64_encode_url(fuzz_exact(bytes, p), p))));
    }
    (void)es_base64_decode(&bytes, text, ES_BASE64_ANY, p);
}

FUZZ(text, p)
{
    const char *first = fuzz_string(fuzz_line(&text), p);
    es_slice_t second = fuzz_exact(fuzz_line(&text), p);
    es_slice_t channel = fuzz_exact(fuzz_line(&text), p);
    es_slice_t last = fuzz_exact(text, p);
    const char *token = fuzz_string(second, p);
    const es_key_t *key;
    es_grip_url_t url;
    es_slice_t id;

    (void)es_grip_url_parse(&url, first, p);
    base64(second, p);
    PROMISE(es_key_read(&key, secret, "/", p) == NULL);
    verify(token, key, p);
    if (strstr(first, "file:") == NULL && strncmp(first, "base64:", 7) != 0 &&
        es_key_read(&key, first, "/", p) == NULL) {
        verify(token, key, p);
    }
    id = es_instruct_last_id(last, channel);
    PROMISE(id.len == 0 ||
            (id.data >= last.data && id.data + id.len <= last.data + last.len));
}
