/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Decimal digits without printf: ids and retry times are written for each
 * event, where a printf would cost more than everything else. Header only.
 * Pure.
 */
#ifndef ES_BASE_DECIMAL_H
#define ES_BASE_DECIMAL_H

#include <string.h>

#include <apr.h>

/** Most digits of a number: those of 2^64 - 1. */
#define ES_DECIMAL_MAX 20

/**
 * Write value, without NUL, to dst, which has es_decimal_size bytes.
 *
 * @return bytes written
 */
static inline apr_size_t es_decimal_write(char *dst, apr_uint64_t value)
{
    char digits[ES_DECIMAL_MAX];
    apr_size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    memcpy(dst, digits + at, sizeof(digits) - at);
    return sizeof(digits) - at;
}

/** Bytes that es_decimal_write would write. */
static inline apr_size_t es_decimal_size(apr_uint64_t value)
{
    apr_size_t digits = 1;

    while (value >= 10) {
        value /= 10;
        digits++;
    }
    return digits;
}

#endif
