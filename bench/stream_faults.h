/* SPDX-License-Identifier: Apache-2.0 */
/**
 * eb_lies: what es_liar is to do wrong, and how often it has done it, so
 * that es_verify can be shown to see each of them.
 */
#ifndef EB_LIES_H
#define EB_LIES_H

#include <stdint.h>

typedef enum {
    /* at each N-th delivery */
    EB_LIE_DROP,   /* not sent */
    EB_LIE_DOUBLE, /* sent twice */
    EB_LIE_SWAP,   /* sent behind the client's next one */
    EB_LIE_TEAR,   /* its second half is that of other bytes */
    EB_LIE_SHORT,  /* its data ends too early */
    EB_LIE_FORGE,  /* one that nobody published is sent, too */
    EB_LIE_STRAY,  /* one of another channel is sent, too */
    EB_LIE_MISID,  /* sent under another id than acknowledged */
    EB_LIE_CUT,    /* the stream is cut in its midst; it comes at the resume */
    EB_LIE_RESET,  /* the same, with a TCP reset */
    EB_LIE_END,    /* the stream ends cleanly before it: no lie */
    EB_LIE_MOAN,   /* stream-reset before it, though nothing was missed */
    EB_LIE_SKIP,   /* not sent, and a stream-reset tells so: no lie */
    EB_LIE_EARLY,  /* as skip, but its position lies before the event */
    EB_LIE_BLAME,  /* as skip, but it names another channel */
    /* at each N-th stream with an id */
    EB_LIE_GAP,   /* goes on from the present position, silently */
    EB_LIE_AGAIN, /* the event with that id is sent again */
    EB_LIE_DENY,  /* 503 */
    /* at each N-th POST */
    EB_LIE_HIDE,   /* 200, and never delivered */
    EB_LIE_REFUSE, /* 500, and not delivered: no lie, nor is the next */
    EB_LIE_GRUDGE, /* 500, but delivered */
    EB_LIE_KINDS
} eb_lie_t;

/**
 * Switch on what "drop:97" says.
 *
 * @return 0, or -1: not of that form
 */
int eb_lies_parse(const char *text);

/** Count an occasion for this lie; is it time? */
int eb_lies_is_due(eb_lie_t kind);

/** Print "lies NAME COUNT" for all that are switched on. */
void eb_lies_print(void);

#endif
