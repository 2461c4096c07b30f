/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a client stands is told by its cursor and skip, see es_reader.h. A
 * write that was taken in part needs no list of what was in it: skip grows by
 * what was taken. skip 0 is the border between two frames, and only there may
 * a control frame or another position follow. A control frame that was taken
 * in part is remembered by its kind and its own offset, and made again.
 */
#include "deliver/es_client_inner.h"
#include "deliver/es_control.h"
#include "deliver/es_reader.h"

#include <stdlib.h>

#define TURNS_MAX 8 /* control frames and writes of a step */

/* also in the lifeboat: ES_CLIENT_CONTROL_MAX is RESET */
enum { NO_CONTROL, KEEPALIVE, RESET, END };

typedef char assert_control_max[RESET == ES_CLIENT_CONTROL_MAX ? 1 : -1];

struct es_client_t {
    /* what each write touches comes first */
    es_sink_t *sink; /* owned */
    es_pos_t cursor;
    apr_time_t last;        /* a byte was taken then, or it became blocked */
    apr_size_t skip;        /* bytes, see above */
    unsigned char control;  /* half-written or due: KEEPALIVE… */
    unsigned char blocked;  /* the sink takes no more for now */
    unsigned char ending;   /* es_client_end was called */
    unsigned char finished; /* the end was told to the sink */
    unsigned char broken;   /* no more writes */
    unsigned char as_comment;
    apr_uint32_t hub;
    apr_interval_time_t keepalive;
    apr_interval_time_t send_timeout;
    apr_interval_time_t lifetime;
    apr_time_t end_at; /* its lifetime is over then; 0 = never */
    es_store_t *store;
    /* and what few do, last */
    apr_int64_t retry_ms;
    apr_size_t control_offset; /* bytes of the control frame taken */
    es_id_t reset_id;          /* of the RESET at hand */
    es_slot_t *slots;          /* sorted; one_slot, or malloc'ed */
    int nslots;
    es_slot_t one_slot;
    apr_uint32_t place;
    es_ticket_t ticket;
};

static int compare_slots(const void *a, const void *b)
{
    es_slot_t x = *(const es_slot_t *)a;
    es_slot_t y = *(const es_slot_t *)b;

    return x < y ? -1 : x > y;
}

es_client_t *es_client_create(const es_client_params_t *params, es_sink_t *sink,
                              apr_time_t now)
{
    es_client_t *client = calloc(1, sizeof(*client));

    if (client == NULL) {
        return NULL;
    }
    client->slots = &client->one_slot;
    if (params->nslots > 1) {
        client->slots = malloc((size_t)params->nslots * sizeof(es_slot_t));
        if (client->slots == NULL) {
            free(client);
            return NULL;
        }
    }
    if (params->nslots > 0) {
        memcpy(client->slots, params->slots,
               (size_t)params->nslots * sizeof(es_slot_t));
        qsort(client->slots, (size_t)params->nslots, sizeof(es_slot_t),
              compare_slots);
    }
    client->nslots = params->nslots;
    client->sink = sink;
    client->cursor = params->pos;
    client->last = now;
    client->as_comment = params->keepalive_as_comment != 0;
    client->hub = params->hub;
    client->keepalive = params->keepalive;
    client->send_timeout = params->send_timeout;
    client->lifetime = params->lifetime;
    client->end_at = params->lifetime > 0 ? now + params->lifetime : 0;
    client->store = params->store;
    client->retry_ms = params->retry_ms;
    client->place = params->place;
    client->ticket = params->ticket;
    return client;
}

void es_client_close(es_client_t *client)
{
    es_store_unsubscribe(client->store, client->place, client->slots,
                         client->nslots);
    es_census_leave(&client->ticket);
    client->sink->ops->close(client->sink);
    if (client->slots != &client->one_slot) {
        free(client->slots);
    }
    free(client);
}

