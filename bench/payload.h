/* SPDX-License-Identifier: Apache-2.0 */
/**
 * payload: the data of the events that load and verify publish, in two forms:
 * a timed one, which costs little to check, and a checked one, which cannot be
 * taken for another event.
 *
 *     000003 0000000042 00000000012345678901 abcdefgh…
 *     channel number    stamp (ns)           padding up to the size
 *
 *     0003 00000042 01024 9f3c20d1 abcdefgh…
 *     channel       size           padding up to the size
 *          number         checksum of all the rest
 *
 * Both are printable ASCII without quotes or backslashes. The timed form is
 * one line, so that it goes into JSON and into a data: line as it is. In the
 * checked form every fourth event has line feeds in its padding, so that it
 * takes several data: lines; none begins or ends with one.
 */
#ifndef EB_PAYLOAD_H
#define EB_PAYLOAD_H

#include <stddef.h>
#include <stdint.h>

#define EB_PAYLOAD_TIMED_MIN 39 /* the three numbers, a blank each */
#define EB_PAYLOAD_TIMED_MAX (1024 * 1024)

typedef struct {
    uint32_t channel;  /* from 0 */
    uint32_t number;   /* within the channel, from 0 */
    uint64_t stamp_ns; /* eb_clock_ns() of the publisher */
} eb_payload_timed_t;

/** Write exactly size (_TIMED_MIN to _TIMED_MAX) bytes, no NUL behind. */
void eb_payload_timed_write(char *dst, size_t size,
                            const eb_payload_timed_t *payload);

/**
 * Read it back and compare every byte with what was written.
 *
 * @param size  the size that was published
 * @return 0, or -1: another length, or bytes that were not written
 */
int eb_payload_timed_read(eb_payload_timed_t *payload, const char *data,
                          size_t len, size_t size);

#define EB_PAYLOAD_CHECKED_MIN 32
#define EB_PAYLOAD_CHECKED_MAX 65000
#define EB_PAYLOAD_CHECKED_CHANNELS 10000 /* one more than the highest */

typedef struct {
    uint32_t channel; /* from 0 */
    uint32_t number;  /* within the channel, from 0 */
    uint32_t size;    /* _CHECKED_MIN to _CHECKED_MAX bytes */
} eb_payload_checked_t;

/** Write exactly payload->size bytes, no NUL behind. */
void eb_payload_checked_write(char *dst, const eb_payload_checked_t *payload);

/**
 * Read it back.
 *
 * @return 0, or -1: these bytes were not written for any event
 */
int eb_payload_checked_read(eb_payload_checked_t *payload, const char *data,
                            size_t len);

#endif
