/* SPDX-License-Identifier: Apache-2.0 */
/* Each kind of finding is told a few times, then only counted. */
#include "bench/stats.h"

#include <stdarg.h>
#include <stdio.h>

#define TOLD_AT_MOST 8

uint64_t eb_stats[EB_STATS_KINDS];

static const char *const NAMES[EB_STATS_KINDS] = {
    "lost",         "untold_gaps", "doubled",     "reordered",
    "torn",         "forged",      "misnumbered", "needless_resets",
    "wrong_resets", "denied",      "cut",         "cut_slow",
    "clean_ends",   "unconnected", "connects",    "reconnects",
    "resumes",      "leaves",      "told_gaps",   "unsure_resets",
    "excused",      "deliveries",  "keepalives",  "offered",
    "acknowledged", "unknown",
};

void eb_stats_log(eb_stats_kind_t what, const char *format, ...)
{
    va_list args;

    eb_stats[what]++;
    if (eb_stats[what] > TOLD_AT_MOST) {
        return;
    }
    fprintf(stderr, "verify: %s: ", NAMES[what]);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

void eb_stats_print(int is_sound)
{
    int i;

    printf("verify result=%s", is_sound ? "sound" : "faulty");
    for (i = 0; i < EB_STATS_KINDS; i++) {
        printf(" %s=%llu", NAMES[i], (unsigned long long)eb_stats[i]);
    }
}

uint64_t eb_stats_faults(void)
{
    uint64_t sum = 0;
    int i;

    for (i = EB_STATS_LOST; i <= EB_STATS_REFUSED; i++) {
        sum += eb_stats[i];
    }
    return sum;
}
