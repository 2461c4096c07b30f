/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   records   ┌ 0 ┬ 1 ┬ 2 ┬ 3 ┐   in order; each knows its copy in bytes
 *   touched   │ A: 0→1→3   B: 1→2 │   a list of pairs for each channel
 *   frames     A chunked, A identity, B chunked…: made when first asked for
 *
 * The copies stand one behind the other in their chunks, so the chunks of a
 * channel alone in the round are one part, however many they are.
 *
 * All arrays are of fixed size: a round ends when one of them is full.
 */
#include "deliver/round.h"

#include <stdlib.h>

#define RECORDS_MAX 2048
#define LISTINGS_MAX 4096 /* record and channel; ES_EVENT_CHANNELS_MAX fit */
#define TOUCHED_MAX 1024
#define HASH_SIZE 2048  /* twice TOUCHED_MAX, a power of two */
#define SCANS_MAX 16384 /* records that are looked at, wanted or not */

typedef struct copy_t {
    apr_size_t offset; /* of its copy */
    apr_uint32_t chunk_len;
    apr_uint32_t head_len;
    apr_uint32_t frame_len;
    apr_uint32_t merge_number; /* the merge that it belongs to */
} copy_t;

typedef struct listing_t {
    apr_uint32_t record; /* index */
    apr_uint32_t next;   /* pair of the same channel, index + 1; 0 = none */
} listing_t;

typedef struct touched_t {
    es_slot_t slot;
    apr_uint32_t count; /* records */
    apr_uint32_t first; /* pair, index + 1 */
    apr_uint32_t last;
    int closes; /* 1 = closed in this round */
    es_round_frames_t
        frames[2]; /* identity, chunked; iov NULL = not made yet */
} touched_t;

typedef struct bucket_t {
    apr_uint32_t round; /* valid only in the round of this number */
    apr_uint32_t touched;
} bucket_t;

struct es_round_t {
    char *bytes;
    apr_size_t capacity;        /* of bytes */
    apr_size_t normal_capacity; /* room between rounds */
    apr_size_t used;
    es_pos_t start;
    es_pos_t end;
    apr_uint32_t number;
    apr_uint32_t merges; /* merges so far */
    int nrecords;
    int nlistings;
    int ntouched;
    int nparts;
    int ncloses;
    int nmerged_key; /* -1 = no merge is kept */
    int merged_chunked;
    es_round_frames_t merged;
    es_record_t record; /* the one that is looked at */
    copy_t records[RECORDS_MAX];
    listing_t listings[LISTINGS_MAX];
    touched_t touched[TOUCHED_MAX];
    bucket_t hash[HASH_SIZE];
    struct iovec parts[2 * LISTINGS_MAX]; /* of all frames */
    struct iovec merged_parts[RECORDS_MAX];
    apr_uint32_t merged_key[TOUCHED_MAX]; /* channels of the merge kept */
    apr_uint32_t new_key[TOUCHED_MAX];
};

es_round_t *es_round_create(apr_size_t bytes)
{
    es_round_t *round = calloc(1, sizeof(*round));

    if (round == NULL) {
        return NULL;
    }
    round->bytes = malloc(bytes);
    if (round->bytes == NULL) {
        free(round);
        return NULL;
    }
    round->capacity = bytes;
    round->normal_capacity = bytes;
    return round;
}

void es_round_destroy(es_round_t *round)
{
    if (round != NULL) {
        free(round->bytes);
        free(round);
    }
}

static apr_status_t resize(es_round_t *round, apr_size_t capacity)
{
    char *bytes;

    if (round->capacity == capacity) {
        return APR_SUCCESS;
    }
    bytes = malloc(capacity); /* what stood there is of no use any more */
    if (bytes == NULL) {
        return APR_ENOMEM;
    }
    free(round->bytes);
    round->bytes = bytes;
    round->capacity = capacity;
    return APR_SUCCESS;
}

static apr_status_t begin(es_round_t *round, es_pos_t start)
{
    round->start = start;
    round->end = start;
    round->used = 0;
    round->nrecords = 0;
    round->nlistings = 0;
    round->ntouched = 0;
    round->nparts = 0;
    round->ncloses = 0;
    round->nmerged_key = -1;
    round->number++;
    if (round->number == 0) {
        memset(round->hash, 0, sizeof(round->hash)); /* came round */
        round->number = 1;
    }
    return resize(round, round->normal_capacity);
}

