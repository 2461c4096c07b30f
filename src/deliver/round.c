/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   records   ┌ 0 ┬ 1 ┬ 2 ┬ 3 ┐   in order; each has its offset in bytes
 *   touched   │ A: 0→1→3   B: 1→2 │   channels, each with a list of records
 *   frames    A chunked, A identity, B chunked…: made when first asked for
 *
 * Records are copied with their chunk framing, one directly after the other.
 * So the frames of a channel that has the round to itself are one part,
 * however many they are.
 *
 * All arrays are of fixed size: a round ends when one of them is full.
 */
#include "deliver/round.h"

#include <stdlib.h>

#include "deliver/slot_hash.h"

#define RECORDS_MAX 2048
#define LISTINGS_MAX 4096 /* at least ES_EVENT_CHANNELS_MAX */
#define TOUCHED_MAX ES_ROUND_CHANNELS_MAX
#define HASH_SIZE 2048  /* twice TOUCHED_MAX, a power of two */
#define SCANS_MAX 16384 /* records that are read, wanted or not */

/* A record that was copied. */
typedef struct copy_t {
    apr_size_t offset; /* in bytes */
    apr_uint32_t chunk_len;
    apr_uint32_t head_len;
    apr_uint32_t frame_len;
    apr_uint32_t merge_number; /* of the last merge that it was in */
} copy_t;

/* A record in the list of a channel. */
typedef struct listing_t {
    apr_uint32_t record; /* index in records */
    apr_uint32_t next;   /* in the list: index in listings, + 1; 0 = none */
} listing_t;

/* A channel that has new records. */
typedef struct touched_t {
    es_slot_t slot;
    apr_uint32_t count; /* records */
    apr_uint32_t first; /* of its list: index in listings, + 1 */
    apr_uint32_t last;
    int closes;                  /* 1 = the round closes it */
    apr_size_t bytes;            /* of its records */
    es_round_frames_t frames[2]; /* identity, chunked; iov NULL = none yet */
} touched_t;

/* Of the hash table that finds a channel by its slot. */
typedef struct bucket_t {
    apr_uint32_t round;   /* valid only in the round of this number */
    apr_uint32_t touched; /* index */
} bucket_t;

struct es_round_t {
    char *bytes;                /* copies of records */
    apr_size_t capacity;        /* of bytes */
    apr_size_t normal_capacity; /* of a round without larger records */
    apr_size_t used;
    es_pos_t start;
    es_pos_t end;
    apr_uint32_t number;
    apr_uint32_t merges;      /* number of the last merge */
    apr_uint32_t appended_us; /* of the first of the records */
    int nrecords;
    int nlistings;
    int ntouched;
    int nparts;
    int ncloses;
    int nmerged_key; /* channels in merged_key; -1 = merged is not valid */
    int merged_chunked;
    es_round_frames_t merged;
    es_record_t record; /* the one that is being read */
    copy_t records[RECORDS_MAX];
    listing_t listings[LISTINGS_MAX];
    touched_t touched[TOUCHED_MAX];
    bucket_t hash[HASH_SIZE];
    apr_uint64_t hash_key;
    struct iovec parts[2 * LISTINGS_MAX]; /* of all frames */
    struct iovec merged_parts[RECORDS_MAX];
    apr_uint32_t merged_key[TOUCHED_MAX]; /* channels of merged */
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
    round->hash_key = es_slot_hash_key();
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
    bytes = malloc(capacity); /* old copies are not needed */
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
        memset(round->hash, 0, sizeof(round->hash)); /* it has wrapped */
        round->number = 1;
    }
    return resize(round, round->normal_capacity);
}

/* The bucket of a slot, or the free bucket where it belongs. */
static bucket_t *bucket_at(es_round_t *round, es_slot_t slot)
{
    apr_uint32_t i = es_slot_hash(round->hash_key, slot) & (HASH_SIZE - 1);

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

/* Add record number i to the list of a channel. */
static void list_record(es_round_t *round, es_slot_t slot, apr_uint32_t i)
{
    touched_t *touched = touch(round, slot);
    listing_t *listing = &round->listings[round->nlistings];

    if (touched->last != 0 && round->listings[touched->last - 1].record == i) {
        return; /* a damaged record has the channel twice */
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
    touched->bytes += round->records[i].chunk_len;
}

/* A close has no bytes. Clients of the channel are stepped and read it. */
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
    if (round->nrecords == 0) {
        round->appended_us = record->appended_us;
    }
    for (i = 0; i < record->nslots; i++) {
        if (wants(baton, record->slots[i])) {
            list_record(round, record->slots[i], (apr_uint32_t)round->nrecords);
        }
    }
    round->used += record->chunk_len;
    round->nrecords++;
    return APR_SUCCESS;
}

/* Take the record that was read. @return APR_ENOSPC when the round is full */
static apr_status_t add(es_round_t *round, const es_store_t *store,
                        es_round_wants_fn_t *wants, void *baton)
{
    const es_record_t *record = &round->record;
    apr_status_t rv = APR_SUCCESS;

    /* Not after closes, as these have used up room for channels. */
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
    /* What was copied before is verified. The next round meets the error
     * again. */
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

int es_round_appended(const es_round_t *round, apr_uint32_t *appended_us)
{
    *appended_us = round->appended_us;
    return round->nrecords > 0;
}

int es_round_count(const es_round_t *round)
{
    return round->ntouched;
}

es_slot_t es_round_slot(const es_round_t *round, int i)
{
    return round->touched[i].slot;
}

apr_size_t es_round_bytes(const es_round_t *round, int i)
{
    return round->touched[i].bytes;
}

/* Add a record to frames; parts has room for one more. */
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
    frames->events++;
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
    /* A listing is a part of two frames at most, so there is room. */
    parts = &round->parts[round->nparts];
    for (p = touched->first; p != 0; p = round->listings[p - 1].next) {
        add_part(round, frames, parts,
                 &round->records[round->listings[p - 1].record], chunked);
    }
    round->nparts += frames->count;
    frames->iov = parts;
    return frames;
}

/* Write those channels that have new records to new_key. @return how many */
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

/* Mark the records of these channels, then collect all marked in order. */
static void merge(es_round_t *round, int nmerged_key, int chunked)
{
    apr_uint32_t merge_number = ++round->merges;
    apr_uint32_t p;
    int i;

    if (merge_number == 0) {
        merge_number = 1; /* it has wrapped; 0 is of records in no merge */
        round->merges = 1;
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
    /* Clients with the same channels mostly follow each other. */
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
