/* SPDX-License-Identifier: Apache-2.0 */
/* The first line is a name, the rest a query or a form. */
#include "fuzz.h"

#include "base/query.h"

FUZZ(text, p)
{
    const char *name = fuzz_string(fuzz_line(&text), p);
    es_slice_t query = fuzz_exact(text, p);
    const apr_array_header_t *values = es_query_values(query, name, p);
    es_slice_t value;
    apr_int64_t number;
    apr_size_t sum = 0;
    int i;

    PROMISE(es_query_value(&value, query, name, p) == (values->nelts > 0));
    for (i = 0; i < values->nelts; i++) {
        sum += APR_ARRAY_IDX(values, i, es_slice_t).len;
    }
    PROMISE(sum <= query.len);
    if (es_query_last_value(&value, query, name, p)) {
        PROMISE(value.len > 0 && value.len <= query.len);
    }
    if (values->nelts > 0) {
        es_query_value(&value, query, name, p);
        PROMISE(es_slice_equal(value, APR_ARRAY_IDX(values, 0, es_slice_t)));
        number = es_query_number(value, 1000);
        PROMISE(number >= -1 && number <= 1000);
    }
}
