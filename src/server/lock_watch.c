/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker whose wait for a lock was in vain notes in the lock that its owner
 * has not moved (shm/lock.h). So the parent need not know for how long: it acts
 * on the first look after that. httpd calls it about every ten seconds.
 *
 * A child that is killed leaves the lock to the next one that takes it, which
 * repairs the hub.
 */
#include "server/lock_watch.h"

#include <errno.h>
#include <signal.h>

#include "server/log.h"

/* By number of the hub: the child that was logged last; 0 = none is stalled. */
static apr_uint32_t logged[ES_HUBS_MAX];

static void kill_owner(apr_uint32_t pid, const char *name, server_rec *s)
{
    if (kill((pid_t)pid, SIGKILL) != 0) {
        es_slog(APLOG_ERR, errno, s, "ES0014",
                "cannot kill child %u, which holds the lock of hub %s; kill it "
                "by hand",
                pid, name);
        return;
    }
    es_slog(APLOG_ERR, 0, s, "ES0015",
            "killed child %u, as it held the lock of hub %s for longer than "
            "EventStreamLockTimeout; its clients reconnect",
            pid, name);
}

static void log_owner(apr_uint32_t pid, const char *name, server_rec *s)
{
    es_slog(APLOG_ERR, 0, s, "ES0013",
            "child %u holds the lock of hub %s and does not continue: it is "
            "stopped, in a debugger or dumping core; until it continues or is "
            "killed, no event of this hub is published, and subscribers are "
            "asked to reconnect; EventStreamLockTimeout kill would kill it",
            pid, name);
}

void es_lock_watch_look(es_store_t *const *stores, const char *const *names,
                        apr_uint32_t nhubs, const es_child_pids_t *child_pids,
                        server_rec *s)
{
    int kills = es_settings_of(s)->lock_kills;
    apr_uint32_t i;

    for (i = 0; i < nhubs && i < ES_HUBS_MAX; i++) {
        apr_uint32_t pid = es_store_stalled_by(stores[i]);

        if (pid == 0 || !es_child_pids_has(child_pids, pid)) {
            logged[i] = 0;
            continue;
        }
        if (kills) {
            kill_owner(pid, names[i], s);
        }
        else if (logged[i] != pid) {
            log_owner(pid, names[i], s);
        }
        logged[i] = pid;
    }
}
