/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows belong to nobody: whoever has the lock changes them. A share belongs
 * to a child. The lock is held to find or make a share and to raise it, but not
 * to lower it: the delivery does that, and waits for no other process. So a
 * share is one word, its child and its clients. Its until is written before the
 * last client is taken away; who reads that there is none reads until
 * afterwards.
 *
 * If a child dies here: with the lock held, the next owner makes all chains
 * anew from what is used (presence_rows.c). A share that was raised, or not yet
 * lowered, is cleared by the parent. It reads the word and replaces it by
 * compare-and-swap, since a share without clients may become another child's at
 * any time.
 */
#include "shm/presence_priv.h"

#include <sched.h>
#include <string.h>

#include <apr_general.h>

#include "base/context.h"

#define PRESENCE_MAGIC APR_UINT64_C(0x65737072657365f1)
#define PRESENCE_VERSION 2
/* How long a worker waits for the lock: its owner copies some rows. */
#define LOCK_WAIT APR_USEC_PER_SEC
#define TRIES 4 /* of a thread that does not wait */

/* ---- the segment -------------------------------------------------------- */

static apr_size_t aligned(apr_size_t size)
{
    return (size + 63) / 64 * 64;
}

static apr_uint32_t buckets_of(apr_uint32_t rows)
{
    apr_uint32_t buckets = 64;

    while (buckets < rows) {
        buckets *= 2;
    }
    return buckets;
}

/* Where its parts begin; [4] is its size. */
static void lay_out(apr_size_t at[5], apr_uint32_t rows)
{
    at[0] = aligned(sizeof(es_presence_header_t));
    at[1] = at[0] + aligned(buckets_of(rows) * sizeof(apr_uint32_t));
    at[2] = at[1] + aligned(rows * sizeof(es_presence_head_t));
    at[3] = at[2] + aligned(rows * sizeof(es_presence_text_t));
    at[4] = at[3] + aligned(rows * sizeof(es_presence_share_t));
}

apr_size_t es_presence_size(apr_uint32_t rows)
{
    apr_size_t at[5];

    if (rows == 0 || rows > ES_PRESENCE_ROWS_MAX) {
        return 0;
    }
    lay_out(at, rows);
    return at[4];
}

apr_status_t es_presence_format(void *mem, apr_uint32_t rows)
{
    es_presence_header_t *header = mem;
    apr_status_t rv =
        apr_generate_random_bytes(header->key, sizeof(header->key));

    ES_CONTEXT(ES_PARENT);
    if (rv == APR_SUCCESS) {
        rv = apr_generate_random_bytes((unsigned char *)&header->random,
                                       sizeof(header->random));
    }
    if (rv == APR_SUCCESS) {
        rv = es_lock_init(&header->lock);
    }
    if (rv == APR_SUCCESS) {
        header->version = PRESENCE_VERSION;
        header->rows = rows;
        header->magic = PRESENCE_MAGIC;
    }
    return rv;
}

apr_status_t es_presence_attach(es_presence_t **out, void *mem,
                                apr_size_t mem_size, apr_uint32_t rows,
                                apr_pool_t *pool)
{
    const es_presence_header_t *header = mem;
    apr_size_t need = es_presence_size(rows), at[5];
    es_presence_t *presence;

    if (need == 0 || mem_size < need || header->magic != PRESENCE_MAGIC ||
        header->version != PRESENCE_VERSION || header->rows != rows) {
        return APR_EMISMATCH;
    }
    lay_out(at, rows);
    presence = apr_palloc(pool, sizeof(*presence));
    presence->header = mem;
    presence->buckets = (apr_uint32_t *)((char *)mem + at[0]);
    presence->heads = (es_presence_head_t *)((char *)mem + at[1]);
    presence->texts = (es_presence_text_t *)((char *)mem + at[2]);
    presence->shares = (es_presence_share_t *)((char *)mem + at[3]);
    presence->rows = rows;
    presence->mask = buckets_of(rows) - 1;
    *out = presence;
    return APR_SUCCESS;
}

