/* SPDX-License-Identifier: Apache-2.0 */
/* The body of a web form. */
#include "fuzz_event.h"

#include "http/body_form.c"

FUZZ(text, p)
{
    es_event_t preset = {0};
    es_problem_t why = {0};
    es_batch_t batch = {0};

    preset.retry_ms = -1;
    if (es_body_form(&batch, text, &preset, p, &why)) {
        PROMISE(batch.count == 1);
        fuzz_event(&batch.events[0], p);
    }
    else {
        fuzz_refusal(&why);
    }
}
