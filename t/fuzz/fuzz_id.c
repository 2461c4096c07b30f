/* SPDX-License-Identifier: Apache-2.0 */
/* An id of ours has one text only, and the next id is higher. */
#include "fuzz.h"

#include "base/id.h"

FUZZ(text, p)
{
    char again[ES_ID_TEXT_SIZE];
    es_id_t id, other, next;
    apr_size_t len;

    (void)p;
    if (!es_id_parse(&id, text)) {
        return;
    }
    PROMISE(es_id_is_ours(text));
    len = es_id_format(again, &id);
    PROMISE(len < sizeof(again) && len <= text.len);
    PROMISE(es_id_parse(&other, es_slice(again, len)));
    PROMISE(es_id_compare(&id, &other) == 0);
    next = es_id_next(&id, 0);
    PROMISE(es_id_compare(&next, &id) > 0 ||
            (id.ms == UINT64_MAX && es_id_compare(&next, &id) == 0));
}
