/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The next CR and the next LF are both remembered: looking for both anew for
 * each line would be quadratic.
 */
#include "base/lines_split.h"

static const char *find(const char *from, const char *end, char c)
{
    const char *hit = memchr(from, c, (apr_size_t)(end - from));

    return hit != NULL ? hit : end;
}

void es_cutter_init(es_cutter_t *cutter, es_slice_t text)
{
    cutter->at = text.len != 0 ? text.data : "";
    cutter->end = cutter->at + text.len;
    cutter->cr = find(cutter->at, cutter->end, '\r');
    cutter->lf = find(cutter->at, cutter->end, '\n');
}

int es_cutter_next(es_cutter_t *cutter, es_slice_t *line)
{
    const char *stop;

    if (cutter->at == NULL) {
        return 0;
    }
    if (cutter->cr < cutter->at) {
        cutter->cr = find(cutter->at, cutter->end, '\r');
    }
    if (cutter->lf < cutter->at) {
        cutter->lf = find(cutter->at, cutter->end, '\n');
    }
    stop = cutter->cr < cutter->lf ? cutter->cr : cutter->lf;
    *line = es_slice(cutter->at, (apr_size_t)(stop - cutter->at));
    if (stop == cutter->end) {
        cutter->at = NULL;
    }
    else if (stop == cutter->cr && stop + 1 == cutter->lf &&
             cutter->lf != cutter->end) {
        cutter->at = stop + 2;
    }
    else {
        cutter->at = stop + 1;
    }
    return 1;
}

int es_cutter_is_done(const es_cutter_t *cutter)
{
    return cutter->at == NULL;
}
