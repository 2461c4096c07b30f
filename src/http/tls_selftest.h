/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The test at start: can a client of OpenSSL read what we seal? A handshake is
 * made in memory for each protocol version and AEAD, the SSL object of the
 * server is freed, and the session goes on with records of ours, both ways, up
 * to the end. It depends on the OpenSSL in use alone: not on the configuration
 * of the server, nor on its certificate.
 */
#ifndef ES_HTTP_TLS_SELFTEST_H
#define ES_HTTP_TLS_SELFTEST_H

#include "tls/suite.h"

/** Results and offers are sets of these: a version with an AEAD. */
#define ES_TLS_SELFTEST_BIT(version, aead) \
    (1U << (((version) == ES_TLS_1_3 ? ES_TLS_AEADS : 0) + (aead)))

#define ES_TLS_SELFTEST_BITS (2 * ES_TLS_AEADS)

/** "TLS 1.3 with AES-128-GCM" for the bit of this number. */
const char *es_tls_selftest_name(int bit);

/**
 * Test all of them, for some milliseconds in all. es_tls_capture_init was
 * called. The error queue of OpenSSL is empty afterwards.
 *
 * @param failed  ES_TLS_SELFTEST_BITS places, each filled: the step that failed
 *                first, or NULL
 * @return the set of those that have passed
 *
 * Context: PARENT.
 */
unsigned int es_tls_selftest_run(const char **failed);

#endif
