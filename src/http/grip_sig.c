/* SPDX-License-Identifier: Apache-2.0 */
/* A request with an invalid signature is refused and not served as a direct
 * one: it comes from a proxy with another key, which would wait for the end of
 * an endless answer. */
#include "http/grip.h"

#include <apr_strings.h>

#include "server/log.h"

static int refuse_signature(request_rec *r, const char *what, es_problem_t *why)
{
    es_problem_set(why, r->pool, HTTP_FORBIDDEN, "GRIP Signature Invalid.");
    return es_problem_remedy(
        why, ES_REMEDY_GRIP_SIGNATURE,
        apr_psprintf(r->pool,
                     "The Grip-Sig of the request is not valid: %s. Compare "
                     "verify-key= and verify-iss= of EventStreamGrip with the "
                     "key and the iss of the proxy.",
                     what));
}

static int refuse_direct(request_rec *r, es_problem_t *why)
{
    es_problem_set(why, r->pool, HTTP_FORBIDDEN, "GRIP Signature Required.");
    return es_problem_remedy(
        why, ES_REMEDY_GRIP_REQUIRED,
        "The request has no Grip-Sig, and EventStreamGripRequired is on.");
}

int es_grip_sig_find(request_rec *r, const es_grip_t *grip, int *is_proxied,
                     es_problem_t *why)
{
    const char *token = grip ? apr_table_get(r->headers_in, "Grip-Sig") : NULL;
    const char *what = "";

    *is_proxied = token != NULL;
    if (!token) {
        return grip && grip->is_required ? refuse_direct(r, why) : 1;
    }
    if (es_proxy_verify(grip, token, apr_time_now(), &what, r->pool) ==
        ES_PROOF_BAD) {
        return refuse_signature(r, what, why);
    }
    return 1;
}

int es_grip_sig_is_checked(const es_grip_t *grip)
{
    int i;

    for (i = 0; i < grip->proxies->nelts; i++) {
        if (APR_ARRAY_IDX(grip->proxies, i, const es_proxy_t *)->verify_key) {
            return 1;
        }
    }
    return 0;
}

void es_grip_sig_warn(server_rec *s)
{
    const es_settings_t *global = es_settings_of(s);
    int i;

    for (i = 0; i < global->hubs->nelts; i++) {
        const es_hub_conf_t *hub =
            &APR_ARRAY_IDX(global->hubs, i, es_hub_conf_t);

        if (hub->grip && !es_grip_sig_is_checked(hub->grip)) {
            es_slog(APLOG_WARNING, 0, s, "ES0601",
                    "hub %s: no proxy has a verify-key=; every request with a "
                    "Grip-Sig header counts as a proxy's; add verify-key= to "
                    "EventStreamGrip",
                    hub->name);
        }
    }
}
