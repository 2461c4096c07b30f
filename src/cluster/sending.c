/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The broker has, for each hub, the node that sends and until when it does
 * (script/grip.lua):
 *
 *                        0 ms        1000        2000     2500  3000
 *     broker's clock     asked ── the node sends ──────────────┤ another may
 *     the node's clock   asked ── its senders may send ───┤
 *
 * The node's time is counted from before it asked, and is shorter. Whether it
 * was stopped, is cut off, or its broker hangs: its senders find that the time
 * is over before another node can begin. A sender that was stopped in the
 * middle of a request cancels it (grip/sender_proxy.c).
 *
 * Ids say how far each proxy was sent the stream, as positions mean something
 * in one journal only. The broker gets them with each call, so it knows less
 * than was sent: a node that takes over sends the events of the last moment
 * again. It never knows more, so none is left out.
 *
 *     stream    ...── sent, and told ──┬── sent ──┬── to be sent ──
 *                                      │          └ outbox of the node that
 *                                      │            sends: a position
 *                                      └ id at the broker; where the outboxes
 *                                        of other nodes are
 */
#include "cluster/sending.h"

#include <stdlib.h>
#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "base/clock.h"
#include "base/context.h"
#include "base/log.h"
#include "cluster/counts.h"
#include "journal/place.h"

/** Between two calls; while this node sends; and if an outbox was busy. */
#define EVERY APR_USEC_PER_SEC
#define EVERY_SENDING (250 * 1000)
#define EVERY_BUSY (50 * 1000)
#define ANSWER (2 * APR_USEC_PER_SEC)
#define LEAVE (APR_USEC_PER_SEC / 2)
/** The children of a node that stops learn of it one after the other. */
#define LAST_LOOKS 10
#define LAST_LOOK (30 * 1000)
/** Records that are skipped before the lease of the leader is looked at. */
#define LOOKS 4096
/** Tries to read the place of an outbox while the journal is appended to. */
#define PLACE_TRIES 3
/** Words of a call after the head, without the pairs. */
#define FIXED_WORDS (ES_CLUSTER_SCRIPT_HEAD + 4)
#define SEAL_SIZE 33
/** In place of the time for which a node asks to send. */
#define ONLY_ASKS ""

struct es_cluster_sending_t {
    const es_cluster_hub_t *hub;
    const es_cluster_outboxes_t *outboxes;
    const es_cluster_script_t *script;
    char node[ES_CLUSTER_NODE_SIZE];
    char seal[SEAL_SIZE]; /* offered to a broker that has none */
    int is_sending;       /* as it was last found, for the log */
    apr_time_t asked;     /* the last time; 0 = never */
    apr_interval_time_t every;
    es_id_t done[ES_CLUSTER_OUTBOXES_MAX];  /* up to which id this proxy was
                                            * sent; 0-0 = not known */
    es_pos_t told[ES_CLUSTER_OUTBOXES_MAX]; /* sent, at the last call */
};

/** What the broker has answered. */
typedef struct answer_t {
    int is_sending;
    int is_complete; /* each proxy has an id */
    es_cluster_seal_t seal;
    es_id_t sent[ES_CLUSTER_OUTBOXES_MAX]; /* 0-0 = never */
} answer_t;

/* ---- the seal ------------------------------------------------------------ */

static void write_seal(char text[SEAL_SIZE], const es_cluster_seal_t *seal)
{
    apr_snprintf(text, SEAL_SIZE,
                 "%016" APR_UINT64_T_HEX_FMT "%016" APR_UINT64_T_HEX_FMT,
                 seal->words[0], seal->words[1]);
}

static int read_seal(es_cluster_seal_t *seal, es_slice_t text)
{
    char digits[17] = "";
    char *end;
    int i;

    if (text.len != SEAL_SIZE - 1) {
        return 0;
    }
    for (i = 0; i < 2; i++) {
        memcpy(digits, text.data + 16 * i, 16);
        seal->words[i] = strtoull(digits, &end, 16);
        if (*end != '\0') {
            return 0;
        }
    }
    return 1;
}

/* That which this node uses already, so that links stay valid when a broker has
 * lost it. */
static void offer_seal(es_cluster_sending_t *sending)
{
    es_cluster_seal_t seal;

    if (es_cluster_state_seal(sending->hub->state, &seal) ||
        (sending->seal[0] == '\0' &&
         apr_generate_random_bytes((unsigned char *)&seal, sizeof(seal)) ==
             APR_SUCCESS)) {
        write_seal(sending->seal, &seal);
    }
}

