/* SPDX-License-Identifier: Apache-2.0 */
/**
 * stream_faults: what faulty_server is to do wrong, and how often it has done
 * it, so that verify can be shown to see each of them.
 */
#ifndef EB_STREAM_FAULTS_H
#define EB_STREAM_FAULTS_H

#include <stdint.h>

typedef enum {
    /* at each N-th delivery */
    EB_STREAM_FAULT_DROP,   /* not sent */
    EB_STREAM_FAULT_DOUBLE, /* sent twice */
    EB_STREAM_FAULT_SWAP,   /* sent behind the client's next one */
    EB_STREAM_FAULT_TEAR,   /* its second half is that of other bytes */
    EB_STREAM_FAULT_SHORT,  /* its data ends too early */
    EB_STREAM_FAULT_FORGE,  /* one that nobody published is sent, too */
    EB_STREAM_FAULT_STRAY,  /* one of another channel is sent, too */
    EB_STREAM_FAULT_MISID,  /* sent under another id than acknowledged */
    EB_STREAM_FAULT_CUT,    /* cut in its midst; comes at the resume */
    EB_STREAM_FAULT_RESET,  /* the same, with a TCP reset */
    EB_STREAM_FAULT_END,    /* the stream ends cleanly before it: no lie */
    EB_STREAM_FAULT_MOAN,   /* stream-reset before it, nothing was missed */
    EB_STREAM_FAULT_SKIP,   /* not sent, and a stream-reset tells so: no lie */
    EB_STREAM_FAULT_EARLY, /* as skip, but its position lies before the event */
    EB_STREAM_FAULT_BLAME, /* as skip, but it names another channel */
    /* at each N-th stream with an id */
    EB_STREAM_FAULT_GAP,   /* goes on from the present position, silently */
    EB_STREAM_FAULT_AGAIN, /* the event with that id is sent again */
    EB_STREAM_FAULT_DENY,  /* 503 */
    /* at each N-th POST */
    EB_STREAM_FAULT_HIDE,   /* 200, and never delivered */
    EB_STREAM_FAULT_REFUSE, /* 500, and not delivered: no lie */
    EB_STREAM_FAULT_GRUDGE, /* 500, but delivered */
    EB_STREAM_FAULT_KINDS
} eb_stream_fault_t;

/**
 * Switch on what "drop:97" says.
 *
 * @return 0, or -1: not of that form
 */
int eb_stream_faults_parse(const char *text);

/** Count an occasion for this lie; is it time? */
int eb_stream_faults_is_due(eb_stream_fault_t kind);

/** Print "lies NAME COUNT" for all that are switched on. */
void eb_stream_faults_print(void);

#endif
