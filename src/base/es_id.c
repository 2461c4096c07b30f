/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Ids: two numbers that are compared, counted up, written and read.
 */
#include "base/es_id.h"

#include "base/es_decimal.h"

#define NUMBER_MAX (~(apr_uint64_t)0)

static int compare(apr_uint64_t a, apr_uint64_t b)
{
    return (a > b) - (a < b);
}

int es_id_compare(const es_id_t *a, const es_id_t *b)
{
    int order = compare(a->ms, b->ms);

    return order != 0 ? order : compare(a->n, b->n);
}

es_id_t es_id_next(const es_id_t *last, apr_uint64_t now_ms)
{
    es_id_t next = *last;

    if (now_ms > last->ms) {
        next.ms = now_ms;
        next.n = 0;
    }
    else if (last->n < NUMBER_MAX) {
        next.n++;
    }
    else if (last->ms < NUMBER_MAX) {
        next.ms++;
        next.n = 0;
    }
    return next;
}

apr_size_t es_id_format(char text[ES_ID_TEXT_SIZE], const es_id_t *id)
{
    apr_size_t len = es_decimal_write(text, id->ms);

    text[len++] = '-';
    len += es_decimal_write(text + len, id->n);
    text[len] = '\0';
    return len;
}

/* Bytes from at on that are digits. */
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
