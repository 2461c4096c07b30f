/* SPDX-License-Identifier: Apache-2.0 */
/* The first line is a pattern of channels, the rest a channel name. */
#include "fuzz.h"

#include "base/channel.h"

/* A pattern that only this name matches. */
static es_slice_t literal(es_slice_t name, apr_pool_t *p)
{
    char *bytes = fuzz_alloc(2 * name.len, p);
    apr_size_t len = 0, i;

    for (i = 0; i < name.len; i++) {
        if (name.data[i] == '*' || name.data[i] == '\\') {
            bytes[len++] = '\\';
        }
        bytes[len++] = name.data[i];
    }
    return fuzz_exact(es_slice(bytes, len), p);
}

FUZZ(text, p)
{
    es_slice_t pattern = fuzz_exact(fuzz_line(&text), p);
    es_slice_t name = fuzz_exact(text, p);
    es_problem_t why = {0};
    apr_size_t i;
    int fits;

    PROMISE(!es_channel_has_blank_end(es_channel_trim(name)));
    (void)es_channel_match(name, pattern);
    fits = name.len <= ES_CHANNEL_NAME_MAX;
    PROMISE(es_channel_match(name, es_slice_of("*")) == fits);
    PROMISE(es_channel_match(name, literal(name, p)) == fits);
    if (!es_channel_check(name, p, &why)) {
        fuzz_refusal(&why);
        return;
    }
    PROMISE(name.len <= ES_CHANNEL_NAME_MAX && es_utf8_is_valid(name));
    PROMISE(!es_channel_has_blank_end(name));
    for (i = 0; i < name.len; i++) {
        PROMISE((unsigned char)name.data[i] >= 0x20 && name.data[i] != 0x7f);
    }
}
