/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fixed columns, so that reading is three loops over digits. The padding of
 * the timed form is compared by memcmp(), in runs of the alphabet that it
 * consists of. The checked form's padding is derived from channel and number,
 * so that bytes of another event do not fit even where length and offset are
 * the same; its checksum covers head and padding, except its own digits.
 */
#include "bench/payload.h"

#include <string.h>

static void put_digits(char *dst, int digits, uint64_t value)
{
    dst[digits] = ' ';
    while (digits-- > 0) {
        dst[digits] = (char)('0' + value % 10);
        value /= 10;
    }
}

static int get_digits(uint64_t *value, const char *src, int digits)
{
    uint64_t sum = 0;
    int i;

    for (i = 0; i < digits; i++) {
        if (src[i] < '0' || src[i] > '9') {
            return -1;
        }
        sum = sum * 10 + (uint64_t)(src[i] - '0');
    }
    *value = sum;
    return src[digits] == ' ' ? 0 : -1;
}

/* ---- timed --------------------------------------------------------------- */

#define TIMED_CHANNEL_AT 0
#define TIMED_CHANNEL_DIGITS 6
#define TIMED_NUMBER_AT 7
#define TIMED_NUMBER_DIGITS 10
#define TIMED_STAMP_AT 18
#define TIMED_STAMP_DIGITS 20

static const char TIMED_PADDING[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-";

#define TIMED_PADDING_LEN (sizeof(TIMED_PADDING) - 1)

void eb_payload_timed_write(char *dst, size_t size,
                            const eb_payload_timed_t *payload)
{
    size_t at;
    size_t run;

    put_digits(dst + TIMED_CHANNEL_AT, TIMED_CHANNEL_DIGITS, payload->channel);
    put_digits(dst + TIMED_NUMBER_AT, TIMED_NUMBER_DIGITS, payload->number);
    put_digits(dst + TIMED_STAMP_AT, TIMED_STAMP_DIGITS, payload->stamp_ns);
    for (at = EB_PAYLOAD_TIMED_MIN; at < size; at += run) {
        run = size - at < TIMED_PADDING_LEN ? size - at : TIMED_PADDING_LEN;
        memcpy(dst + at, TIMED_PADDING, run);
    }
}

int eb_payload_timed_read(eb_payload_timed_t *payload, const char *data,
                          size_t len, size_t size)
{
    uint64_t channel;
    uint64_t number;
    size_t at;
    size_t run;

    if (len != size || len < EB_PAYLOAD_TIMED_MIN ||
        get_digits(&channel, data + TIMED_CHANNEL_AT, TIMED_CHANNEL_DIGITS) !=
            0 ||
        get_digits(&number, data + TIMED_NUMBER_AT, TIMED_NUMBER_DIGITS) != 0 ||
        get_digits(&payload->stamp_ns, data + TIMED_STAMP_AT,
                   TIMED_STAMP_DIGITS) != 0) {
        return -1;
    }
    for (at = EB_PAYLOAD_TIMED_MIN; at < len; at += run) {
        run = len - at < TIMED_PADDING_LEN ? len - at : TIMED_PADDING_LEN;
        if (memcmp(data + at, TIMED_PADDING, run) != 0) {
            return -1;
        }
    }
    payload->channel = (uint32_t)channel;
    payload->number = (uint32_t)number;
    return 0;
}

/* ---- checked ------------------------------------------------------------- */

#define CHECKED_NUMBER_AT 5
#define CHECKED_SIZE_AT 14
#define CHECKED_SUM_AT 20
#define CHECKED_PADDING_AT 29
#define CHECKED_LINE 97 /* bytes, of the events that have several lines */

static const char CHECKED_ALPHABET[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-";

static const char HEX[] = "0123456789abcdef";

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

    sum = sum_up(2166136261u, data, CHECKED_SUM_AT);
    sum = sum_up(sum, data + CHECKED_PADDING_AT, len - CHECKED_PADDING_AT);
    for (i = 0; i < 8; i++) {
        dst[i] = HEX[sum >> (28 - 4 * i) & 15];
    }
    dst[8] = ' ';
}

void eb_payload_checked_write(char *dst, const eb_payload_checked_t *payload)
{
    uint32_t random = payload->channel * 2654435761u ^ payload->number * 40503u;
    size_t i;

    put_digits(dst, 4, payload->channel);
    put_digits(dst + CHECKED_NUMBER_AT, 8, payload->number);
    put_digits(dst + CHECKED_SIZE_AT, 5, payload->size);
    for (i = CHECKED_PADDING_AT; i < payload->size; i++) {
        random = random * 1664525u + 1013904223u;
        dst[i] = CHECKED_ALPHABET[random >> 26];
        if (payload->number % 4 == 3 && i % CHECKED_LINE == 0 &&
            i + 1 < payload->size) {
            dst[i] = '\n';
        }
    }
    put_sum(dst + CHECKED_SUM_AT, dst, payload->size);
}

int eb_payload_checked_read(eb_payload_checked_t *payload, const char *data,
                            size_t len)
{
    uint64_t channel;
    uint64_t number;
    uint64_t size;
    char sum[9];

    if (len < EB_PAYLOAD_CHECKED_MIN || len > EB_PAYLOAD_CHECKED_MAX ||
        get_digits(&channel, data, 4) != 0 ||
        get_digits(&number, data + CHECKED_NUMBER_AT, 8) != 0 ||
        get_digits(&size, data + CHECKED_SIZE_AT, 5) != 0 || size != len) {
        return -1;
    }
    payload->channel = (uint32_t)channel;
    payload->number = (uint32_t)number;
    payload->size = (uint32_t)size;
    put_sum(sum, data, len);
    return memcmp(sum, data + CHECKED_SUM_AT, sizeof(sum)) == 0 ? 0 : -1;
}
