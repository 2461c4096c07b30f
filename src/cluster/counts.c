/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each walk over the channels that have subscribers makes a new table of what
 * the broker knows, channel to count, while it compares with that of the walk
 * before. What the old table has left at the end has no subscribers any more.
 *
 * A walk is done in steps of so many channels, each with one call of the
 * script, so that the leader reads entries in between. It rests after a walk
 * for a hundred times as long as the walk took.
 */
#include "cluster/counts.h"

#include <apr_hash.h>
#include <apr_strings.h>

#include "base/clock.h"
#include "journal/stream_append.h"

/** Channels that a step looks at. */
#define STEP_CHANNELS 512
#define FOUND_MAX 64
/** Between two walks. */
#define PAUSE APR_USEC_PER_SEC
#define PAUSE_MAX (3 * APR_USEC_PER_SEC)
#define ANSWER (3 * APR_USEC_PER_SEC)
/** Words before the pairs, and all. */
#define FIXED_WORDS (ES_CLUSTER_SCRIPT_HEAD + 4)
#define WORDS_MAX (FIXED_WORDS + 2 * (STEP_CHANNELS + FOUND_MAX))
#define NUMBER_SIZE 21

/** What the broker knows of a channel. */
typedef struct known_t {
    apr_uint64_t clients;
    apr_size_t len;
    char name[1]; /* of len bytes */
} known_t;

struct es_cluster_counts_t {
    const es_cluster_hub_t *hub;
    const es_cluster_script_t *script;
    apr_pool_t *parent;
    char node[ES_CLUSTER_NODE_SIZE];
    apr_pool_t *pools[2];  /* of the tables */
    apr_hash_t *tables[2]; /* before, and of this walk; of known_t */
    int is_walking;
    int is_begun;    /* 0 = the first call of this walk is a beginning */
    int is_removing; /* all slots were seen */
    es_slot_t at;    /* the walk */
    apr_time_t walk_began, next_walk;
    int argc;
    es_slice_t argv[WORDS_MAX];
    char numbers[STEP_CHANNELS + FOUND_MAX][NUMBER_SIZE];
};

void es_cluster_counts_node(char name[ES_CLUSTER_NODE_SIZE],
                            const es_cluster_hub_t *hub)
{
    apr_snprintf(name, ES_CLUSTER_NODE_SIZE, "%016" APR_UINT64_T_HEX_FMT,
                 es_cluster_state_node(hub->state));
}

static void make_table(es_cluster_counts_t *counts, int i)
{
    apr_pool_create(&counts->pools[i], counts->parent);
    counts->tables[i] = apr_hash_make(counts->pools[i]);
}

es_cluster_counts_t *es_cluster_counts_create(const es_cluster_hub_t *hub,
                                              const es_cluster_script_t *script,
                                              apr_pool_t *pool)
{
    es_cluster_counts_t *counts = apr_pcalloc(pool, sizeof(*counts));

    counts->hub = hub;
    counts->script = script;
    counts->parent = pool;
    es_cluster_counts_node(counts->node, hub);
    make_table(counts, 0);
    make_table(counts, 1);
    return counts;
}

static void forget(es_cluster_counts_t *counts, int i)
{
    apr_pool_destroy(counts->pools[i]);
    make_table(counts, i);
}

void es_cluster_counts_begin(es_cluster_counts_t *counts)
{
    forget(counts, 0);
    forget(counts, 1);
    counts->is_walking = counts->is_begun = 0;
    counts->next_walk = 0;
}

/* ---- one call ------------------------------------------------------------ */

static void start_call(es_cluster_counts_t *counts)
{
    memcpy(counts->argv, counts->script->head, sizeof(counts->script->head));
    counts->argc = ES_CLUSTER_SCRIPT_HEAD;
    counts->argv[counts->argc++] = es_slice_of("counts");
    counts->argv[counts->argc++] = es_slice_of(counts->node);
    counts->argv[counts->argc++] = es_slice_of(ES_CLUSTER_COUNTS_TTL);
    counts->argv[counts->argc++] = es_slice_of(counts->is_begun ? "0" : "1");
}

static int is_full(const es_cluster_counts_t *counts)
{
    return counts->argc >= FIXED_WORDS + 2 * STEP_CHANNELS;
}

static void add_pair(es_cluster_counts_t *counts, es_slice_t name,
                     apr_uint64_t clients)
{
    char *number = counts->numbers[(counts->argc - FIXED_WORDS) / 2];

    counts->argv[counts->argc++] = name;
    counts->argv[counts->argc++] =
        es_slice(number, es_decimal_write(number, clients));
}

