/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A row of the segment:
 *
 *   ┌─────────┬──────────────────────────────────────────────┐
 *   │ clients │ sketch: 4 lines of 4096 counters of 16 bits  │
 *   └─────────┴──────────────────────────────────────────────┘
 *
 * An address has one counter in each line, at a place that its key gives;
 * what it counts at most is the smallest of the four, summed over all rows.
 * Only the child of a row writes it, so counters are raised and lowered with
 * relaxed atomics; a child that dies between two of them leaves a row that
 * the parent zeroes anyway.
 */
#include "shm/client_count.h"

#include <string.h>

#include "base/context.h"

#define LINES 4
#define CELLS 4096

typedef struct row_t {
    apr_uint32_t clients;
    apr_uint32_t unused[15]; /* the sketch starts on its own cache line */
    apr_uint16_t cells[LINES][CELLS];
} row_t;

struct es_census_t {
    row_t *rows;
    apr_uint32_t places;
};

apr_size_t es_census_size(apr_uint32_t places)
{
    return (apr_size_t)places * sizeof(row_t);
}

es_census_t *es_census_attach(void *mem, apr_uint32_t places, apr_pool_t *pool)
{
    es_census_t *census = apr_palloc(pool, sizeof(*census));

    census->rows = mem;
    census->places = places;
    return census;
}

static row_t *row_at(const es_census_t *census, apr_uint32_t place)
{
    return place != 0 && place <= census->places ? &census->rows[place - 1]
                                                 : NULL;
}

/* The finisher of MurmurHash3: each bit of the key moves each of the result.
 * Addresses are no secrets and a collision only counts too many, so the hash
 * need not be keyed. */
static apr_uint64_t mix(apr_uint64_t key)
{
    key ^= key >> 33;
    key *= APR_UINT64_C(0xff51afd7ed558ccd);
    key ^= key >> 33;
    key *= APR_UINT64_C(0xc4ceb9fe1a85ec53);
    return key ^ (key >> 33);
}

apr_uint64_t es_census_key(const void *bytes, apr_size_t len)
{
    const unsigned char *at = bytes;
    apr_uint64_t key = len;
    apr_size_t i;

    for (i = 0; i < len; i++) {
        key = mix(key ^ at[i]);
    }
    return key;
}

static unsigned cell_of(apr_uint64_t address, int line)
{
    return (unsigned)(mix(address) >> (line * 12)) % CELLS;
}

static void count_address(row_t *row, apr_uint64_t address, int by)
{
    int line;

    for (line = 0; line < LINES; line++) {
        __atomic_fetch_add(&row->cells[line][cell_of(address, line)], by,
                           __ATOMIC_RELAXED);
    }
}

static apr_uint32_t address_clients(const es_census_t *census,
                                    apr_uint64_t address)
{
    apr_uint32_t least = APR_UINT32_MAX;
    int line;

    for (line = 0; line < LINES; line++) {
        unsigned cell = cell_of(address, line);
        apr_uint32_t sum = 0, place;

        for (place = 0; place < census->places; place++) {
            const row_t *row = &census->rows[place];

            /* most places are empty: their sketches stay untouched */
            if (__atomic_load_n(&row->clients, __ATOMIC_RELAXED) != 0) {
                sum +=
                    __atomic_load_n(&row->cells[line][cell], __ATOMIC_RELAXED);
            }
        }
        least = sum < least ? sum : least;
    }
    return least;
}

apr_uint32_t es_census_clients(const es_census_t *census, apr_uint32_t place)
{
    apr_uint32_t sum = 0, i;
    const row_t *row = row_at(census, place);

    if (row) {
        return __atomic_load_n(&row->clients, __ATOMIC_RELAXED);
    }
    for (i = 0; i < census->places; i++) {
        sum += __atomic_load_n(&census->rows[i].clients, __ATOMIC_RELAXED);
    }
    return sum;
}

static es_census_result_t over_limit(const es_census_t *census,
                                     const row_t *row, apr_uint64_t address,
                                     const es_census_limits_t *limits)
{
    if (limits->child_clients &&
        __atomic_load_n(&row->clients, __ATOMIC_RELAXED) >
            limits->child_clients) {
        return ES_CENSUS_PROCESS_FULL;
    }
    if (limits->clients && es_census_clients(census, 0) > limits->clients) {
        return ES_CENSUS_FULL;
    }
    if (limits->address_clients &&
        address_clients(census, address) > limits->address_clients) {
        return ES_CENSUS_ADDRESS_FULL;
    }
    return ES_CENSUS_OK;
}

es_census_result_t es_census_enter(es_census_t *census, apr_uint32_t place,
                                   apr_uint64_t address,
                                   const es_census_limits_t *limits,
                                   es_ticket_t *ticket)
{
    row_t *row = row_at(census, place);
    es_census_result_t result;

    ES_CONTEXT(ES_WORKER | ES_DELIVERY);
    memset(ticket, 0, sizeof(*ticket));
    if (!row) {
        return ES_CENSUS_PROCESS_FULL;
    }
    /* counted first and looked at then: of two at once for the last place
     * at least one sees the other */
    __atomic_fetch_add(&row->clients, 1, __ATOMIC_SEQ_CST);
    count_address(row, address, 1);
    ticket->census = census;
    ticket->place = place;
    ticket->address = address;
    result = over_limit(census, row, address, limits);
    if (result != ES_CENSUS_OK) {
        es_census_leave(ticket);
        ticket->census = NULL;
    }
    return result;
}

void es_census_leave(const es_ticket_t *ticket)
{
    row_t *row = ticket->census ? row_at(ticket->census, ticket->place) : NULL;

    if (row) {
        count_address(row, ticket->address, -1);
        __atomic_fetch_sub(&row->clients, 1, __ATOMIC_RELAXED);
    }
}

void es_census_forget(es_census_t *census, apr_uint32_t place)
{
    row_t *row = row_at(census, place);

    ES_CONTEXT(ES_PARENT);
    /* no clients, no addresses: see the order in enter and leave */
    if (row && row->clients != 0) {
        memset(row, 0, sizeof(*row));
    }
}
