/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Our part of mod_status's page: clients, hubs, limits. For people as tables,
 * with ?auto as lines for programs.
 */
#ifndef ES_HTTP_STATUS_H
#define ES_HTTP_STATUS_H

/** Have mod_status ask us, if it is there. Context: register_hooks. */
void es_status_register(void);

#endif
