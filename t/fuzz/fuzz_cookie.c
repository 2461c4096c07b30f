/* SPDX-License-Identifier: Apache-2.0 */
/* The first line is the name of a cookie, the rest the header. */
#include "fuzz.h"

#include "base/cookie.h"

/* Can it be the name, or the value, of a cookie that a browser sends? */
static int is_token(es_slice_t text)
{
    apr_size_t i;

    for (i = 0; i < text.len; i++) {
        if (text.data[i] <= ' ' || strchr(";,=", text.data[i])) {
            return 0;
        }
    }
    return text.len != 0;
}

FUZZ(text, p)
{
    es_slice_t line = fuzz_line(&text);
    const char *name = fuzz_string(line, p), *header = fuzz_string(text, p);
    int count, more;
    es_slice_t value = es_cookie_find(header, name, &count);

    PROMISE((value.data != NULL) == (count > 0));
    PROMISE(count >= 0 && value.len <= strlen(header));
    if (value.data) {
        PROMISE(value.len != 0 && value.data > header);
        PROMISE(value.data + value.len <= header + strlen(header));
        PROMISE(!memchr(value.data, ';', value.len));
        PROMISE(!memchr(value.data, ',', value.len));
    }
    if (is_token(line)) {
        /* a browser's cookie behind it is found, whatever stands before */
        value = es_cookie_find(apr_pstrcat(p, header, "; ", name, "=v", NULL),
                               name, &more);
        PROMISE(more == count + 1 && es_slice_is(value, "v"));
        /* and one of another name changes nothing */
        es_cookie_find(apr_pstrcat(p, header, "; x", name, "=v", NULL), name,
                       &more);
        PROMISE(more == count);
    }
}
