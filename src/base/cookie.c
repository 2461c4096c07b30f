/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cookie.h"

#include <string.h>

#include "base/channel.h"

es_slice_t es_cookie_find(const char *header, const char *name, int *count)
{
    const char *at = header;
    apr_size_t len = strlen(name);
    es_slice_t found = es_slice(NULL, 0);

    *count = 0;
    while (at && *at) {
        apr_size_t size;

        at += strspn(at, " \t;,");
        size = strcspn(at, ";,");
        if (size > len + 1 && !strncmp(at, name, len) && at[len] == '=') {
            es_slice_t value =
                es_channel_trim(es_slice(at + len + 1, size - len - 1));

            if (value.len != 0) {
                found = value;
                ++*count;
            }
        }
        at += size;
    }
    return found;
}
