/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The figures of a status page: that of mod_status, or one of SetHandler
 * eventstream-status, as names with values.
 *
 *     mod_status            Clients: 3         EventStream.Clients: 3
 *     eventstream-status    clients.total: 3   {"clients": {"total": 3}}
 */
#ifndef ET_FIGURES_H
#define ET_FIGURES_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "tools/http.h"
#include "tools/options.h"

typedef struct et_figure_t {
    const char *key;
    const char *text;
    double value; /* 0 if the text is no number */
    int is_number;
} et_figure_t;

/**
 * Read a page.
 *
 * @param answer   filled
 * @param figures  array of et_figure_t in p; valid on success; may be empty:
 *                 the page of mod_status has nothing of ours
 * @return NULL; or what has failed, in p
 */
const char *et_figures_read(et_answer_t *answer,
                            const apr_array_header_t **figures,
                            const et_options_t *options, const char *url,
                            apr_pool_t *p);

/** @return NULL: there is none of this name; the case does not matter */
const et_figure_t *et_figures_find(const apr_array_header_t *figures,
                                   const char *key);

/** --status. @return exit status */
int et_figures_print(const et_options_t *options, apr_pool_t *p);

#endif
