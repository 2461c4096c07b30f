/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The states, and what moves the sending from one to the next:
 *
 *          LOOK: something to send, another child has the outbox
 *        ┌────────────────────────────────────────────────────► BLOCKED
 *        │             LOOK: nothing to send                      │ │
 *      IDLE ◄─────────────────────────────────────────────────────┘ │
 *      ▲ │                                                          │
 *      │ │ LOOK: something to send, outbox acquired                 │
 *      │ └────────────────────────┐ ┌───────────────────────────────┘
 *      │                          ▼ ▼
 *      │               ┌─── load and post next ◄────┐
 *      │               │           │                │ POST_ENDED:
 *      │  a resend is  │           │ else: from     │ report the outcome
 *      │  wanted       │           │ the journal    │
 *      │               ▼           ▼                │
 *      │           RESENDING    POSTING ────────────┤
 *      │               └────────────────────────────┤
 *      └────────────────────────────────────────────┘
 *           nothing is left, or FORBIDDEN: release the outbox
 *
 * The outbox is this child's in POSTING and RESENDING, in which exactly one
 * request is in flight, and in no other state.
 *
 * What an outcome means for the records of the request and those after it:
 *
 *   taken               these records are done
 *   400, 413, 422       if there were several, each is sent by itself, since
 *                       one bad record must not spoil the others
 *   another status      these records have failed; the next ones are tried
 *   not reached         all that stood in the journal when the request began
 *                       has failed: each record waits for one try at most, and
 *                       nothing piles up before a proxy that is down
 *
 * Failed records are not tried again by themselves: when the proxy is back, its
 * clients return and get them from the journal. es_sender_proxy_resend sends
 * them once more for a publisher that publishes its events again: each alone,
 * before what is next in the journal.
 */
#include "grip/sender_proxy.h"

#include <apr_strings.h>

#include "base/context.h"
#include "base/log.h"
#include "grip/sender_body.h"

/* A token is valid for 10 minutes and replaced after 5. */
#define TOKEN_AGE (300 * APR_USEC_PER_SEC)
/* between two warnings about one proxy */
#define LOG_PAUSE (10 * APR_USEC_PER_SEC)

/* Records that a search for what is sent again looks at in one go; they take a
 * millisecond, for which all other proxies wait. */
#define AGAIN_LOOKS_MAX 4096

typedef enum sending_state_t {
    IDLE,      /* nothing to send */
    BLOCKED,   /* something to send, but another child has the outbox */
    POSTING,   /* records that are next in the journal are in flight */
    RESENDING, /* a record that was sent before is in flight */
    SENDING_STATES
} sending_state_t;

typedef enum sending_event_t {
    LOOK,       /* once in each turn of the thread */
    POST_ENDED, /* the request in flight has an outcome */
    FORBIDDEN,  /* this node may not send any more */
    SENDING_EVENTS
} sending_event_t;

typedef enum resend_state_t {
    RESEND_NONE,
    RESEND_WANTED, /* next has not reached to */
    RESEND_DONE    /* the outcome was not asked for yet */
} resend_state_t;

/* Records that are sent again, one by one. */
typedef struct resend_t {
    resend_state_t state;
    es_pos_t from;
    es_pos_t to;
    es_sent_pos_t next; /* what is sent next */
    int outcome;        /* the last that is not ES_OUTCOME_TAKEN, so far */
} resend_t;

struct es_sender_proxy_t {
    es_sender_proxy_params_t params;
    es_grip_conn_t *line;
    apr_pool_t *pool;   /* of the request in flight */
    apr_pool_t *tokens; /* of authorization */
    const char *authorization;
    apr_time_t authorized; /* when it was made; 0 = not yet */
    sending_state_t state;
    es_outbox_wait_t wait; /* in BLOCKED */
    es_sender_body_t body; /* in flight */
    es_pos_t head;         /* the journal's, when the request was made */
    es_sent_pos_t next;    /* what is sent next, if the outbox agrees */
    es_pos_t split_until;  /* records before it are sent one by one */
    resend_t resend;
};

apr_status_t es_sender_proxy_open(es_sender_proxy_t **out,
                                  const es_sender_proxy_params_t *params,
                                  es_grip_client_t *client, apr_pool_t *pool)
{
    es_sender_proxy_t *sending = apr_pcalloc(pool, sizeof(*sending));
    es_grip_conn_params_t line = {0};

    sending->params = *params;
    sending->state = IDLE;
    apr_pool_create(&sending->pool, pool);
    apr_pool_create(&sending->tokens, pool);
    line.uri = params->proxy->publish_uri;
    line.connect_timeout = params->grip->connect_timeout;
    line.timeout = params->grip->publish_timeout;
    line.owner = sending;
    *out = sending;
    return es_grip_conn_open(&sending->line, client, &line);
}

