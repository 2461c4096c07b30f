/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The layout of the table of presence, for the files that implement it:
 *
 *     ┌────────┬─────────┬─────────┬─────────┬─────────┐
 *     │ header │ buckets │ heads   │ texts   │ shares   │
 *     └────────┴─────────┴─────────┴─────────┴─────────┘
 *
 * A row is a head and a text: a name in a channel. Row and share 0 are none;
 * that of number n is element n - 1.
 *
 *     bucket ──► head ──► head        names whose hashes fall into the bucket
 *                 │
 *                 └─► share ─► share    one for each child that has clients
 *
 *     due ──► head ──► head           about which something is to be told
 */
#ifndef ES_SHM_PRESENCE_PRIV_H
#define ES_SHM_PRESENCE_PRIV_H

#include "shm/lock.h"
#include "shm/presence.h"

typedef struct es_presence_header_t {
    apr_uint64_t magic; /* written last */
    apr_uint32_t version;
    apr_uint32_t rows;
    unsigned char key[16]; /* of the hash */
    apr_uint64_t random;
    es_lock_t lock;
    /* guarded by lock, as all heads, texts and chains */
    apr_uint64_t serial;     /* of the last event */
    apr_uint64_t fence;      /* atomic too, as it is read without the lock */
    apr_uint32_t high_row;   /* rows above it were never used */
    apr_uint32_t high_share; /* the same */
    apr_uint32_t free_row;   /* a chain, as the next */
    apr_uint32_t free_share;
    apr_uint32_t due;       /* the first; atomic, since it is also a hint */
    apr_uint32_t due_last;  /* valid if due is not 0 */
    apr_uint32_t used_rows; /* atomic, as all that follows */
    apr_uint32_t used_shares;
    apr_uint64_t refused;
    apr_time_t next_sweep;
} es_presence_header_t;

/* free: only is_used and next count */
typedef struct es_presence_head_t {
    apr_uint64_t hash; /* of all of its key */
    es_id_t epoch;
    apr_time_t until;    /* of shares that are given back: present until then */
    apr_time_t taken_at; /* what is told, since then */
    apr_uint64_t serial; /* of what is told; 0 = nothing is told */
    apr_uint32_t teller; /* atomic; the child that tells; 0 = none */
    apr_uint32_t next;   /* of its bucket, or of the free rows */
    apr_uint32_t next_due;
    apr_uint32_t shares;   /* the first */
    unsigned char is_used; /* written last, cleared first */
    unsigned char is_due;  /* it is in the chain of what is due */
    unsigned char is_told; /* 1 = its join was told, and not its leave */
    unsigned char kind;    /* what is told, es_presence_kind_t */
    unsigned char channel_len;
    unsigned char name_len;
    unsigned char unused[2];
    apr_uint32_t channel_hash; /* of epoch and channel */
    apr_uint32_t unused_too;
} es_presence_head_t;

typedef struct es_presence_text_t {
    char channel[ES_CHANNEL_NAME_MAX + 1];
    char name[ES_PRESENCE_NAME_MAX + 1];
} es_presence_text_t;

/* The word is changed by the child without the lock, and by the parent when the
 * child is gone. A share whose clients are not 0 is given to no other child. */
typedef struct es_presence_share_t {
    apr_uint64_t word;     /* atomic; child << 32 | clients */
    apr_time_t until;      /* atomic; without clients: present until then */
    apr_uint32_t grace_ms; /* atomic; of its clients, the longest */
    apr_uint32_t row;      /* 0 = free; written last, cleared first */
    apr_uint32_t next;     /* of its row, or of the free shares */
    apr_uint32_t unused;
} es_presence_share_t;

typedef char es_assert_presence_head[sizeof(es_presence_head_t) == 80 ? 1 : -1];
typedef char
    es_assert_presence_text[sizeof(es_presence_text_t) == 512 ? 1 : -1];
typedef char
    es_assert_presence_share[sizeof(es_presence_share_t) == 32 ? 1 : -1];

struct es_presence_t {
    es_presence_header_t *header;
    apr_uint32_t *buckets;
    es_presence_head_t *heads;
    es_presence_text_t *texts;
    es_presence_share_t *shares;
    apr_uint32_t rows; /* the caller's, not the segment's */
    apr_uint32_t mask; /* of a hash, for its bucket */
};

static inline es_presence_head_t *es_presence_head_at(
    const es_presence_t *presence, apr_uint32_t row)
{
    return row != 0 && row <= presence->rows ? &presence->heads[row - 1] : NULL;
}

static inline es_presence_text_t *es_presence_text_at(
    const es_presence_t *presence, apr_uint32_t row)
{
    return &presence->texts[row - 1];
}

static inline es_presence_share_t *es_presence_share_at(
    const es_presence_t *presence, es_share_t share)
{
    return share != 0 && share <= presence->rows ? &presence->shares[share - 1]
                                                 : NULL;
}

/** The lower of a number in the segment and of the rows that there are. */
static inline apr_uint32_t es_presence_bounded(const es_presence_t *presence,
                                               apr_uint32_t number)
{
    return number < presence->rows ? number : presence->rows;
}

/** Clients in a share, with acquire order: its until is that of the last. */
static inline apr_uint32_t es_presence_clients_in(
    const es_presence_share_t *share)
{
    return (apr_uint32_t)__atomic_load_n(&share->word, __ATOMIC_ACQUIRE);
}

/**
 * Take the lock; a table whose last owner died is repaired.
 *
 * @return APR_SUCCESS, APR_TIMEUP, APR_EGENERAL
 */
apr_status_t es_presence_acquire(es_presence_t *presence);
void es_presence_release(es_presence_t *presence);

/** The row of a name in a channel, or 0. Lock held. */
apr_uint32_t es_presence_find_row(const es_presence_t *presence,
                                  const es_id_t *epoch, es_slice_t channel,
                                  es_slice_t name);

/** Make one, which is not there yet. @return 0: all are used. Lock held. */
apr_uint32_t es_presence_make_row(es_presence_t *presence, const es_id_t *epoch,
                                  es_slice_t channel, es_slice_t name);

/** Make a share of a child, without clients. @return 0: all are used. Lock
 * held. */
es_share_t es_presence_make_share(es_presence_t *presence, apr_uint32_t row,
                                  apr_uint32_t child);

/** The hash of a channel in head.channel_hash. */
apr_uint32_t es_presence_channel_hash(const es_presence_t *presence,
                                      const es_id_t *epoch, es_slice_t channel);

/** The clients of a row, in all shares; *until is set to the latest time until
 * which it is present without them. Lock held. */
apr_uint32_t es_presence_clients_of(const es_presence_t *presence,
                                    const es_presence_head_t *head,
                                    apr_time_t *until);

/** Give shares without clients to others; what is left of their grace goes into
 * the row. Lock held. */
void es_presence_free_shares(es_presence_t *presence, apr_uint32_t row);

/** Give a row without shares to others. Lock held; nothing is told about it. */
void es_presence_free_row(es_presence_t *presence, apr_uint32_t row);

/** Put a row into the chain of what is due, unless it is there. Lock held. */
void es_presence_note_due(es_presence_t *presence, apr_uint32_t row);

/** Make all chains from the rows and shares. Lock held. */
void es_presence_repair(es_presence_t *presence);

#endif