/* The place of slot in the hash: of its channel, or a free one. */
static bucket_t *bucket_at(es_round_t *round, es_slot_t slot)
{
    apr_uint32_t i = (slot * 2654435761u >> 7) & (HASH_SIZE - 1);

    while (round->hash[i].round == round->number &&
           round->touched[round->hash[i].touched].slot != slot) {
        i = (i + 1) & (HASH_SIZE - 1);
    }
    return &round->hash[i];
}

static touched_t *touch(es_round_t *round, es_slot_t slot)
{
    bucket_t *bucket = bucket_at(round, slot);
    touched_t *touched;

    if (bucket->round != round->number) {
        bucket->round = round->number;
        bucket->touched = (apr_uint32_t)round->ntouched++;
        touched = &round->touched[bucket->touched];
        memset(touched, 0, sizeof(*touched));
        touched->slot = slot;
    }
    return &round->touched[bucket->touched];
}

/* Put record number i into the list of a channel. */
static void list_record(es_round_t *round, es_slot_t slot, apr_uint32_t i)
{
    touched_t *touched = touch(round, slot);
    listing_t *listing = &round->listings[round->nlistings];

    if (touched->last != 0 && round->listings[touched->last - 1].record == i) {
        return; /* a channel twice in a record: only if it was damaged */
    }
    listing->record = i;
    listing->next = 0;
    round->nlistings++;
    if (touched->last == 0) {
        touched->first = (apr_uint32_t)round->nlistings;
    }
    else {
        round->listings[touched->last - 1].next =
            (apr_uint32_t)round->nlistings;
    }
    touched->last = (apr_uint32_t)round->nlistings;
    touched->count++;
}

/* A close has no bytes: it is noted, and members find it by themselves. */
static void note_close(es_round_t *round, const es_record_t *record)
{
    touch(round, record->slots[0])->closes = 1;
    round->ncloses++;
}

static int is_wanted(const es_record_t *record, es_round_wants_fn_t *wants,
                     void *baton)
{
    int i;

    for (i = 0; i < record->nslots; i++) {
        if (wants(baton, record->slots[i])) {
            return 1;
        }
    }
    return 0;
}

static int has_room(const es_round_t *round, const es_record_t *record)
{
    return round->nrecords < RECORDS_MAX &&
           round->nlistings + record->nslots <= LISTINGS_MAX &&
           round->ntouched + record->nslots <= TOUCHED_MAX &&
           record->chunk_len <= round->capacity - round->used;
}

static apr_status_t copy_record(es_round_t *round, const es_store_t *store,
                                es_round_wants_fn_t *wants, void *baton)
{
    const es_record_t *record = &round->record;
    copy_t *copied = &round->records[round->nrecords];
    apr_status_t rv;
    int i;

    rv = es_store_copy(store, record, 0, round->bytes + round->used);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    copied->offset = round->used;
    copied->chunk_len = (apr_uint32_t)record->chunk_len;
    copied->head_len = (apr_uint32_t)record->head_len;
    copied->frame_len = (apr_uint32_t)record->frame_len;
    copied->merge_number = 0;
    for (i = 0; i < record->nslots; i++) {
        if (wants(baton, record->slots[i])) {
            list_record(round, record->slots[i], (apr_uint32_t)round->nrecords);
        }
    }
    round->used += record->chunk_len;
    round->nrecords++;
    return APR_SUCCESS;
}

/* Take the record that is looked at. APR_ENOSPC: the round is full. */
static apr_status_t add(es_round_t *round, const es_store_t *store,
                        es_round_wants_fn_t *wants, void *baton)
{
    const es_record_t *record = &round->record;
    apr_status_t rv = APR_SUCCESS;

    /* not behind closes: they take room for channels, too */
    if (round->ntouched == 0 && record->chunk_len > round->capacity) {
        rv = resize(round, record->chunk_len);
    }
    else if (!has_room(round, record)) {
        return APR_ENOSPC;
    }
    if (rv == APR_SUCCESS && record->closes) {
        note_close(round, record);
    }
    else if (rv == APR_SUCCESS) {
        rv = copy_record(round, store, wants, baton);
    }
    return rv;
}

apr_status_t es_round_take(es_round_t *round, const es_store_t *store,
                           es_pos_t start, es_pos_t stop,
                           es_round_wants_fn_t *wants, void *baton)
{
    es_record_t *record = &round->record;
    apr_status_t rv = begin(round, start);
    int scans;

    for (scans = 0; rv == APR_SUCCESS && round->end < stop && scans < SCANS_MAX;
         scans++) {
        rv = es_store_look(store, round->end, record);
        if (rv != APR_SUCCESS) {
            break;
        }
        if (is_wanted(record, wants, baton)) {
            rv = add(round, store, wants, baton);
            if (rv != APR_SUCCESS) {
                break;
            }
        }
        round->end = record->next;
    }
    /* What was copied before is proven good. The trouble is met again by the
     * next round. */
    if (round->end > start) {
        return APR_SUCCESS;
    }
    return rv == APR_SUCCESS || APR_STATUS_IS_EOF(rv) ? APR_EGENERAL : rv;
}

