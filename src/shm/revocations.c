/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   ┌──────────────────────────────┬───────────────────────────────────────┐
 *   │ lock, number, lost, counters │ rows: number, hub, who, channel, …  │
 *   └──────────────────────────────┴───────────────────────────────────────┘
 *
 * A row with number 0 is free. Who writes has the lock: it takes the number
 * away, writes the rest, and gives the row its number last. Who reads takes
 * no lock: it reads the number before and after the rest. So a writer may die
 * anywhere: a row is whole or free, and there is nothing to repair. If it
 * dies between the new revocation and the removal of the one that is replaced,
 * both hold, until the same is revoked once more; its request got no answer.
 *
 * A revocation that holds no longer, or never did, stays in its row for those
 * who have not looked yet. Its row is given away only when all others are
 * taken, and before that lost is raised to its number: then a client that was
 * looked at before it is ended if it has any identity, as nobody knows more.
 */
#include "shm/revocations.h"

#include <string.h>

#include <apr_general.h>
#include <apr_siphash.h>

#include "base/context.h"
#include "shm/lock.h"

#define LAYOUT APR_UINT64_C(0x6573726576303031) /* "esrev001" */

/* Who has the lock writes one row: only a stopped process keeps it. */
#define LOCK_WAIT APR_USEC_PER_SEC

typedef struct revocation_row_t {
    apr_uint64_t number; /* atomic; 0 = free */
    apr_uint64_t epoch_ms;
    apr_uint64_t epoch_n;
    apr_uint64_t who;
    apr_uint64_t channel;
    apr_int64_t until;
} revocation_row_t;

typedef struct header_t {
    apr_uint64_t layout;
    unsigned char key[APR_SIPHASH_KSIZE];
    es_lock_t lock;
    apr_uint64_t number; /* atomic, as all that follow */
    apr_uint64_t lost;   /* the highest that was forgotten */
    apr_uint64_t added;
    apr_uint64_t ended;
    apr_uint64_t refused;
    apr_uint32_t high; /* rows from here on were never used */
    apr_uint32_t unused;
} header_t;

struct es_revocations_t {
    header_t *header;
    revocation_row_t *rows;
};

typedef struct segment_t {
    header_t header;
    revocation_row_t rows[ES_REVOCATIONS_MAX];
} segment_t;

apr_size_t es_revocations_size(void)
{
    return sizeof(segment_t);
}

apr_status_t es_revocations_format(void *mem)
{
    header_t *header = mem;
    apr_status_t rv = es_lock_init(&header->lock);

    if (rv == APR_SUCCESS) {
        rv = apr_generate_random_bytes(header->key, sizeof(header->key));
    }
    if (rv == APR_SUCCESS) {
        header->layout = LAYOUT;
    }
    return rv;
}

es_revocations_t *es_revocations_attach(void *mem, apr_pool_t *pool)
{
    segment_t *segment = mem;
    es_revocations_t *table;

    if (segment->header.layout != LAYOUT) {
        return NULL;
    }
    table = apr_palloc(pool, sizeof(*table));
    table->header = &segment->header;
    table->rows = segment->rows;
    return table;
}

/* ---- hashes ------------------------------------------------------------- */

/* Each kind of name has hashes of its own. */
static apr_uint64_t hash(const es_revocations_t *table, unsigned char kind,
                         es_slice_t name)
{
    unsigned char key[APR_SIPHASH_KSIZE];
    apr_uint64_t value;

    memcpy(key, table->header->key, sizeof(key));
    key[0] ^= kind;
    value = apr_siphash24(name.data, name.len, key);
    return value != 0 ? value : 1;
}

apr_uint64_t es_revocations_hash(const es_revocations_t *table,
                                 es_identity_kind_t kind, es_slice_t name)
{
    return name.len != 0
               ? hash(table, kind == ES_IDENTITY_USER ? 'u' : 't', name)
               : 0;
}

apr_uint64_t es_revocations_channel(const es_revocations_t *table,
                                    es_slice_t name)
{
    return hash(table, 'c', name);
}

/* ---- reading ------------------------------------------------------------ */

apr_uint64_t es_revocations_number(const es_revocations_t *table)
{
    /* acquire: its row is whole */
    return __atomic_load_n(&table->header->number, __ATOMIC_ACQUIRE);
}

