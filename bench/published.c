/* SPDX-License-Identifier: Apache-2.0 */
/* An array of entries for each channel; see published.h. */
#include "bench/published.h"

#include <stdlib.h>
#include <string.h>

#include "bench/stats.h"

#define FIRST_SIZE 64

int eb_channel_log_open(eb_channel_log_t *book, uint32_t channels)
{
    book->channels = channels;
    book->pages = calloc(channels, sizeof(*book->pages));
    return book->pages != NULL ? 0 : -1;
}

void eb_channel_log_close(eb_channel_log_t *book)
{
    uint32_t i;

    for (i = 0; book->pages != NULL && i < book->channels; i++) {
        free(book->pages[i].entries);
    }
    free(book->pages);
    memset(book, 0, sizeof(*book));
}

uint32_t eb_channel_log_offer(eb_channel_log_t *book, uint32_t channel,
                              uint32_t size, uint64_t now_ns)
{
    eb_page_t *page = &book->pages[channel];
    eb_entry_t *entry;
    eb_entry_t *grown;

    if (page->count == page->size) {
        page->size = page->size != 0 ? page->size * 2 : FIRST_SIZE;
        grown = realloc(page->entries, page->size * sizeof(*grown));
        if (grown == NULL) {
            abort(); /* no verdict without the truth */
        }
        page->entries = grown;
    }
    entry = &page->entries[page->count];
    memset(entry, 0, sizeof(*entry));
    entry->size = size;
    entry->offered_ns = now_ns;
    entry->fate = EB_PENDING;
    eb_findings[EB_OFFERED]++;
    return page->count++;
}

void eb_channel_log_ack(eb_channel_log_t *book, uint32_t channel,
                        uint32_t number, const eb_id_t *id)
{
    eb_page_t *page = &book->pages[channel];
    eb_entry_t *entry = &page->entries[number];

    if (page->last_acked != 0 &&
        eb_id_compare(id, &page->entries[page->last_acked - 1].id) <= 0) {
        eb_errors_count(EB_MISNUMBERED,
                        "channel %u, event %u: id not above event %u", channel,
                        number, page->last_acked - 1);
    }
    if (entry->has_id && eb_id_compare(id, &entry->id) != 0) {
        eb_errors_count(EB_FORGED,
                        "channel %u, event %u: delivered under another id",
                        channel, number);
    }
    entry->id = *id;
    entry->has_id = 1;
    entry->fate = EB_ACKED;
    page->last_acked = number + 1;
    eb_findings[EB_ACKNOWLEDGED]++;
}

void eb_channel_log_give_up(eb_channel_log_t *book, uint32_t channel,
                            uint32_t number)
{
    book->pages[channel].entries[number].fate = EB_UNKNOWN;
    eb_findings[EB_UNKNOWNS]++;
}

const eb_entry_t *eb_channel_log_find(eb_channel_log_t *book,
                                      const eb_checksum_t *proof,
                                      const eb_id_t *id)
{
    eb_entry_t *entry;

    if (proof->channel >= book->channels ||
        proof->number >= book->pages[proof->channel].count) {
        return NULL;
    }
    entry = &book->pages[proof->channel].entries[proof->number];
    if (entry->size != proof->size) {
        return NULL;
    }
    if (!entry->has_id) {
        entry->id = *id;
        entry->has_id = 1;
    }
    return eb_id_compare(id, &entry->id) == 0 ? entry : NULL;
}
