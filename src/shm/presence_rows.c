/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows and shares, their chains, and the repair. Whether a row or a share
 * is used stands in the element itself, and is written when all else of it is;
 * chains are made of that. So an owner of the lock may die anywhere: the next
 * one makes the chains anew. What was due is found by the next sweep.
 *
 * A number in the segment is checked before it is used, and a walk takes no
 * more steps than there are rows.
 */
#include "shm/presence_priv.h"

#include <string.h>

#include <apr_siphash.h>

/* The compiler keeps the order of the stores before and after: the process may
 * die in between. */
#define IN_ORDER() __atomic_signal_fence(__ATOMIC_SEQ_CST)

/* ---- finding ------------------------------------------------------------ */

apr_uint32_t es_presence_channel_hash(const es_presence_t *presence,
                                      const es_id_t *epoch, es_slice_t channel)
{
    /* with a secret key: names and channels come from clients */
    return (apr_uint32_t)(apr_siphash24(channel.data, channel.len,
                                        presence->header->key) ^
                          epoch->ms ^ epoch->n * 31);
}

static apr_uint64_t hash_of(const es_presence_t *presence,
                            apr_uint32_t channel_hash, es_slice_t name)
{
    return apr_siphash24(name.data, name.len, presence->header->key) +
           channel_hash * APR_UINT64_C(0x9e3779b97f4a7c15);
}

static apr_uint32_t *bucket_of(const es_presence_t *presence, apr_uint64_t hash)
{
    return &presence->buckets[(hash ^ hash >> 32) & presence->mask];
}

static int is_row(const es_presence_t *presence, apr_uint32_t row,
                  const es_id_t *epoch, es_slice_t channel, es_slice_t name)
{
    const es_presence_head_t *head = es_presence_head_at(presence, row);
    const es_presence_text_t *text = es_presence_text_at(presence, row);

    return head->is_used && es_id_compare(&head->epoch, epoch) == 0 &&
           es_slice_equal(es_slice(text->channel, head->channel_len),
                          channel) &&
           es_slice_equal(es_slice(text->name, head->name_len), name);
}

apr_uint32_t es_presence_find_row(const es_presence_t *presence,
                                  const es_id_t *epoch, es_slice_t channel,
                                  es_slice_t name)
{
    apr_uint64_t hash = hash_of(
        presence, es_presence_channel_hash(presence, epoch, channel), name);
    apr_uint32_t row = *bucket_of(presence, hash), steps = presence->rows;
    const es_presence_head_t *head = es_presence_head_at(presence, row);

    while (head != NULL && steps-- > 0) {
        if (head->hash == hash && is_row(presence, row, epoch, channel, name)) {
            return row;
        }
        row = head->next;
        head = es_presence_head_at(presence, row);
    }
    return 0;
}

/* ---- rows --------------------------------------------------------------- */

static void count(apr_uint32_t *counter, apr_uint32_t by)
{
    __atomic_store_n(counter, *counter + by, __ATOMIC_RELAXED);
}

/* @return a row that is not used, out of all chains; 0 = there is none */
static apr_uint32_t take_free_row(es_presence_t *presence)
{
    es_presence_header_t *header = presence->header;
    apr_uint32_t row = header->free_row;
    const es_presence_head_t *head = es_presence_head_at(presence, row);

    if (head != NULL && !head->is_used) {
        header->free_row = head->next;
        return row;
    }
    row = es_presence_bounded(presence, header->high_row);
    if (row == presence->rows) {
        return 0;
    }
    header->high_row = ++row;
    return row;
}

apr_uint32_t es_presence_make_row(es_presence_t *presence, const es_id_t *epoch,
                                  es_slice_t channel, es_slice_t name)
{
    apr_uint32_t row = take_free_row(presence);
    es_presence_head_t *head = es_presence_head_at(presence, row);
    es_presence_text_t *text;
    apr_uint32_t *bucket;

    if (head == NULL) {
        return 0;
    }
    memset(head, 0, sizeof(*head));
    text = es_presence_text_at(presence, row);
    memcpy(text->channel, channel.data, channel.len);
    memcpy(text->name, name.data, name.len);
    head->channel_len = (unsigned char)channel.len;
    head->name_len = (unsigned char)name.len;
    head->epoch = *epoch;
    head->channel_hash = es_presence_channel_hash(presence, epoch, channel);
    head->hash = hash_of(presence, head->channel_hash, name);
    bucket = bucket_of(presence, head->hash);
    head->next = *bucket;
    IN_ORDER();
    head->is_used = 1;
    IN_ORDER();
    *bucket = row;
    count(&presence->header->used_rows, 1);
    return row;
}

