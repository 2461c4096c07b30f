/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A row of the segment:
 *
 *   ┌─────────┬───────┬─────────────────────────────────┬─────────────────┐
 *   │ clients │ kinds │ their sketch: 4 lines of 4096   │ that of their   │
 *   │         │       │ counters                        │ channels        │
 *   └─────────┴───────┴─────────────────────────────────┴─────────────────┘
 *
 * An address has one counter in each line, at an index that is computed from
 * its number. The counters of a line are summed over all rows; the smallest of
 * the four sums is an upper bound of what the address has. Only the child
 * of a row writes to it, so relaxed atomics raise and lower the counters. A
 * child that dies between two of them leaves a row that the parent zeroes
 * anyway.
 *
 * A browser has counters among those of the clients' addresses, so that a row
 * needs no third sketch. The number that a client is counted by has that of its
 * address in its lower half, and that of its browser in the upper one.
 *
 * Users are counted in rows of a second segment, which is made only if there is
 * a limit for them. Its lines are longer: a limit for users is low, as a user
 * has a few pages open, and tens of thousands of users have clients.
 */
#include "shm/client_count.h"

#include <string.h>

#include "base/context.h"

#define LINES 4
#define CELLS 4096

/** What is counted of each address. */
enum { OF_CLIENTS, OF_CHANNELS, SKETCHES };

typedef struct sketch_t {
    apr_uint32_t cells[LINES][CELLS];
} sketch_t;

typedef struct row_t {
    apr_uint32_t clients;
    apr_uint32_t kinds[ES_CLIENT_COUNT_KINDS]; /* [0] stays 0 */
    apr_uint32_t unused[10];     /* a sketch starts on its own cache line */
    sketch_t sketches[SKETCHES]; /* in the order of the enum */
} row_t;

#define USER_CELLS 16384

typedef struct user_row_t {
    apr_uint32_t cells[LINES][USER_CELLS];
} user_row_t;

struct es_client_count_t {
    row_t *rows;
    user_row_t *users; /* NULL = none are counted */
    apr_uint32_t max_children;
};

apr_size_t es_client_count_size(apr_uint32_t max_children)
{
    return (apr_size_t)max_children * sizeof(row_t);
}

es_client_count_t *es_client_count_attach(void *mem, apr_uint32_t max_children,
                                          apr_pool_t *pool)
{
    es_client_count_t *client_count = apr_palloc(pool, sizeof(*client_count));

    client_count->rows = mem;
    client_count->users = NULL;
    client_count->max_children = max_children;
    return client_count;
}

apr_size_t es_client_count_users_size(apr_uint32_t max_children)
{
    return (apr_size_t)max_children * sizeof(user_row_t);
}

void es_client_count_attach_users(es_client_count_t *client_count, void *mem)
{
    client_count->users = mem;
}

static row_t *row_at(const es_client_count_t *client_count, apr_uint32_t child)
{
    return child != 0 && child <= client_count->max_children
               ? &client_count->rows[child - 1]
               : NULL;
}

/* The finisher of MurmurHash3: each bit of the key changes each bit of the
 * result with probability 1/2. The hash need not be keyed: addresses are not
 * secret, and a collision only counts too many. */
static apr_uint64_t mix(apr_uint64_t key)
{
    key ^= key >> 33;
    key *= APR_UINT64_C(0xff51afd7ed558ccd);
    key ^= key >> 33;
    key *= APR_UINT64_C(0xc4ceb9fe1a85ec53);
    return key ^ (key >> 33);
}

apr_uint64_t es_client_count_key(const void *bytes, apr_size_t len)
{
    const unsigned char *at = bytes;
    apr_uint64_t key = len;
    apr_size_t i;

    for (i = 0; i < len; i++) {
        key = mix(key ^ at[i]);
    }
    return key & APR_UINT32_MAX;
}

apr_uint64_t es_client_count_with_browser(apr_uint64_t address,
                                          apr_uint32_t browser)
{
    return (address & APR_UINT32_MAX) | (apr_uint64_t)browser << 32;
}

/* The parts of such a number, as the sketch knows them. */
static apr_uint64_t address_of(apr_uint64_t number)
{
    return number & APR_UINT32_MAX;
}

/* 0 = none; no address has a number of more than 32 bits */
static apr_uint64_t browser_of(apr_uint64_t number)
{
    return number & ~(apr_uint64_t)APR_UINT32_MAX;
}

static unsigned cell_of(apr_uint64_t address, int line)
{
    return (unsigned)(mix(address) >> (line * 12)) % CELLS;
}

/** @param by  modulo 2^32: -n takes n away */
static void count_number(row_t *row, int sketch, apr_uint64_t address,
                         apr_uint32_t by)
{
    int line;

    for (line = 0; line < LINES; line++) {
        __atomic_fetch_add(
            &row->sketches[sketch].cells[line][cell_of(address, line)], by,
            __ATOMIC_RELAXED);
    }
}

