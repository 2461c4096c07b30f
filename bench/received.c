/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bit for each event received. What is missing is found at the end only:
 * then it is known what was acknowledged and under which ids.
 */
#include "bench/received.h"

#include <stdlib.h>
#include <string.h>

#include "bench/stats.h"

#define FIRST_ROOM 32

void eb_received_init(eb_received_t *witness, uint32_t who, uint32_t first,
                      uint32_t width)
{
    memset(witness, 0, sizeof(*witness));
    witness->who = who;
    witness->first = first;
    witness->width = width;
}

static void forget(eb_received_t *witness)
{
    uint32_t i;

    for (i = 0; i < witness->width; i++) {
        free(witness->seen[i]);
    }
    free(witness->excuses);
    eb_received_init(witness, witness->who, witness->first, witness->width);
}

void eb_received_open(eb_received_t *witness, const eb_id_t *id,
                      uint64_t now_ns)
{
    if (witness->open_ns == 0) {
        witness->open_ns = now_ns;
        witness->base = *id;
        witness->at = *id;
    }
}

/* Which of its channels; -1: none. */
static int place_of(const eb_received_t *witness, const eb_channel_log_t *book,
                    uint32_t channel)
{
    uint32_t place =
        (channel + book->channels - witness->first) % book->channels;

    return place < witness->width ? (int)place : -1;
}

static const eb_page_t *page_at(const eb_received_t *witness,
                                const eb_channel_log_t *book, uint32_t place)
{
    return &book->pages[(witness->first + place) % book->channels];
}

static int has(const eb_received_t *witness, uint32_t place, uint32_t number)
{
    return number / 8 < witness->room[place] &&
           (witness->seen[place][number / 8] >> number % 8 & 1) != 0;
}

static void mark(eb_received_t *witness, uint32_t place, uint32_t number)
{
    uint32_t room = witness->room[place];
    unsigned char *grown;

    if (number / 8 >= room) {
        room = room != 0 ? room : FIRST_ROOM;
        while (number / 8 >= room) {
            room *= 2;
        }
        grown = realloc(witness->seen[place], room);
        if (grown == NULL) {
            abort(); /* no verdict without it */
        }
        memset(grown + witness->room[place], 0, room - witness->room[place]);
        witness->seen[place] = grown;
        witness->room[place] = room;
    }
    witness->seen[place][number / 8] |= (unsigned char)(1 << number % 8);
}

eb_seen_t eb_received_event(eb_received_t *witness, eb_channel_log_t *book,
                            const eb_checksum_t *proof, const eb_id_t *id,
                            const eb_entry_t **entry)
{
    int place = place_of(witness, book, proof->channel);

    *entry = place >= 0 ? eb_channel_log_find(book, proof, id) : NULL;
    if (*entry == NULL) {
        return EB_SEEN_NEVER;
    }
    if (has(witness, (uint32_t)place, proof->number)) {
        return EB_SEEN_BEFORE;
    }
    mark(witness, (uint32_t)place, proof->number);
    if (eb_id_compare(id, &witness->at) <= 0) {
        return EB_SEEN_BEHIND;
    }
    witness->at = *id;
    return EB_SEEN_NEW;
}

void eb_received_reset(eb_received_t *witness, const eb_id_t *id,
                       uint32_t named)
{
    eb_excuse_t *grown;

    grown = realloc(witness->excuses, (witness->nexcuses + 1) * sizeof(*grown));
    if (grown == NULL) {
        abort();
    }
    witness->excuses = grown;
    grown += witness->nexcuses++;
    grown->from = witness->at;
    grown->to = *id;
    grown->named = named;
    grown->used = 0;
    if (eb_id_compare(id, &witness->at) > 0) {
        witness->at = *id;
    }
}

static int lies_in(const eb_excuse_t *excuse, uint32_t place, const eb_id_t *id)
{
    return (excuse->named >> place & 1) != 0 &&
           eb_id_compare(id, &excuse->from) > 0 &&
           eb_id_compare(id, &excuse->to) <= 0;
}

static eb_excuse_t *excuse_of(const eb_received_t *witness, uint32_t place,
                              const eb_id_t *id)
{
    uint32_t i;

    for (i = 0; i < witness->nexcuses; i++) {
        if (lies_in(&witness->excuses[i], place, id)) {
            return &witness->excuses[i];
        }
    }
    return NULL;
}

