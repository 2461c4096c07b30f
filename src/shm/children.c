/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layout: a line of facts, then a line for each place, so that two children
 * never fight for one cache line. A place is taken as long as its pid is not
 * 0: claiming is the one store of the pid, so a child that is killed while it
 * claims leaves either nothing or a place that the parent finds by its pid.
 */
#include "shm/children.h"

#include <string.h>

#include "base/context.h"
#include "shm/wakeup.h"

#define CHILDREN_MAGIC APR_UINT64_C(0x6573626f617264f1)
#define CHILDREN_VERSION 3
#define CHILDREN_MAX (1u << 16)

typedef struct facts_t {
    apr_uint64_t magic; /* written last */
    apr_uint32_t version;
    apr_uint32_t max_children;
    apr_uint64_t opened; /* atomic; generation, written by the parent */
    apr_uint64_t
        handover_since; /* atomic; as opened: since when the lifeboat is */
    apr_uint64_t spare[4];
} facts_t;

typedef struct child_t {
    apr_uint64_t pid;        /* atomic; 0 = free */
    apr_uint64_t generation; /* atomic; of the child */
    apr_uint32_t sleeping;   /* atomic; 1 = wants a write to wake up */
    apr_uint32_t stopping;   /* atomic; 1 = takes no clients of others */
    apr_uint32_t spare[10];
} child_t;

typedef char assert_facts_size[sizeof(facts_t) == 64 ? 1 : -1];
typedef char assert_child_size[sizeof(child_t) == 64 ? 1 : -1];

struct es_children_t {
    facts_t *facts;
    child_t *slots;
    apr_uint32_t count; /* of the caller, not of the segment */
    const int *wake;
};

static child_t *child_at(const es_children_t *children, apr_uint32_t child)
{
    return child != 0 && child <= children->count ? &children->slots[child - 1]
                                                  : NULL;
}

apr_size_t es_children_size(apr_uint32_t max_children)
{
    if (max_children == 0 || max_children > CHILDREN_MAX) {
        return 0;
    }
    return sizeof(facts_t) + (apr_size_t)max_children * sizeof(child_t);
}

void es_children_format(void *mem, apr_uint32_t max_children)
{
    facts_t *facts = mem;

    memset(mem, 0, es_children_size(max_children));
    facts->version = CHILDREN_VERSION;
    facts->max_children = max_children;
    facts->magic = CHILDREN_MAGIC;
}

apr_status_t es_children_attach(es_children_t **out, void *mem,
                                apr_size_t mem_size, apr_uint32_t max_children,
                                const int *wake, apr_pool_t *pool)
{
    const facts_t *facts = mem;
    apr_size_t need = es_children_size(max_children);
    es_children_t *children;

    if (need == 0 || mem_size < need || facts->magic != CHILDREN_MAGIC ||
        facts->version != CHILDREN_VERSION ||
        facts->max_children != max_children) {
        return APR_EMISMATCH;
    }
    children = apr_palloc(pool, sizeof(*children));
    children->facts = mem;
    children->slots = (child_t *)((char *)mem + sizeof(facts_t));
    children->count = max_children;
    children->wake = wake;
    *out = children;
    return APR_SUCCESS;
}

apr_uint32_t es_children_max(const es_children_t *children)
{
    return children->count;
}

