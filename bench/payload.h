/* SPDX-License-Identifier: Apache-2.0 */
/**
 * payload: the data of an event that load publishes.
 *
 *     000003 0000000042 00000000012345678901 abcdefgh…
 *     channel number    stamp (ns)           padding up to the size
 *
 * One line of printable ASCII without quotes or backslashes: it goes into
 * JSON and into a data: line as it is.
 */
#ifndef EB_PAYLOAD_H
#define EB_PAYLOAD_H

#include <stddef.h>
#include <stdint.h>

#define EB_PAYLOAD_MIN 39 /* the three numbers, a blank each */
#define EB_PAYLOAD_MAX (1024 * 1024)

typedef struct {
    uint32_t channel;  /* from 0 */
    uint32_t number;   /* within the channel, from 0 */
    uint64_t stamp_ns; /* eb_clock_ns() of the publisher */
} eb_payload_t;

/** Write exactly size (EB_PAYLOAD_MIN to _MAX) bytes, no NUL behind. */
void eb_payload_write(char *dst, size_t size, const eb_payload_t *payload);

/**
 * Read it back and compare every byte with what was written.
 *
 * @param size  the size that was published
 * @return 0, or -1: another length, or bytes that were not written
 */
int eb_payload_read(eb_payload_t *payload, const char *data, size_t len,
                    size_t size);

#endif