/* ---- places -------------------------------------------------------------- */

/* Learn from the outboxes how far this node has sent. */
static void note(es_cluster_sending_t *sending)
{
    const es_cluster_outboxes_t *outboxes = sending->outboxes;
    es_id_t id;
    int i, tries;

    for (i = 0; i < outboxes->count; i++) {
        apr_status_t rv = APR_EAGAIN;

        for (tries = 0; rv == APR_EAGAIN && tries < PLACE_TRIES; tries++) {
            sending->told[i] = outboxes->sent(outboxes->arg, i);
            rv = es_store_id_at(sending->hub->store, sending->told[i], &id);
        }
        if (rv == APR_SUCCESS && es_id_compare(&id, &sending->done[i]) > 0) {
            sending->done[i] = id;
        }
    }
}

/* Move an outbox to the place where the last node has stopped. If the journal
 * does not reach back to it, the outbox stays before the journal, and the
 * sender tells that it was overtaken. */
static apr_status_t move(es_cluster_sending_t *sending, int i,
                         es_cluster_keep_fn_t *keep, void *arg)
{
    const es_cluster_outboxes_t *outboxes = sending->outboxes;
    es_pos_t sent = outboxes->sent(outboxes->arg, i);
    es_pos_t pos = sent;
    apr_status_t rv;

    do {
        rv = es_store_pos_after(sending->hub->store, &pos, &sending->done[i],
                                LOOKS);
    } while (rv == APR_INCOMPLETE && keep(arg));
    if (rv != APR_SUCCESS && rv != APR_ENOENT) {
        return rv;
    }
    if (pos == 0 && sending->done[i].ms != 0) {
        pos = ES_POS_BEFORE_ALL;
    }
    return pos > sent ? outboxes->skip(outboxes->arg, i, pos) : APR_SUCCESS;
}

/* Is a proxy new here, so that its outbox has no place yet? */
static int has_unplaced(const es_cluster_sending_t *sending)
{
    const es_cluster_outboxes_t *outboxes = sending->outboxes;
    int i;

    for (i = 0; i < outboxes->count; i++) {
        if (outboxes->sent(outboxes->arg, i) == 0) {
            return 1;
        }
    }
    return 0;
}

/* @return APR_SUCCESS: all outboxes are at their places */
static apr_status_t move_all(es_cluster_sending_t *sending,
                             es_cluster_keep_fn_t *keep, void *arg)
{
    apr_status_t rv = APR_SUCCESS, last;
    int i;

    for (i = 0; i < sending->outboxes->count; i++) {
        last = move(sending, i, keep, arg);
        rv = last != APR_SUCCESS ? last : rv;
    }
    return rv;
}

/* ---- a call -------------------------------------------------------------- */

static apr_status_t call(es_cluster_sending_t *sending, es_cluster_link_t *link,
                         const char *ttl, apr_time_t by,
                         es_cluster_keep_fn_t *keep, void *arg,
                         es_cluster_reply_t **reply)
{
    es_slice_t argv[FIXED_WORDS + 2 * ES_CLUSTER_OUTBOXES_MAX];
    char ids[ES_CLUSTER_OUTBOXES_MAX][ES_ID_TEXT_SIZE];
    int argc = ES_CLUSTER_SCRIPT_HEAD;
    int i;

    memcpy(argv, sending->script->head, sizeof(sending->script->head));
    argv[argc++] = es_slice_of("grip");
    argv[argc++] = es_slice_of(sending->node);
    argv[argc++] = es_slice_of(ttl);
    argv[argc++] = es_slice_of(sending->seal);
    for (i = 0; i < sending->outboxes->count; i++) {
        const es_id_t *done = &sending->done[i];

        argv[argc++] = es_slice_of(sending->outboxes->names[i]);
        argv[argc++] = done->ms != 0
                           ? es_slice(ids[i], es_id_format(ids[i], done))
                           : es_slice_of("");
    }
    return es_cluster_script_call(link, argc, argv, by, keep, arg, reply);
}

/* @return 0: the broker has not done it */
static int read_answer(const es_cluster_sending_t *sending, answer_t *answer,
                       const es_cluster_reply_t *reply)
{
    int count = sending->outboxes->count;
    int i;

    if (es_cluster_reply_count(reply) != 2 + count ||
        !read_seal(&answer->seal,
                   es_cluster_reply_text(es_cluster_reply_at(reply, 1)))) {
        return 0;
    }
    answer->is_sending =
        es_cluster_reply_number(es_cluster_reply_at(reply, 0)) == 1;
    answer->is_complete = 1;
    for (i = 0; i < count; i++) {
        es_slice_t text =
            es_cluster_reply_text(es_cluster_reply_at(reply, 2 + i));

        answer->sent[i].ms = answer->sent[i].n = 0;
        answer->is_complete &= es_id_parse(&answer->sent[i], text);
    }
    return 1;
}