/* Write, and see what the answer says of the client. */
static apr_status_t put(es_client_t *client, const struct iovec *iov, int count,
                        apr_time_t now, apr_size_t *taken)
{
    apr_status_t rv;

    *taken = 0;
    rv = client->sink->ops->write(client->sink, iov, count, taken);
    if (rv == APR_SUCCESS) {
        client->last = now;
        client->blocked = 0;
    }
    else if (!APR_STATUS_IS_EAGAIN(rv)) {
        client->broken = 1;
    }
    else if (!client->blocked || *taken > 0) {
        client->last = now;
        client->blocked = 1;
    }
    else if (client->send_timeout > 0 &&
             now - client->last >= client->send_timeout) {
        client->broken = 1;
    }
    return rv;
}

/* The step that an unfinished write comes to. */
static es_step_t halted(const es_client_t *client)
{
    return client->broken ? ES_STEP_ENDED : ES_STEP_BLOCKED;
}

static apr_status_t make_reset(const es_client_t *client, es_control_t *frame)
{
    es_slice_t *names = malloc((size_t)client->nslots * sizeof(*names) + 1);
    apr_status_t rv;
    int i;

    if (names == NULL) {
        return APR_ENOMEM;
    }
    for (i = 0; i < client->nslots; i++) {
        names[i] = es_store_name(client->store, client->slots[i]);
    }
    rv = es_control_reset(frame, &client->reset_id, names, client->nslots,
                          client->sink->chunked);
    free(names);
    return rv;
}

static apr_status_t make_control(const es_client_t *client, es_control_t *frame)
{
    switch (client->control) {
    case RESET: return make_reset(client, frame);
    case END:
        es_control_end(frame, client->retry_ms, client->sink->chunked);
        return APR_SUCCESS;
    default:
        es_control_keepalive(frame, client->as_comment, client->sink->chunked);
        return APR_SUCCESS;
    }
}

/* Write the control frame at hand, or its rest. */
static es_step_t step_control(es_client_t *client, apr_time_t now)
{
    es_control_t frame;
    apr_status_t rv;
    apr_size_t taken;

    if (make_control(client, &frame) != APR_SUCCESS) {
        client->broken = 1;
        return ES_STEP_ENDED;
    }
    es_control_skip(&frame, client->control_offset);
    rv = APR_SUCCESS;
    if (frame.count > 0) {
        rv = put(client, &frame.iov[frame.first], frame.count, now, &taken);
        client->control_offset += taken;
    }
    es_control_clear(&frame);
    if (rv != APR_SUCCESS) {
        return halted(client);
    }
    if (client->control == END) {
        client->finished = 1;
        client->sink->ops->finish(client->sink);
    }
    client->control = NO_CONTROL;
    client->control_offset = 0;
    return client->finished ? ES_STEP_ENDED : ES_STEP_CURRENT;
}

static es_reader_t reader_of(const es_client_t *client)
{
    es_reader_t reader;

    reader.store = client->store;
    reader.slots = client->slots;
    reader.nslots = client->nslots;
    reader.chunked = client->sink->chunked;
    return reader;
}

static apr_status_t settle(es_client_t *client)
{
    es_reader_t reader;

    if (client->skip == 0) {
        return APR_SUCCESS;
    }
    reader = reader_of(client);
    return es_reader_settle(&reader, &client->cursor, &client->skip);
}

/* The ring was faster, or the journal is damaged where the client stands. */
static es_step_t overtaken(es_client_t *client, apr_status_t why)
{
    es_reader_t reader = reader_of(client);
    es_start_t start;
    es_pos_t tail;

    if (why == APR_ENOENT && client->skip == 0 &&
        !es_store_has_lost(client->store, reader.slots, reader.nslots,
                           client->cursor, &tail)) {
        client->cursor = tail;
        return ES_STEP_MORE;
    }
    if (client->skip > 0 ||
        es_store_present(client->store, &start) != APR_SUCCESS) {
        client->broken = 1; /* cut, so that it is seen not to be the end */
        return ES_STEP_ENDED;
    }
    client->cursor = start.pos;
    client->reset_id = start.id;
    client->control = RESET;
    client->control_offset = 0;
    return ES_STEP_MORE;
}

