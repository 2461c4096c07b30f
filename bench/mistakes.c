/* SPDX-License-Identifier: Apache-2.0 */
/* Counted, not random: a self-test sees the same faults each time. */
#include "bench/mistakes.h"

#include <stdlib.h>
#include <string.h>

int eb_faults_parse(eb_faults_t *faults, const char *text)
{
    static const struct {
        const char *name;
        eb_fault_t kind;
    } KINDS[] = {
        {"drop:", EB_FAULT_DROP}, {"double:", EB_FAULT_DOUBLE},
        {"swap:", EB_FAULT_SWAP}, {"spoil:", EB_FAULT_SPOIL},
        {"cut:", EB_FAULT_CUT},
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

eb_fault_t eb_faults_next(eb_faults_t *faults)
{
    if (faults->kind == EB_FAULT_NONE) {
        return EB_FAULT_NONE;
    }
    faults->count++;
    return faults->count % faults->every == 0 ? faults->kind : EB_FAULT_NONE;
}