/* ---- what follows from it ------------------------------------------------ */

static void log_refusal(const es_cluster_sending_t *sending,
                        const es_cluster_reply_t *reply)
{
    static apr_time_t last_logged; /* atomic */
    char why[ES_CLUSTER_LINK_WHY_SIZE];

    es_cluster_script_error(why, sizeof(why), reply);
    es_log(es_log_limit_level(&last_logged, ES_LOG_WARNING, es_clock_now()),
           APR_SUCCESS, "ES0847",
           "hub %s: the broker does not say which server sends to the GRIP "
           "proxies: %s; this one does not",
           sending->hub->name, why);
}

static void log_change(es_cluster_sending_t *sending, int is_sending)
{
    if (sending->is_sending == is_sending) {
        return;
    }
    sending->is_sending = is_sending;
    es_log(ES_LOG_NOTICE, APR_SUCCESS, "ES0848",
           "hub %s: %s sends to the GRIP proxies now", sending->hub->name,
           is_sending ? "this server" : "another server");
}

static void use_ids(es_cluster_sending_t *sending, const answer_t *answer)
{
    int i;

    for (i = 0; i < sending->outboxes->count; i++) {
        if (answer->sent[i].ms != 0) {
            sending->done[i] = answer->sent[i];
        }
    }
}

/* @param began  before the call */
static void use_answer(es_cluster_sending_t *sending, const answer_t *answer,
                       apr_time_t began, es_cluster_keep_fn_t *keep, void *arg)
{
    const es_cluster_hub_t *hub = sending->hub;
    int was = es_cluster_state_may_send(hub->state, es_clock_now());

    es_cluster_state_set_seal(hub->state, &answer->seal);
    use_ids(sending, answer);
    if (!answer->is_sending || !answer->is_complete) {
        es_cluster_state_set_sending(hub->state, hub->child, 0);
        (void)move_all(sending, keep, arg);
        log_change(sending, 0);
        return;
    }
    if ((!was || has_unplaced(sending)) &&
        move_all(sending, keep, arg) != APR_SUCCESS) {
        sending->every = EVERY_BUSY;
        return;
    }
    es_cluster_state_set_sending(hub->state, hub->child,
                                 began + ES_CLUSTER_SENDING_LEASE);
    log_change(sending, 1);
    sending->outboxes->wake(sending->outboxes->arg);
}

/* ---- what is still to be sent -------------------------------------------- */

static es_id_t later_of(const es_id_t *a, const es_id_t *b)
{
    return es_id_compare(a, b) > 0 ? *a : *b;
}

static es_id_t lowest_of(const es_cluster_sending_t *sending,
                         const answer_t *answer)
{
    es_id_t lowest = {0, 0};
    int i;

    for (i = 0; i < sending->outboxes->count; i++) {
        es_id_t done = later_of(&sending->done[i], &answer->sent[i]);

        if (done.ms != 0 &&
            (lowest.ms == 0 || es_id_compare(&done, &lowest) < 0)) {
            lowest = done;
        }
    }
    return lowest;
}

apr_status_t es_cluster_sending_lowest(es_cluster_sending_t *sending,
                                       es_cluster_link_t *link,
                                       es_cluster_keep_fn_t *keep, void *arg,
                                       es_id_t *id)
{
    es_cluster_reply_t *reply;
    answer_t answer = {0};
    apr_status_t rv;

    ES_CONTEXT(ES_CLUSTER);
    id->ms = id->n = 0;
    if (sending == NULL) {
        return APR_SUCCESS;
    }
    offer_seal(sending);
    rv = call(sending, link, ONLY_ASKS, es_clock_now() + ANSWER, keep, arg,
              &reply);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (!read_answer(sending, &answer, reply)) {
        log_refusal(sending, reply);
    }
    *id = lowest_of(sending, &answer);
    es_cluster_reply_free(reply);
    return APR_SUCCESS;
}

/* ---- a step -------------------------------------------------------------- */

/* A child that was stopped while it sends keeps an outbox from the others of
 * its node. Another node has none of that. */
