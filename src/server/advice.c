/* SPDX-License-Identifier: Apache-2.0 */
/* Children inherit the list by fork, and do not change it. */
#include "server/advice.h"

#include <stdarg.h>

#include <apr_strings.h>

static struct {
    apr_pool_t *pool; /* NULL = there is no configuration */
    int count;
    es_advice_t all[ES_ADVICE_MAX];
} advice;

static apr_status_t forget(void *unused)
{
    (void)unused;
    advice.pool = NULL;
    advice.count = 0;
    return APR_SUCCESS;
}

void es_advice_begin(apr_pool_t *pconf)
{
    advice.pool = pconf;
    advice.count = 0;
    apr_pool_cleanup_register(pconf, NULL, forget, apr_pool_cleanup_null);
}

void es_advice_add(const char *tag, const char *format, ...)
{
    va_list args;

    if (!advice.pool || advice.count == ES_ADVICE_MAX) {
        return;
    }
    va_start(args, format);
    advice.all[advice.count].tag = tag;
    advice.all[advice.count].text = apr_pvsprintf(advice.pool, format, args);
    va_end(args);
    advice.count++;
}

int es_advice_all(const es_advice_t **all)
{
    *all = advice.all;
    return advice.count;
}
