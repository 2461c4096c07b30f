/* SPDX-License-Identifier: Apache-2.0 */
/* Two decimal numbers and a hyphen; see id.h. */
#include "bench/id.h"

/* Digits from text on; returns how many, 0 when none or too large. */
static size_t read_number(uint64_t *value, const char *text, size_t len)
{
    uint64_t sum = 0;
    size_t i;

    for (i = 0; i < len && text[i] >= '0' && text[i] <= '9'; i++) {
        if (sum > (UINT64_MAX - 9) / 10) {
            return 0;
        }
        sum = sum * 10 + (uint64_t)(text[i] - '0');
    }
    *value = sum;
    return i;
}

int eb_id_parse(eb_id_t *id, const char *text, size_t len)
{
    size_t first;
    size_t second;

    first = read_number(&id->ms, text, len);
    if (first == 0 || first + 1 >= len || text[first] != '-') {
        return -1;
    }
    second = read_number(&id->n, text + first + 1, len - first - 1);
    return second != 0 && first + 1 + second == len ? 0 : -1;
}
