/* SPDX-License-Identifier: Apache-2.0 */
/* The sentence is sent as one line: control characters are replaced. */
#include "base/problem.h"

#include <stdarg.h>

#include <apr_strings.h>

int es_problem_set(es_problem_t *why, apr_pool_t *p, int status,
                   const char *fmt, ...)
{
    va_list args;
    char *sentence;
    char *at;

    va_start(args, fmt);
    sentence = apr_pvsprintf(p, fmt, args);
    va_end(args);

    for (at = sentence; *at != '\0'; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7f) {
            *at = '?';
        }
    }
    why->status = status;
    why->retry_after = 0;
    why->sentence = sentence;
    why->remedy = NULL;
    why->about = ES_REMEDY_OTHER;
    return 0;
}

int es_problem_remedy(es_problem_t *why, es_remedy_t about, const char *remedy)
{
    why->remedy = remedy;
    why->about = about;
    return 0;
}