/* Was it owed to this client at all? */
static int is_due(const eb_received_t *witness, const eb_entry_t *entry)
{
    return entry->fate == EB_ACKED && witness->open_ns != 0 &&
           (eb_id_compare(&entry->id, &witness->base) > 0 ||
            entry->offered_ns > witness->open_ns);
}

int eb_received_is_complete(const eb_received_t *witness,
                            const eb_channel_log_t *book)
{
    const eb_page_t *page;
    const eb_entry_t *entry;
    uint32_t i;

    for (i = 0; i < witness->width; i++) {
        page = page_at(witness, book, i);
        if (page->last_acked == 0) {
            continue;
        }
        entry = &page->entries[page->last_acked - 1];
        if (witness->open_ns == 0 ||
            (is_due(witness, entry) && !has(witness, i, page->last_acked - 1) &&
             excuse_of(witness, i, &entry->id) == NULL)) {
            return 0;
        }
    }
    return 1;
}

static void judge_channel(const eb_received_t *witness, const eb_page_t *page,
                          uint32_t place, int has_left)
{
    const eb_entry_t *entry;
    eb_excuse_t *excuse;
    uint32_t run = 0; /* lost since the last event that came */
    uint32_t i;

    for (i = 0; i < page->count; i++) {
        entry = &page->entries[i];
        if (has(witness, place, i)) {
            if (run > 0) {
                eb_errors_count(
                    EB_GAPS,
                    "client %u, channel %u: %u events before %u (%llu-%llu"
                    ") are missing",
                    witness->who, place + witness->first, run, i,
                    (unsigned long long)entry->id.ms,
                    (unsigned long long)entry->id.n);
            }
            run = 0;
            continue;
        }
        if (!is_due(witness, entry) ||
            (has_left && eb_id_compare(&entry->id, &witness->at) > 0)) {
            continue;
        }
        excuse = excuse_of(witness, place, &entry->id);
        if (excuse != NULL) {
            excuse->used++;
            eb_findings[EB_EXCUSED]++;
            continue;
        }
        run++;
        eb_errors_count(
            EB_LOST,
            "client %u, channel %u: event %u (%llu-%llu); it joined at "
            "%llu-%llu and has come to %llu-%llu",
            witness->who, place + witness->first, i,
            (unsigned long long)entry->id.ms, (unsigned long long)entry->id.n,
            (unsigned long long)witness->base.ms,
            (unsigned long long)witness->base.n,
            (unsigned long long)witness->at.ms,
            (unsigned long long)witness->at.n);
    }
}

/* Could an event of unknown fate be what this reset told of? */
static int may_excuse(const eb_received_t *witness,
                      const eb_channel_log_t *book, const eb_excuse_t *excuse)
{
    const eb_page_t *page;
    const eb_entry_t *entry;
    uint32_t place;
    uint32_t i;

    for (place = 0; place < witness->width; place++) {
        page = page_at(witness, book, place);
        for (i = 0; i < page->count; i++) {
            entry = &page->entries[i];
            if (entry->fate != EB_ACKED && !has(witness, place, i) &&
                (!entry->has_id || lies_in(excuse, place, &entry->id))) {
                return 1;
            }
        }
    }
    return 0;
}

static void judge_reset(const eb_received_t *witness,
                        const eb_channel_log_t *book, const eb_excuse_t *excuse)
{
    if (excuse->used > 0) {
        eb_findings[EB_TOLD]++;
    }
    else if (may_excuse(witness, book, excuse)) {
        eb_findings[EB_UNSURE]++;
    }
    else {
        eb_errors_count(
            EB_NEEDLESS,
            "client %u: at %llu-%llu, brought to %llu-%llu, nothing was "
            "missed",
            witness->who, (unsigned long long)excuse->from.ms,
            (unsigned long long)excuse->from.n,
            (unsigned long long)excuse->to.ms,
            (unsigned long long)excuse->to.n);
    }
}

void eb_received_judge(eb_received_t *witness, const eb_channel_log_t *book,
                       int has_left)
{
    uint32_t i;

    for (i = 0; i < witness->width; i++) {
        judge_channel(witness, page_at(witness, book, i), i, has_left);
    }
    for (i = 0; i < witness->nexcuses; i++) {
        judge_reset(witness, book, &witness->excuses[i]);
    }
    forget(witness);
}
