/* SPDX-License-Identifier: Apache-2.0 */
/**
 * checksum: data that proves which event it is and that it is whole.
 *
 *     0003 00000042 01024 9f3c20d1 abcdefgh…
 *     channel       size           padding up to the size
 *          number         checksum of all the rest
 *
 * Printable ASCII; every fourth event has line feeds in its padding, so that
 * it takes several data lines. None begins or ends with one.
 */
#ifndef EB_CHECKSUM_H
#define EB_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

#define EB_CHECKSUM_MIN 32
#define EB_CHECKSUM_MAX 65000
#define EB_CHECKSUM_CHANNELS 10000 /* one more than the highest channel */

typedef struct {
    uint32_t channel; /* from 0 */
    uint32_t number;  /* within the channel, from 0 */
    uint32_t size;    /* EB_CHECKSUM_MIN to _MAX */
} eb_checksum_t;

/** Write exactly proof->size bytes, no NUL behind. */
void eb_checksum_write(char *dst, const eb_checksum_t *proof);

/**
 * Read it back.
 *
 * @return 0, or -1: these are not the bytes that were written for any proof
 */
int eb_checksum_read(eb_checksum_t *proof, const char *data, size_t len);

#endif
