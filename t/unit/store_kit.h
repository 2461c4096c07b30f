/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the tests of the store share: a store in shared memory, and short ways
 * to append to it. All functions are static, as each test is a program.
 */
#ifndef T_UNIT_STORE_KIT_H
#define T_UNIT_STORE_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "shm/segment.h"
#include "journal/store.h"
#include "journal/store_priv.h"

#define KIT_NOW 1700000000000u
#define KIT_EPOCH 7 /* of the stores of kit_open */
#define KIT_CHILDREN 70

typedef struct kit_t {
    apr_pool_t *pool;
    es_store_params_t params;
    void *mem;
    apr_size_t size;
    es_store_t *store;
    apr_uint64_t touched[2];
} kit_t;

/** Make a store; if plain, in memory that AddressSanitizer checks. */
static __attribute__((unused)) kit_t *kit_open(apr_uint64_t ring_bytes,
                                               apr_uint32_t channels, int plain)
{
    kit_t *kit = calloc(1, sizeof(*kit));
    es_id_t epoch = es_id_epoch(KIT_EPOCH - 1, KIT_NOW);

    apr_pool_create(&kit->pool, NULL);
    kit->params.ring_bytes = ring_bytes;
    kit->params.channels = channels;
    kit->params.max_children = KIT_CHILDREN;
    kit->size = es_store_size(&kit->params);
    assert_true(kit->size > ring_bytes);
    if (plain) {
        assert_int_equal(posix_memalign(&kit->mem, 4096, kit->size), 0);
        memset(kit->mem, 0, kit->size);
    }
    else {
        assert_int_equal(es_segment_create(&kit->mem, kit->size, kit->pool), 0);
    }
    assert_int_equal(es_store_format(kit->mem, &kit->params, &epoch), 0);
    assert_int_equal(es_store_attach(&kit->store, kit->mem, kit->size,
                                     &kit->params, kit->pool),
                     0);
    es_store_set_clock(kit->store, KIT_NOW);
    return kit;
}

static __attribute__((unused)) void kit_close(kit_t *kit, int plain)
{
    if (plain) {
        free(kit->mem);
    }
    apr_pool_destroy(kit->pool);
    free(kit);
}

/** An event's number if all are published at KIT_NOW: the first is 1. */
static __attribute__((unused)) apr_uint64_t kit_number(es_id_t id)
{
    return ((id.ms - KIT_NOW) << ES_ID_COUNT_BITS) +
           id.n % (1u << ES_ID_COUNT_BITS);
}

/** The id of the event with this number. */
static __attribute__((unused)) es_id_t kit_id(apr_uint64_t number)
{
    es_id_t id = es_id_epoch(KIT_EPOCH - 1, KIT_NOW);

    id.ms += number >> ES_ID_COUNT_BITS;
    id.n += number % (1u << ES_ID_COUNT_BITS);
    return id;
}

/** The frame of an event with these lines. */
static __attribute__((unused)) es_frame_t kit_frame(const char *tail)
{
    es_frame_t frame = {{NULL, 0}, {NULL, 0}, es_slice_of(tail)};

    return frame;
}

/** Append one event to one channel. */
static __attribute__((unused)) apr_status_t kit_append(kit_t *kit,
                                                       const char *channel,
                                                       const char *tail,
                                                       es_appended_t *done)
{
    es_slice_t name = es_slice_of(channel);
    es_frame_t frame = kit_frame(tail);
    es_entry_t entry = {&name, 1, &frame};

    memset(kit->touched, 0, sizeof(kit->touched));
    return es_store_append(kit->store, &entry, 1, KIT_NOW, kit->touched, done);
}

/** Subscribe a child to one channel. */
static __attribute__((unused)) apr_status_t kit_subscribe(kit_t *kit,
                                                          apr_uint32_t child,
                                                          const char *channel,
                                                          es_slot_t *slot)
{
    es_slice_t name = es_slice_of(channel);
    es_start_t start;

    return es_store_subscribe(kit->store, child, &name, 1, slot, &start);
}

/** Subscriptions of all children to a channel. */
static __attribute__((unused)) apr_uint64_t kit_clients(kit_t *kit,
                                                        es_slice_t channel)
{
    apr_uint64_t clients;

    assert_int_equal(es_store_clients(kit->store, channel, &clients), 0);
    return clients;
}

/** es_store_check, with its reason if it fails. */
static __attribute__((unused)) void kit_check(kit_t *kit)
{
    const char *why = NULL;
    apr_pool_t *p;

    apr_pool_create(&p, kit->pool);
    if (!es_store_check(kit->store, &why, p)) {
        fail_msg("the store is damaged: %s", why);
    }
    apr_pool_destroy(p);
}

/** A number below limit, the same in each run. */
static __attribute__((unused)) unsigned kit_random(unsigned limit)
{
    static apr_uint64_t state = 88172645463325252u;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (unsigned)(state >> 20) % limit;
}

/** Wait for a child process, which must end with 0. */
static __attribute__((unused)) void kit_wait(pid_t pid)
{
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

#endif
