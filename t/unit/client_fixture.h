/* SPDX-License-Identifier: Apache-2.0 */
/**
 * For the tests of a client: clients of the store in deliver_fixture.h, and
 * their steps.
 */
#ifndef T_UNIT_CLIENT_FIXTURE_H
#define T_UNIT_CLIENT_FIXTURE_H

#include "t/unit/deliver_fixture.h"

#include "deliver/client_priv.h"

#define SECOND APR_USEC_PER_SEC

static char scratch[ES_CLIENT_SCRATCH_MIN];

/* Frames that a round might have. */
static UNUSED const es_round_frames_t *frames_of(const struct iovec *iov,
                                                 int count)
{
    static es_round_frames_t frames;
    int i;

    memset(&frames, 0, sizeof(frames));
    frames.iov = iov;
    frames.count = count;
    frames.events = 1;
    for (i = 0; i < count; i++) {
        frames.total += iov[i].iov_len;
    }
    return &frames;
}

/* A client of these channels, separated by commas. */
static UNUSED es_client_t *join(hub_t *hub, fake_sink_t *fake,
                                const char *channels)
{
    es_slot_t slots[ES_EVENT_CHANNELS_MAX];
    es_client_params_t params = {0};
    es_client_t *client;

    params.store = hub->store;
    params.child = 1;
    params.nslots = hub_subscribe(hub, channels, slots, &params.pos);
    params.slots = slots;
    params.opts.keepalive = 20 * SECOND;
    params.opts.send_timeout = 60 * SECOND;
    params.opts.retry_ms = 3000;
    client = es_client_create(&params, &fake->sink, 0);
    assert_non_null(client);
    return client;
}

static UNUSED es_step_t step(es_client_t *client, apr_time_t now)
{
    return es_client_step(client, now, scratch, sizeof(scratch));
}

/* Step until there is nothing more to do for now. */
static UNUSED es_step_t settle(es_client_t *client, apr_time_t now)
{
    es_step_t result = step(client, now);

    while (result == ES_STEP_MORE) {
        result = step(client, now);
    }
    return result;
}

static UNUSED void part(es_client_t *client, fake_sink_t *fake)
{
    es_client_close(client);
    assert_int_equal(fake->closed, 1);
    fake_clear(fake);
}

/* Let the ring overtake all clients by records of this channel. */
static UNUSED void lap(hub_t *hub, const char *channel)
{
    char data[1000];
    int i;

    memset(data, 'x', sizeof(data));
    for (i = 0; i < 200; i++) {
        hub_publish(hub, channel, data, sizeof(data));
    }
}

#endif