void es_sender_proxy_close(es_sender_proxy_t *sending)
{
    es_grip_conn_close(sending->line);
    if (es_sender_proxy_is_busy(sending)) {
        es_outbox_release(sending->params.outbox);
    }
    sending->state = IDLE;
}

/* ---- The log ----------------------------------------------------------- */

static void log_failure(es_sender_proxy_t *sending, int outcome, apr_time_t now)
{
    es_outbox_t *outbox = sending->params.outbox;

    es_outbox_count_failure(outbox, outcome);
    outbox->unlogged++;
    if (outbox->logged != 0 && now - outbox->logged < LOG_PAUSE) {
        return;
    }
    es_log(ES_LOG_WARNING, 0, "ES0630",
           "hub %s: the GRIP proxy %s did not take events: %s "
           "(%" APR_UINT64_T_FMT
           " time(s) since this was last logged); clients "
           "that it holds have missed them",
           sending->params.hub, sending->params.proxy->name,
           es_outcome_text(outcome, sending->pool), outbox->unlogged);
    outbox->logged = now;
    outbox->unlogged = 0;
}

static void log_success(es_sender_proxy_t *sending)
{
    es_outbox_t *outbox = sending->params.outbox;

    if (outbox->logged != 0) {
        es_log(ES_LOG_NOTICE, 0, "ES0631",
               "hub %s: the GRIP proxy %s takes events again",
               sending->params.hub, sending->params.proxy->name);
        outbox->logged = 0;
        outbox->unlogged = 0;
    }
}

/* Report the outcome of all records up to a position. */
static void report(es_sender_proxy_t *sending, es_pos_t to, int outcome,
                   apr_time_t now)
{
    es_outbox_t *outbox = sending->params.outbox;

    es_outbox_report(outbox, es_outbox_sent(outbox), to, outcome);
    if (outcome == ES_OUTCOME_TAKEN) {
        log_success(sending);
    }
    else {
        log_failure(sending, outcome, now);
    }
}

/* ---- One request ------------------------------------------------------- */

/* @return 0: a token could not be made */
static int authorize(es_sender_proxy_t *sending, const es_sender_time_t *time)
{
    const es_proxy_t *proxy = sending->params.proxy;

    if (sending->authorized != 0 &&
        (proxy->auth != ES_AUTH_JWT ||
         time->now - sending->authorized < TOKEN_AGE)) {
        return 1;
    }
    apr_pool_clear(sending->tokens);
    sending->authorized = 0;
    if (!es_proxy_authorization(&sending->authorization, proxy, time->date,
                                sending->tokens)) {
        return 0;
    }
    sending->authorized = time->now;
    return 1;
}

/* @return 0: it is in flight; or the outcome */
static int post(es_sender_proxy_t *sending, const es_sender_time_t *time)
{
    if (!authorize(sending, time)) {
        return ES_OUTCOME_TOKEN;
    }
    if (es_grip_conn_post(sending->line, sending->authorization,
                          sending->body.text) != APR_SUCCESS) {
        return ES_OUTCOME_BROKEN;
    }
    return 0;
}

/* ---- From the journal -------------------------------------------------- */

/* Where the next body begins. A place within a record counts only as long as
 * the outbox is at that record. */
static es_sent_pos_t next_of(const es_sender_proxy_t *sending)
{
    es_sent_pos_t next = {es_outbox_sent(sending->params.outbox), 0};

    return sending->next.pos == next.pos ? sending->next : next;
}

/* Load what is next. @return 0: nothing is */
static int load(es_sender_proxy_t *sending, int *changed, apr_time_t now)
{
    const es_sender_proxy_params_t *params = &sending->params;
    apr_status_t rv = APR_SUCCESS;

    for (;;) {
        es_pos_t sent = es_outbox_sent(params->outbox);
        es_pos_t head = es_store_head(params->store);

        if (sent > head) {
            /* of another journal, or a stray write */
            es_outbox_begin(params->outbox, head);
            return 0;
        }
        apr_pool_clear(sending->pool);
        sending->body.from = next_of(sending);
        sending->head = head;
        rv = es_sender_body_make(
            &sending->body, params->store, params->grip, head,
            sent < sending->split_until ? 1 : APR_INT32_MAX, sending->pool);
        if (rv == APR_SUCCESS || rv == APR_EOF || rv == APR_TIMEUP) {
            return rv == APR_SUCCESS; /* TIMEUP: the next look tries again */
        }
        if (rv == APR_ENOENT && es_store_tail(params->store) > sent) {
            report(sending, es_store_tail(params->store), ES_OUTCOME_OVERTAKEN,
                   now);
        }
        else {
            report(sending, head, ES_OUTCOME_LOST, now);
        }
        *changed = 1;
    }
}

