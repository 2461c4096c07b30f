/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child that dies here: before the send its clients die with it, as ever;
 * after it the boat has them, and the copies that close with the child are of
 * no matter. Between the two nobody writes to them. Likewise at the other
 * end: who dies after receiving takes his passengers along.
 *
 * Does the journal vouch? We subscribe first and look at the tail then. If
 * the cursor is not below it, all records since the cursor are retained, so
 * none of the client's channels can have lost one, nor its slot: a slot with
 * a retained record is not given away. From now on our subscription holds the
 * slots. A cursor below the tail is taken for a loss: what became of the
 * slots meanwhile is not known. That takes a whole ring while it was in the
 * boat, since quiet clients leave with their cursor at the head.
 *
 * When the hub's events were carried over to another segment meanwhile, the
 * cursor says nothing. Then a passenger resumes by the id of what it has seen;
 * within a frame it goes on within the same one, as its bytes are the same.
 */
#include "deliver/handover.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/context.h"
#include "base/log.h"
#include "base/log_limit.h"
#include "deliver/client_priv.h"
#include "deliver/handover_msg.h"
#include "deliver/sink_socket.h"
#include "journal/resume.h"

struct es_ferry_t {
    es_ferry_params_t params;
    es_lifeboat_t *boat;
    es_member_t *aboard[ES_LIFEBOAT_SEATS]; /* of the message at hand */
    apr_status_t state;                     /* of leaving, until now */
    apr_time_t now;
    apr_uint32_t gone;
    es_store_t *present_of; /* what present is of; NULL = of none */
    es_start_t present;
    apr_time_t told_of_lost;    /* of es_seldom.h */
    apr_time_t told_of_strange; /* the same */
    es_slice_t names[ES_LIFEBOAT_NAMES];
    es_slot_t slots[ES_LIFEBOAT_NAMES];
};

es_ferry_t *es_ferry_create(const es_ferry_params_t *params)
{
    es_ferry_t *ferry = calloc(1, sizeof(*ferry));

    if (ferry == NULL) {
        return NULL;
    }
    ferry->params = *params;
    ferry->boat = es_lifeboat_create();
    if (ferry->boat == NULL) {
        free(ferry);
        return NULL;
    }
    return ferry;
}

void es_ferry_destroy(es_ferry_t *ferry)
{
    if (ferry != NULL) {
        es_lifeboat_destroy(ferry->boat);
        free(ferry);
    }
}

apr_uint32_t es_ferry_gone(const es_ferry_t *ferry)
{
    return ferry->gone;
}

/* ---- leaving ----------------------------------------------------------- */

/* The id at the head of a store, read once for all who stand there. */
static int is_present(es_ferry_t *ferry, es_store_t *store, es_pos_t cursor)
{
    if (ferry->present_of != store || ferry->present.pos != cursor) {
        ferry->present_of =
            es_store_present(store, &ferry->present) == APR_SUCCESS ? store
                                                                    : NULL;
    }
    return ferry->present_of != NULL && ferry->present.pos == cursor;
}

/* What a client has seen that goes on at cursor: all before the next record. */
static es_id_t known_at(es_ferry_t *ferry, es_store_t *store, es_pos_t cursor)
{
    es_id_t known = {0, 0};
    es_record_t record;

    if (is_present(ferry, store, cursor)) {
        known = ferry->present.id;
    }
    else if (es_store_look(store, cursor, &record) == APR_SUCCESS) {
        known = es_id_before(&record.id);
    }
    return known;
}

static int describe(es_ferry_t *ferry, es_member_t *member,
                    es_passenger_t *passenger)
{
    es_client_params_t params;
    int i;

    memset(passenger, 0, sizeof(*passenger));
    if (!es_client_save(member->client, ferry->now, &params,
                        &passenger->state) ||
        params.nslots > ES_LIFEBOAT_NAMES) {
        return 0;
    }
    for (i = 0; i < params.nslots; i++) {
        ferry->names[i] = es_store_name(params.store, params.slots[i]);
    }
    passenger->fd = es_sink_socket_fd(member->sink);
    passenger->birth = es_store_birth(params.store);
    passenger->life = es_store_life(params.store);
    passenger->known = known_at(ferry, params.store, passenger->state.cursor);
    passenger->chunked = member->chunked;
    passenger->keepalive = params.keepalive;
    passenger->keepalive_as_comment = params.keepalive_as_comment;
    passenger->send_timeout = params.send_timeout;
    passenger->lifetime = params.lifetime;
    passenger->retry_ms = params.retry_ms;
    passenger->is_counted = params.ticket.census != NULL;
    passenger->address = params.ticket.address;
    passenger->names = ferry->names;
    passenger->nnames = params.nslots;
    return 1;
}