/* Write a haul of what the client has not seen below limit. */
static es_step_t catch_up(es_client_t *client, es_pos_t limit, apr_time_t now,
                          char *scratch, apr_size_t scratch_size)
{
    es_pos_t stop = es_store_head(client->store);
    es_reader_t reader = reader_of(client);
    es_haul_t haul;
    struct iovec iov;
    apr_size_t taken;
    apr_status_t rv;

    if (limit < stop) {
        stop = limit;
    }
    if (client->cursor >= stop) {
        return ES_STEP_CURRENT;
    }
    if (client->skip == 0 && es_reader_is_all_seen(&reader, client->cursor)) {
        client->cursor = stop;
        return ES_STEP_CURRENT;
    }
    rv = es_reader_collect(&reader, &haul, client->cursor, client->skip, stop,
                           client->ending, scratch, scratch_size);
    if (rv == APR_ENOMEM) {
        client->broken = 1; /* it comes back, maybe to a better time */
        return ES_STEP_ENDED;
    }
    if (rv != APR_SUCCESS) {
        return overtaken(client, rv);
    }
    if (haul.len > 0) {
        iov.iov_base = haul.data;
        iov.iov_len = haul.len;
        rv = put(client, &iov, 1, now, &taken);
        free(haul.big);
        if (rv != APR_SUCCESS) {
            client->skip += taken;
            (void)settle(client); /* else the next step finds out */
            return halted(client);
        }
    }
    client->skip = 0;
    client->cursor = haul.end;
    return haul.more ? ES_STEP_MORE : ES_STEP_CURRENT;
}

static int is_silent(const es_client_t *client, apr_time_t now)
{
    return client->keepalive > 0 && now - client->last >= client->keepalive;
}

es_step_t es_client_step_to(es_client_t *client, es_pos_t limit, apr_time_t now,
                            char *scratch, apr_size_t scratch_size)
{
    es_step_t step;
    int turn;

    if (client->end_at != 0 && now >= client->end_at) {
        client->ending = 1;
    }
    for (turn = 0; turn < TURNS_MAX; turn++) {
        if (client->broken || client->finished) {
            return ES_STEP_ENDED;
        }
        if (client->control != NO_CONTROL) {
            step = step_control(client, now);
            if (step != ES_STEP_CURRENT) {
                return step;
            }
        }
        if (settle(client) != APR_SUCCESS) {
            client->broken = 1; /* overtaken within a frame */
            return ES_STEP_ENDED;
        }
        if (client->ending && client->skip == 0) {
            client->control = END;
            continue;
        }
        step = catch_up(client, limit, now, scratch, scratch_size);
        if (step == ES_STEP_CURRENT && !client->ending) {
            client->blocked = 0;
            if (!is_silent(client, now)) {
                return ES_STEP_CURRENT;
            }
            client->control = KEEPALIVE;
        }
        else if (step == ES_STEP_BLOCKED || step == ES_STEP_ENDED) {
            return step;
        }
        else if (!client->ending && client->control == NO_CONTROL) {
            return step;
        }
    }
    return ES_STEP_MORE;
}

es_step_t es_client_step(es_client_t *client, apr_time_t now, char *scratch,
                         apr_size_t scratch_size)
{
    return es_client_step_to(client, ~(es_pos_t)0, now, scratch, scratch_size);
}