/* A channel that the walk has found: put it into the new table, and send it if
 * it is not in the old one. */
static void compare(es_cluster_counts_t *counts, const es_clients_of_t *found)
{
    known_t *known =
        apr_palloc(counts->pools[1], sizeof(*known) + found->name.len);
    const known_t *before;

    known->clients = found->clients;
    known->len = found->name.len;
    memcpy(known->name, found->name.data, known->len);
    before =
        apr_hash_get(counts->tables[0], known->name, (apr_ssize_t)known->len);
    if (!before || before->clients != known->clients) {
        add_pair(counts, es_slice(known->name, known->len), known->clients);
    }
    if (before) {
        apr_hash_set(counts->tables[0], before->name, (apr_ssize_t)before->len,
                     NULL);
    }
    apr_hash_set(counts->tables[1], known->name, (apr_ssize_t)known->len,
                 known);
}

static void look_at_slots(es_cluster_counts_t *counts)
{
    es_clients_of_t found[FOUND_MAX];
    int looked = 0;
    int i, count;

    do {
        count = es_store_next_clients(counts->hub->store, &counts->at, found,
                                      FOUND_MAX);
        for (i = 0; i < count; i++) {
            compare(counts, &found[i]);
        }
        looked += count;
    } while (count >= 0 && counts->at != 0 && looked < STEP_CHANNELS);
    counts->is_removing = count >= 0 && counts->at == 0;
}

/* What the old table has left is gone. */
static void remove_some(es_cluster_counts_t *counts)
{
    apr_hash_index_t *index = apr_hash_first(NULL, counts->tables[0]);

    for (; index && !is_full(counts); index = apr_hash_next(index)) {
        const known_t *gone = apr_hash_this_val(index);

        add_pair(counts, es_slice(gone->name, gone->len), 0);
        apr_hash_set(counts->tables[0], gone->name, (apr_ssize_t)gone->len,
                     NULL); /* the present one may be removed */
    }
}

/* ---- a walk -------------------------------------------------------------- */

static void end_walk(es_cluster_counts_t *counts)
{
    apr_time_t now = es_clock_now();
    apr_interval_time_t pause = (now - counts->walk_began) * 100;
    apr_pool_t *pool = counts->pools[0];

    apr_pool_destroy(pool);
    counts->pools[0] = counts->pools[1];
    counts->tables[0] = counts->tables[1];
    make_table(counts, 1);
    counts->is_walking = 0;
    pause = pause < PAUSE ? PAUSE : pause > PAUSE_MAX ? PAUSE_MAX : pause;
    counts->next_walk = now + pause;
}

static int is_over(const es_cluster_counts_t *counts)
{
    return counts->is_removing && apr_hash_count(counts->tables[0]) == 0;
}

/* @return APR_EGENERAL: the broker has not taken it */
static apr_status_t tell(es_cluster_counts_t *counts, es_cluster_link_t *link,
                         es_cluster_keep_fn_t *keep, void *arg)
{
    es_cluster_reply_t *reply;
    apr_status_t rv =
        es_cluster_script_call(link, counts->argc, counts->argv,
                               es_clock_now() + ANSWER, keep, arg, &reply);
    int is_taken;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    is_taken = !es_cluster_reply_is_error(reply) &&
               es_cluster_reply_number(reply) == 1;
    es_cluster_reply_free(reply);
    return is_taken ? APR_SUCCESS : APR_EGENERAL;
}

apr_status_t es_cluster_counts_step(es_cluster_counts_t *counts,
                                    es_cluster_link_t *link, apr_time_t now,
                                    es_cluster_keep_fn_t *keep, void *arg)
{
    apr_status_t rv;

    if (!counts->is_walking) {
        if (now < counts->next_walk) {
            return APR_SUCCESS;
        }
        counts->is_walking = 1;
        counts->is_removing = 0;
        counts->at = 0;
        counts->walk_began = now;
    }
    start_call(counts);
    if (!counts->is_removing) {
        look_at_slots(counts);
    }
    if (counts->is_removing) {
        remove_some(counts);
    }
    rv = tell(counts, link, keep, arg);
    if (rv == APR_EGENERAL) {
        es_cluster_counts_begin(counts);
        counts->next_walk = now + PAUSE;
        return APR_SUCCESS;
    }
    counts->is_begun = 1;
    if (rv == APR_SUCCESS && is_over(counts)) {
        end_walk(counts);
        return APR_SUCCESS;
    }
    return rv == APR_SUCCESS ? APR_EAGAIN : rv;
}
