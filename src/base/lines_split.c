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

void es_lines_split_init(es_lines_split_t *split, es_slice_t text)
{
    split->at = text.len != 0 ? text.data : "";
    split->end = split->at + text.len;
    split->cr = find(split->at, split->end, '\r');
    split->lf = find(split->at, split->end, '\n');
}

int es_lines_split_next(es_lines_split_t *split, es_slice_t *line)
{
    const char *stop;

    if (split->at == NULL) {
        return 0;
    }
    if (split->cr < split->at) {
        split->cr = find(split->at, split->end, '\r');
    }
    if (split->lf < split->at) {
        split->lf = find(split->at, split->end, '\n');
    }
    stop = split->cr < split->lf ? split->cr : split->lf;
    *line = es_slice(split->at, (apr_size_t)(stop - split->at));
    if (stop == split->end) {
        split->at = NULL;
    }
    else if (stop == split->cr && stop + 1 == split->lf &&
             split->lf != split->end) {
        split->at = stop + 2;
    }
    else {
        split->at = stop + 1;
    }
    return 1;
}

int es_lines_split_is_done(const es_lines_split_t *split)
{
    return split->at == NULL;
}
