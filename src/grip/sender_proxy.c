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
 * Failed records are not tried again by themselves: clients of a proxy that was
 * down come back to it, and get them from the journal. es_sender_proxy_resend
 * sends them once more for a publisher who asks: each alone, before what is
 * next in the journal.
 */
#include "grip/sender_proxy.h"

#include <apr_strings.h>

#include "base/context.h"
#include "base/log.h"
#include "grip/sender_body.h"

/* A token is good for 10 minutes, made anew after 5. */
#define TOKEN_AGE (300 * APR_USEC_PER_SEC)
/* between two warnings about one proxy */
#define LOG_PAUSE (10 * APR_USEC_PER_SEC)

/* Records that are sent again, one by one. */
typedef struct resend_t {
    es_pos_t from;
    es_pos_t to;
    es_sent_pos_t at; /* what is next */
    int is_wanted;    /* stand has not reached to */
    int outcome;      /* so far; 0 = taken */
} resend_t;

struct es_sender_proxy_t {
    es_sender_proxy_params_t params;
    es_grip_line_t *line;
    apr_pool_t *pool;   /* of the post on its way */
    apr_pool_t *tokens; /* of authorization */
    const char *authorization;
    apr_time_t authorized; /* when it was made; 0 = not yet */
    es_sender_body_t body; /* on its way */
    es_sent_pos_t at;      /* what is next, if sent is there, too */
    es_pos_t covers;       /* head when the post began */
    es_pos_t alone_until;  /* records before it are sent one by one */
    resend_t resend;
    int is_resend;  /* what is on its way is sent again */
    int is_busy;    /* the outbox is ours, a post is on its way */
    int is_blocked; /* another child has the outbox */
};

apr_status_t es_sender_proxy_open(es_sender_proxy_t **out,
                                  const es_sender_proxy_params_t *params,
                                  es_grip_client_t *client, apr_pool_t *pool)
{
    es_sender_proxy_t *sending = apr_pcalloc(pool, sizeof(*sending));
    es_grip_line_params_t line = {0};

    sending->params = *params;
    apr_pool_create(&sending->pool, pool);
    apr_pool_create(&sending->tokens, pool);
    line.uri = params->proxy->publish_uri;
    line.connect_timeout = params->grip->connect_timeout;
    line.timeout = params->grip->publish_timeout;
    line.owner = sending;
    *out = sending;
    return es_grip_line_open(&sending->line, client, &line);
}

void es_sender_proxy_close(es_sender_proxy_t *sending)
{
    es_grip_line_close(sending->line);
    if (sending->is_busy) {
        sending->is_busy = 0;
        es_outbox_release(sending->params.outbox);
    }
}

/* ---- The log ----------------------------------------------------------- */

