/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every half millisecond the loop offers the events that are due and looks how
 * many were delivered. In lockstep the next burst is due when the last one is
 * delivered. With a rate the clock decides, and an event's stamp is the time at
 * which it was due, so that a server that delays its publisher does not look
 * faster than it is. Else events are due as fast as the server responds.
 */
#include "bench/run.h"

#include <string.h>
#include <unistd.h>

#include "bench/clock.h"
#include "bench/pipeline.h"
#include "bench/procs.h"

#define STEP_NS (EB_NS_PER_MS / 2)
#define LINGER_NS (EB_NS_PER_MS * 250) /* for duplicates of the last event */
#define RATE_WINDOW 1000u /* unanswered events at most, with a rate */

typedef struct {
    const eb_load_options_t *opts;
    const eb_readers_t *readers;
    eb_pipeline_t pipeline;
    uint64_t start_ns;
    uint64_t delivered; /* as seen last */
    uint64_t news_ns;   /* when anything changed last */
} state_t;

static int all_delivered(const state_t *state)
{
    const eb_pipeline_t *pipeline = &state->pipeline;

    return pipeline->answered == pipeline->queued &&
           state->delivered >=
               eb_load_options_deliveries(state->opts, pipeline->queued);
}

/* The number of events that are due by now, regardless of the window. */
static uint64_t due_by_now(const state_t *state, uint64_t now_ns)
{
    const eb_load_options_t *opts = state->opts;
    double bursts;

    if (opts->lockstep) {
        return state->pipeline.queued +
               (all_delivered(state) ? opts->burst : 0);
    }
    if (opts->rate > 0) {
        bursts = (double)(now_ns - state->start_ns) * opts->rate / opts->burst /
                 (double)EB_NS_PER_SEC;
        return ((uint64_t)bursts + 1) * opts->burst;
    }
    return opts->events;
}

/* The number of events that may be queued: whole bursts, as a batch is one. */
static uint32_t allowed_by_now(const state_t *state, uint64_t now_ns)
{
    const eb_load_options_t *opts = state->opts;
    uint32_t window = opts->burst;
    uint64_t allowed = due_by_now(state, now_ns);

    if (opts->rate > 0 && window < RATE_WINDOW) {
        window = RATE_WINDOW;
    }
    if (allowed > (uint64_t)state->pipeline.answered + window) {
        allowed = (uint64_t)state->pipeline.answered + window;
    }
    if (allowed >= opts->events) {
        return opts->events;
    }
    return (uint32_t)(allowed - allowed % opts->burst);
}

static uint64_t stamp_of(const state_t *state, uint64_t now_ns)
{
    const eb_load_options_t *opts = state->opts;
    uint32_t first = state->pipeline.queued;

    if (opts->lockstep || opts->rate <= 0) {
        return now_ns;
    }
    first -= first % opts->burst;
    return state->start_ns +
           (uint64_t)((double)first * (double)EB_NS_PER_SEC / opts->rate);
}

static int offer_due(state_t *state, uint64_t now_ns)
{
    eb_pipeline_t *pipeline = &state->pipeline;
    uint32_t allowed = allowed_by_now(state, now_ns);
    uint32_t burst = state->opts->burst;
    uint32_t part;

    while (pipeline->queued < allowed) {
        part = burst - pipeline->queued % burst;
        if (part > allowed - pipeline->queued) {
            part = allowed - pipeline->queued;
        }
        if (eb_pipeline_offer(pipeline, part, stamp_of(state, now_ns)) != 0) {
            return -1;
        }
    }
    return 0;
}

/* Waiting for deliveries leads to giving up, waiting for the clock does not. */
static int gives_up(state_t *state, uint32_t answered_before, uint64_t now_ns)
{
    const eb_load_options_t *opts = state->opts;
    uint64_t delivered = eb_readers_sum(state->readers, EB_COUNTS_DELIVERED);

    if (delivered != state->delivered ||
        state->pipeline.answered != answered_before ||
        (!opts->lockstep && state->pipeline.queued < opts->events)) {
        state->delivered = delivered;
        state->news_ns = now_ns;
    }
    return now_ns - state->news_ns > opts->give_up_ns;
}

static int publish_all(state_t *state, uint64_t deadline_ns)
{
    uint64_t now_ns = eb_clock_ns();
    uint32_t answered;

    state->start_ns = now_ns;
    state->news_ns = now_ns;
    while (now_ns < deadline_ns) {
        if (all_delivered(state) &&
            state->pipeline.queued == state->opts->events) {
            return 0;
        }
        answered = state->pipeline.answered;
        if (offer_due(state, now_ns) != 0 ||
            eb_pipeline_step(&state->pipeline, STEP_NS) != 0) {
            return -1;
        }
        now_ns = eb_clock_ns();
        if (gives_up(state, answered, now_ns)) {
            return 0;
        }
    }
    return 0;
}

static void read_cpu(uint64_t *server_us, uint64_t *load_us,
                     const eb_load_options_t *opts)
{
    *server_us = 0;
    if (opts->pid != 0) {
        eb_procs_cpu_us(server_us, (pid_t)opts->pid);
    }
    eb_procs_cpu_us(load_us, getpid());
}

int eb_run(eb_run_t *run, const eb_load_options_t *opts,
           const eb_readers_t *readers, uint64_t deadline_ns)
{
    uint64_t server_before;
    uint64_t load_before;
    state_t state;
    int rc;

    memset(run, 0, sizeof(*run));
    memset(&state, 0, sizeof(state));
    state.opts = opts;
    state.readers = readers;
    rc = eb_pipeline_open(&state.pipeline, opts);
    read_cpu(&server_before, &load_before, opts);
    if (rc == 0) {
        rc = publish_all(&state, deadline_ns);
    }
    read_cpu(&run->server_cpu_us, &run->load_cpu_us, opts);
    run->server_cpu_us -= server_before;
    run->load_cpu_us -= load_before;
    run->first_ns = state.start_ns;
    run->last_ns = eb_readers_sum(readers, EB_COUNTS_LAST_NS);
    run->published = state.pipeline.answered;
    run->expected = eb_load_options_deliveries(opts, run->published);
    eb_pipeline_close(&state.pipeline);
    eb_clock_sleep(LINGER_NS);
    return rc;
}
