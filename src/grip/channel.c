/* SPDX-License-Identifier: Apache-2.0 */
#include "grip/channel.h"

static int is_plain(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || (c != '\0' && strchr("-_.!~*'()", c));
}

es_slice_t es_grip_channel(const char *prefix, es_slice_t name, apr_pool_t *p)
{
    static const char hex[] = "0123456789ABCDEF";
    apr_size_t len = strlen(prefix), i;
    char *channel = apr_palloc(p, len + name.len * 3 + 1);
    char *at = channel + len;

    memcpy(channel, prefix, len);
    for (i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.data[i];

        if (is_plain(c)) {
            *at++ = (char)c;
            continue;
        }
        *at++ = '%';
        *at++ = hex[c >> 4];
        *at++ = hex[c & 0xf];
    }
    *at = '\0';
    return es_slice(channel, (apr_size_t)(at - channel));
}
