/* SPDX-License-Identifier: Apache-2.0 */
/*
 *           take, load, post                 ended, more to send
 *     idle ──────────────────► posting ─────────────────────────► posting
 *       ▲                         │
 *       └─────── give ────────────┘  ended, nothing left
 *
 * What an outcome means for what waits:
 *
 *   taken               these records are done
 *   400, 413, 422       if there were several, each is sent by itself, since
 *                       one bad record must not spoil those of others
 *   another status      these records have failed; the next ones are tried
 *   not reached         all that stood in the journal when the post began has
 *                       failed: each record waits for one try at most, and
 *                       nothing piles up before a proxy that is down
 *
 * Failed records are not tried again by themselves: clients of a proxy that
 * was down come back to it, and get them from the journal. es_shipment_again
 * sends them once more for a publisher who asks: each alone, before what is
 * next in the journal.
 */
#include "grip/sender_proxy.h"

#include <apr_strings.h>

#include "base/context.h"
#include "base/log.h"
#include "base/clock.h"
#include "grip/sender_body.h"

/* A token is good for 10 minutes, made anew after 5. */
#define TOKEN_AGE (300 * APR_USEC_PER_SEC)
/* between two warnings about one proxy */
#define LOG_PAUSE (10 * APR_USEC_PER_SEC)

/* Records that are sent again, one by one. */
typedef struct again_t {
    es_pos_t from;
    es_pos_t to;
    es_stand_t stand; /* what is next */
    int is_wanted;    /* stand has not reached to */
    int outcome;      /* so far; 0 = taken */
} again_t;

struct es_shipment_t {
    es_shipment_params_t params;
    es_grip_line_t *line;
    apr_pool_t *pool;   /* of the post on its way */
    apr_pool_t *tokens; /* of authorization */
    const char *authorization;
    apr_time_t authorized; /* when it was made; 0 = not yet */
    es_cargo_t cargo;      /* on its way */
    es_stand_t stand;      /* what is next, if sent is there, too */
    es_pos_t covers;       /* head when the post began */
    es_pos_t alone_until;  /* records before it are sent one by one */
    again_t again;
    int is_again;   /* what is on its way is sent again */
    int is_busy;    /* the outbox is ours, a post is on its way */
    int is_blocked; /* another child has the outbox */
};

apr_status_t es_shipment_open(es_shipment_t **out,
                              const es_shipment_params_t *params,
                              es_grip_client_t *client, apr_pool_t *pool)
{
    es_shipment_t *shipment = apr_pcalloc(pool, sizeof(*shipment));
    es_grip_line_params_t line = {0};

    shipment->params = *params;
    apr_pool_create(&shipment->pool, pool);
    apr_pool_create(&shipment->tokens, pool);
    line.uri = params->proxy->publish_uri;
    line.connect_timeout = params->grip->connect_timeout;
    line.timeout = params->grip->publish_timeout;
    line.owner = shipment;
    *out = shipment;
    return es_grip_line_open(&shipment->line, client, &line);
}

void es_shipment_close(es_shipment_t *shipment)
{
    es_grip_line_close(shipment->line);
    if (shipment->is_busy) {
        shipment->is_busy = 0;
        es_outbox_give(shipment->params.box);
    }
}

/* ---- The log ----------------------------------------------------------- */

static void tell_failure(es_shipment_t *shipment, int outcome)
{
    es_outbox_t *box = shipment->params.box;
    apr_time_t now = es_clock_now();

    box->untold++;
    if (box->told != 0 && now - box->told < LOG_PAUSE) {
        return;
    }
    es_log(ES_LOG_WARNING, 0, "ES0630",
           "hub %s: the GRIP proxy %s did not take events: %s "
           "(%" APR_UINT64_T_FMT " times); clients that it holds have missed "
           "them",
           shipment->params.hub, shipment->params.proxy->name,
           es_outcome_text(outcome, shipment->pool), box->untold);
    box->told = now;
    box->untold = 0;
}

static void tell_success(es_shipment_t *shipment)
{
    es_outbox_t *box = shipment->params.box;

    if (box->told != 0) {
        es_log(ES_LOG_NOTICE, 0, "ES0631",
               "hub %s: the GRIP proxy %s takes events again",
               shipment->params.hub, shipment->params.proxy->name);
        box->told = 0;
        box->untold = 0;
    }
}

