/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fixed columns, so that reading is three loops over digits; the padding is
 * compared with memcmp() in runs of the alphabet it is made of.
 */
#include "bench/payload.h"

#include <string.h>

#define CHANNEL_AT 0
#define CHANNEL_DIGITS 6
#define NUMBER_AT 7
#define NUMBER_DIGITS 10
#define STAMP_AT 18
#define STAMP_DIGITS 20

static const char PADDING[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-";

#define PADDING_LEN (sizeof(PADDING) - 1)

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

void eb_payload_write(char *dst, size_t size, const eb_payload_t *payload)
{
    size_t at;
    size_t run;

    put_digits(dst + CHANNEL_AT, CHANNEL_DIGITS, payload->channel);
    put_digits(dst + NUMBER_AT, NUMBER_DIGITS, payload->number);
    put_digits(dst + STAMP_AT, STAMP_DIGITS, payload->stamp_ns);
    for (at = EB_PAYLOAD_MIN; at < size; at += run) {
        run = size - at < PADDING_LEN ? size - at : PADDING_LEN;
        memcpy(dst + at, PADDING, run);
    }
}

int eb_payload_read(eb_payload_t *payload, const char *data, size_t len,
                    size_t size)
{
    uint64_t channel;
    uint64_t number;
    size_t at;
    size_t run;

    if (len != size || len < EB_PAYLOAD_MIN ||
        get_digits(&channel, data + CHANNEL_AT, CHANNEL_DIGITS) != 0 ||
        get_digits(&number, data + NUMBER_AT, NUMBER_DIGITS) != 0 ||
        get_digits(&payload->stamp_ns, data + STAMP_AT, STAMP_DIGITS) != 0) {
        return -1;
    }
    for (at = EB_PAYLOAD_MIN; at < len; at += run) {
        run = len - at < PADDING_LEN ? len - at : PADDING_LEN;
        if (memcmp(data + at, PADDING, run) != 0) {
            return -1;
        }
    }
    payload->channel = (uint32_t)channel;
    payload->number = (uint32_t)number;
    return 0;
}
