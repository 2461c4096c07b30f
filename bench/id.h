/* SPDX-License-Identifier: Apache-2.0 */
/**
 * id: an event's id, <milliseconds>-<n>: a place in the order of all
 * events of a hub. {0, 0} is before all of them.
 */
#ifndef EB_ID_H
#define EB_ID_H

#include <stddef.h>
#include <stdint.h>

#define EB_ID_TEXT 48 /* room for one as text, NUL included */

typedef struct {
    uint64_t ms;
    uint64_t n;
} eb_id_t;

/** Read one that fills text exactly. @return 0, or -1: not of that form */
int eb_id_parse(eb_id_t *id, const char *text, size_t len);

/** Less than, equal to or greater than 0, as a is before b. */
static inline int eb_id_compare(const eb_id_t *a, const eb_id_t *b)
{
    if (a->ms != b->ms) {
        return a->ms < b->ms ? -1 : 1;
    }
    return a->n == b->n ? 0 : a->n < b->n ? -1 : 1;
}

#endif
