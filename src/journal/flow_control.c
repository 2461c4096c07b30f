/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A word for each place in the segment. It is written by its child alone, and
 * zeroed by the parent when that is dead (es_store_forget). All is relaxed: a
 * value that is seen late makes a pause a little longer or shorter, nothing
 * else hangs on it.
 *
 * A stopped child is told from one that is merely busy by the value: as long
 * as that is the same, time runs, and when it is over the child is passed
 * over until the value changes. So it costs one wait, not one for each batch.
 */
#include "journal/flow_control.h"

#include "journal/store_priv.h"

typedef struct seen_t {
    es_pos_t pos;     /* what was told when it was first seen behind */
    apr_time_t since; /* then; 0 = it is not behind */
} seen_t;

struct es_pace_t {
    const es_store_t *store;
    seen_t *seen; /* of each place */
    apr_uint32_t places;
};

static apr_uint64_t *word_at(const es_store_t *store, apr_uint32_t place)
{
    apr_uint64_t *words =
        (apr_uint64_t *)((char *)store->segment + store->layout.paces);

    return place != 0 && place <= store->layout.params.places
               ? &words[place - 1]
               : NULL;
}

void es_pace_tell(es_store_t *store, apr_uint32_t place, es_pos_t pos)
{
    apr_uint64_t *word = word_at(store, place);

    if (word != NULL) {
        __atomic_store_n(word, pos, __ATOMIC_RELAXED);
    }
}

es_pos_t es_pace_told(const es_store_t *store, apr_uint32_t place)
{
    const apr_uint64_t *word = word_at(store, place);

    return word != NULL ? __atomic_load_n(word, __ATOMIC_RELAXED) : 0;
}

es_pace_t *es_pace_create(const es_store_t *store, apr_pool_t *p)
{
    es_pace_t *pace = apr_palloc(p, sizeof(*pace));

    pace->store = store;
    pace->places = store->layout.params.places;
    pace->seen = apr_pcalloc(p, pace->places * sizeof(*pace->seen));
    return pace;
}

static int is_waited_for(seen_t *seen, es_pos_t pos, apr_time_t now)
{
    if (seen->since == 0 || seen->pos != pos) {
        seen->pos = pos;
        seen->since = now;
    }
    return now - seen->since < ES_PACE_PATIENCE;
}

int es_pace_is_held(es_pace_t *pace, apr_time_t now, apr_uint64_t *late)
{
    es_pos_t head = es_store_head(pace->store);
    apr_uint64_t most = pace->store->layout.params.ring_bytes / 2;
    apr_uint32_t place;
    int held = 0;

    memset(late, 0, (pace->places + 63) / 64 * sizeof(*late));
    for (place = 1; place <= pace->places; place++) {
        es_pos_t pos = es_pace_told(pace->store, place);
        seen_t *seen = &pace->seen[place - 1];

        if (pos == 0 || pos >= head || head - pos <= most) {
            seen->since = 0;
            continue;
        }
        late[(place - 1) / 64] |= APR_UINT64_C(1) << (place - 1) % 64;
        held |= is_waited_for(seen, pos, now);
    }
    return held;
}