static void unlink_row(es_presence_t *presence, apr_uint32_t row)
{
    es_presence_head_t *head = es_presence_head_at(presence, row);
    apr_uint32_t *at = bucket_of(presence, head->hash);
    apr_uint32_t steps = presence->rows;

    while (*at != row && es_presence_head_at(presence, *at) != NULL &&
           steps-- > 0) {
        at = &es_presence_head_at(presence, *at)->next;
    }
    if (*at == row) {
        *at = head->next;
    }
}

void es_presence_free_row(es_presence_t *presence, apr_uint32_t row)
{
    es_presence_header_t *header = presence->header;
    es_presence_head_t *head = es_presence_head_at(presence, row);

    head->is_used = 0;
    IN_ORDER();
    unlink_row(presence, row);
    head->next = header->free_row;
    header->free_row = row;
    count(&header->used_rows, (apr_uint32_t)-1);
}

/* ---- shares -------------------------------------------------------------- */

static es_share_t take_free_share(es_presence_t *presence)
{
    es_presence_header_t *header = presence->header;
    es_share_t at = header->free_share;
    const es_presence_share_t *share = es_presence_share_at(presence, at);

    if (share != NULL && share->row == 0) {
        header->free_share = share->next;
        return at;
    }
    at = es_presence_bounded(presence, header->high_share);
    if (at == presence->rows) {
        return 0;
    }
    header->high_share = ++at;
    return at;
}

es_share_t es_presence_make_share(es_presence_t *presence, apr_uint32_t row,
                                  apr_uint32_t child)
{
    es_presence_head_t *head = es_presence_head_at(presence, row);
    es_share_t at = take_free_share(presence);
    es_presence_share_t *share = es_presence_share_at(presence, at);

    if (share == NULL) {
        return 0;
    }
    __atomic_store_n(&share->until, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&share->grace_ms, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&share->word, (apr_uint64_t)child << 32, __ATOMIC_RELAXED);
    share->next = head->shares;
    IN_ORDER();
    share->row = row;
    IN_ORDER();
    head->shares = at;
    count(&presence->header->used_shares, 1);
    return at;
}

static void free_share(es_presence_t *presence, es_share_t at)
{
    es_presence_share_t *share = es_presence_share_at(presence, at);

    share->row = 0;
    IN_ORDER();
    share->next = presence->header->free_share;
    presence->header->free_share = at;
    count(&presence->header->used_shares, (apr_uint32_t)-1);
}

void es_presence_free_shares(es_presence_t *presence, apr_uint32_t row)
{
    es_presence_head_t *head = es_presence_head_at(presence, row);
    apr_uint32_t *link = &head->shares, steps = presence->rows;
    es_presence_share_t *share = es_presence_share_at(presence, *link);

    while (share != NULL && steps-- > 0) {
        if (es_presence_clients_in(share) == 0) {
            apr_time_t until = __atomic_load_n(&share->until, __ATOMIC_RELAXED);
            es_share_t at = *link;

            head->until = until > head->until ? until : head->until;
            IN_ORDER();
            *link = share->next;
            free_share(presence, at);
        }
        else {
            link = &share->next;
        }
        share = es_presence_share_at(presence, *link);
    }
}

apr_uint32_t es_presence_clients_of(const es_presence_t *presence,
                                    const es_presence_head_t *head,
                                    apr_time_t *until)
{
    const es_presence_share_t *share =
        es_presence_share_at(presence, head->shares);
    apr_uint32_t clients = 0, steps = presence->rows;

    *until = head->until;
    while (share != NULL && steps-- > 0) {
        apr_uint32_t in = es_presence_clients_in(share);
        apr_time_t its = __atomic_load_n(&share->until, __ATOMIC_RELAXED);

        clients += in;
        if (in == 0 && its > *until) {
            *until = its;
        }
        share = es_presence_share_at(presence, share->next);
    }
    return clients;
}

/* ---- what is due -------------------------------------------------------- */

