/* SPDX-License-Identifier: Apache-2.0 */
/* The first line is the query of a request, the rest its JSON body. */
#include "fuzz_event.h"

#include "http/body_json.c"
#include "http/body_json_parse.c"

FUZZ(text, p)
{
    es_slice_t query = fuzz_line(&text);
    es_event_t preset = {0};
    es_problem_t why = {0};
    es_batch_t batch = {0};
    int i;

    preset.retry_ms = -1;
    if (!es_event_preset(&preset, query, p, &why)) {
        fuzz_refusal(&why);
        memset(&preset, 0, sizeof(preset));
        preset.retry_ms = -1;
    }
    if (!es_body_json(&batch, fuzz_exact(text, p), &preset, p, &why)) {
        fuzz_refusal(&why);
        return;
    }
    PROMISE(batch.count >= 1);
    for (i = 0; i < batch.count; i++) {
        fuzz_event(&batch.events[i], p);
    }
}
