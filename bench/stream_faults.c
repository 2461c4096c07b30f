/* SPDX-License-Identifier: Apache-2.0 */
/* Counted, not random: a self-test sees the same lies each time. */
#include "bench/stream_faults.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const NAMES[EB_STREAM_FAULT_KINDS] = {
    "drop",  "double", "swap",  "tear", "short", "forge",  "stray",
    "misid", "cut",    "rst",   "end",  "moan",  "skip",   "early",
    "blame", "gap",    "again", "deny", "hide",  "refuse", "grudge",
};

static struct {
    uint64_t every; /* 0: never */
    uint64_t occasions;
    uint64_t told;
} lies[EB_STREAM_FAULT_KINDS];

int eb_stream_faults_parse(const char *text)
{
    size_t len = strcspn(text, ":");
    int i;

    for (i = 0; i < EB_STREAM_FAULT_KINDS; i++) {
        if (text[len] == ':' && strlen(NAMES[i]) == len &&
            strncmp(text, NAMES[i], len) == 0) {
            lies[i].every = strtoull(text + len + 1, NULL, 10);
            return lies[i].every > 0 ? 0 : -1;
        }
    }
    return -1;
}

int eb_stream_faults_is_due(eb_stream_fault_t kind)
{
    if (lies[kind].every == 0 ||
        ++lies[kind].occasions % lies[kind].every != 0) {
        return 0;
    }
    lies[kind].told++;
    return 1;
}

void eb_stream_faults_print(void)
{
    int i;

    for (i = 0; i < EB_STREAM_FAULT_KINDS; i++) {
        if (lies[i].every != 0) {
            printf("lies %s %llu\n", NAMES[i],
                   (unsigned long long)lies[i].told);
        }
    }
    fflush(stdout);
}
