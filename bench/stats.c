/* SPDX-License-Identifier: Apache-2.0 */
/* The first errors of a kind are logged, further ones only counted. */
#include "bench/stats.h"

#include <stdarg.h>
#include <stdio.h>

#define MAX_LOGGED 8

uint64_t eb_stats[EB_STATS_KINDS];

static const char *const NAMES[EB_STATS_KINDS] = {
    [EB_STATS_LOST] = "lost",
    [EB_STATS_SILENT_GAPS] = "silent_gaps",
    [EB_STATS_DOUBLED] = "doubled",
    [EB_STATS_REORDERED] = "reordered",
    [EB_STATS_TORN] = "torn",
    [EB_STATS_FORGED] = "forged",
    [EB_STATS_MISNUMBERED] = "misnumbered",
    [EB_STATS_NEEDLESS_RESETS] = "needless_resets",
    [EB_STATS_INVALID_RESETS] = "invalid_resets",
    [EB_STATS_REFUSED] = "refused",
    [EB_STATS_CUT] = "cut",
    [EB_STATS_CUT_SLOW] = "cut_slow",
    [EB_STATS_CLEAN_ENDS] = "clean_ends",
    [EB_STATS_FAILED_CONNECTS] = "failed_connects",
    [EB_STATS_CONNECTS] = "connects",
    [EB_STATS_RECONNECTS] = "reconnects",
    [EB_STATS_RESUMES] = "resumes",
    [EB_STATS_CLIENT_CLOSES] = "client_closes",
    [EB_STATS_KEY_UPDATES] = "key_updates",
    [EB_STATS_ASKED] = "asked",
    [EB_STATS_REPORTED_GAPS] = "reported_gaps",
    [EB_STATS_UNCERTAIN_RESETS] = "uncertain_resets",
    [EB_STATS_ALLOWED_RESETS] = "allowed_resets",
    [EB_STATS_REPORTED_MISSING] = "reported_missing",
    [EB_STATS_AGAIN] = "again",
    [EB_STATS_DELIVERIES] = "deliveries",
    [EB_STATS_KEEPALIVES] = "keepalives",
    [EB_STATS_POSTED] = "posted",
    [EB_STATS_REPEATED] = "repeated",
    [EB_STATS_ACKNOWLEDGED] = "acknowledged",
    [EB_STATS_UNKNOWN] = "unknown",
};

void eb_stats_log(eb_stats_kind_t kind, const char *format, ...)
{
    va_list args;

    eb_stats[kind]++;
    if (eb_stats[kind] > MAX_LOGGED) {
        return;
    }
    fprintf(stderr, "verify: %s: ", NAMES[kind]);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

void eb_stats_print(int is_ok)
{
    int i;

    printf("verify result=%s", is_ok ? "ok" : "faulty");
    for (i = 0; i < EB_STATS_KINDS; i++) {
        printf(" %s=%llu", NAMES[i], (unsigned long long)eb_stats[i]);
    }
}

uint64_t eb_stats_errors(void)
{
    uint64_t sum = 0;
    int i;

    for (i = EB_STATS_LOST; i <= EB_STATS_REFUSED; i++) {
        sum += eb_stats[i];
    }
    return sum;
}
