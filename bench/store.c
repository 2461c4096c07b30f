/* SPDX-License-Identifier: Apache-2.0 */
/* An array in order of ids, searched by halves; see store.h. */
#include "bench/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/clock.h"

static eb_indexed_t *deeds;
static size_t count;
static size_t room;

eb_id_t eb_id_index_present(void)
{
    static const eb_id_t FIRST = {1, 0};

    return count != 0 ? deeds[count - 1].id : FIRST;
}

static eb_id_t next_id(void)
{
    eb_id_t id = eb_id_index_present();
    uint64_t ms = eb_clock_ns() / EB_NS_PER_MS;

    if (ms > id.ms) {
        id.ms = ms;
        id.n = 0;
    }
    else {
        id.n++;
    }
    return id;
}

const eb_indexed_t *eb_id_index_add(const char *channel, const char *data,
                                    size_t len, int is_hidden)
{
    eb_indexed_t *grown;
    eb_indexed_t *deed;

    if (count == room) {
        grown = realloc(deeds, (room * 2 + 256) * sizeof(*deeds));
        if (grown == NULL) {
            return NULL;
        }
        deeds = grown;
        room = room * 2 + 256;
    }
    deed = &deeds[count];
    memset(deed, 0, sizeof(*deed));
    deed->data = malloc(len + 1);
    if (deed->data == NULL) {
        return NULL;
    }
    deed->id = next_id();
    snprintf(deed->channel, sizeof(deed->channel), "%s", channel);
    memcpy(deed->data, data, len);
    deed->len = len;
    deed->is_hidden = is_hidden;
    count++;
    return deed;
}

/* How many events are not above id. */
static size_t rank(const eb_id_t *id)
{
    size_t low = 0;
    size_t high = count;
    size_t middle;

    while (low < high) {
        middle = low + (high - low) / 2;
        if (eb_id_compare(&deeds[middle].id, id) <= 0) {
            low = middle + 1;
        }
        else {
            high = middle;
        }
    }
    return low;
}

const eb_indexed_t *eb_id_index_after(const eb_id_t *id)
{
    size_t at = rank(id);

    return at < count ? &deeds[at] : NULL;
}

const eb_indexed_t *eb_id_index_at(const eb_id_t *id)
{
    size_t at = rank(id);

    return at > 0 ? &deeds[at - 1] : NULL;
}