static void log_failure(es_sender_proxy_t *sending, int outcome, apr_time_t now)
{
    es_outbox_t *outbox = sending->params.outbox;

    outbox->unlogged++;
    if (outbox->logged != 0 && now - outbox->logged < LOG_PAUSE) {
        return;
    }
    es_log(ES_LOG_WARNING, 0, "ES0630",
           "hub %s: the GRIP proxy %s did not take events: %s "
           "(%" APR_UINT64_T_FMT " times); clients that it holds have missed "
           "them",
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

/* ---- One post ---------------------------------------------------------- */

static void note(es_sender_proxy_t *sending, es_pos_t to, int outcome,
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

/* @return 0: there is none */
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

/* @return 0, or what prevented it */
static int post(es_sender_proxy_t *sending, const es_sender_time_t *time)
{
    if (!authorize(sending, time)) {
        return ES_OUTCOME_TOKEN;
    }
    if (es_grip_line_post(sending->line, sending->authorization,
                          sending->body.text) != APR_SUCCESS) {
        return ES_OUTCOME_BROKEN;
    }
    return 0;
}

/* Where the next body begins. A place in the middle of a record counts only
 * as long as the outbox has stayed with that record. */
static es_sent_pos_t at_of(const es_sender_proxy_t *sending)
{
    es_sent_pos_t at = {es_outbox_sent(sending->params.outbox), 0};

    return sending->at.pos == at.pos ? sending->at : at;
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
        sending->body.from = at_of(sending);
        sending->covers = head;
        rv = es_sender_body_make(
            &sending->body, params->store, params->grip, head,
            sent < sending->alone_until ? 1 : APR_INT32_MAX, sending->pool);
        if (rv == APR_SUCCESS || rv == APR_EOF) {
            return rv == APR_SUCCESS;
        }
        if (rv == APR_ENOENT && es_store_tail(params->store) > sent) {
            note(sending, es_store_tail(params->store), ES_OUTCOME_OVERTAKEN,
                 now);
        }
        else {
            note(sending, head, ES_OUTCOME_LOST, now);
        }
        *changed = 1;
    }
}

/* ---- Once more --------------------------------------------------------- */

int es_sender_proxy_resend(es_sender_proxy_t *sending, es_pos_t from,
                           es_pos_t to)
{
    resend_t *resend = &sending->resend;

    if (!resend->is_wanted && (resend->from != from || resend->to != to)) {
        resend->from = resend->at.pos = from;
        resend->to = to;
        resend->at.link = 0;
        resend->outcome = ES_OUTCOME_TAKEN;
        resend->is_wanted = 1;
    }
    if (resend->is_wanted || resend->from != from || resend->to != to) {
        return ES_OUTCOME_OPEN;
    }
    resend->from = resend->to = 0; /* told once */
    return resend->outcome;
}

/* It is over, well or not, up to this position. */
static void pass(resend_t *resend, es_pos_t pos, int outcome)
{
    if (outcome != ES_OUTCOME_TAKEN) {
        resend->outcome = outcome;
    }
    resend->at.pos = pos;
    resend->at.link = 0;
    resend->is_wanted = pos < resend->to;
}

static int was_taken(const es_sender_proxy_t *sending,
                     const es_record_t *record)
{
    return es_outbox_outcome(sending->params.outbox, record->pos,
                             record->next) == ES_OUTCOME_TAKEN;
}

/* Load the next of them that the proxy has not taken. @return 0: none */
static int load_resend(es_sender_proxy_t *sending)
{
    const es_sender_proxy_params_t *params = &sending->params;
    resend_t *resend = &sending->resend;
    es_record_t record;

    while (resend->is_wanted) {
        if (es_store_look(params->store, resend->at.pos, &record) !=
            APR_SUCCESS) {
            pass(resend, resend->to, ES_OUTCOME_OVERTAKEN);
            break;
        }
        if (resend->at.link == 0 && was_taken(sending, &record)) {
            pass(resend, record.next, ES_OUTCOME_TAKEN);
            continue;
        }
        apr_pool_clear(sending->pool);
        sending->body.from = resend->at;
        if (es_sender_body_make(&sending->body, params->store, params->grip,
                                record.next, 1, sending->pool) == APR_SUCCESS) {
            return 1;
        }
        pass(resend, record.next, ES_OUTCOME_OVERTAKEN);
    }
    return 0;
}

static void ended_resend(es_sender_proxy_t *sending, int outcome)
{
    const es_sender_body_t *body = &sending->body;

    if (outcome == ES_OUTCOME_TAKEN && body->to.pos < body->end) {
        sending->resend.at = body->to; /* the rest of its channels */
        return;
    }
    es_outbox_report(sending->params.outbox, body->from.pos, body->end,
                     outcome);
    if (es_outcome_is_answer(outcome) || outcome == ES_OUTCOME_TAKEN) {
        pass(&sending->resend, body->end, outcome);
    }
    else {
        pass(&sending->resend, sending->resend.to, outcome);
    }
}

/* ---- Sending ----------------------------------------------------------- */

static void ended_first(es_sender_proxy_t *sending, int outcome, apr_time_t now)
{
    es_sender_body_t *body = &sending->body;

    if (outcome == ES_OUTCOME_TAKEN) {
        if (body->to.pos > body->from.pos) {
            note(sending, body->to.pos, outcome, now);
        }
    }
    else if (es_outcome_blames_body(outcome) && body->records > 1) {
        sending->alone_until = body->end;
        body->to = body->from;
    }
    else if (es_outcome_is_answer(outcome)) {
        note(sending, body->end, outcome, now);
    }
    else {
        note(sending, sending->covers, outcome, now);
    }
    sending->at = body->to;
}

static void end_post(es_sender_proxy_t *sending, int outcome, apr_time_t now)
{
    if (sending->is_resend) {
        ended_resend(sending, outcome);
    }
    else {
        ended_first(sending, outcome, now);
    }
}

/* What is to be sent now? @return 0: nothing */
static int choose(es_sender_proxy_t *sending, int *changed, apr_time_t now)
{
    sending->is_resend = load_resend(sending);
    return sending->is_resend || load(sending, changed, now);
}

/* Go on, or let others. @return 1 when the outbox has changed */
static int go_on(es_sender_proxy_t *sending, const es_sender_time_t *time)
{
    int changed = 0;

    while (choose(sending, &changed, time->now)) {
        int outcome = post(sending, time);

        if (outcome == 0) {
            sending->is_busy = 1;
            return changed;
        }
        end_post(sending, outcome, time->now);
        changed = 1;
    }
    sending->is_busy = 0;
    es_outbox_release(sending->params.outbox);
    return 1;
}

int es_sender_proxy_step(es_sender_proxy_t *sending,
                         const es_sender_time_t *time)
{
    const es_sender_proxy_params_t *params = &sending->params;

    ES_CONTEXT(ES_SENDER);
    sending->is_blocked = 0;
    if (sending->is_busy ||
        (!sending->resend.is_wanted &&
         es_outbox_sent(params->outbox) == es_store_head(params->store))) {
        return 0;
    }
    if (es_outbox_acquire(params->outbox) != APR_SUCCESS) {
        sending->is_blocked = 1;
        return 0;
    }
    sending->at.pos = 0; /* what another has begun, we do not know */
    return go_on(sending, time);
}

int es_sender_proxy_ended(es_sender_proxy_t *sending, int outcome,
                          const es_sender_time_t *time)
{
    ES_CONTEXT(ES_SENDER);
    end_post(sending, outcome, time->now);
    go_on(sending, time);
    return 1;
}

int es_sender_proxy_is_busy(const es_sender_proxy_t *sending)
{
    return sending->is_busy;
}

int es_sender_proxy_is_blocked(const es_sender_proxy_t *sending)
{
    return sending->is_blocked;
}

const es_outbox_t *es_sender_proxy_outbox(const es_sender_proxy_t *sending)
{
    return sending->params.outbox;
}
