/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What would take a request away from our handler, and why it does not:
 *
 *   MultiViews, mod_mime   find a file, a type or an encoding for the name;
 *                          we choose our handler before them.
 *   ProxyPass "/"          makes it a proxy request while the URL is mapped;
 *                          our handler hook runs before that of mod_proxy.
 *   RewriteRule, .htaccess replaces the handler in fixups by an internal
 *                          redirect; we restore ours at the end of fixups.
 *   FallbackResource       acts on requests without a handler; SetHandler has
 *                          set one.
 *
 * A rule that answers by itself ([R], [F], [G]) ends the fixups before we
 * restore anything.
 */
#include "http/hooks.h"

#include <http_config.h>
#include <http_core.h>

#include "server/settings.h"

static int is_ours(const char *handler)
{
    return handler && (!strcmp(handler, ES_HANDLER_SUBSCRIBE) ||
                       !strcmp(handler, ES_HANDLER_PUBLISH));
}

/* The handler of the section; SetHandler may keep it as an expression. */
static const char *handler_of_section(request_rec *r)
{
    const core_dir_config *core = ap_get_core_module_config(r->per_dir_config);
    const char *handler = core->handler;
    const char *err = NULL;

    if (core->expr_handler) {
        handler = ap_expr_str_exec(r, core->expr_handler, &err);
    }
    return err ? NULL : handler;
}

int es_route_is_ours(request_rec *r)
{
    return is_ours(handler_of_section(r));
}

int es_route_choose(request_rec *r)
{
    const char *handler = handler_of_section(r);

    if (!is_ours(handler)) {
        return DECLINED;
    }
    r->handler = handler;
    return OK;
}

int es_route_save(request_rec *r)
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
