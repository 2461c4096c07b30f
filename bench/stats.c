/* SPDX-License-Identifier: Apache-2.0 */
/* Each kind of finding is told a few times, then only counted. */
#include "bench/stats.h"

#include <stdarg.h>
#include <stdio.h>

#define TOLD_AT_MOST 8

uint64_t eb_findings[EB_FINDINGS];

static const char *const NAMES[EB_FINDINGS] = {
    "lost",         "untold_gaps", "doubled",     "reordered",
    "torn",         "forged",      "misnumbered", "needless_resets",
    "wrong_resets", "denied",      "cut",         "cut_slow",
    "clean_ends",   "unconnected", "connects",    "reconnects",
    "resumes",      "leaves",      "told_gaps",   "unsure_resets",
    "excused",      "deliveries",  "keepalives",  "offered",
    "acknowledged", "unknown",
};

void eb_errors_count(eb_error_t what, const char *format, ...)
{
    va_list args;

    eb_findings[what]++;
    if (eb_findings[what] > TOLD_AT_MOST) {
        return;
    }
    fprintf(stderr, "verify: %s: ", NAMES[what]);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

void eb_errors_print(int is_sound)
{
    int i;

    printf("verify result=%s", is_sound ? "sound" : "faulty");
    for (i = 0; i < EB_FINDINGS; i++) {
        printf(" %s=%llu", NAMES[i], (unsigned long long)eb_findings[i]);
    }
}

uint64_t eb_errors_faults(void)
{
    uint64_t sum = 0;
    int i;

    for (i = EB_LOST; i <= EB_DENIED; i++) {
        sum += eb_findings[i];
    }
    return sum;
}
