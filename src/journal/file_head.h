/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The beginning of a hub's file (EventStreamHub file=): whose file it is, and
 * what it is worth. The file keeps the hub's events while httpd is stopped. A
 * server that publishes makes its content outdated, so a file is valid once:
 *
 *     empty ──── before the first child is started ────► IN USE
 *                                                        │    ▲
 *                                          httpd stops   ▼    │ loaded
 *                                                        SAVED
 *
 * A file that is IN USE though no server has it is of one that was killed. The
 * file of a hub of a cluster stays SAVED: it is older than the broker's stream
 * at worst, which has all that came since.
 *
 * The format is the same on all machines: numbers are big-endian, and nothing
 * in it depends on the layout of segments. journal/save.c draws what follows
 * the head. Pure.
 */
#ifndef ES_JOURNAL_FILE_HEAD_H
#define ES_JOURNAL_FILE_HEAD_H

#include <apr_errno.h>

#include "base/id.h"

/** Bytes of the head. It is written at once, and a disk writes a sector of this
 * size whole or not at all. */
#define ES_FILE_HEAD_SIZE 512
#define ES_FILE_HUB_MAX 63
#define ES_FILE_KEY_MAX 64

typedef enum es_file_state_t {
    ES_FILE_IN_USE = 1, /* its server has started children */
    ES_FILE_SAVED = 2   /* events follow */
} es_file_state_t;

typedef struct es_file_head_t {
    es_file_state_t state;
    char hub[ES_FILE_HUB_MAX + 1]; /* its name */
    int is_clustered;              /* 1 = a broker gives the ids */
    char key[ES_FILE_KEY_MAX + 1]; /* then: key= of EventStreamCluster */
    apr_uint64_t saved_ms;         /* SAVED: when, by the time of day */
    es_id_t epoch;                 /* SAVED: as es_store_epoch */
} es_file_head_t;

/** Write the head. */
void es_file_head_write(unsigned char bytes[ES_FILE_HEAD_SIZE],
                        const es_file_head_t *head);

/**
 * Read the head.
 *
 * @param bytes  len of them, at most ES_FILE_HEAD_SIZE: the file's first
 * @return APR_SUCCESS; APR_EINVAL: the file was not written by this module;
 *         APR_EMISMATCH: another version of the module wrote it;
 *         APR_EGENERAL: it is damaged
 */
apr_status_t es_file_head_read(es_file_head_t *head, const unsigned char *bytes,
                               apr_size_t len);

#endif
