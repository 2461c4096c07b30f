/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The file of a hub (EventStreamHub file=), as the parent holds it: open, and
 * locked against other servers. journal/file_head.h has its states.
 *
 * All of it are plain values, which the parent retains over restarts. Neither
 * the file nor its name is trusted: it must be a regular file of the user that
 * httpd starts as, which nobody else can write, and begin as this module has
 * begun it; or be empty.
 */
#ifndef ES_SERVER_HUB_FILE_H
#define ES_SERVER_HUB_FILE_H

#include <httpd.h>

#include "journal/file_head.h"
#include "journal/store.h"
#include "server/settings.h"

/** What was found in a file. */
typedef enum es_hub_file_found_t {
    ES_HUB_FILE_EMPTY,
    ES_HUB_FILE_EVENTS, /* those of this hub */
    ES_HUB_FILE_USELESS /* anything else; why was logged */
} es_hub_file_found_t;

typedef struct es_hub_file_t {
    int is_open; /* 1 = the rest is valid */
    int fd;      /* by which it is locked; closed in children */
    char path[ES_HUB_FILE_MAX + 1];
    apr_uint64_t device; /* of the file, and its number there */
    apr_uint64_t inode;
    es_file_head_t head; /* hub, is_clustered and key are the hub's own */
    es_hub_file_found_t found;
    int is_used; /* 1 = children may have changed the hub since it was opened */
    int is_marked; /* 1 = the file is IN USE on disk */
} es_hub_file_t;

/**
 * Open, lock and look at the file of a hub.
 *
 * @param file  filled; not open if the hub has none
 * @return APR_SUCCESS; on any other result an error was logged, and the file is
 *         as it was: it cannot be opened, is not ours, is of another hub, or
 *         another server has it
 *
 * Context: PARENT.
 */
apr_status_t es_hub_file_open(es_hub_file_t *file, const es_hub_conf_t *named,
                              server_rec *s);

/**
 * Fill a new store, which has the epoch of the file's head, with the events of
 * the file.
 *
 * @return APR_SUCCESS; on any other result a warning was logged, and the caller
 *         makes the store anew, with another epoch
 *
 * Context: PARENT, before any other process sees the store.
 */
apr_status_t es_hub_file_load(const es_hub_file_t *file, es_store_t *store,
                              server_rec *s);

/** 1 if the file of that name is this one. Context: PARENT. */
int es_hub_file_is(const es_hub_file_t *file, const char *path);

/** The hub is clustered with this key from now on; NULL = it is not. */
void es_hub_file_set_cluster(es_hub_file_t *file,
                             const es_cluster_conf_t *cluster);

/**
 * Children are about to use the hub: what the file has becomes outdated. It is
 * marked on disk, unless it is a cache of the broker's stream.
 *
 * @return APR_SUCCESS; on any other result an error was logged: no child may
 *         publish to the hub, or a later start would take old events for all
 *         that there were
 *
 * Context: PARENT; waits for the disk.
 */
apr_status_t es_hub_file_use(es_hub_file_t *file, server_rec *s);

/**
 * Replace the file by one with the events of a store, whose children have all
 * ended. What happens is logged.
 *
 * @param s  NULL: to the log of the process
 *
 * Context: PARENT; waits for the disk.
 */
void es_hub_file_save(const es_hub_file_t *file, const es_store_t *store,
                      server_rec *s);

/** Close it; the lock is given back. Context: PARENT or CHILD_INIT. */
void es_hub_file_close(es_hub_file_t *file);

/** Close and remove it: its hub is not configured any more, or has another
 * file. That of a cluster stays. Context: PARENT. */
void es_hub_file_remove(es_hub_file_t *file);

#endif