/* Send the message at hand. */
static void cast_off(es_ferry_t *ferry)
{
    int count = es_lifeboat_count(ferry->boat);
    int i;

    ferry->state = es_lifeboat_send(ferry->boat, ferry->params.send_fd);
    for (i = 0; i < count; i++) {
        if (ferry->state == APR_SUCCESS) {
            es_crew_drop(ferry->params.crew, ferry->aboard[i]);
            ferry->gone++;
        }
        else {
            es_crew_keep(ferry->params.crew, ferry->aboard[i]);
        }
    }
    /* these descriptors are not the message's to close */
    es_lifeboat_begin(ferry->boat);
}

/* @return 1 to go on with the next member */
static int go_aboard(void *baton, es_member_t *member)
{
    es_ferry_t *ferry = baton;
    es_passenger_t passenger;
    apr_status_t rv;

    if (!es_crew_part(ferry->params.crew, member)) {
        return 1;
    }
    if (!describe(ferry, member, &passenger)) {
        es_crew_keep(ferry->params.crew, member);
        return 1;
    }
    rv = es_lifeboat_add(ferry->boat, &passenger);
    if (rv == APR_ENOSPC) {
        cast_off(ferry);
        rv = ferry->state == APR_SUCCESS
                 ? es_lifeboat_add(ferry->boat, &passenger)
                 : ferry->state;
    }
    if (rv != APR_SUCCESS) {
        es_crew_keep(ferry->params.crew, member);
    }
    else {
        ferry->aboard[es_lifeboat_count(ferry->boat) - 1] = member;
    }
    return ferry->state == APR_SUCCESS;
}

apr_status_t es_ferry_leave(es_ferry_t *ferry, apr_time_t now)
{
    const es_ferry_params_t *params = &ferry->params;

    ES_CONTEXT(ES_DELIVERY);
    if (params->send_fd < 0) {
        return APR_ENOTIMPL;
    }
    ferry->now = now;
    ferry->state = APR_SUCCESS;
    es_lifeboat_begin(ferry->boat);
    es_crew_each(params->crew, params->hubs, params->nhubs, go_aboard, ferry);
    if (es_lifeboat_count(ferry->boat) > 0) {
        cast_off(ferry);
    }
    return ferry->state;
}

/* ---- arriving ---------------------------------------------------------- */

static void count_in(es_ferry_t *ferry, const es_passenger_t *passenger,
                     es_ticket_t *ticket)
{
    static const es_census_limits_t none = {0, 0, 0};

    memset(ticket, 0, sizeof(*ticket));
    if (ferry->params.census != NULL && passenger->is_counted) {
        (void)es_census_enter(ferry->params.census, ferry->params.place,
                              passenger->address, &none, ticket);
    }
}

/**
 * Where does a passenger go on?
 *
 * @param state    its cursor becomes one of this segment
 * @param present  where it was subscribed anew
 * @return 1, or 0: the journal cannot vouch for all since it left
 */
static int find_place(es_ferry_t *ferry, const es_passenger_t *passenger,
                      es_store_t *store, const es_start_t *present,
                      es_client_state_t *state)
{
    static const es_reach_t all = {0, 0, 0};
    es_start_t start = *present;
    char text[ES_ID_TEXT_SIZE];

    *state = passenger->state;
    if (es_store_life(store) == passenger->life) {
        return state->cursor >= es_store_tail(store) &&
               state->cursor <= present->pos;
    }
    /* the hub has got another size, and its events have moved */
    if (es_store_resume(store, ferry->slots, passenger->nnames,
                        es_slice(text, es_id_format(text, &passenger->known)),
                        &all, &start) != APR_SUCCESS) {
        state->cursor = es_store_tail(store); /* closes from there on count */
        return 0;
    }
    state->cursor = start.pos;
    return 1;
}

