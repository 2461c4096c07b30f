/* SPDX-License-Identifier: Apache-2.0 */
/**
 * eb_report: what load prints: a name and a number a line, for people
 * and for awk.
 */
#ifndef EB_REPORT_H
#define EB_REPORT_H

#include "bench/run.h"

typedef struct {
    uint64_t before_bytes; /* server, before the first client */
    uint64_t idle_bytes;   /* server, with all clients idle */
} eb_memory_t;

/**
 * Print everything.
 *
 * @param memory  NULL: the server's processes are not known
 * @return 1 when each client got each event once and in order, else 0
 */
int eb_report(const eb_load_options_t *opts, const eb_readers_t *readers,
              const eb_run_t *run, const eb_memory_t *memory);

#endif
