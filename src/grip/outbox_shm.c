/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layout: a header, the outboxes, a cache line for each child. The exchange of
 * sleeper and waker is that of shm/wakeup.c; what changes is an outbox.
 */
#include "grip/outbox_shm.h"

#include "shm/children.h"
#include "shm/wakeup.h"

#define MAGIC APR_UINT64_C(0x65736d61696c72f1)
#define VERSION 2

typedef struct header_t {
    apr_uint64_t magic; /* written last */
    apr_uint32_t version;
    apr_uint32_t max_children;
    apr_uint64_t spare[6];
} header_t;

typedef struct child_t {
    apr_uint32_t sleeping; /* atomic; 1 = wants a wake-up */
    apr_uint32_t spare[15];
} child_t;

typedef char assert_header_size[sizeof(header_t) == 64 ? 1 : -1];
typedef char assert_child_size[sizeof(child_t) == 64 ? 1 : -1];

struct es_outbox_shm_t {
    es_outbox_t *outboxes;
    child_t *children;
    apr_uint32_t max_children; /* of the caller, not of the segment */
    const int *wake_fds;
};

apr_size_t es_outbox_shm_size(apr_uint32_t max_children)
{
    if (max_children == 0 || max_children > ES_CHILDREN_MAX) {
        return 0;
    }
    return sizeof(header_t) + ES_OUTBOX_SHM_MAX * sizeof(es_outbox_t) +
           (apr_size_t)max_children * sizeof(child_t);
}

static es_outbox_t *outboxes_of(void *mem)
{
    return (es_outbox_t *)((char *)mem + sizeof(header_t));
}

apr_status_t es_outbox_shm_format(void *mem, apr_uint32_t max_children)
{
    header_t *header = mem;
    apr_status_t rv = APR_SUCCESS;
    apr_uint32_t i;

    for (i = 0; i < ES_OUTBOX_SHM_MAX && rv == APR_SUCCESS; i++) {
        rv = es_outbox_format(&outboxes_of(mem)[i]);
    }
    header->version = VERSION;
    header->max_children = max_children;
    if (rv == APR_SUCCESS) {
        header->magic = MAGIC;
    }
    return rv;
}

apr_status_t es_outbox_shm_attach(es_outbox_shm_t **out, void *mem,
                                  apr_uint32_t max_children,
                                  const int *wake_fds, apr_pool_t *pool)
{
    const header_t *header = mem;
    es_outbox_shm_t *outbox_shm;

    if (es_outbox_shm_size(max_children) == 0 || header->magic != MAGIC ||
        header->version != VERSION || header->max_children != max_children) {
        return APR_EMISMATCH;
    }
    outbox_shm = apr_palloc(pool, sizeof(*outbox_shm));
    outbox_shm->outboxes = outboxes_of(mem);
    outbox_shm->children =
        (child_t *)(outbox_shm->outboxes + ES_OUTBOX_SHM_MAX);
    outbox_shm->max_children = max_children;
    outbox_shm->wake_fds = wake_fds;
    *out = outbox_shm;
    return APR_SUCCESS;
}

es_outbox_t *es_outbox_shm_at(const es_outbox_shm_t *outbox_shm,
                              apr_uint32_t outbox)
{
    return &outbox_shm->outboxes[outbox];
}

static int has_child(const es_outbox_shm_t *outbox_shm, apr_uint32_t child)
{
    return child != 0 && child <= outbox_shm->max_children;
}

int es_outbox_shm_wake_fd(const es_outbox_shm_t *outbox_shm, apr_uint32_t child)
{
    return has_child(outbox_shm, child) ? outbox_shm->wake_fds[child - 1] : -1;
}

void es_outbox_shm_set_sleeping(es_outbox_shm_t *outbox_shm, apr_uint32_t child)
{
    if (has_child(outbox_shm, child)) {
        es_wakeup_set_sleeping(&outbox_shm->children[child - 1].sleeping);
    }
}

void es_outbox_shm_set_awake(es_outbox_shm_t *outbox_shm, apr_uint32_t child)
{
    if (has_child(outbox_shm, child)) {
        es_wakeup_set_awake(&outbox_shm->children[child - 1].sleeping);
    }
}

void es_outbox_shm_wake(const es_outbox_shm_t *outbox_shm, apr_uint32_t child)
{
    if (has_child(outbox_shm, child)) {
        es_wakeup_signal(outbox_shm->wake_fds[child - 1]);
    }
}

void es_outbox_shm_wake_all(es_outbox_shm_t *outbox_shm)
{
    apr_uint32_t child;

    es_wakeup_fence();
    for (child = 1; child <= outbox_shm->max_children; child++) {
        es_wakeup_if_asleep(&outbox_shm->children[child - 1].sleeping,
                            outbox_shm->wake_fds[child - 1]);
    }
}