/* A client, for its address and its browser. */
static void count_client(row_t *row, apr_uint64_t number, apr_uint32_t by)
{
    count_number(row, OF_CLIENTS, address_of(number), by);
    if (browser_of(number) != 0) {
        count_number(row, OF_CLIENTS, browser_of(number), by);
    }
}

static apr_uint32_t sum_of(const es_client_count_t *client_count, int sketch,
                           apr_uint64_t number)
{
    apr_uint32_t least = APR_UINT32_MAX;
    int line;

    for (line = 0; line < LINES; line++) {
        unsigned cell = cell_of(number, line);
        apr_uint32_t sum = 0, child;

        for (child = 0; child < client_count->max_children; child++) {
            const row_t *row = &client_count->rows[child];

            /* most rows are empty: their sketches are not touched */
            if (__atomic_load_n(&row->clients, __ATOMIC_RELAXED) != 0) {
                sum += __atomic_load_n(&row->sketches[sketch].cells[line][cell],
                                       __ATOMIC_RELAXED);
            }
        }
        least = sum < least ? sum : least;
    }
    return least;
}

apr_uint32_t es_client_count_total(const es_client_count_t *client_count,
                                   apr_uint32_t child)
{
    apr_uint32_t sum = 0, i;
    const row_t *row = row_at(client_count, child);

    if (row) {
        return __atomic_load_n(&row->clients, __ATOMIC_RELAXED);
    }
    for (i = 0; i < client_count->max_children; i++) {
        sum +=
            __atomic_load_n(&client_count->rows[i].clients, __ATOMIC_RELAXED);
    }
    return sum;
}

static es_client_count_result_t over_limit(
    const es_client_count_t *client_count, const row_t *row,
    apr_uint64_t address, const es_client_limits_t *limits)
{
    if (limits->child_clients &&
        __atomic_load_n(&row->clients, __ATOMIC_RELAXED) >
            limits->child_clients) {
        return ES_CLIENT_COUNT_CHILD_FULL;
    }
    if (limits->clients &&
        es_client_count_total(client_count, 0) > limits->clients) {
        return ES_CLIENT_COUNT_FULL;
    }
    if (limits->address_clients &&
        sum_of(client_count, OF_CLIENTS, address_of(address)) >
            limits->address_clients) {
        return ES_CLIENT_COUNT_ADDRESS_FULL;
    }
    if (limits->browser_clients && browser_of(address) != 0 &&
        sum_of(client_count, OF_CLIENTS, browser_of(address)) >
            limits->browser_clients) {
        return ES_CLIENT_COUNT_BROWSER_FULL;
    }
    return ES_CLIENT_COUNT_OK;
}

es_client_count_result_t es_client_count_add(es_client_count_t *client_count,
                                             apr_uint32_t child,
                                             apr_uint64_t address,
                                             const es_client_limits_t *limits,
                                             es_counted_t *counted)
{
    row_t *row = row_at(client_count, child);
    es_client_count_result_t result;

    ES_CONTEXT(ES_WORKER | ES_DELIVERY);
    memset(counted, 0, sizeof(*counted));
    if (!row) {
        return ES_CLIENT_COUNT_CHILD_FULL;
    }
    /* Count first, then check: of two clients that come at the same time, at
     * least one sees the other. A row of cells is read only if its clients are
     * not 0, so clients is raised first. */
    __atomic_fetch_add(&row->clients, 1, __ATOMIC_RELAXED);
    count_client(row, address, 1);
    /* Each child stores first and looks second: without the fence the processor
     * may do the look before the other child can see the store. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    counted->client_count = client_count;
    counted->child = child;
    counted->address = address;
    result = over_limit(client_count, row, address, limits);
    if (result != ES_CLIENT_COUNT_OK) {
        es_client_count_remove(counted);
        counted->client_count = NULL;
    }
    return result;
}

es_client_count_result_t es_client_count_add_channels(
    es_counted_t *counted, apr_uint32_t channels,
    const es_client_limits_t *limits)
{
    const es_client_count_t *client_count = counted->client_count;
    row_t *row = client_count ? row_at(client_count, counted->child) : NULL;

    ES_CONTEXT(ES_WORKER | ES_DELIVERY);
    if (!row) {
        return ES_CLIENT_COUNT_OK;
    }
    /* first this, then a full fence and the check, for the same reason */
    count_number(row, OF_CHANNELS, address_of(counted->address), channels);
    counted->channels += channels;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return limits->address_channels && sum_of(client_count, OF_CHANNELS,
                                              address_of(counted->address)) >
                                           limits->address_channels
               ? ES_CLIENT_COUNT_CHANNELS_FULL
               : ES_CLIENT_COUNT_OK;
}

/* ---- users -------------------------------------------------------------- */