static const char *time_to_ask_for(const es_cluster_sending_t *sending)
{
    const es_cluster_outboxes_t *outboxes = sending->outboxes;

    return outboxes->is_stalled(outboxes->arg) ? "0" : ES_CLUSTER_SENDING_TTL;
}

apr_status_t es_cluster_sending_step(es_cluster_sending_t *sending,
                                     es_cluster_link_t *link,
                                     es_cluster_keep_fn_t *keep, void *arg)
{
    apr_time_t began = es_clock_now();
    es_cluster_reply_t *reply;
    answer_t answer;
    apr_status_t rv;

    note(sending);
    offer_seal(sending);
    sending->asked = began;
    sending->every = EVERY;
    rv = call(sending, link, time_to_ask_for(sending), began + ANSWER, keep,
              arg, &reply);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (read_answer(sending, &answer, reply)) {
        use_answer(sending, &answer, began, keep, arg);
    }
    else {
        log_refusal(sending, reply);
    }
    es_cluster_reply_free(reply);
    return APR_SUCCESS;
}

/* ---- when ---------------------------------------------------------------- */

/* Has this node sent more than the broker was told, or is it about to? */
static int has_news(const es_cluster_sending_t *sending)
{
    const es_cluster_outboxes_t *outboxes = sending->outboxes;
    es_pos_t head = es_store_head(sending->hub->store);
    int i;

    for (i = 0; i < outboxes->count; i++) {
        es_pos_t sent = outboxes->sent(outboxes->arg, i);

        if (sent != head || sent != sending->told[i]) {
            return es_cluster_state_may_send(sending->hub->state,
                                             es_clock_now());
        }
    }
    return 0;
}

apr_time_t es_cluster_sending_due(const es_cluster_sending_t *sending)
{
    if (sending == NULL) {
        return APR_INT64_MAX;
    }
    return sending->asked + (sending->every == EVERY && has_news(sending)
                                 ? EVERY_SENDING
                                 : sending->every);
}

void es_cluster_sending_pause(es_cluster_sending_t *sending)
{
    ES_CONTEXT(ES_CLUSTER);
    if (sending) {
        note(sending);
        es_cluster_state_set_sending(sending->hub->state, sending->hub->child,
                                     0);
        sending->asked = 0;
    }
}

/* ---- start and end ------------------------------------------------------- */

es_cluster_sending_t *es_cluster_sending_create(
    const es_cluster_hub_t *hub, const es_cluster_script_t *script,
    apr_pool_t *pool)
{
    es_cluster_sending_t *sending;

    if (hub->outboxes == NULL) {
        return NULL;
    }
    sending = apr_pcalloc(pool, sizeof(*sending));
    sending->hub = hub;
    sending->outboxes = hub->outboxes;
    sending->script = script;
    sending->every = EVERY;
    es_cluster_counts_node(sending->node, hub);
    return sending;
}

/* The reader's link has a command that waits, and ends because of the stop. */
static void give_up(es_cluster_sending_t *sending)
{
    es_cluster_link_params_t params = sending->hub->link;
    apr_time_t by = es_clock_now() + LEAVE;
    char why[ES_CLUSTER_LINK_WHY_SIZE];
    es_cluster_reply_t *reply = NULL;
    es_cluster_link_t *link;

    params.stopping = NULL;
    if (es_cluster_link_open(&link, &params, by, why, sizeof(why)) !=
        APR_SUCCESS) {
        return; /* another node begins when the time is over */
    }
    if (call(sending, link, "0", by, NULL, NULL, &reply) == APR_SUCCESS) {
        es_cluster_reply_free(reply);
    }
    es_cluster_link_close(link);
}

static int is_last(const es_cluster_sending_t *sending)
{
    const es_cluster_outboxes_t *outboxes = sending->outboxes;
    int looks;

    for (looks = 0; looks < LAST_LOOKS; looks++) {
        if (outboxes->is_last(outboxes->arg)) {
            return 1;
        }
        apr_sleep(LAST_LOOK);
    }
    return 0;
}

void es_cluster_sending_leave(es_cluster_sending_t *sending)
{
    const es_cluster_hub_t *hub = sending ? sending->hub : NULL;

    if (hub == NULL || es_cluster_state_leader(hub->state) != hub->child ||
        !es_cluster_state_may_send(hub->state, es_clock_now()) ||
        !is_last(sending)) {
        return;
    }
    es_cluster_state_set_sending(hub->state, hub->child, 0);
    note(sending);
    give_up(sending);
}