static void report_post(es_sender_proxy_t *sending, int outcome, apr_time_t now)
{
    es_sender_body_t *body = &sending->body;

    if (outcome == ES_OUTCOME_TAKEN) {
        if (body->to.pos > body->from.pos) {
            report(sending, body->to.pos, outcome, now);
        }
    }
    else if (es_outcome_blames_body(outcome) && body->records > 1) {
        sending->split_until = body->end;
        body->to = body->from;
    }
    else if (es_outcome_is_answer(outcome)) {
        report(sending, body->end, outcome, now);
    }
    else {
        report(sending, sending->head, outcome, now);
    }
    sending->next = body->to;
}

/* ---- Again ------------------------------------------------------------- */

int es_sender_proxy_resend(es_sender_proxy_t *sending, es_pos_t from,
                           es_pos_t to)
{
    resend_t *resend = &sending->resend;
    int is_same = resend->from == from && resend->to == to;

    if (resend->state == RESEND_WANTED) {
        return ES_OUTCOME_OPEN;
    }
    if (resend->state == RESEND_DONE && is_same) {
        resend->state = RESEND_NONE;
        return resend->outcome;
    }
    resend->state = RESEND_WANTED;
    resend->from = resend->next.pos = from;
    resend->to = to;
    resend->next.link = 0;
    resend->outcome = ES_OUTCOME_TAKEN;
    return ES_OUTCOME_OPEN;
}

/* The records up to pos have this outcome. */
static void advance(resend_t *resend, es_pos_t pos, int outcome)
{
    if (outcome != ES_OUTCOME_TAKEN) {
        resend->outcome = outcome;
    }
    resend->next.pos = pos;
    resend->next.link = 0;
    resend->state = pos < resend->to ? RESEND_WANTED : RESEND_DONE;
}

static int was_taken(const es_sender_proxy_t *sending,
                     const es_record_t *record)
{
    return es_outbox_outcome(sending->params.outbox, record->pos,
                             record->next) == ES_OUTCOME_TAKEN;
}

/* Load the next of them that the proxy has not taken. A publisher that sends an
 * old event again and a new one has all records between in its range.
 *
 * @return 0: none, or none yet if more are wanted */
static int load_again(es_sender_proxy_t *sending)
{
    const es_sender_proxy_params_t *params = &sending->params;
    resend_t *resend = &sending->resend;
    int left = AGAIN_LOOKS_MAX;
    es_record_t record;
    apr_status_t rv;

    while (resend->state == RESEND_WANTED && left-- > 0) {
        if (es_store_look(params->store, resend->next.pos, &record) !=
            APR_SUCCESS) {
            advance(resend, resend->to, ES_OUTCOME_OVERTAKEN);
            break;
        }
        if (resend->next.link == 0 && was_taken(sending, &record)) {
            advance(resend, record.next, ES_OUTCOME_TAKEN);
            continue;
        }
        apr_pool_clear(sending->pool);
        sending->body.from = resend->next;
        rv = es_sender_body_make(&sending->body, params->store, params->grip,
                                 record.next, 1, sending->pool);
        if (rv == APR_SUCCESS || rv == APR_TIMEUP) {
            return rv == APR_SUCCESS;
        }
        advance(resend, record.next, ES_OUTCOME_OVERTAKEN);
    }
    return 0;
}

static void report_again(es_sender_proxy_t *sending, int outcome)
{
    const es_sender_body_t *body = &sending->body;
    resend_t *resend = &sending->resend;

    if (outcome == ES_OUTCOME_TAKEN && body->to.pos < body->end) {
        resend->next = body->to; /* the rest of its channels */
        return;
    }
    es_outbox_report(sending->params.outbox, body->from.pos, body->end,
                     outcome);
    if (es_outcome_is_answer(outcome) || outcome == ES_OUTCOME_TAKEN) {
        advance(resend, body->end, outcome);
    }
    else {
        advance(resend, resend->to, outcome);
    }
}

/* ---- States ------------------------------------------------------------ */

/* @return the state in which what is loaded is in flight; IDLE = nothing is */
static sending_state_t load_next(es_sender_proxy_t *sending, int *changed,
                                 apr_time_t now)
{
    if (load_again(sending)) {
        return RESENDING;
    }
    return load(sending, changed, now) ? POSTING : IDLE;
}

static void report_outcome(es_sender_proxy_t *sending, int outcome,
                           apr_time_t now)
{
    if (sending->state == RESENDING) {
        report_again(sending, outcome);
    }
    else {
        report_post(sending, outcome, now);
    }
}