/* ---- One post ---------------------------------------------------------- */

static void note(es_shipment_t *shipment, es_pos_t to, int outcome)
{
    es_outbox_t *box = shipment->params.box;

    es_outbox_note(box, es_outbox_sent(box), to, outcome);
    if (outcome == ES_OUTCOME_TAKEN) {
        tell_success(shipment);
    }
    else {
        tell_failure(shipment, outcome);
    }
}

/* @return 0: there is none */
static int authorize(es_shipment_t *shipment)
{
    const es_proxy_t *proxy = shipment->params.proxy;
    apr_time_t now = es_clock_now();

    if (shipment->authorized != 0 && (proxy->auth != ES_AUTH_JWT ||
                                      now - shipment->authorized < TOKEN_AGE)) {
        return 1;
    }
    apr_pool_clear(shipment->tokens);
    shipment->authorized = 0;
    if (!es_proxy_authorization(&shipment->authorization, proxy, apr_time_now(),
                                shipment->tokens)) {
        return 0;
    }
    shipment->authorized = now;
    return 1;
}

/* @return 0, or what prevented it */
static int post(es_shipment_t *shipment)
{
    if (!authorize(shipment)) {
        return ES_OUTCOME_TOKEN;
    }
    if (es_grip_line_post(shipment->line, shipment->authorization,
                          shipment->cargo.body) != APR_SUCCESS) {
        return ES_OUTCOME_BROKEN;
    }
    return 0;
}

/* Where the next body begins. A place in the middle of a record counts only
 * as long as the outbox has stayed with that record. */
static es_stand_t stand_of(const es_shipment_t *shipment)
{
    es_stand_t stand = {es_outbox_sent(shipment->params.box), 0};

    return shipment->stand.pos == stand.pos ? shipment->stand : stand;
}

/* Load what is next. @return 0: nothing is */
static int load(es_shipment_t *shipment, int *changed)
{
    const es_shipment_params_t *params = &shipment->params;
    apr_status_t rv = APR_SUCCESS;

    for (;;) {
        es_pos_t sent = es_outbox_sent(params->box);
        es_pos_t head = es_store_head(params->store);

        if (sent > head) {
            /* of another journal, or a stray write */
            es_outbox_begin(params->box, head);
            return 0;
        }
        apr_pool_clear(shipment->pool);
        shipment->cargo.from = stand_of(shipment);
        shipment->covers = head;
        rv = es_cargo_load(&shipment->cargo, params->store, params->grip, head,
                           sent < shipment->alone_until ? 1 : APR_INT32_MAX,
                           shipment->pool);
        if (rv == APR_SUCCESS || rv == APR_EOF) {
            return rv == APR_SUCCESS;
        }
        if (rv == APR_ENOENT && es_store_tail(params->store) > sent) {
            note(shipment, es_store_tail(params->store), ES_OUTCOME_OVERTAKEN);
        }
        else {
            note(shipment, head, ES_OUTCOME_LOST);
        }
        *changed = 1;
    }
}

/* ---- Once more --------------------------------------------------------- */

int es_shipment_again(es_shipment_t *shipment, es_pos_t from, es_pos_t to)
{
    again_t *again = &shipment->again;

    if (!again->is_wanted && (again->from != from || again->to != to)) {
        again->from = again->stand.pos = from;
        again->to = to;
        again->stand.link = 0;
        again->outcome = ES_OUTCOME_TAKEN;
        again->is_wanted = 1;
    }
    if (again->is_wanted || again->from != from || again->to != to) {
        return ES_OUTCOME_OPEN;
    }
    again->from = again->to = 0; /* told once */
    return again->outcome;
}

/* It is over, well or not, up to this position. */
static void pass(again_t *again, es_pos_t pos, int outcome)
{
    if (outcome != ES_OUTCOME_TAKEN) {
        again->outcome = outcome;
    }
    again->stand.pos = pos;
    again->stand.link = 0;
    again->is_wanted = pos < again->to;
}

static int was_taken(const es_shipment_t *shipment, const es_record_t *record)
{
    return es_outbox_outcome(shipment->params.box, record->pos, record->next) ==
           ES_OUTCOME_TAKEN;
}

