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

#include <apr_strings.h>

#include "server/log.h"

/** What a child holds. */
typedef struct held_t {
    const char *what;     /* "the lock of …" */
    const char *effect;   /* what follows until it continues */
    apr_uint32_t *logged; /* the child that was logged last; 0 = none stalls */
} held_t;

static apr_uint32_t logged_hubs[ES_HUBS_MAX];
static apr_uint32_t logged_outboxes[ES_OUTBOX_SHM_MAX];
static apr_uint32_t logged_presence;

static void kill_owner(apr_uint32_t pid, const held_t *held, server_rec *s)
{
    if (kill((pid_t)pid, SIGKILL) != 0) {
        es_slog(APLOG_ERR, errno, s, "ES0014",
                "cannot kill child %u, which holds %s; kill it by hand", pid,
                held->what);
        return;
    }
    es_slog(APLOG_ERR, 0, s, "ES0015",
            "killed child %u, as it held %s and did not continue; its clients "
            "reconnect",
            pid, held->what);
}

static void log_owner(apr_uint32_t pid, const held_t *held, server_rec *s)
{
    es_slog(APLOG_ERR, 0, s, "ES0013",
            "child %u holds %s and does not continue: it is stopped, in a "
            "debugger or dumping core; until it continues or is killed, %s; "
            "EventStreamLockTimeout kill would kill it",
            pid, held->what, held->effect);
}

/** @param pid  of the owner that does not move; 0 = none */
static void look(apr_uint32_t pid, const held_t *held,
                 const es_child_pids_t *child_pids, server_rec *s)
{
    if (pid == 0 || !es_child_pids_has(child_pids, pid)) {
        *held->logged = 0;
        return;
    }
    if (es_settings_of(s)->lock_kills) {
        kill_owner(pid, held, s);
    }
    else if (*held->logged != pid) {
        log_owner(pid, held, s);
    }
    *held->logged = pid;
}

void es_lock_watch_look(es_store_t *const *stores, const char *const *names,
                        apr_uint32_t nhubs, const es_child_pids_t *child_pids,
                        server_rec *s)
{
    apr_uint32_t i;

    for (i = 0; i < nhubs && i < ES_HUBS_MAX; i++) {
        char what[128];
        held_t held = {what,
                       "no event of this hub is published, and subscribers are "
                       "asked to reconnect",
                       &logged_hubs[i]};

        apr_snprintf(what, sizeof(what), "the lock of hub %s", names[i]);
        look(es_store_stalled_by(stores[i]), &held, child_pids, s);
    }
}

void es_lock_watch_look_at_outbox(const es_outbox_t *outbox,
                                  apr_uint32_t number, const char *hub,
                                  const char *proxy,
                                  const es_child_pids_t *child_pids,
                                  server_rec *s)
{
    char what[512];
    held_t held = {what, "this proxy gets no events",
                   &logged_outboxes[number % ES_OUTBOX_SHM_MAX]};

    apr_snprintf(what, sizeof(what),
                 "the outbox of the GRIP proxy %s of hub %s", proxy, hub);
    look(es_outbox_stalled_by(outbox), &held, child_pids, s);
}

void es_lock_watch_look_at_presence(const es_presence_t *presence,
                                    const es_child_pids_t *child_pids,
                                    server_rec *s)
{
    static const held_t held = {"the lock of the table of presence",
                                "new clients are not counted by "
                                "EventStreamPresence",
                                &logged_presence};

    look(es_presence_stalled_by(presence), &held, child_pids, s);
}