void es_presence_note_due(es_presence_t *presence, apr_uint32_t row)
{
    es_presence_header_t *header = presence->header;
    es_presence_head_t *head = es_presence_head_at(presence, row), *last;

    if (head->is_due) {
        return;
    }
    head->is_due = 1;
    head->next_due = 0;
    last = header->due != 0 ? es_presence_head_at(presence, header->due_last)
                            : NULL;
    if (last != NULL) {
        last->next_due = row;
    }
    else {
        /* relaxed: it is a hint to those without the lock */
        __atomic_store_n(&header->due, row, __ATOMIC_RELAXED);
    }
    header->due_last = row;
}

/* ---- repair ------------------------------------------------------------- */

static void repair_rows(es_presence_t *presence)
{
    es_presence_header_t *header = presence->header;
    apr_uint32_t row = es_presence_bounded(presence, header->high_row);

    header->free_row = 0;
    header->used_rows = 0;
    for (; row > 0; row--) {
        es_presence_head_t *head = es_presence_head_at(presence, row);
        apr_uint32_t *chain =
            head->is_used ? bucket_of(presence, head->hash) : &header->free_row;

        head->shares = 0;
        head->is_due = 0;
        head->next = *chain;
        *chain = row;
        header->used_rows += head->is_used != 0;
    }
}

static void repair_shares(es_presence_t *presence)
{
    es_presence_header_t *header = presence->header;
    es_share_t at = es_presence_bounded(presence, header->high_share);

    header->free_share = 0;
    header->used_shares = 0;
    for (; at > 0; at--) {
        es_presence_share_t *share = es_presence_share_at(presence, at);
        es_presence_head_t *head = es_presence_head_at(presence, share->row);

        if (head != NULL && head->is_used) {
            share->next = head->shares;
            head->shares = at;
            header->used_shares++;
        }
        else {
            share->row = 0;
            share->next = header->free_share;
            header->free_share = at;
        }
    }
}

void es_presence_repair(es_presence_t *presence)
{
    es_presence_header_t *header = presence->header;

    memset(presence->buckets, 0,
           sizeof(*presence->buckets) * ((apr_size_t)presence->mask + 1));
    __atomic_store_n(&header->due, 0, __ATOMIC_RELAXED);
    header->due_last = 0;
    repair_rows(presence);
    repair_shares(presence);
    __atomic_store_n(&header->next_sweep, 0, __ATOMIC_RELAXED);
}

/* ---- check -------------------------------------------------------------- */

static const char *check_row(es_presence_t *presence, apr_uint32_t row,
                             apr_uint32_t *shares)
{
    const es_presence_head_t *head = es_presence_head_at(presence, row);
    const es_presence_text_t *text = es_presence_text_at(presence, row);
    es_share_t at = head->shares;
    const es_presence_share_t *share;

    if (es_presence_find_row(presence, &head->epoch,
                             es_slice(text->channel, head->channel_len),
                             es_slice(text->name, head->name_len)) != row) {
        return "a row is not in its bucket, or is there twice";
    }
    for (share = es_presence_share_at(presence, at); share != NULL;
         share = es_presence_share_at(presence, share->next)) {
        if (share->row != row || ++*shares > presence->rows) {
            return "a share is in the chain of another row";
        }
    }
    return NULL;
}

static apr_uint32_t count_chain(const es_presence_t *presence, apr_uint32_t row,
                                apr_uint32_t share)
{
    apr_uint32_t n = 0;

    for (; es_presence_head_at(presence, row) != NULL && n <= presence->rows;
         n++) {
        row = es_presence_head_at(presence, row)->next;
    }
    for (; es_presence_share_at(presence, share) != NULL && n <= presence->rows;
         n++) {
        share = es_presence_share_at(presence, share)->next;
    }
    return n;
}

const char *es_presence_check(es_presence_t *presence)
{
    const es_presence_header_t *header = presence->header;
    apr_uint32_t row, rows = 0, shares = 0;
    const char *wrong = NULL;

    for (row = 1; row <= header->high_row && wrong == NULL; row++) {
        if (es_presence_head_at(presence, row)->is_used) {
            rows++;
            wrong = check_row(presence, row, &shares);
        }
    }
    if (wrong != NULL) {
        return wrong;
    }
    if (rows != header->used_rows || shares != header->used_shares) {
        return "the number of rows or shares is wrong";
    }
    if (count_chain(presence, header->free_row, 0) != header->high_row - rows ||
        count_chain(presence, 0, header->free_share) !=
            header->high_share - shares) {
        return "a free row or share is lost";
    }
    return NULL;
}
