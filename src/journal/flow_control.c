/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A word for each child in the segment. Its child alone writes it; the parent
 * zeroes it when the child has ended (es_store_reap). All accesses are relaxed:
 * a value that is seen late makes a pause a little longer or shorter, and
 * nothing else depends on it.
 *
 * The value shows whether a child is stopped or merely busy. A timeout
 * runs as long as the value is the same; when it is over, the publisher ignores
 * the child until the value changes. So a stopped child costs
 * one wait, not one for each batch.
 *
 * Nothing of that bounds the pauses: a client that reads slowly makes progress
 * for as long as it likes. The publisher's budget does, whatever the deliveries
 * report and however many clients cause it.
 */
#include "journal/flow_control.h"

#include "journal/store_priv.h"

/* Of the time in which a budget is not used, this part is given back. */
#define GIVEN_BACK_PART 10

typedef struct seen_t {
    es_pos_t pos;     /* reported when the child was first found behind */
    apr_time_t since; /* when that was; 0 = it is not behind */
} seen_t;

struct es_flow_control_t {
    const es_store_t *store;
    seen_t *seen; /* of each child, child c at c - 1 */
    apr_interval_time_t most;
    es_flow_control_budget_t budget;
    apr_time_t waits_since;     /* the last answer was 1, then; 0 = it was 0 */
    apr_interval_time_t waited; /* in all */
    apr_uint32_t max_children;
};

static apr_uint64_t *word_at(const es_store_t *store, apr_uint32_t child)
{
    apr_uint64_t *words =
        (apr_uint64_t *)((char *)store->segment + store->layout.progress);

    return child != 0 && child <= store->layout.params.max_children
               ? &words[child - 1]
               : NULL;
}

void es_flow_control_report(es_store_t *store, apr_uint32_t child, es_pos_t pos)
{
    apr_uint64_t *word = word_at(store, child);

    if (word != NULL) {
        __atomic_store_n(word, pos, __ATOMIC_RELAXED);
    }
}

es_pos_t es_flow_control_reported(const es_store_t *store, apr_uint32_t child)
{
    const apr_uint64_t *word = word_at(store, child);

    return word != NULL ? __atomic_load_n(word, __ATOMIC_RELAXED) : 0;
}

int es_flow_control_is_late(const es_store_t *store, es_pos_t pos)
{
    es_pos_t head = es_store_head(store);

    return pos != 0 && pos < head &&
           head - pos > store->layout.params.ring_bytes / 2;
}

int es_flow_control_use(es_flow_control_budget_t *budget,
                        apr_interval_time_t most, apr_interval_time_t waited,
                        apr_time_t now)
{
    apr_interval_time_t back = (now - budget->as_of - waited) / GIVEN_BACK_PART;
    apr_interval_time_t used = budget->used;

    used = (used > back ? used - back : 0) + waited;
    budget->used = used < APR_UINT32_MAX ? (apr_uint32_t)used : APR_UINT32_MAX;
    budget->as_of = now;
    return budget->used < most;
}

es_flow_control_t *es_flow_control_create(const es_store_t *store,
                                          apr_interval_time_t most,
                                          apr_pool_t *p)
{
    es_flow_control_t *flow = apr_pcalloc(p, sizeof(*flow));

    flow->store = store;
    flow->most = most;
    flow->max_children = store->layout.params.max_children;
    flow->seen = apr_pcalloc(p, flow->max_children * sizeof(*flow->seen));
    return flow;
}

static int is_waited_for(seen_t *seen, es_pos_t pos, apr_time_t now)
{
    if (seen->since == 0 || seen->pos != pos) {
        seen->pos = pos;
        seen->since = now;
    }
    return now - seen->since < ES_FLOW_CONTROL_TIMEOUT;
}

/* Is a delivery behind that the publisher has not given up? */
static int has_late(es_flow_control_t *flow, apr_time_t now, apr_uint64_t *late)
{
    apr_uint32_t child;
    int held = 0;

    memset(late, 0, (flow->max_children + 63) / 64 * sizeof(*late));
    for (child = 1; child <= flow->max_children; child++) {
        es_pos_t pos = es_flow_control_reported(flow->store, child);
        seen_t *seen = &flow->seen[child - 1];

        if (!es_flow_control_is_late(flow->store, pos)) {
            seen->since = 0;
            continue;
        }
        late[(child - 1) / 64] |= APR_UINT64_C(1) << (child - 1) % 64;
        held |= is_waited_for(seen, pos, now);
    }
    return held;
}

int es_flow_control_must_wait(es_flow_control_t *flow, apr_time_t now,
                              apr_uint64_t *late)
{
    apr_interval_time_t waited =
        flow->waits_since != 0 ? now - flow->waits_since : 0;
    int has_time = es_flow_control_use(&flow->budget, flow->most, waited, now);
    int waits = has_late(flow, now, late) && has_time;

    flow->waits_since = waits ? now : 0;
    flow->waited += waited;
    return waits;
}

apr_interval_time_t es_flow_control_waited(const es_flow_control_t *flow)
{
    return flow->waited;
}
