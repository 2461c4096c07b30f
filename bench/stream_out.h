/* SPDX-License-Identifier: Apache-2.0 */
/**
 * eb_talk: es_liar's streams: what one client is told, truly or not.
 */
#ifndef EB_TALK_H
#define EB_TALK_H

#include "bench/held_bytes.h"
#include "bench/id_index.h"

#define EB_TALK_CHANNELS 8

/* One connection of es_liar, subscribed or not. */
typedef struct eb_talk {
    struct eb_talk *next;  /* among the subscribed ones */
    struct eb_talk **prev; /* NULL: not subscribed */
    char channels[EB_TALK_CHANNELS][EB_PAST_NAME];
    int nchannels;
    int fd;
    int is_over;    /* nothing more is written once out is empty */
    eb_hold_t in;   /* a request that has not come whole */
    eb_hold_t out;  /* what the socket did not take */
    eb_hold_t late; /* EB_LIE_SWAP: goes behind the next event */
    eb_id_t at;     /* the last event it was (to be) told */
} eb_talk_t;

/**
 * Begin the stream: head, stream-open, then what there is.
 *
 * @param id  where to go on, or NULL: at the present
 */
void eb_talk_begin(eb_talk_t *talk, const eb_id_t *id);

/** Tell all streams of the channel about a new event. */
void eb_talk_spread(void);

/** Send these bytes, or keep what the socket does not take. */
void eb_talk_write(eb_talk_t *talk, const char *bytes, size_t len);

/** The socket is writable again. */
void eb_talk_flush(eb_talk_t *talk);

/** Take it out of the subscribed ones and give back what it holds. */
void eb_talk_end(eb_talk_t *talk);

#endif
