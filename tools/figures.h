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

/** The figures of a page, ET_FIGURES_MAX at most; all lives in a pool. */
typedef struct et_figures_t {
    const et_figure_t *at; /* count of them, as the page has them */
    int count;
    const et_figure_t **sorted; /* the same by key */
} et_figures_t;

#define ET_FIGURES_MAX 200000

/**
 * Read a page. Its time and memory are bounded whatever the server answers: a
 * figure whose name has more than 255 bytes is left out.
 *
 * @param answer   filled
 * @param figures  filled on success; may be empty: the page of mod_status has
 *                 nothing of ours
 * @return NULL; or what has failed, in p
 */
const char *et_figures_read(et_answer_t *answer, et_figures_t *figures,
                            const et_options_t *options, const char *url,
                            apr_pool_t *p);

/** @return the first of this name, whose case does not matter; NULL: there is
 *          none */
const et_figure_t *et_figures_find(const et_figures_t *figures,
                                   const char *key);

/** --status. @return exit status */
int et_figures_print(const et_options_t *options, apr_pool_t *p);

#endif
