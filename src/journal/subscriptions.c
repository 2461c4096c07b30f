/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A row of u32 for each child, and a total for each row. An append skips a
 * child whose total is 0, without loading its row.
 *
 * The total is raised before the count and lowered after it. So a total of 0
 * means that the whole row is 0, also if the child died between the two. A
 * child that dies there leaves a number that is too high, until the parent
 * calls es_subscriptions_clear. The number also tells the parent that the child
 * may have left a slot out of the set of idle ones.
 */
#include "journal/subscriptions.h"

void es_subscriptions_attach(es_subscriptions_t *subscriptions,
                             const es_layout_t *layout, void *mem)
{
    subscriptions->totals =
        (apr_uint32_t *)((char *)mem + layout->subscription_totals);
    subscriptions->rows = (char *)mem + layout->subscriptions;
    subscriptions->high_child = &((es_store_segment_t *)mem)->table.high_child;
    subscriptions->row_bytes = layout->row_bytes;
    subscriptions->max_children = layout->params.max_children;
    subscriptions->nslots = layout->params.channels;
}

static apr_uint32_t *total_at(const es_subscriptions_t *subscriptions,
                              apr_uint32_t child)
{
    return child != 0 && child <= subscriptions->max_children
               ? &subscriptions->totals[child - 1]
               : NULL;
}

static apr_uint32_t *count_at(const es_subscriptions_t *subscriptions,
                              apr_uint32_t child, es_slot_t slot)
{
    char *row;

    if (child == 0 || child > subscriptions->max_children || slot == 0 ||
        slot > subscriptions->nslots) {
        return NULL;
    }
    row = subscriptions->rows + (child - 1) * subscriptions->row_bytes;
    return (apr_uint32_t *)row + (slot - 1);
}

/** The highest child that can have subscriptions: no other ever had one. */
static apr_uint32_t used_rows(const es_subscriptions_t *subscriptions)
{
    /* relaxed: who has subscribed before the caller looks has raised it before,
     * under a lock that the caller took since; others may be missed */
    apr_uint32_t high =
        __atomic_load_n(subscriptions->high_child, __ATOMIC_RELAXED);

    return high < subscriptions->max_children ? high
                                              : subscriptions->max_children;
}

int es_subscriptions_raise(const es_subscriptions_t *subscriptions,
                           apr_uint32_t child, es_slot_t slot)
{
    apr_uint32_t *count = count_at(subscriptions, child, slot);

    if (count == NULL) {
        return 0;
    }
    if (*subscriptions->high_child < child) {
        /* first, or the sum would miss the row; relaxed: see used_rows */
        __atomic_store_n(subscriptions->high_child, child, __ATOMIC_RELAXED);
    }
    /* relaxed: the sum is read under the lock that the caller holds */
    __atomic_fetch_add(total_at(subscriptions, child), 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(count, 1, __ATOMIC_RELAXED);
    return 1;
}

/** Release: the caller's loads of the slot come before it, as the slot may be
 * given to another channel once the count is 0. */
static int lower(apr_uint32_t *count)
{
    apr_uint32_t now = __atomic_load_n(count, __ATOMIC_RELAXED);

    while (now != 0) {
        if (__atomic_compare_exchange_n(count, &now, now - 1, 1,
                                        __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
            return 1;
        }
    }
    return 0;
}

int es_subscriptions_lower(const es_subscriptions_t *subscriptions,
                           apr_uint32_t child, es_slot_t slot)
{
    apr_uint32_t *count = count_at(subscriptions, child, slot);

    return count != NULL && lower(count);
}

void es_subscriptions_lower_total(const es_subscriptions_t *subscriptions,
                                  apr_uint32_t child)
{
    lower(total_at(subscriptions, child));
}

int es_subscriptions_clear(const es_subscriptions_t *subscriptions,
                           apr_uint32_t child, apr_uint32_t slots)
{
    apr_uint32_t *total = total_at(subscriptions, child);
    es_slot_t slot;

    /* a total of 0 means a row of 0s; a walk would only allocate its pages */
    if (total == NULL || __atomic_load_n(total, __ATOMIC_ACQUIRE) == 0) {
        return 0;
    }
    for (slot = 1; slot <= slots; slot++) {
        apr_uint32_t *count = count_at(subscriptions, child, slot);

        __atomic_store_n(count, 0, __ATOMIC_RELEASE);
    }
    __atomic_store_n(total, 0, __ATOMIC_RELEASE);
    return 1;
}

apr_uint64_t es_subscriptions_of_slot(const es_subscriptions_t *subscriptions,
                                      es_slot_t slot, apr_uint64_t *touched)
{
    apr_uint32_t rows = used_rows(subscriptions);
    apr_uint64_t sum = 0;
    apr_uint32_t child;

    for (child = 1; child <= rows; child++) {
        apr_uint32_t *count;
        apr_uint32_t n;

        if (__atomic_load_n(&subscriptions->totals[child - 1],
                            __ATOMIC_RELAXED) == 0) {
            continue;
        }
        count = count_at(subscriptions, child, slot);
        n = count != NULL ? __atomic_load_n(count, __ATOMIC_RELAXED) : 0;
        sum += n;
        if (n != 0 && touched != NULL) {
            touched[(child - 1) / 64] |= APR_UINT64_C(1) << (child - 1) % 64;
        }
    }
    return sum;
}

void es_subscriptions_touch_all(const es_subscriptions_t *subscriptions,
                                apr_uint64_t *touched)
{
    apr_uint32_t rows = used_rows(subscriptions);
    apr_uint32_t child;

    for (child = 1; child <= rows; child++) {
        if (es_subscriptions_of_child(subscriptions, child) != 0) {
            touched[(child - 1) / 64] |= APR_UINT64_C(1) << (child - 1) % 64;
        }
    }
}

int es_subscriptions_is_idle(const es_subscriptions_t *subscriptions,
                             es_slot_t slot)
{
    apr_uint32_t rows = used_rows(subscriptions);
    apr_uint32_t child;

    for (child = 1; child <= rows; child++) {
        apr_uint32_t *count;

        /* acquire, here and below: pairs with the release in lower() */
        if (__atomic_load_n(&subscriptions->totals[child - 1],
                            __ATOMIC_ACQUIRE) == 0) {
            continue;
        }
        count = count_at(subscriptions, child, slot);
        if (count == NULL || __atomic_load_n(count, __ATOMIC_ACQUIRE) != 0) {
            return 0;
        }
    }
    return 1;
}

apr_uint64_t es_subscriptions_of_child(const es_subscriptions_t *subscriptions,
                                       apr_uint32_t child)
{
    const apr_uint32_t *total = total_at(subscriptions, child);

    return total != NULL ? __atomic_load_n(total, __ATOMIC_RELAXED) : 0;
}

int es_subscriptions_check(const es_subscriptions_t *subscriptions,
                           apr_uint32_t *child)
{
    for (*child = 1; *child <= subscriptions->max_children; (*child)++) {
        apr_uint64_t sum = 0;
        es_slot_t slot;

        for (slot = 1; slot <= subscriptions->nslots; slot++) {
            sum += *count_at(subscriptions, *child, slot);
        }
        if (sum != es_subscriptions_of_child(subscriptions, *child) ||
            (sum != 0 && *child > *subscriptions->high_child)) {
            return 0;
        }
    }
    return 1;
}
