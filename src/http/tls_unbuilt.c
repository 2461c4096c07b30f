/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http/tls_server.h of a module that was built without mod_ssl's header, which
 * detaches no client over TLS: what an administrator should know of it.
 */
#include "http/tls_server.h"

#include <string.h>

#include <http_config.h>

#include "server/log.h"
#include "server/stats.h"
#include "http/subscribe.h"

#define NOT_BUILT 1 /* the only obstacle */
#define WHY "the module was built without mod_ssl_openssl.h"

/* Which servers have TLS is not known. */
const char *es_tls_server_describe(void)
{
    return ap_find_linked_module("mod_ssl.c")
               ? "over HTTP/1.1 they are held, the others served in turns, "
                 "since " WHY
               : NULL;
}

const char *es_tls_server_obstacle(unsigned int obstacle, const char **text)
{
    if (obstacle != NOT_BUILT) {
        return NULL;
    }
    *text = WHY;
    return "NotBuilt";
}

/* Two workers at once may log it. */
int es_tls_server_take(request_rec *r, es_tls_session_t *session)
{
    static unsigned char is_logged;

    memset(session, 0, sizeof(*session));
    es_stats_count_obstacle(NOT_BUILT);
    apr_table_setn(r->notes, ES_NOT_DETACHED_NOTE, WHY);
    if (!is_logged) {
        is_logged = 1;
        es_rlog(APLOG_INFO, 0, r, "ES0420",
                "a client over TLS is not detached, since %s; further ones are "
                "not logged",
                WHY);
    }
    return 0;
}
