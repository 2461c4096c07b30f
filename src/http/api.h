/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The functions that other modules find by name: mod_eventstream.h tells what
 * they do, and the rules by which the two sides may differ in age.
 */
#ifndef ES_HTTP_API_H
#define ES_HTTP_API_H

/** Offer them. Context: PARENT, register_hooks. */
void es_api_register(void);

#endif