es_presence_use_t es_presence_use(const es_presence_t *presence)
{
    const es_presence_header_t *header = presence->header;
    /* relaxed: for reports only */
    apr_uint32_t rows = __atomic_load_n(&header->used_rows, __ATOMIC_RELAXED);
    apr_uint32_t shares =
        __atomic_load_n(&header->used_shares, __ATOMIC_RELAXED);
    es_presence_use_t use;

    use.rows = presence->rows;
    use.used = es_presence_bounded(presence, rows > shares ? rows : shares);
    use.refused = __atomic_load_n(&header->refused, __ATOMIC_RELAXED);
    return use;
}

apr_uint64_t es_presence_random(const es_presence_t *presence)
{
    return presence->header->random;
}

/* ---- the lock ----------------------------------------------------------- */

static apr_status_t wait_for_lock(es_lock_t *lock)
{
    apr_status_t rv = es_lock_try(lock);
    int tries;

    /* the delivery does not wait at all: its owner may be done at once */
    for (tries = 1; rv == APR_EBUSY && tries < TRIES; tries++) {
        sched_yield();
        rv = es_lock_try(lock);
    }
    return rv == APR_EBUSY
               ? es_lock_acquire(lock, es_lock_is_stalled(lock) ? 0 : LOCK_WAIT)
               : rv;
}

apr_status_t es_presence_acquire(es_presence_t *presence)
{
    apr_status_t rv = wait_for_lock(&presence->header->lock);

    if (rv == APR_INCOMPLETE) {
        es_presence_repair(presence);
        es_lock_repaired(&presence->header->lock);
        rv = APR_SUCCESS;
    }
    return rv;
}

void es_presence_release(es_presence_t *presence)
{
    es_lock_release(&presence->header->lock);
}

apr_uint32_t es_presence_stalled_by(const es_presence_t *presence)
{
    return es_lock_stalled_by(&presence->header->lock);
}

/* ---- a client comes ----------------------------------------------------- */

/* A share of this child, which has no client yet or has some. @return 0: all
 * are used */
static es_share_t find_share(es_presence_t *presence, es_presence_head_t *head,
                             apr_uint32_t child)
{
    apr_uint32_t steps = presence->rows;
    es_share_t at = head->shares;
    const es_presence_share_t *share = es_presence_share_at(presence, at);

    while (share != NULL && steps-- > 0) {
        /* relaxed: while it is in the chain, its child stays */
        if (__atomic_load_n(&share->word, __ATOMIC_RELAXED) >> 32 == child) {
            return at;
        }
        at = share->next;
        share = es_presence_share_at(presence, at);
    }
    return 0;
}

static void raise_grace(es_presence_share_t *share, apr_int64_t grace_ms)
{
    apr_uint32_t grace = grace_ms < 0 ? 0
                         : grace_ms < APR_INT32_MAX
                             ? (apr_uint32_t)grace_ms
                             : (apr_uint32_t)APR_INT32_MAX;

    if (__atomic_load_n(&share->grace_ms, __ATOMIC_RELAXED) < grace) {
        __atomic_store_n(&share->grace_ms, grace, __ATOMIC_RELAXED);
    }
}

/* @return the share, with one client more; 0: no row or no share is free */
static es_share_t enter_one(es_presence_t *presence,
                            const es_presence_who_t *who, es_slice_t channel,
                            int *is_due)
{
    apr_uint32_t row =
        es_presence_find_row(presence, &who->epoch, channel, who->name);
    es_presence_head_t *head;
    es_presence_share_t *share;
    es_share_t at;

    if (row == 0) {
        row = es_presence_make_row(presence, &who->epoch, channel, who->name);
    }
    head = es_presence_head_at(presence, row);
    if (head == NULL) {
        return 0;
    }
    at = find_share(presence, head, who->child);
    if (at == 0) {
        at = es_presence_make_share(presence, row, who->child);
    }
    share = es_presence_share_at(presence, at);
    if (share == NULL) {
        return 0; /* a row without clients is given back by the next sweep */
    }
    raise_grace(share, who->grace_ms);
    __atomic_fetch_add(&share->word, 1, __ATOMIC_RELEASE);
    if (!head->is_told && head->serial == 0) {
        es_presence_note_due(presence, row);
        *is_due = 1;
    }
    return at;
}

