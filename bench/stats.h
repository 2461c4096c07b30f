/* SPDX-License-Identifier: Apache-2.0 */
/**
 * stats: what verify has counted. One for the whole program: all
 * of it runs in one thread.
 */
#ifndef EB_STATS_H
#define EB_STATS_H

#include <stdint.h>

typedef enum {
    /* faults: any of them makes the run fail */
    EB_STATS_LOST,        /* deliveries that were due and never came */
    EB_STATS_SILENT_GAPS, /* runs of lost events with a later one behind them */
    EB_STATS_DOUBLED,     /* deliveries of what the client had */
    EB_STATS_REORDERED,   /* deliveries behind a later event */
    EB_STATS_TORN,        /* not the bytes of one event; broken chunks */
    EB_STATS_FORGED, /* never published, or not there, or under another id */
    EB_STATS_MISNUMBERED,     /* acknowledged id not above the last */
    EB_STATS_NEEDLESS_RESETS, /* stream-resets without a gap */
    EB_STATS_INVALID_RESETS,  /* without id or channel, or backwards */
    EB_STATS_REFUSED, /* answers to a subscriber that are no event stream */
    /* allowed, or not: see --no-cuts */
    EB_STATS_CUT, /* streams that ended without a clean end */
    /* facts */
    EB_STATS_CUT_SLOW,   /* the same of clients that read slowly or never */
    EB_STATS_CLEAN_ENDS, /* clean ends */
    EB_STATS_FAILED_CONNECTS, /* connections that failed before an answer */
    EB_STATS_CONNECTS,   /* streams begun, the first of each client included */
    EB_STATS_RECONNECTS, /* those that followed a cut, an end or a failure */
    EB_STATS_RESUMES,    /* streams begun with an id */
    EB_STATS_CLIENT_CLOSES,    /* streams that the client left */
    EB_STATS_REPORTED_GAPS,    /* stream-resets that told of a real gap */
    EB_STATS_UNCERTAIN_RESETS, /* those of which it cannot be known */
    EB_STATS_REPORTED_MISSING, /* deliveries missing in a told gap */
    EB_STATS_DELIVERIES,       /* each event once for each client */
    EB_STATS_KEEPALIVES,       /* keep-alive events */
    EB_STATS_POSTED,           /* events sent to the server */
    EB_STATS_ACKNOWLEDGED,     /* those it answered with 200 and an id */
    EB_STATS_UNKNOWN,          /* those of which it is not known */
    EB_STATS_KINDS
} eb_stats_kind_t;

extern uint64_t eb_stats[EB_STATS_KINDS];

/** Count one; the first eight of a kind are told on stderr, as printf. */
void eb_stats_log(eb_stats_kind_t what, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** Print the findings: one line of key=value, behind "verify ". */
void eb_stats_print(int is_sound);

/** The sum of all faults. */
uint64_t eb_stats_faults(void);

#endif
