/* SPDX-License-Identifier: Apache-2.0 */
/* Where httpd keeps our settings; glue fills them. */
#include "http/es_settings.h"

es_global_t *es_global_of(const server_rec *s)
{
    return ap_get_module_config(s->module_config, &eventstream_module);
}
