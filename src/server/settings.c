/* SPDX-License-Identifier: Apache-2.0 */
/* httpd keeps the settings; config/ fills them. */
#include "server/settings.h"

es_settings_t *es_settings_of(const server_rec *s)
{
    return ap_get_module_config(s->module_config, &eventstream_module);
}

es_hub_conf_t *es_settings_hub(const es_settings_t *global, const char *name)
{
    int i;

    for (i = 0; i < global->hubs->nelts; i++) {
        es_hub_conf_t *hub = &APR_ARRAY_IDX(global->hubs, i, es_hub_conf_t);

        if (!strcmp(hub->name, name)) {
            return hub;
        }
    }
    return NULL;
}

es_hub_conf_t *es_settings_add_hub(es_settings_t *global, const char *name)
{
    es_hub_conf_t *hub = apr_array_push(global->hubs);

    memset(hub, 0, sizeof(*hub));
    hub->name = name;
    hub->size_bytes = ES_HUB_SIZE;
    hub->grip_prefix = ES_GRIP_PREFIX;
    return hub;
}