/* Post what is next, or release the outbox. @return 1: it has changed */
static int post_next(es_sender_proxy_t *sending, const es_sender_time_t *time)
{
    int changed = 0;

    for (;;) {
        int outcome;

        sending->state = load_next(sending, &changed, time->now);
        if (sending->state == IDLE || !es_sender_proxy_may_send(sending)) {
            sending->state = IDLE;
            es_outbox_release(sending->params.outbox);
            return 1;
        }
        outcome = post(sending, time);
        if (outcome == 0) {
            return changed;
        }
        report_outcome(sending, outcome, time->now);
        changed = 1;
    }
}

static int on_look(es_sender_proxy_t *sending, int outcome,
                   const es_sender_time_t *time)
{
    const es_sender_proxy_params_t *params = &sending->params;

    (void)outcome;
    sending->state = IDLE;
    if (!es_sender_proxy_may_send(sending) ||
        (sending->resend.state != RESEND_WANTED &&
         es_outbox_sent(params->outbox) == es_store_head(params->store))) {
        sending->wait.since = 0;
        return 0;
    }
    if (es_outbox_acquire(params->outbox) != APR_SUCCESS) {
        es_outbox_watch_owner(params->outbox, &sending->wait, time->now);
        sending->state = BLOCKED;
        return 0;
    }
    sending->wait.since = 0;
    sending->next.pos = 0; /* this child cannot know how far another came */
    return post_next(sending, time);
}

static int on_forbidden(es_sender_proxy_t *sending, int outcome,
                        const es_sender_time_t *time)
{
    (void)outcome;
    (void)time;
    es_grip_conn_cancel(sending->line);
    sending->state = IDLE;
    es_outbox_release(sending->params.outbox);
    return 1;
}

static int on_post_ended(es_sender_proxy_t *sending, int outcome,
                         const es_sender_time_t *time)
{
    report_outcome(sending, outcome, time->now);
    post_next(sending, time);
    return 1;
}

typedef int action_fn_t(es_sender_proxy_t *sending, int outcome,
                        const es_sender_time_t *time);

/* NULL: nothing to do */
static action_fn_t *const actions[SENDING_STATES][SENDING_EVENTS] = {
    [IDLE] = {[LOOK] = on_look},
    [BLOCKED] = {[LOOK] = on_look},
    [POSTING] = {[POST_ENDED] = on_post_ended, [FORBIDDEN] = on_forbidden},
    [RESENDING] = {[POST_ENDED] = on_post_ended, [FORBIDDEN] = on_forbidden},
};

/* @return 1 if the outbox has changed */
static int step(es_sender_proxy_t *sending, sending_event_t event, int outcome,
                const es_sender_time_t *time)
{
    action_fn_t *action = actions[sending->state][event];

    return action != NULL && action(sending, outcome, time);
}

int es_sender_proxy_step(es_sender_proxy_t *sending,
                         const es_sender_time_t *time)
{
    ES_CONTEXT(ES_SENDER);
    if (es_sender_proxy_is_busy(sending)) {
        es_outbox_move_on(sending->params.outbox);
    }
    return step(sending, LOOK, 0, time);
}

/* An outbox without a place waits for one (server/outbox_owners.h). */
int es_sender_proxy_may_send(const es_sender_proxy_t *sending)
{
    const es_sender_proxy_params_t *params = &sending->params;

    return params->may_send == NULL || (es_outbox_sent(params->outbox) != 0 &&
                                        params->may_send(params->arg));
}

int es_sender_proxy_cancel_forbidden(es_sender_proxy_t *sending)
{
    ES_CONTEXT(ES_SENDER);
    return es_sender_proxy_is_busy(sending) &&
           !es_sender_proxy_may_send(sending) &&
           step(sending, FORBIDDEN, 0, NULL);
}

int es_sender_proxy_ended(es_sender_proxy_t *sending, int outcome,
                          const es_sender_time_t *time)
{
    ES_CONTEXT(ES_SENDER);
    return step(sending, POST_ENDED, outcome, time);
}

int es_sender_proxy_is_busy(const es_sender_proxy_t *sending)
{
    return sending->state == POSTING || sending->state == RESENDING;
}

int es_sender_proxy_is_blocked(const es_sender_proxy_t *sending)
{
    return sending->state == BLOCKED;
}

int es_sender_proxy_has_more(const es_sender_proxy_t *sending)
{
    return sending->state == IDLE && sending->resend.state == RESEND_WANTED &&
           es_sender_proxy_may_send(sending);
}

const es_outbox_t *es_sender_proxy_outbox(const es_sender_proxy_t *sending)
{
    return sending->params.outbox;
}
