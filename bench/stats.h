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
    EB_LOST,        /* deliveries that were due and never came */
    EB_GAPS,        /* runs of lost events with a later one behind them */
    EB_TWICE,       /* deliveries of what the client had */
    EB_DISORDERED,  /* deliveries behind a later event */
    EB_TORN,        /* not the bytes of one event; broken chunks */
    EB_FORGED,      /* never published, or not there, or under another id */
    EB_MISNUMBERED, /* an acknowledged id is not above the one before it */
    EB_NEEDLESS,    /* stream-resets that told of a gap where none was */
    EB_WRONG,       /* stream-resets without id or channel, or backwards */
    EB_DENIED,      /* answers to a subscriber that are no event stream */
    /* allowed, or not: see --no-cuts */
    EB_CUTS, /* streams that ended without a clean end */
    /* facts */
    EB_CUTS_SLOW,    /* the same of clients that read slowly or never */
    EB_ENDS,         /* clean ends */
    EB_UNCONNECTED,  /* connections that failed before an answer */
    EB_CONNECTS,     /* streams begun, the first of each client included */
    EB_RECONNECTS,   /* those that followed a cut, an end or a failure */
    EB_RESUMES,      /* streams begun with an id */
    EB_LEAVES,       /* streams that the client left */
    EB_TOLD,         /* stream-resets that told of a real gap */
    EB_UNSURE,       /* those of which it cannot be known */
    EB_EXCUSED,      /* deliveries missing in a told gap */
    EB_DELIVERIES,   /* each event once for each client */
    EB_KEEPALIVE,    /* keep-alive events */
    EB_OFFERED,      /* events sent to the server */
    EB_ACKNOWLEDGED, /* those it answered with 200 and an id */
    EB_UNKNOWNS,     /* those of which it is not known */
    EB_FINDINGS
} eb_error_t;

extern uint64_t eb_findings[EB_FINDINGS];

/** Count one; the first eight of a kind are told on stderr, as printf. */
void eb_errors_count(eb_error_t what, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** Print the findings: one line of key=value, behind "verify ". */
void eb_errors_print(int is_sound);

/** The sum of all faults. */
uint64_t eb_errors_faults(void);

#endif
