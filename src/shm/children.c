/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layout: a header, then an entry for each child, each a cache line, so that
 * two children never contend for one. A number is in use as long as the pid of
 * its entry is not 0. The store of the pid is all there is to a claim: a child
 * that is killed while it claims leaves either nothing, or an entry that the
 * parent finds by its pid.
 */
#include "shm/children.h"

#include <string.h>

#include "base/context.h"
#include "shm/wakeup.h"

#define CHILDREN_MAGIC APR_UINT64_C(0x6573626f617264f1)
#define CHILDREN_VERSION 3

typedef struct header_t {
    apr_uint64_t magic; /* written last */
    apr_uint32_t version;
    apr_uint32_t max_children;
    apr_uint64_t opened;         /* atomic; of es_children_open, as the next */
    apr_uint64_t handover_since; /* atomic */
    apr_uint64_t spare[4];
} header_t;

typedef struct child_t {
    apr_uint64_t pid;        /* atomic; 0 = the number is free */
    apr_uint64_t generation; /* atomic; of the child */
    apr_uint32_t sleeping;   /* atomic; of shm/wakeup.h */
    apr_uint32_t stopping;   /* atomic; 1 = takes no clients from others */
    apr_uint32_t spare[10];
} child_t;

typedef char assert_header_size[sizeof(header_t) == 64 ? 1 : -1];
typedef char assert_child_size[sizeof(child_t) == 64 ? 1 : -1];

struct es_children_t {
    header_t *header;
    child_t *entries;
    apr_uint32_t count; /* of the caller, not of the segment */
    const int *wake;
};

static child_t *child_at(const es_children_t *children, apr_uint32_t child)
{
    return child != 0 && child <= children->count
               ? &children->entries[child - 1]
               : NULL;
}

apr_size_t es_children_size(apr_uint32_t max_children)
{
    if (max_children == 0 || max_children > ES_CHILDREN_MAX) {
        return 0;
    }
    return sizeof(header_t) + (apr_size_t)max_children * sizeof(child_t);
}

void es_children_format(void *mem, apr_uint32_t max_children)
{
    header_t *header = mem;

    memset(mem, 0, es_children_size(max_children));
    header->version = CHILDREN_VERSION;
    header->max_children = max_children;
    header->magic = CHILDREN_MAGIC;
}

apr_status_t es_children_attach(es_children_t **out, void *mem,
                                apr_size_t mem_size, apr_uint32_t max_children,
                                const int *wake, apr_pool_t *pool)
{
    const header_t *header = mem;
    apr_size_t need = es_children_size(max_children);
    es_children_t *children;

    if (need == 0 || mem_size < need || header->magic != CHILDREN_MAGIC ||
        header->version != CHILDREN_VERSION ||
        header->max_children != max_children) {
        return APR_EMISMATCH;
    }
    children = apr_palloc(pool, sizeof(*children));
    children->header = mem;
    children->entries = (child_t *)((char *)mem + sizeof(header_t));
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
        apr_uint64_t none = 0;

        /* acquire: the zeros of es_children_free are stored before */
        if (__atomic_compare_exchange_n(&child->pid, &none, pid, 0,
                                        __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
            /* relaxed: no other data depends on it */
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
        /* relaxed: the process is gone, and no other changes its entry */
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
    /* release: these zeros must not overwrite what the next child stores */
    __atomic_store_n(&at->pid, 0, __ATOMIC_RELEASE);
}

void es_children_set_stopping(es_children_t *children, apr_uint32_t child)
{
    child_t *at = child_at(children, child);

    if (at != NULL) {
        /* Sequentially consistent, as in es_children_has_successor: one child
         * stops, then looks for clients in the handover socket; another puts
         * clients into it, then looks for a successor. At least one of the two
         * sees what the other did. */
        __atomic_store_n(&at->stopping, 1, __ATOMIC_SEQ_CST);
    }
}

int es_children_is_stopping(const es_children_t *children, apr_uint32_t child)
{
    const child_t *at = child_at(children, child);

    return at != NULL && __atomic_load_n(&at->stopping, __ATOMIC_SEQ_CST) != 0;
}

int es_children_has_successor(const es_children_t *children, apr_uint32_t child,
                              apr_uint64_t since)
{
    apr_uint64_t own = es_children_pid(children, child), pid;
    apr_uint32_t i;

    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    for (i = 1; i <= children->count; i++) {
        const child_t *at = child_at(children, i);

        pid = __atomic_load_n(&at->pid, __ATOMIC_ACQUIRE);
        if (i != child && pid != 0 && pid != own &&
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
    /* relaxed, then release: a child that sees the generation, or a child of
     * it, sees its handover_since, too */
    __atomic_store_n(&children->header->handover_since, handover_since,
                     __ATOMIC_RELAXED);
    __atomic_store_n(&children->header->opened, generation, __ATOMIC_RELEASE);
}

apr_uint64_t es_children_opened(const es_children_t *children)
{
    return __atomic_load_n(&children->header->opened, __ATOMIC_ACQUIRE);
}

apr_uint64_t es_children_handover_since(const es_children_t *children)
{
    /* relaxed: the call before it has the acquire, see the contract */
    return __atomic_load_n(&children->header->handover_since, __ATOMIC_RELAXED);
}

apr_uint64_t es_children_pid(const es_children_t *children, apr_uint32_t child)
{
    const child_t *at = child_at(children, child);

    /* relaxed: it may change at any time anyway */
    return at != NULL ? __atomic_load_n(&at->pid, __ATOMIC_RELAXED) : 0;
}

apr_uint64_t es_children_generation(const es_children_t *children,
                                    apr_uint32_t child)
{
    const child_t *at = child_at(children, child);

    /* relaxed: it may change at any time anyway */
    return at != NULL ? __atomic_load_n(&at->generation, __ATOMIC_RELAXED) : 0;
}

int es_children_is_present(const es_children_t *children, apr_uint32_t child)
{
    return es_children_pid(children, child) != 0;
}

int es_children_wake_fd(const es_children_t *children, apr_uint32_t child)
{
    return child_at(children, child) != NULL ? children->wake[child - 1] : -1;
}

void es_children_set_sleeping(es_children_t *children, apr_uint32_t child)
{
    child_t *at = child_at(children, child);

    ES_CONTEXT(ES_DELIVERY);
    if (at != NULL) {
        es_wakeup_set_sleeping(&at->sleeping);
    }
}

void es_children_set_awake(es_children_t *children, apr_uint32_t child)
{
    child_t *at = child_at(children, child);

    ES_CONTEXT(ES_DELIVERY);
    if (at != NULL) {
        es_wakeup_set_awake(&at->sleeping);
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
