/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who would take a request away, and why he does not:
 *
 *   ProxyPass "/"          makes it a proxy request while the URL is mapped;
 *                          our handler hook runs before mod_proxy's.
 *   RewriteRule, .htaccess replaces the handler in fixups by an internal
 *                          redirect; we put ours back at the end of fixups.
 *   FallbackResource       acts on requests without a handler; SetHandler
 *                          has given it one.
 *
 * A rule that answers by itself ([R], [F], [G]) ends the fixups before we
 * put anything back.
 */
#include "http/es_route.h"

#include <http_config.h>
#include <http_core.h>

#include "http/es_settings.h"

static int is_ours(const char *handler)
{
    return handler && (!strcmp(handler, ES_HANDLER_SUBSCRIBE) ||
                       !strcmp(handler, ES_HANDLER_PUBLISH));
}

int es_route_remember(request_rec *r)
{
    if (is_ours(r->handler)) {
        ap_set_module_config(r->request_config, &eventstream_module,
                             (void *)r->handler);
    }
    return DECLINED;
}

int es_route_restore(request_rec *r)
{
    const char *handler =
        ap_get_module_config(r->request_config, &eventstream_module);

    if (handler) {
        r->handler = handler;
    }
    return DECLINED;
}