/* Load the next of them that the proxy has not taken. @return 0: none */
static int load_again(es_shipment_t *shipment)
{
    const es_shipment_params_t *params = &shipment->params;
    again_t *again = &shipment->again;
    es_record_t record;

    while (again->is_wanted) {
        if (es_store_look(params->store, again->stand.pos, &record) !=
            APR_SUCCESS) {
            pass(again, again->to, ES_OUTCOME_OVERTAKEN);
            break;
        }
        if (again->stand.link == 0 && was_taken(shipment, &record)) {
            pass(again, record.next, ES_OUTCOME_TAKEN);
            continue;
        }
        apr_pool_clear(shipment->pool);
        shipment->cargo.from = again->stand;
        if (es_cargo_load(&shipment->cargo, params->store, params->grip,
                          record.next, 1, shipment->pool) == APR_SUCCESS) {
            return 1;
        }
        pass(again, record.next, ES_OUTCOME_OVERTAKEN);
    }
    return 0;
}

static void ended_again(es_shipment_t *shipment, int outcome)
{
    const es_cargo_t *cargo = &shipment->cargo;

    if (outcome == ES_OUTCOME_TAKEN && cargo->to.pos < cargo->end) {
        shipment->again.stand = cargo->to; /* the rest of its channels */
        return;
    }
    es_outbox_note(shipment->params.box, cargo->from.pos, cargo->end, outcome);
    if (es_outcome_is_answer(outcome) || outcome == ES_OUTCOME_TAKEN) {
        pass(&shipment->again, cargo->end, outcome);
    }
    else {
        pass(&shipment->again, shipment->again.to, outcome);
    }
}

/* ---- Sending ----------------------------------------------------------- */

static void ended_first(es_shipment_t *shipment, int outcome)
{
    es_cargo_t *cargo = &shipment->cargo;

    if (outcome == ES_OUTCOME_TAKEN) {
        if (cargo->to.pos > cargo->from.pos) {
            note(shipment, cargo->to.pos, outcome);
        }
    }
    else if (es_outcome_blames_body(outcome) && cargo->records > 1) {
        shipment->alone_until = cargo->end;
        cargo->to = cargo->from;
    }
    else if (es_outcome_is_answer(outcome)) {
        note(shipment, cargo->end, outcome);
    }
    else {
        note(shipment, shipment->covers, outcome);
    }
    shipment->stand = cargo->to;
}

static void end_post(es_shipment_t *shipment, int outcome)
{
    if (shipment->is_again) {
        ended_again(shipment, outcome);
    }
    else {
        ended_first(shipment, outcome);
    }
}

/* What is to be sent now? @return 0: nothing */
static int choose(es_shipment_t *shipment, int *changed)
{
    shipment->is_again = load_again(shipment);
    return shipment->is_again || load(shipment, changed);
}

/* Go on, or let others. @return 1 when the outbox has changed */
static int go_on(es_shipment_t *shipment)
{
    int changed = 0;

    while (choose(shipment, &changed)) {
        int outcome = post(shipment);

        if (outcome == 0) {
            shipment->is_busy = 1;
            return changed;
        }
        end_post(shipment, outcome);
        changed = 1;
    }
    shipment->is_busy = 0;
    es_outbox_give(shipment->params.box);
    return 1;
}

int es_shipment_step(es_shipment_t *shipment)
{
    const es_shipment_params_t *params = &shipment->params;

    ES_CONTEXT(ES_COURIER);
    shipment->is_blocked = 0;
    if (shipment->is_busy ||
        (!shipment->again.is_wanted &&
         es_outbox_sent(params->box) == es_store_head(params->store))) {
        return 0;
    }
    if (es_outbox_take(params->box) != APR_SUCCESS) {
        shipment->is_blocked = 1;
        return 0;
    }
    shipment->stand.pos = 0; /* what another has begun, we do not know */
    return go_on(shipment);
}

int es_shipment_ended(es_shipment_t *shipment, int outcome)
{
    ES_CONTEXT(ES_COURIER);
    end_post(shipment, outcome);
    go_on(shipment);
    return 1;
}

int es_shipment_is_busy(const es_shipment_t *shipment)
{
    return shipment->is_busy;
}

int es_shipment_is_blocked(const es_shipment_t *shipment)
{
    return shipment->is_blocked;
}

const es_outbox_t *es_shipment_box(const es_shipment_t *shipment)
{
    return shipment->params.box;
}
