/* SPDX-License-Identifier: Apache-2.0 */
/* The simplest of the body readers. */
#include "http/body_raw.h"

#include <apr_strings.h>

int es_body_raw(es_batch_t *batch, es_slice_t body, const es_event_t *preset,
                apr_pool_t *p, es_problem_t *why)
{
    (void)why; /* whether the data is text, es_event_check finds out */
    batch->events = apr_pmemdup(p, preset, sizeof(*preset));
    batch->events[0].data = body;
    batch->count = 1;
    batch->is_list = 0;
    batch->unnamed = preset->nchannels ? -1 : 0;
    batch->unnamed_has = "the query has no 'channel'";
    return 1;
}
