/* SPDX-License-Identifier: Apache-2.0 */
/* Words that several directives of a hub have in common. */
#include "config/setters.h"

#include <apr_strings.h>

const char *es_words_take_hub(const char **hub, int *argc, char *const **argv)
{
    *hub = "default";
    if (*argc > 0 && !strncasecmp((*argv)[0], "hub=", 4)) {
        *hub = (*argv)[0] + 4;
        (*argc)--;
        (*argv)++;
    }
    return **hub ? NULL : "hub= is empty";
}

const char *es_words_unset(const char *word, apr_pool_t *p)
{
    const char *begin = strstr(word, "${");
    const char *end = begin ? strchr(begin, '}') : NULL;

    if (!end) {
        return NULL;
    }
    return apr_psprintf(p,
                        "%.*s is set neither in httpd's environment nor by "
                        "Define",
                        (int)(end + 1 - begin), begin);
}
