/* SPDX-License-Identifier: Apache-2.0 */
/* An id is two numbers: they are compared, counted up, written and read. */
#include "base/id.h"

#include "base/decimal.h"

#define NUMBER_MAX (~(apr_uint64_t)0)
#define EPOCHS ((1u << ES_ID_EPOCH_BITS) - 1)
#define COUNT_MAX ((APR_UINT64_C(1) << ES_ID_COUNT_BITS) - 1)

static int compare(apr_uint64_t a, apr_uint64_t b)
{
    return (a > b) - (a < b);
}

int es_id_compare(const es_id_t *a, const es_id_t *b)
{
    int order = compare(a->ms, b->ms);

    return order != 0 ? order : compare(a->n, b->n);
}

es_id_t es_id_epoch(apr_uint32_t random, apr_uint64_t now_ms)
{
    es_id_t epoch = {now_ms, 0};

    epoch.n = ((apr_uint64_t)(random % EPOCHS) + 1) << ES_ID_COUNT_BITS;
    return epoch;
}

int es_id_is_same_epoch(const es_id_t *a, const es_id_t *b)
{
    return a->n >> ES_ID_COUNT_BITS == b->n >> ES_ID_COUNT_BITS;
}

es_id_t es_id_next(const es_id_t *last, apr_uint64_t now_ms)
{
    es_id_t next = *last;

    if (now_ms > last->ms) {
        next.ms = now_ms;
        next.n &= ~COUNT_MAX;
    }
    else if ((last->n & COUNT_MAX) < COUNT_MAX) {
        next.n++;
    }
    else if (last->ms < NUMBER_MAX) {
        next.ms++;
        next.n &= ~COUNT_MAX;
    }
    return next;
}

es_id_t es_id_before(const es_id_t *id)
{
    es_id_t before = *id;

    if ((id->n & COUNT_MAX) > 0) {
        before.n--;
    }
    else if (id->ms > 0) {
        before.ms--;
        before.n |= COUNT_MAX;
    }
    return before;
}

apr_size_t es_id_format(char text[ES_ID_TEXT_SIZE], const es_id_t *id)
{
    apr_size_t len = es_decimal_write(text, id->ms);

    text[len++] = '-';
    len += es_decimal_write(text + len, id->n);
    text[len] = '\0';
    return len;
}

/* The number of digits from at on. */
static apr_size_t count_digits(es_slice_t text, apr_size_t at)
{
    apr_size_t end = at;

    while (end < text.len && text.data[end] >= '0' && text.data[end] <= '9') {
        end++;
    }
    return end - at;
}

/* Read the number that consists of these digits. @return 1 or 0 */
static int read_number(apr_uint64_t *number, const char *digits,
                       apr_size_t count)
{
    apr_uint64_t value = 0;
    apr_uint64_t digit;
    apr_size_t i;

    if (count == 0 || count > ES_DECIMAL_MAX ||
        (count > 1 && digits[0] == '0')) {
        return 0;
    }
    for (i = 0; i < count; i++) {
        digit = (apr_uint64_t)(digits[i] - '0');
        if (value > (NUMBER_MAX - digit) / 10) {
            return 0;
        }
        value = value * 10 + digit;
    }
    *number = value;
    return 1;
}

int es_id_parse(es_id_t *id, es_slice_t text)
{
    es_id_t parsed;
    apr_size_t dash = count_digits(text, 0);

    if (dash >= text.len || text.data[dash] != '-' ||
        count_digits(text, dash + 1) != text.len - dash - 1 ||
        !read_number(&parsed.ms, text.data, dash) ||
        !read_number(&parsed.n, text.data + dash + 1, text.len - dash - 1)) {
        return 0;
    }
    *id = parsed;
    return 1;
}

int es_id_is_ours(es_slice_t text)
{
    apr_size_t dash = count_digits(text, 0);
    apr_size_t count;

    if (dash == 0 || dash >= text.len || text.data[dash] != '-') {
        return 0;
    }
    count = count_digits(text, dash + 1);
    return count != 0 && dash + 1 + count == text.len;
}
