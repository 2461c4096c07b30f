/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The watch on the locks of hubs, and on the outboxes of GRIP proxies: the
 * parent names a child that holds one and does not move, and kills it if
 * EventStreamLockTimeout says so. It takes no lock.
 */
#ifndef ES_SERVER_LOCK_WATCH_H
#define ES_SERVER_LOCK_WATCH_H

#include <httpd.h>

#include "shm/presence.h"
#include "grip/outbox_shm.h"
#include "journal/store.h"
#include "server/child_pids.h"

/**
 * Look once at the locks of all hubs.
 *
 * @param stores      nhubs of them, ES_HUBS_MAX at most
 * @param names       of the hubs
 * @param child_pids  the parent's own list: it kills only processes that are
 *                    in it, as children can write to the lock
 *
 * Context: PARENT.
 */
void es_lock_watch_look(es_store_t *const *stores, const char *const *names,
                        apr_uint32_t nhubs, const es_child_pids_t *child_pids,
                        server_rec *s);

/**
 * Look once at an outbox.
 *
 * @param number  of the outbox, below ES_OUTBOX_SHM_MAX
 * @param hub     whose events are sent
 * @param proxy   its name in the log
 *
 * Context: PARENT.
 */
void es_lock_watch_look_at_outbox(const es_outbox_t *outbox,
                                  apr_uint32_t number, const char *hub,
                                  const char *proxy,
                                  const es_child_pids_t *child_pids,
                                  server_rec *s);

/** Look once at the table of presence. Context: PARENT. */
void es_lock_watch_look_at_presence(const es_presence_t *presence,
                                    const es_child_pids_t *child_pids,
                                    server_rec *s);

#endif
