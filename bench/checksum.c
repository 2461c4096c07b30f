/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checksum covers head and padding, its own digits aside. Padding is
 * drawn from channel and number, so that bytes of another event, also of
 * the same length and at the same place, do not fit.
 */
#include "bench/checksum.h"

#include <string.h>

#define NUMBER_AT 5
#define SIZE_AT 14
#define SUM_AT 20
#define PADDING_AT 29
#define LINE_EVERY 97 /* of the events that have several lines */

static const char ALPHABET[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-";

static const char HEX[] = "0123456789abcdef";

static void put_digits(char *dst, int digits, uint32_t value)
{
    dst[digits] = ' ';
    while (digits-- > 0) {
        dst[digits] = (char)('0' + value % 10);
        value /= 10;
    }
}

static int get_digits(uint32_t *value, const char *src, int digits)
{
    uint32_t sum = 0;
    int i;

    for (i = 0; i < digits; i++) {
        if (src[i] < '0' || src[i] > '9') {
            return -1;
        }
        sum = sum * 10 + (uint32_t)(src[i] - '0');
    }
    *value = sum;
    return src[digits] == ' ' ? 0 : -1;
}

/* FNV-1a */
static uint32_t sum_up(uint32_t sum, const char *bytes, size_t len)
{
    size_t i;

    for (i = 0; i < len; i++) {
        sum = (sum ^ (unsigned char)bytes[i]) * 16777619u;
    }
    return sum;
}

static void put_sum(char dst[9], const char *data, size_t len)
{
    uint32_t sum;
    int i;

    sum = sum_up(2166136261u, data, SUM_AT);
    sum = sum_up(sum, data + PADDING_AT, len - PADDING_AT);
    for (i = 0; i < 8; i++) {
        dst[i] = HEX[sum >> (28 - 4 * i) & 15];
    }
    dst[8] = ' ';
}

void eb_checksum_write(char *dst, const eb_checksum_t *proof)
{
    uint32_t random = proof->channel * 2654435761u ^ proof->number * 40503u;
    size_t i;

    put_digits(dst, 4, proof->channel);
    put_digits(dst + NUMBER_AT, 8, proof->number);
    put_digits(dst + SIZE_AT, 5, proof->size);
    for (i = PADDING_AT; i < proof->size; i++) {
        random = random * 1664525u + 1013904223u;
        dst[i] = ALPHABET[random >> 26];
        if (proof->number % 4 == 3 && i % LINE_EVERY == 0 &&
            i + 1 < proof->size) {
            dst[i] = '\n';
        }
    }
    put_sum(dst + SUM_AT, dst, proof->size);
}

int eb_checksum_read(eb_checksum_t *proof, const char *data, size_t len)
{
    char sum[9];

    if (len < EB_CHECKSUM_MIN || len > EB_CHECKSUM_MAX ||
        get_digits(&proof->channel, data, 4) != 0 ||
        get_digits(&proof->number, data + NUMBER_AT, 8) != 0 ||
        get_digits(&proof->size, data + SIZE_AT, 5) != 0 ||
        proof->size != len) {
        return -1;
    }
    put_sum(sum, data, len);
    return memcmp(sum, data + SUM_AT, sizeof(sum)) == 0 ? 0 : -1;
}
