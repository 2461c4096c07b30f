/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Why clients were not detached, and how often: the names of what
 * server/figures.h counts by number.
 */
#ifndef ES_HTTP_NOT_DETACHED_H
#define ES_HTTP_NOT_DETACHED_H

#include "server/figures.h"

typedef struct es_not_detached_t {
    const char *key;    /* in one word, for programs */
    const char *text;   /* in words, after "because "; needs no escaping */
    apr_uint64_t count; /* since httpd was started */
} es_not_detached_t;

/**
 * A reason.
 *
 * @param number  from 0 on: those of the output path, then those of TLS
 * @return 1; 0: there are no more
 *
 * Context: ANY.
 */
int es_not_detached_read(const es_figures_t *figures, unsigned int number,
                         es_not_detached_t *out);

#endif
