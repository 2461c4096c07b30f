/* SPDX-License-Identifier: Apache-2.0 */
/* A short list of holes, searched from the newest; see gaps.h. */
#include "bench/gaps.h"

#include <stdlib.h>
#include <string.h>

#define MAX_HOLES 256

static void remove_hole(eb_gaps_t *ledger, uint32_t at)
{
    ledger->nholes--;
    memmove(&ledger->holes[at], &ledger->holes[at + 1],
            (ledger->nholes - at) * sizeof(*ledger->holes));
}

/* Insert before position at; the oldest makes room where there is none. */
static void insert_hole(eb_gaps_t *ledger, uint32_t at, uint32_t from,
                        uint32_t to)
{
    if (ledger->holes == NULL) {
        ledger->holes = malloc(MAX_HOLES * sizeof(*ledger->holes));
        if (ledger->holes == NULL) {
            abort(); /* figures without this hole would be wrong */
        }
    }
    if (ledger->nholes == MAX_HOLES) {
        remove_hole(ledger, 0);
        if (at > 0) {
            at--;
        }
    }
    memmove(&ledger->holes[at + 1], &ledger->holes[at],
            (ledger->nholes - at) * sizeof(*ledger->holes));
    ledger->holes[at].from = from;
    ledger->holes[at].to = to;
    ledger->nholes++;
}

static void fill(eb_gaps_t *ledger, uint32_t at, uint32_t number)
{
    eb_hole_t *hole = &ledger->holes[at];

    if (hole->to - hole->from == 1) {
        remove_hole(ledger, at);
    }
    else if (number == hole->from) {
        hole->from++;
    }
    else if (number == hole->to - 1) {
        hole->to--;
    }
    else {
        uint32_t to = hole->to;

        hole->to = number;
        insert_hole(ledger, at + 1, number + 1, to);
    }
}

eb_verdict_t eb_gaps_enter(eb_gaps_t *ledger, uint32_t number)
{
    uint32_t i;

    if (number >= ledger->next) {
        if (number > ledger->next) {
            insert_hole(ledger, ledger->nholes, ledger->next, number);
        }
        ledger->next = number + 1;
        return EB_IN_ORDER;
    }
    for (i = ledger->nholes; i-- > 0;) {
        if (number >= ledger->holes[i].from && number < ledger->holes[i].to) {
            fill(ledger, i, number);
            return EB_LATE;
        }
    }
    return EB_AGAIN;
}

void eb_gaps_clear(eb_gaps_t *ledger)
{
    free(ledger->holes);
    memset(ledger, 0, sizeof(*ledger));
}