static es_client_t *make_client(es_ferry_t *ferry,
                                const es_passenger_t *passenger,
                                const es_hub_t *hub, es_sink_t *sink,
                                apr_time_t now)
{
    es_client_params_t params = {0};
    es_client_state_t state;
    es_client_t *client;
    es_start_t present;
    int vouched;

    if (es_store_subscribe(hub->store, ferry->params.place, passenger->names,
                           passenger->nnames, ferry->slots,
                           &present) != APR_SUCCESS) {
        return NULL;
    }
    vouched = find_place(ferry, passenger, hub->store, &present, &state);
    params.store = hub->store;
    params.hub = (apr_uint32_t)(hub - ferry->params.hubs);
    params.place = ferry->params.place;
    params.slots = ferry->slots;
    params.nslots = passenger->nnames;
    params.pos = present.pos;
    params.keepalive = passenger->keepalive;
    params.keepalive_as_comment = passenger->keepalive_as_comment;
    params.send_timeout = passenger->send_timeout;
    params.lifetime = passenger->lifetime;
    params.retry_ms = passenger->retry_ms;
    count_in(ferry, passenger, &params.ticket);
    client = es_client_create(&params, sink, now);
    if (client == NULL) {
        es_store_unsubscribe(hub->store, ferry->params.place, ferry->slots,
                             passenger->nnames);
        es_census_leave(&params.ticket);
        return NULL;
    }
    es_client_load(client, &state, !vouched, &present);
    return client;
}

/* Hubs may be numbered anew by each configuration. */
static es_hub_t *hub_of(const es_ferry_t *ferry,
                        const es_passenger_t *passenger)
{
    apr_uint32_t i;

    for (i = 0; i < ferry->params.nhubs; i++) {
        es_id_t birth = es_store_birth(ferry->params.hubs[i].store);

        if (es_id_compare(&birth, &passenger->birth) == 0) {
            return &ferry->params.hubs[i];
        }
    }
    return NULL;
}

int es_ferry_has_room(const es_ferry_t *ferry, apr_uint32_t passengers)
{
    const es_ferry_params_t *params = &ferry->params;

    return params->clients_max == 0 || params->census == NULL ||
           es_census_clients(params->census, params->place) + passengers <=
               params->clients_max;
}

/* @return 1, or 0: it could not be taken up and was closed */
static int land(es_ferry_t *ferry, const es_passenger_t *passenger,
                apr_time_t now)
{
    es_client_t *client;
    es_member_t *member;
    es_hub_t *hub = hub_of(ferry, passenger);
    es_sink_t *sink;

    if (hub == NULL) {
        close(passenger->fd);
        return 0;
    }
    sink = es_sink_socket_create(passenger->fd, passenger->chunked,
                                 passenger->send_timeout);
    if (sink == NULL) {
        return 0;
    }
    client = make_client(ferry, passenger, hub, sink, now);
    if (client == NULL) {
        sink->ops->close(sink);
        return 0;
    }
    member = es_member_create(client);
    if (member == NULL) {
        es_client_close(client);
        return 0;
    }
    es_crew_adopt(ferry->params.crew, member, hub, now);
    if (hub->is_closed || !es_ferry_has_room(ferry, 0)) {
        es_crew_end(ferry->params.crew, member, ferry->params.drain_ms);
    }
    return 1;
}

static int land_all(es_ferry_t *ferry, apr_time_t now)
{
    int promised = es_lifeboat_count(ferry->boat);
    es_passenger_t passenger;
    apr_status_t rv;
    int landed = 0;

    rv = es_lifeboat_take(ferry->boat, &passenger);
    while (rv == APR_SUCCESS) {
        landed += land(ferry, &passenger, now);
        rv = es_lifeboat_take(ferry->boat, &passenger);
    }
    if (landed < promised) {
        es_log(es_seldom_level(&ferry->told_of_lost, ES_LOG_WARNING, now),
               APR_STATUS_IS_EOF(rv) ? APR_SUCCESS : rv, "ES0320",
               "%d of %d clients of another child could not be taken over and "
               "were closed; the limit of open files may be reached, or their "
               "hub is gone",
               promised - landed, promised);
    }
    return landed;
}

int es_ferry_arrive(es_ferry_t *ferry, int messages, apr_time_t now)
{
    int landed = 0;
    apr_status_t rv;

    ES_CONTEXT(ES_DELIVERY);
    while (ferry->params.receive_fd >= 0 && messages-- > 0) {
        rv = es_lifeboat_receive(ferry->boat, ferry->params.receive_fd);
        if (rv == APR_SUCCESS) {
            landed += land_all(ferry, now);
        }
        else if (rv == APR_EINVAL) {
            es_log(
                es_seldom_level(&ferry->told_of_strange, ES_LOG_WARNING, now),
                rv, "ES0321",
                "another child has sent what is no message of clients; it "
                "was dropped");
        }
        else {
            break;
        }
    }
    return landed;
}