es_pos_t es_round_start(const es_round_t *round)
{
    return round->start;
}

es_pos_t es_round_end(const es_round_t *round)
{
    return round->end;
}

int es_round_count(const es_round_t *round)
{
    return round->ntouched;
}

es_slot_t es_round_slot(const es_round_t *round, int i)
{
    return round->touched[i].slot;
}

/* Add a record to a wire whose parts have room. */
static void add_part(const es_round_t *round, es_round_frames_t *frames,
                     struct iovec *parts, const copy_t *copied, int chunked)
{
    char *data = round->bytes + copied->offset;
    apr_size_t len = copied->chunk_len;
    struct iovec *last;

    if (!chunked) {
        data += copied->head_len;
        len = copied->frame_len;
    }
    frames->total += len;
    if (frames->count > 0) {
        last = &parts[frames->count - 1];
        if ((char *)last->iov_base + last->iov_len == data) {
            last->iov_len += len;
            return;
        }
    }
    parts[frames->count].iov_base = data;
    parts[frames->count].iov_len = len;
    frames->count++;
}

const es_round_frames_t *es_round_frames(es_round_t *round, int i, int chunked)
{
    touched_t *touched = &round->touched[i];
    es_round_frames_t *frames = &touched->frames[chunked != 0];
    struct iovec *parts;
    apr_uint32_t p;

    if (frames->iov != NULL) {
        return frames;
    }
    /* Two frames for each pair at most, so there is room. */
    parts = &round->parts[round->nparts];
    for (p = touched->first; p != 0; p = round->listings[p - 1].next) {
        add_part(round, frames, parts,
                 &round->records[round->listings[p - 1].record], chunked);
    }
    round->nparts += frames->count;
    frames->iov = parts;
    return frames;
}

/* The touched ones among the channels, into new_key. @return how many */
static int find_touched(es_round_t *round, const es_slot_t *slots, int count)
{
    const bucket_t *bucket;
    int n = 0;
    int i;

    for (i = 0; i < count && n < round->ntouched; i++) {
        bucket = bucket_at(round, slots[i]);
        if (bucket->round == round->number) {
            round->new_key[n++] = bucket->touched;
        }
    }
    return n;
}

int es_round_has_closes(const es_round_t *round)
{
    return round->ncloses != 0;
}

int es_round_closes(es_round_t *round, const es_slot_t *slots, int count)
{
    int n = find_touched(round, slots, count);

    while (n > 0) {
        if (round->touched[round->new_key[--n]].closes) {
            return 1;
        }
    }
    return 0;
}

/* Mark the records of these channels, then go through all in order. */
static void merge(es_round_t *round, int nmerged_key, int chunked)
{
    apr_uint32_t merge_number = ++round->merges;
    apr_uint32_t p;
    int i;

    if (merge_number == 0) {
        merge_number = round->merges =
            1; /* came round; records of a round start at 0 */
    }
    for (i = 0; i < nmerged_key; i++) {
        p = round->touched[round->merged_key[i]].first;
        for (; p != 0; p = round->listings[p - 1].next) {
            round->records[round->listings[p - 1].record].merge_number =
                merge_number;
        }
    }
    memset(&round->merged, 0, sizeof(round->merged));
    for (i = 0; i < round->nrecords; i++) {
        if (round->records[i].merge_number == merge_number) {
            add_part(round, &round->merged, round->merged_parts,
                     &round->records[i], chunked);
        }
    }
    round->merged.iov = round->merged_parts;
}

const es_round_frames_t *es_round_merge(es_round_t *round,
                                        const es_slot_t *slots, int count,
                                        int chunked)
{
    int n = find_touched(round, slots, count);

    if (n == 0) {
        return NULL;
    }
    if (n == 1) {
        return es_round_frames(round, (int)round->new_key[0], chunked);
    }
    /* Clients with the same channels mostly come one after the other. */
    if (n != round->nmerged_key || round->merged_chunked != (chunked != 0) ||
        memcmp(round->merged_key, round->new_key,
               n * sizeof(round->merged_key[0])) != 0) {
        memcpy(round->merged_key, round->new_key,
               n * sizeof(round->merged_key[0]));
        round->nmerged_key = n;
        round->merged_chunked = chunked != 0;
        merge(round, n, chunked);
    }
    return &round->merged;
}
