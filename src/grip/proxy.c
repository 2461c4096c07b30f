/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Authorization: with iss and key a token is sent; with key alone, the key as
 * it is; else user and password. Verify key: verify-key; else the secret of the
 * tokens that are sent, because proxies mostly use one secret both ways. Never
 * a key that is sent as it is, and never a private key.
 */
#include "grip/proxy.h"

#include <apr_base64.h>
#include <apr_strings.h>

#include "token/jwt.h"

/* as in the GRIP libraries */
#define TOKEN_LIFE (600 * APR_USEC_PER_SEC)

static const char *read_key(const es_key_t **out, const char *name,
                            const char *value, const char *root, apr_pool_t *p)
{
    const char *err = value ? es_key_read(out, value, root, p) : NULL;

    return err ? apr_pstrcat(p, name, "= ", err, NULL) : NULL;
}

static const char *choose_auth(es_proxy_t *proxy, const es_grip_url_t *url)
{
    if (url->iss) {
        if (!proxy->key) {
            return "iss= needs a key= to sign with";
        }
        if (proxy->key->signs.len == 0) {
            return "key= is a public key, which cannot sign";
        }
        proxy->auth = ES_AUTH_JWT;
        proxy->iss = url->iss;
        return NULL;
    }
    if (proxy->key) {
        if (proxy->key->kind != ES_KEY_SECRET) {
            return "key= is an asymmetric key, and needs an iss= to sign for";
        }
        proxy->auth = ES_AUTH_BEARER;
        return NULL;
    }
    proxy->auth = url->user ? ES_AUTH_BASIC : ES_AUTH_NONE;
    return NULL;
}

/* The key becomes a part of a header line. */
static const char *check_bearer(const es_proxy_t *proxy)
{
    apr_size_t i;

    for (i = 0; proxy->auth == ES_AUTH_BEARER && i < proxy->key->text.len;
         i++) {
        unsigned char c = (unsigned char)proxy->key->text.data[i];

        if (c <= ' ' || c == 0x7f) {
            return "key= without iss= is sent as it is, and must not contain "
                   "blanks or control characters";
        }
    }
    return NULL;
}

static const char *choose_verify(es_proxy_t *proxy, const es_grip_url_t *url)
{
    proxy->verify_iss = url->verify_iss;
    if (!proxy->verify_key && proxy->auth == ES_AUTH_JWT &&
        proxy->key->kind == ES_KEY_SECRET) {
        proxy->verify_key = proxy->key;
    }
    if (proxy->verify_iss && !proxy->verify_key) {
        return "verify-iss= needs a verify-key=";
    }
    return NULL;
}

const char *es_proxy_make(const es_proxy_t **out, const es_grip_url_t *url,
                          const char *root, apr_pool_t *p)
{
    es_proxy_t *proxy = apr_pcalloc(p, sizeof(*proxy));
    const char *query = strchr(url->control_uri, '?'), *err;

    proxy->name = query ? apr_pstrmemdup(p, url->control_uri,
                                         (apr_size_t)(query - url->control_uri))
                        : url->control_uri;
    proxy->publish_uri = url->publish_uri;
    proxy->user = url->user;
    proxy->password = url->password;
    err = read_key(&proxy->key, "key", url->key, root, p);
    err = err ? err
              : read_key(&proxy->verify_key, "verify-key", url->verify_key,
                         root, p);
    err = err ? err : choose_auth(proxy, url);
    err = err ? err : check_bearer(proxy);
    err = err ? err : choose_verify(proxy, url);
    *out = err ? NULL : proxy;
    return err;
}

static const char *basic(const es_proxy_t *proxy, apr_pool_t *p)
{
    const char *plain = apr_pstrcat(p, proxy->user, ":", proxy->password, NULL);
    char *text;
    int len = (int)strlen(plain);

    text = apr_palloc(p, (apr_size_t)apr_base64_encode_len(len));
    apr_base64_encode(text, plain, len);
    return apr_pstrcat(p, "Basic ", text, NULL);
}

int es_proxy_authorization(const char **out, const es_proxy_t *proxy,
                           apr_time_t now, apr_pool_t *p)
{
    const char *token;

    *out = NULL;
    switch (proxy->auth) {
    case ES_AUTH_JWT:
        token = es_jwt_sign(proxy->key, proxy->iss, now + TOKEN_LIFE, p);
        *out = token ? apr_pstrcat(p, "Bearer ", token, NULL) : NULL;
        return token != NULL;
    case ES_AUTH_BEARER:
        *out = apr_psprintf(p, "Bearer %.*s", (int)proxy->key->text.len,
                            proxy->key->text.data);
        return 1;
    case ES_AUTH_BASIC: *out = basic(proxy, p); return 1;
    default: return 1;
    }
}

es_proxy_sig_t es_proxy_verify(const es_grip_t *grip, const char *token,
                               apr_time_t now, const char **why, apr_pool_t *p)
{
    es_proxy_sig_t proof = ES_PROOF_NONE;
    int i;

    for (i = 0; i < grip->proxies->nelts; i++) {
        const es_proxy_t *proxy =
            APR_ARRAY_IDX(grip->proxies, i, const es_proxy_t *);
        es_jwt_rule_t rule = {proxy->verify_key, proxy->verify_iss,
                              grip->leeway};

        if (!proxy->verify_key) {
            continue; /* its signatures cannot be verified */
        }
        if (es_jwt_verify(token, &rule, now, why, p)) {
            return ES_PROOF_GOOD;
        }
        proof = ES_PROOF_BAD;
    }
    return proof;
}
