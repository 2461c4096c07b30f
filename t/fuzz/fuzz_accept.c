/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The value of a header Accept. Case and the order of its ranges make no
 * difference; nor does a further range, unless it is of the stream.
 */
#include "fuzz.h"

#include <apr_lib.h>

#include "base/accept.h"

#define STREAM "text/event-stream"

static char *cased(const char *accept, int is_upper, apr_pool_t *p)
{
    char *copy = fuzz_string(es_slice_of(accept), p), *at;

    for (at = copy; *at; at++) {
        *at = is_upper ? apr_toupper(*at) : apr_tolower(*at);
    }
    return copy;
}

/* The last range first. There are no quotes, in which a comma may stand. */
static char *reversed(const char *accept, apr_pool_t *p)
{
    apr_size_t len = strlen(accept), end = len, at;
    char *copy = fuzz_alloc(len + 2, p), *to = copy;

    for (at = len + 1; at-- > 0;) {
        if (at == 0 || accept[at - 1] == ',') {
            memcpy(to, accept + at, end - at);
            to += end - at;
            *to++ = ',';
            end = at > 0 ? at - 1 : 0;
        }
    }
    return copy;
}

FUZZ(text, p)
{
    const char *accept = fuzz_string(text, p);
    int admits = es_accept_admits(accept, STREAM);

    PROMISE(admits == 0 || admits == 1);
    PROMISE(es_accept_admits(cased(accept, 0, p), STREAM) == admits);
    PROMISE(es_accept_admits(cased(accept, 1, p), STREAM) == admits);
    if (strchr(accept, '"')) {
        return;
    }
    PROMISE(es_accept_admits(reversed(accept, p), STREAM) == admits);
    PROMISE(es_accept_admits(apr_pstrcat(p, accept, ", " STREAM, NULL),
                             STREAM) == 1);
    if (strspn(accept, " \t,") < strlen(accept)) {
        PROMISE(es_accept_admits(apr_pstrcat(p, accept, ", a/b", NULL),
                                 STREAM) == admits);
    }
}
