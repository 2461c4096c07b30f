/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The backlog: what a new client gets of the past before it is live. Each of
 * its channels has a start of its own there, while the client has one cursor.
 * The backlog is gone once the cursor is beyond it.
 */
#ifndef ES_DELIVER_BACKLOG_H
#define ES_DELIVER_BACKLOG_H

#include "journal/resume.h"

typedef struct es_backlog_t {
    es_pos_t end;        /* all starts are at it or before */
    int is_begun;        /* 1 = something of it was written */
    int count;           /* of parts */
    es_replay_t parts[]; /* sorted by slot */
} es_backlog_t;

/** @return the backlog, to be freed; NULL without memory */
es_backlog_t *es_backlog_create(const es_replay_t *parts, int count);

/**
 * The client was overtaken by the ring at cursor: has it lost what it should
 * have got? Nothing of what it has not seen the beginning of: it gets what is
 * retained, and nobody has told it what that is.
 *
 * @param tail  where it may go on, if it has lost nothing
 */
int es_backlog_has_lost(const es_backlog_t *backlog, const es_store_t *store,
                        es_pos_t cursor, es_pos_t *tail);

#endif