static int is_name(es_slice_t name, apr_size_t max)
{
    return name.len != 0 && name.len <= max;
}

apr_status_t es_presence_enter(es_presence_t *presence,
                               const es_presence_who_t *who,
                               const es_slice_t *channels, int count,
                               es_share_t *shares,
                               es_presence_entered_t *entered)
{
    apr_status_t rv = APR_SUCCESS;
    int i;

    ES_CONTEXT(ES_WORKER | ES_DELIVERY);
    memset(entered, 0, sizeof(*entered));
    memset(shares, 0, sizeof(*shares) * (apr_size_t)count);
    if (!is_name(who->name, ES_PRESENCE_NAME_MAX) || who->child == 0) {
        return APR_SUCCESS;
    }
    rv = es_presence_acquire(presence);
    for (i = 0; i < count && rv == APR_SUCCESS; i++) {
        if (is_name(channels[i], ES_CHANNEL_NAME_MAX)) {
            shares[i] = enter_one(presence, who, channels[i], &entered->is_due);
            entered->refused += shares[i] == 0;
        }
    }
    if (rv == APR_SUCCESS) {
        es_presence_release(presence);
    }
    if (entered->refused > 0) {
        __atomic_fetch_add(&presence->header->refused,
                           (apr_uint64_t)entered->refused, __ATOMIC_RELAXED);
    }
    return rv;
}

/* ---- a client goes ------------------------------------------------------ */

/* It never gets less: another client of the share may have gone with a longer
 * grace. */
static void raise_until(es_presence_share_t *share, apr_time_t until)
{
    apr_time_t before = __atomic_load_n(&share->until, __ATOMIC_RELAXED);

    while (before < until &&
           !__atomic_compare_exchange_n(&share->until, &before, until, 0,
                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
}

static apr_time_t end_of_grace(const es_presence_share_t *share,
                               apr_int64_t grace_ms, apr_time_t now)
{
    apr_int64_t own = __atomic_load_n(&share->grace_ms, __ATOMIC_RELAXED);
    apr_int64_t longer = grace_ms > own ? grace_ms : own;

    return now + (longer < APR_INT32_MAX ? longer : APR_INT32_MAX) * 1000;
}

static int has_client_of(apr_uint64_t word, apr_uint32_t child)
{
    return word >> 32 == child && (apr_uint32_t)word != 0;
}

void es_presence_leave(es_presence_t *presence, apr_uint32_t child,
                       es_share_t at, apr_int64_t grace_ms, apr_time_t now)
{
    es_presence_share_t *share = es_presence_share_at(presence, at);
    apr_uint64_t word;

    if (share == NULL) {
        return;
    }
    word = __atomic_load_n(&share->word, __ATOMIC_RELAXED);
    if (!has_client_of(word, child)) {
        return;
    }
    raise_until(share, end_of_grace(share, grace_ms, now));
    /* release: who finds no client finds this until */
    while (has_client_of(word, child) &&
           !__atomic_compare_exchange_n(&share->word, &word, word - 1, 0,
                                        __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
    }
}

static void clear_share(es_presence_share_t *share, apr_uint32_t child,
                        apr_time_t now)
{
    apr_uint64_t word = __atomic_load_n(&share->word, __ATOMIC_RELAXED);

    if (has_client_of(word, child)) {
        raise_until(share, end_of_grace(share, 0, now));
        /* nobody else changes it while it has clients of that child */
        (void)__atomic_compare_exchange_n(&share->word, &word,
                                          (apr_uint64_t)child << 32, 0,
                                          __ATOMIC_RELEASE, __ATOMIC_RELAXED);
    }
}

void es_presence_clear(es_presence_t *presence, apr_uint32_t child,
                       apr_time_t now)
{
    apr_uint32_t i;

    ES_CONTEXT(ES_PARENT);
    for (i = 0; child != 0 && i < presence->rows; i++) {
        apr_uint32_t teller = child;

        clear_share(&presence->shares[i], child, now);
        (void)__atomic_compare_exchange_n(&presence->heads[i].teller, &teller,
                                          0, 0, __ATOMIC_RELAXED,
                                          __ATOMIC_RELAXED);
    }
}
