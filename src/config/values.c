/* SPDX-License-Identifier: Apache-2.0 */
/* Each unit has a reader. Ranges are checked by config/directives.c. */
#include "config/values.h"

#include <stdlib.h>

#include <apr_lib.h>
#include <apr_strings.h>
#include <httpd.h>

#include "server/settings.h"
#include "config/setters.h"

#define REPLAY_MAX 1000000

static const char *read_replay(apr_int64_t *value, const char *text)
{
    char *end;

    if (!strcasecmp(text, "none")) {
        *value = 0;
        return NULL;
    }
    if (!strcasecmp(text, "all")) {
        *value = ES_VALUES_REPLAY_ALL;
        return NULL;
    }
    *value = apr_strtoi64(text, &end, 10);
    return end == text || *end || *value < 1 || *value > REPLAY_MAX
               ? "takes " HELP_ES_REPLAY
               : NULL;
}

/* @return 0 when the text is no time; httpd's function reads "soon" as 0 s */
static int read_time(apr_int64_t *value, const char *text)
{
    return apr_isdigit(*text) &&
           ap_timeout_parameter_parse(text, value, "s") == APR_SUCCESS;
}

static const char *read_number_or_auto(apr_int64_t *value, const char *text)
{
    char *end;

    *value = 0;
    if (!strcasecmp(text, "auto")) {
        return NULL;
    }
    *value = apr_strtoi64(text, &end, 10);
    return end == text || *end || *value == 0 ? "takes " HELP_ES_NUMBER_OR_AUTO
                                              : NULL;
}

/* The value is the word's index. @return 0: it is none of them */
static int read_word(apr_int64_t *value, const char *text,
                     const char *const words[], int count)
{
    for (*value = 0; *value < count; (*value)++) {
        if (!strcasecmp(text, words[*value])) {
            return 1;
        }
    }
    return 0;
}

const char *es_values_read(apr_int64_t *value, es_unit_t unit, const char *text)
{
    static const char *const http2[] = {"auto", "hold", "http/1.1"};
    static const char *const forms[] = {"event", "comment"};
    static const char *const errors[] = {"status", "event"};
    static const char *const switches[] = {"off", "on"};
    char *end;

    switch (unit) {
    case ES_SECONDS:
        return read_time(value, text) ? NULL : "takes " HELP_ES_SECONDS;
    case ES_SECONDS_OR_OFF:
        *value = 0;
        return !strcasecmp(text, "off") || read_time(value, text)
                   ? NULL
                   : "takes " HELP_ES_SECONDS_OR_OFF;
    case ES_BYTES: return es_setters_read_bytes(value, text);
    case ES_NUMBER_OR_AUTO: return read_number_or_auto(value, text);
    case ES_REPLAY: return read_replay(value, text);
    case ES_HTTP2:
        return read_word(value, text, http2, 3) ? NULL : "takes " HELP_ES_HTTP2;
    case ES_FORM:
        return read_word(value, text, forms, 2) ? NULL : "takes " HELP_ES_FORM;
    case ES_ERROR_FORM:
        return read_word(value, text, errors, 2) ? NULL
                                                 : "takes " HELP_ES_ERROR_FORM;
    case ES_SWITCH:
        return read_word(value, text, switches, 2) ? NULL
                                                   : "takes " HELP_ES_SWITCH;
    default:
        *value = apr_strtoi64(text, &end, 10);
        return end == text || *end ? "takes " HELP_ES_NUMBER : NULL;
    }
}
