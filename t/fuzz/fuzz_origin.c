/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first line is an origin of EventStreamAllowOrigin, the rest the Origin of
 * a request. Those that match are the same but for case, or differ in what
 * stands for "*." alone: no client brings its own scheme, domain or port.
 */
#include "fuzz.h"

#include <strings.h>

#include "base/origin.h"

#define HOST_BYTES \
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_"

/* Of "https://(star).a:1" the head is "https://", the tail ".a:1". */
static void check_subdomain(const char *listed, const char *origin)
{
    const char *star = strchr(listed, '*');
    size_t head = (size_t)(star - listed);
    size_t tail = strlen(star + 1), len = strlen(origin);
    size_t i;

    PROMISE(len > head + tail);
    PROMISE(strncasecmp(origin, listed, head) == 0);
    PROMISE(strcasecmp(origin + len - tail, star + 1) == 0);
    for (i = head; i < len - tail; i++) {
        PROMISE(strchr(HOST_BYTES, origin[i]) != NULL);
    }
}

static void check_listed(const char *listed, apr_pool_t *p)
{
    const char *star = strchr(listed, '*');
    const char *at;

    for (at = listed; *at; at++) {
        PROMISE(*at > ' ' && *at < 0x7f && !strchr("\"'<>,;@?#%\\", *at));
    }
    PROMISE(strstr(listed, "://") != NULL);
    if (star == NULL) {
        PROMISE(es_origin_matches(listed, listed));
        return;
    }
    PROMISE(star[1] == '.' && strchr(star + 1, '*') == NULL);
    PROMISE(!es_origin_matches(
        listed, apr_pstrcat(p, apr_pstrmemdup(p, listed, star - listed),
                            star + 2, NULL)));
    PROMISE(es_origin_matches(
        listed, apr_pstrcat(p, apr_pstrmemdup(p, listed, star - listed), "a.b",
                            star + 1, NULL)));
}

FUZZ(text, p)
{
    const char *listed = fuzz_string(fuzz_line(&text), p);
    const char *origin = fuzz_string(fuzz_exact(text, p), p);
    const char *wrong = es_origin_check(listed);

    if (wrong != NULL) {
        PROMISE(*wrong != '\0');
        PROMISE(es_utf8_is_valid(es_slice_of(wrong)));
        return;
    }
    check_listed(listed, p);
    PROMISE(!es_origin_matches(listed, "null"));
    PROMISE(!es_origin_matches(listed, ""));
    if (!es_origin_matches(listed, origin)) {
        PROMISE(strcasecmp(listed, origin) != 0 || strchr(listed, '*'));
    }
    else if (strchr(listed, '*')) {
        check_subdomain(listed, origin);
    }
    else {
        PROMISE(strcasecmp(listed, origin) == 0);
    }
}