apr_uint32_t es_children_claim(es_children_t *children, apr_uint64_t generation,
                               apr_uint64_t pid)
{
    apr_uint32_t i;

    ES_CONTEXT(ES_CHILD_INIT);
    for (i = 1; i <= children->count; i++) {
        child_t *child = child_at(children, i);
        apr_uint64_t nobody = 0;

        /* acquire: what es_children_free wrote before is seen after it */
        if (__atomic_compare_exchange_n(&child->pid, &nobody, pid, 0,
                                        __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
            /* relaxed: others only show it, nothing hangs on it */
            __atomic_store_n(&child->generation, generation, __ATOMIC_RELAXED);
            return i;
        }
    }
    return 0;
}

apr_uint32_t es_children_find(const es_children_t *children, apr_uint64_t pid)
{
    apr_uint32_t i;

    for (i = 1; pid != 0 && i <= children->count; i++) {
        /* relaxed: the process is gone, nobody else changes its place */
        if (__atomic_load_n(&child_at(children, i)->pid, __ATOMIC_RELAXED) ==
            pid) {
            return i;
        }
    }
    return 0;
}

void es_children_free(es_children_t *children, apr_uint32_t child)
{
    child_t *at = child_at(children, child);

    ES_CONTEXT(ES_PARENT);
    if (at == NULL) {
        return;
    }
    __atomic_store_n(&at->sleeping, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&at->stopping, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&at->generation, 0, __ATOMIC_RELAXED);
    /* release: the next to claim it must not have its values zeroed */
    __atomic_store_n(&at->pid, 0, __ATOMIC_RELEASE);
}

void es_children_stops(es_children_t *children, apr_uint32_t child)
{
    child_t *at = child_at(children, child);

    if (at != NULL) {
        /* Sequentially consistent, as in es_children_has_successor: of a child
         * that stops and then looks into the lifeboat, and one that fills it
         * and then looks for a refuge, one sees what the other did. */
        __atomic_store_n(&at->stopping, 1, __ATOMIC_SEQ_CST);
    }
}

int es_children_has_successor(const es_children_t *children, apr_uint32_t child,
                              apr_uint64_t since)
{
    apr_uint32_t i;

    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    for (i = 1; i <= children->count; i++) {
        const child_t *at = child_at(children, i);

        if (i != child && __atomic_load_n(&at->pid, __ATOMIC_ACQUIRE) != 0 &&
            !__atomic_load_n(&at->stopping, __ATOMIC_SEQ_CST) &&
            __atomic_load_n(&at->generation, __ATOMIC_RELAXED) >= since) {
            return 1;
        }
    }
    return 0;
}

void es_children_open(es_children_t *children, apr_uint64_t generation,
                      apr_uint64_t handover_since)
{
    /* relaxed, then release: who sees the generation, or one of its children,
     * sees of which boat they are */
    __atomic_store_n(&children->facts->handover_since, handover_since,
                     __ATOMIC_RELAXED);
    __atomic_store_n(&children->facts->opened, generation, __ATOMIC_RELEASE);
}

apr_uint64_t es_children_opened(const es_children_t *children)
{
    return __atomic_load_n(&children->facts->opened, __ATOMIC_ACQUIRE);
}

apr_uint64_t es_children_handover_since(const es_children_t *children)
{
    /* relaxed: the order comes with what was read before, see the contract */
    return __atomic_load_n(&children->facts->handover_since, __ATOMIC_RELAXED);
}

apr_uint64_t es_children_pid(const es_children_t *children, apr_uint32_t child)
{
    const child_t *at = child_at(children, child);

    /* relaxed: true only for this instant anyway */
    return at != NULL ? __atomic_load_n(&at->pid, __ATOMIC_RELAXED) : 0;
}

int es_children_is_present(const es_children_t *children, apr_uint32_t child)
{
    return es_children_pid(children, child) != 0;
}

int es_children_wake_fd(const es_children_t *children, apr_uint32_t child)
{
    return child_at(children, child) != NULL ? children->wake[child - 1] : -1;
}

void es_children_sleeps(es_children_t *children, apr_uint32_t child)
{
    child_t *at = child_at(children, child);

    ES_CONTEXT(ES_DELIVERY);
    if (at != NULL) {
        es_wakeup_sleeps(&at->sleeping);
    }
}

void es_children_wakes(es_children_t *children, apr_uint32_t child)
{
    child_t *at = child_at(children, child);

    ES_CONTEXT(ES_DELIVERY);
    if (at != NULL) {
        es_wakeup_wakes(&at->sleeping);
    }
}

void es_children_wake(es_children_t *children, apr_uint32_t child)
{
    child_t *at = child_at(children, child);

    if (at != NULL) {
        es_wakeup_fence();
        es_wakeup_if_asleep(&at->sleeping, children->wake[child - 1]);
    }
}