static apr_uint32_t rows_of(const es_revocations_t *table)
{
    apr_uint32_t high = __atomic_load_n(&table->header->high, __ATOMIC_ACQUIRE);

    /* any child may have written it */
    return high < ES_REVOCATIONS_MAX ? high : ES_REVOCATIONS_MAX;
}

/* @return 0: it is free, or just being written: its number is above the one
 * that the reader knows, or what was there is in lost */
static int read_row(const revocation_row_t *row, es_revocation_t *out)
{
    out->number = __atomic_load_n(&row->number, __ATOMIC_ACQUIRE);
    out->epoch.ms = __atomic_load_n(&row->epoch_ms, __ATOMIC_RELAXED);
    out->epoch.n = __atomic_load_n(&row->epoch_n, __ATOMIC_RELAXED);
    out->who = __atomic_load_n(&row->who, __ATOMIC_RELAXED);
    out->channel = __atomic_load_n(&row->channel, __ATOMIC_RELAXED);
    out->until = __atomic_load_n(&row->until, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return out->number != 0 &&
           out->number == __atomic_load_n(&row->number, __ATOMIC_RELAXED);
}

static int is_of(apr_uint64_t row_who, const es_identity_t *who)
{
    return who == NULL || row_who == who->user || row_who == who->token;
}

int es_revocations_next(const es_revocations_t *table, const es_identity_t *who,
                        apr_uint64_t since, apr_uint32_t *at,
                        es_revocation_t *out)
{
    apr_uint32_t rows = rows_of(table);

    while (*at < rows) {
        const revocation_row_t *row = &table->rows[(*at)++];

        /* mostly another one: if it is just being written, its number is above
         * the one that the reader knows */
        if (is_of(__atomic_load_n(&row->who, __ATOMIC_RELAXED), who) &&
            read_row(row, out) && out->number > since && is_of(out->who, who)) {
            return 1;
        }
    }
    return 0;
}

int es_revocations_has_lost(const es_revocations_t *table, apr_uint64_t since)
{
    /* after the rows: one that was given away meanwhile has raised it */
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return __atomic_load_n(&table->header->lost, __ATOMIC_RELAXED) > since;
}

/* ---- writing ------------------------------------------------------------ */

static int is_same(const revocation_row_t *row,
                   const es_revocation_t *revocation)
{
    return row->number != 0 && row->who == revocation->who &&
           row->channel == revocation->channel &&
           row->epoch_ms == revocation->epoch.ms &&
           row->epoch_n == revocation->epoch.n;
}

/* The row of the oldest that holds no longer. @return NULL = all hold */
static revocation_row_t *oldest_over(const es_revocations_t *table,
                                     apr_time_t now)
{
    revocation_row_t *found = NULL;
    apr_uint32_t i;

    for (i = 0; i < ES_REVOCATIONS_MAX; i++) {
        revocation_row_t *row = &table->rows[i];

        if (row->until <= now &&
            (found == NULL || row->number < found->number)) {
            found = row;
        }
    }
    return found;
}

/* @return NULL = there is none */
static revocation_row_t *find_row(es_revocations_t *table,
                                  const es_revocation_t *revocation,
                                  apr_time_t now)
{
    apr_uint32_t high = rows_of(table);
    revocation_row_t *own = NULL;
    revocation_row_t *found;
    apr_uint32_t i;

    for (i = 0; i < high; i++) {
        if (table->rows[i].number == 0) {
            return &table->rows[i];
        }
        if (is_same(&table->rows[i], revocation)) {
            own = &table->rows[i];
        }
    }
    if (high < ES_REVOCATIONS_MAX) {
        return &table->rows[high];
    }
    found = oldest_over(table, now);
    return found != NULL ? found : own;
}

static void raise_high(es_revocations_t *table, const revocation_row_t *row)
{
    apr_uint32_t above = (apr_uint32_t)(row - table->rows) + 1;

    if (above > table->header->high) {
        __atomic_store_n(&table->header->high, above, __ATOMIC_RELEASE);
    }
}

static void free_row(revocation_row_t *row)
{
    /* release: who finds it free sees lost, too */
    __atomic_store_n(&row->number, 0, __ATOMIC_RELEASE);
    /* the number goes before anything else of it changes */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* Make room: those who have not seen what is there now are told by lost. One
 * that is replaced is none of them, as the new one is seen instead. */
static void clear_row(es_revocations_t *table, revocation_row_t *row,
                      const es_revocation_t *revocation)
{
    header_t *header = table->header;

    if (row->number > header->lost && !is_same(row, revocation)) {
        __atomic_store_n(&header->lost, row->number, __ATOMIC_RELEASE);
    }
    free_row(row);
}

static void write_row(es_revocations_t *table, revocation_row_t *row,
                      const es_revocation_t *revocation)
{
    apr_uint64_t number = table->header->number + 1;

    __atomic_store_n(&row->epoch_ms, revocation->epoch.ms, __ATOMIC_RELAXED);
    __atomic_store_n(&row->epoch_n, revocation->epoch.n, __ATOMIC_RELAXED);
    __atomic_store_n(&row->who, revocation->who, __ATOMIC_RELAXED);
    __atomic_store_n(&row->channel, revocation->channel, __ATOMIC_RELAXED);
    __atomic_store_n(&row->until, revocation->until, __ATOMIC_RELAXED);
    raise_high(table, row);
    __atomic_store_n(&row->number, number, __ATOMIC_RELEASE);
    /* if we die here, the next one gets the same number: it is looked at when
     * that one is */
    __atomic_store_n(&table->header->number, number, __ATOMIC_RELEASE);
}

static void drop_replaced(es_revocations_t *table, const revocation_row_t *made,
                          const es_revocation_t *revocation)
{
    apr_uint32_t i, high = rows_of(table);

    for (i = 0; i < high; i++) {
        if (&table->rows[i] != made && is_same(&table->rows[i], revocation)) {
            free_row(&table->rows[i]);
        }
    }
}

/* Is there no row for one of a channel? Who controls some channels must not
 * take the rows of the one who revokes for all. */
static int is_full_for(const es_revocations_t *table,
                       const es_revocation_t *revocation, apr_time_t now)
{
    apr_uint32_t i, high = rows_of(table), held = 0;

    if (revocation->channel == 0 || revocation->until <= now) {
        return 0;
    }
    for (i = 0; i < high; i++) {
        const revocation_row_t *row = &table->rows[i];

        if (is_same(row, revocation)) {
            return 0;
        }
        held += row->number != 0 && row->until > now;
    }
    return held >= ES_REVOCATIONS_MAX - ES_REVOCATIONS_RESERVED;
}

static apr_status_t add_locked(es_revocations_t *table,
                               const es_revocation_t *revocation,
                               apr_time_t now)
{
    revocation_row_t *row = is_full_for(table, revocation, now)
                                ? NULL
                                : find_row(table, revocation, now);

    if (row == NULL) {
        return APR_ENOSPC;
    }
    clear_row(table, row, revocation);
    write_row(table, row, revocation);
    drop_replaced(table, row, revocation);
    __atomic_fetch_add(&table->header->added, 1, __ATOMIC_RELAXED);
    return APR_SUCCESS;
}

apr_status_t es_revocations_add(es_revocations_t *table,
                                const es_revocation_t *revocation,
                                apr_time_t now)
{
    es_lock_t *lock = &table->header->lock;
    apr_status_t rv = es_lock_acquire(lock, LOCK_WAIT);

    if (rv == APR_INCOMPLETE) {
        es_lock_repaired(lock); /* see above: there is nothing to repair */
        rv = APR_SUCCESS;
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = add_locked(table, revocation, now);
    es_lock_release(lock);
    return rv;
}

/* ---- counters ----------------------------------------------------------- */

void es_revocations_count_ended(es_revocations_t *table)
{
    __atomic_fetch_add(&table->header->ended, 1, __ATOMIC_RELAXED);
}

void es_revocations_count_refused(es_revocations_t *table)
{
    __atomic_fetch_add(&table->header->refused, 1, __ATOMIC_RELAXED);
}

es_revocations_use_t es_revocations_use(const es_revocations_t *table,
                                        apr_time_t now)
{
    const header_t *header = table->header;
    es_revocations_use_t use = {0};
    es_revocation_t one;
    apr_uint32_t at = 0;

    use.added = __atomic_load_n(&header->added, __ATOMIC_RELAXED);
    use.ended = __atomic_load_n(&header->ended, __ATOMIC_RELAXED);
    use.refused = __atomic_load_n(&header->refused, __ATOMIC_RELAXED);
    while (es_revocations_next(table, NULL, 0, &at, &one)) {
        use.held += one.until > now;
    }
    return use;
}