static unsigned user_cell_of(apr_uint64_t user, int line)
{
    return (unsigned)(mix(user) >> (line * 14)) % USER_CELLS;
}

static void count_user(const es_counted_t *counted, apr_uint32_t by)
{
    user_row_t *users = counted->client_count->users;
    int line;

    for (line = 0; users && counted->user && line < LINES; line++) {
        apr_uint32_t *cells = users[counted->child - 1].cells[line];

        __atomic_fetch_add(&cells[user_cell_of(counted->user, line)], by,
                           __ATOMIC_RELAXED);
    }
}

apr_uint32_t es_client_count_of_user(const es_client_count_t *client_count,
                                     apr_uint64_t user)
{
    apr_uint32_t least = APR_UINT32_MAX;
    int line;

    for (line = 0; line < LINES; line++) {
        unsigned cell = user_cell_of(user, line);
        apr_uint32_t sum = 0, child;

        for (child = 0;
             client_count->users && child < client_count->max_children;
             child++) {
            /* as in sum_of */
            if (__atomic_load_n(&client_count->rows[child].clients,
                                __ATOMIC_RELAXED) != 0) {
                sum += __atomic_load_n(
                    &client_count->users[child].cells[line][cell],
                    __ATOMIC_RELAXED);
            }
        }
        least = sum < least ? sum : least;
    }
    return user != 0 ? least : 0;
}

es_client_count_result_t es_client_count_add_user(
    es_counted_t *counted, apr_uint64_t user, const es_client_limits_t *limits)
{
    ES_CONTEXT(ES_WORKER | ES_DELIVERY);
    counted->user = user;
    if (!counted->client_count) {
        return ES_CLIENT_COUNT_OK;
    }
    /* first this, then a full fence and the check, as above */
    count_user(counted, 1);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return limits->user_clients &&
                   es_client_count_of_user(counted->client_count, user) >
                       limits->user_clients
               ? ES_CLIENT_COUNT_USER_FULL
               : ES_CLIENT_COUNT_OK;
}

/* ---- kinds -------------------------------------------------------------- */

/* While a row has a kind it has a client, or es_client_count_clear would leave
 * it. */
static void count_kind(row_t *row, unsigned kind, apr_uint32_t by)
{
    if (kind != ES_CLIENT_COUNT_NO_KIND) {
        __atomic_fetch_add(&row->kinds[kind], by, __ATOMIC_RELAXED);
    }
}

void es_client_count_add_kind(es_counted_t *counted,
                              es_client_count_kind_t kind)
{
    row_t *row = counted->client_count
                     ? row_at(counted->client_count, counted->child)
                     : NULL;

    ES_CONTEXT(ES_WORKER | ES_DELIVERY);
    if (row && counted->kind == ES_CLIENT_COUNT_NO_KIND) {
        counted->kind = (unsigned)kind & 7;
        count_kind(row, kind, 1);
    }
}

apr_uint32_t es_client_count_of_kind(const es_client_count_t *client_count,
                                     apr_uint32_t child,
                                     es_client_count_kind_t kind)
{
    apr_uint32_t sum = 0, i;
    const row_t *row = row_at(client_count, child);

    if (row) {
        return __atomic_load_n(&row->kinds[kind], __ATOMIC_RELAXED);
    }
    for (i = 0; i < client_count->max_children; i++) {
        sum += __atomic_load_n(&client_count->rows[i].kinds[kind],
                               __ATOMIC_RELAXED);
    }
    return sum;
}

void es_client_count_remove(const es_counted_t *counted)
{
    row_t *row = counted->client_count
                     ? row_at(counted->client_count, counted->child)
                     : NULL;

    if (row) {
        count_client(row, counted->address, (apr_uint32_t)-1);
        count_user(counted, (apr_uint32_t)-1);
        count_kind(row, counted->kind, (apr_uint32_t)-1);
        if (counted->channels != 0) {
            count_number(row, OF_CHANNELS, address_of(counted->address),
                         0 - counted->channels);
        }
        __atomic_fetch_sub(&row->clients, 1, __ATOMIC_RELAXED);
    }
}

apr_uint32_t es_client_count_of_browser(const es_client_count_t *client_count,
                                        apr_uint32_t browser)
{
    return browser == 0 ? 0
                        : sum_of(client_count, OF_CLIENTS,
                                 es_client_count_with_browser(0, browser));
}

void es_client_count_clear(es_client_count_t *client_count, apr_uint32_t child)
{
    row_t *row = row_at(client_count, child);

    ES_CONTEXT(ES_PARENT);
    /* no clients means no addresses: see the order in enter and leave */
    if (row && row->clients != 0) {
        if (client_count->users) {
            memset(&client_count->users[child - 1], 0, sizeof(user_row_t));
        }
        memset(row, 0, sizeof(*row));
    }
}
