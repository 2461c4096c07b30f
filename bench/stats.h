/* SPDX-License-Identifier: Apache-2.0 */
/**
 * stats: what verify has counted: errors, and facts about the run. It is a
 * global, since verify has one thread.
 */
#ifndef EB_STATS_H
#define EB_STATS_H

#include <stdint.h>

typedef enum {
    /* errors: any of them makes the run faulty */
    EB_STATS_LOST,            /* deliveries that were due and never came */
    EB_STATS_SILENT_GAPS,     /* runs of lost events before a later one */
    EB_STATS_DOUBLED,         /* deliveries of what the client had */
    EB_STATS_REORDERED,       /* deliveries after a later event */
    EB_STATS_TORN,            /* not the bytes of one event; broken chunks */
    EB_STATS_FORGED,          /* never published there, or another id */
    EB_STATS_MISNUMBERED,     /* acknowledged id not above the last one */
    EB_STATS_NEEDLESS_RESETS, /* stream-resets without a gap */
    EB_STATS_INVALID_RESETS,  /* without id or channel, or backwards */
    EB_STATS_REFUSED,         /* responses to a client that are no stream */
    /* an error with --no-cuts */
    EB_STATS_CUT, /* streams without a clean end */
    /* facts */
    EB_STATS_CUT_SLOW,         /* the same of clients that read slowly */
    EB_STATS_CLEAN_ENDS,       /* streams that the server ended */
    EB_STATS_FAILED_CONNECTS,  /* connections that failed before a response */
    EB_STATS_CONNECTS,         /* streams, the first of each client included */
    EB_STATS_RECONNECTS,       /* streams after a cut, an end or a failure */
    EB_STATS_RESUMES,          /* streams that were requested with an id */
    EB_STATS_CLIENT_CLOSES,    /* streams that the client closed */
    EB_STATS_KEY_UPDATES,      /* new keys that clients asked for */
    EB_STATS_ASKED,            /* clients that were asked to use HTTP/1.1 */
    EB_STATS_REPORTED_GAPS,    /* stream-resets with a gap */
    EB_STATS_UNCERTAIN_RESETS, /* perhaps with a gap of unknown events */
    EB_STATS_ALLOWED_RESETS,   /* without a gap, of servers that may forget */
    EB_STATS_REPORTED_MISSING, /* deliveries missing in reported gaps */
    EB_STATS_AGAIN,            /* deliveries of an event that was repeated,
                                  after a stream-reset */
    EB_STATS_DELIVERIES,       /* each event once for each client */
    EB_STATS_KEEPALIVES,       /* keep-alive events */
    EB_STATS_POSTED,           /* events sent to the server */
    EB_STATS_REPEATED,         /* POSTs of an event that was not acknowledged */
    EB_STATS_ACKNOWLEDGED,     /* those that it answered with 200 and an id */
    EB_STATS_UNKNOWN,          /* those with an error, or without response */
    EB_STATS_KINDS
} eb_stats_kind_t;

extern uint64_t eb_stats[EB_STATS_KINDS];

/** Count one; log the first eight of each kind to stderr, as printf does. */
void eb_stats_log(eb_stats_kind_t kind, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** Print "verify result=... key=value ..." without a line end. */
void eb_stats_print(int is_ok);

/** The sum of all errors; cuts are not among them. */
uint64_t eb_stats_errors(void);

#endif
