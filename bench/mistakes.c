/* SPDX-License-Identifier: Apache-2.0 */
/* Counted, not random: a self-test sees the same faults each time. */
#include "bench/mistakes.h"

#include <stdlib.h>
#include <string.h>

int eb_mistakes_parse(eb_mistakes_t *faults, const char *text)
{
    static const struct {
        const char *name;
        eb_mistake_t kind;
    } KINDS[] = {
        {"drop:", EB_MISTAKE_DROP}, {"double:", EB_MISTAKE_DOUBLE},
        {"swap:", EB_MISTAKE_SWAP}, {"spoil:", EB_MISTAKE_SPOIL},
        {"cut:", EB_MISTAKE_CUT},
    };
    size_t len;
    size_t i;

    for (i = 0; i < sizeof(KINDS) / sizeof(KINDS[0]); i++) {
        len = strlen(KINDS[i].name);
        if (strncmp(text, KINDS[i].name, len) == 0) {
            faults->kind = KINDS[i].kind;
            faults->every = strtoull(text + len, NULL, 10);
            faults->count = 0;
            return faults->every > 0 ? 0 : -1;
        }
    }
    return -1;
}

eb_mistake_t eb_mistakes_next(eb_mistakes_t *faults)
{
    if (faults->kind == EB_MISTAKE_NONE) {
        return EB_MISTAKE_NONE;
    }
    faults->count++;
    return faults->count % faults->every == 0 ? faults->kind : EB_MISTAKE_NONE;
}