es_step_t es_client_offer(es_client_t *client, es_pos_t round_start,
                          es_pos_t round_end, const struct iovec *iov,
                          int count, apr_size_t total, apr_time_t now)
{
    apr_size_t taken;

    (void)total;
    if (client->cursor > round_start || client->skip != 0 ||
        client->control != NO_CONTROL || client->blocked || client->ending ||
        client->broken) {
        return ES_STEP_MORE;
    }
    if (put(client, iov, count, now, &taken) == APR_SUCCESS) {
        client->cursor = round_end;
        return ES_STEP_CURRENT;
    }
    client->cursor = round_start;
    client->skip = taken;
    return halted(client);
}

void es_client_end(es_client_t *client, apr_int64_t retry_ms)
{
    if (!client->ending) {
        client->ending = 1;
        client->retry_ms = retry_ms;
    }
}

apr_time_t es_client_due(const es_client_t *client)
{
    apr_interval_time_t wait =
        client->blocked ? client->send_timeout : client->keepalive;
    apr_time_t due = wait > 0 ? client->last + wait : 0;

    if (client->end_at != 0 && !client->ending &&
        (due == 0 || client->end_at < due)) {
        due = client->end_at;
    }
    return due;
}

es_pos_t es_client_pos(const es_client_t *client)
{
    return client->cursor;
}

void es_client_seek(es_client_t *client, es_pos_t pos)
{
    if (client->cursor < pos && client->skip == 0) {
        client->cursor = pos;
    }
}

void es_client_rebase(es_client_t *client, apr_time_t now)
{
    client->last = now;
    if (client->end_at != 0) {
        client->end_at = now + client->lifetime;
    }
}

/* Else the ring might pass a quiet client while nobody holds its slots. */
static void skip_others(es_client_t *client)
{
    es_reader_t reader = reader_of(client);
    es_pos_t head = es_store_head(client->store);

    if (client->skip == 0 && client->cursor < head &&
        es_reader_is_all_seen(&reader, client->cursor)) {
        client->cursor = head;
    }
}

int es_client_save(es_client_t *client, apr_time_t now,
                   es_client_params_t *params, es_client_state_t *state)
{
    if (client->ending || client->finished || client->broken ||
        client->control > ES_CLIENT_CONTROL_MAX ||
        (client->control == RESET && client->control_offset > 0)) {
        return 0; /* the names in a reset stand in the order of our slots */
    }
    skip_others(client);
    memset(params, 0, sizeof(*params));
    params->store = client->store;
    params->hub = client->hub;
    params->slots = client->slots;
    params->nslots = client->nslots;
    params->keepalive = client->keepalive;
    params->keepalive_as_comment = client->as_comment;
    params->send_timeout = client->send_timeout;
    params->retry_ms = client->retry_ms;
    params->ticket = client->ticket;
    if (client->end_at != 0) {
        params->lifetime = client->end_at > now ? client->end_at - now : 1;
    }
    state->cursor = client->cursor;
    state->skip = client->skip;
    state->control = client->control;
    state->control_offset = client->control_offset;
    state->reset_id = client->reset_id;
    return 1;
}

void es_client_load(es_client_t *client, const es_client_state_t *state,
                    int lost, const es_start_t *present)
{
    client->control = state->control;
    client->control_offset = state->control_offset;
    client->reset_id = state->reset_id;
    if (!lost) {
        client->cursor = state->cursor;
        client->skip = state->skip;
        return;
    }
    client->cursor = present->pos;
    if (state->skip > 0 || state->control_offset > 0) {
        client->broken = 1; /* cut, so that it is seen not to be the end */
        return;
    }
    client->control = RESET;
    client->reset_id = present->id;
}

int es_client_is_finished(const es_client_t *client)
{
    return client->finished;
}

es_sink_t *es_client_sink(const es_client_t *client)
{
    return client->sink;
}

apr_uint32_t es_client_hub(const es_client_t *client)
{
    return client->hub;
}

apr_int64_t es_client_retry_ms(const es_client_t *client)
{
    return client->retry_ms;
}

const es_slot_t *es_client_slots(const es_client_t *client, int *count)
{
    *count = client->nslots;
    return client->slots;
}
