/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The values of directives that take one: their units, and the texts that show
 * a user what they take.
 */
#ifndef ES_CONFIG_VALUES_H
#define ES_CONFIG_VALUES_H

#include <apr.h>

#include "journal/resume.h"

typedef enum es_unit_t {
    ES_SECONDS,
    ES_SECONDS_OR_OFF, /* off is 0 */
    ES_BYTES,
    ES_NUMBER,
    ES_NUMBER_OR_AUTO, /* auto is 0 */
    ES_FORM,           /* event or comment */
    ES_SWITCH,         /* on is 1, off 0 */
    ES_HTTP2,          /* a word of es_http2_mode_t */
    ES_ERROR_FORM,     /* status or event */
    ES_REPLAY          /* none, all, or how many events */
} es_unit_t;

/** The value of "all" events. */
#define ES_VALUES_REPLAY_ALL ((apr_int64_t)ES_REPLAY_ALL)

/* httpd shows them as "NAME takes one argument, HELP". */
#define HELP_ES_SECONDS "a time, such as 20, 500ms or 2min"
#define HELP_ES_SECONDS_OR_OFF "off, or a time, such as 20, 500ms or 2min"
#define HELP_ES_BYTES "a number of bytes, such as 65536, 64k or 2m"
#define HELP_ES_NUMBER "a whole number"
#define HELP_ES_NUMBER_OR_AUTO "auto, or a whole number"
#define HELP_ES_FORM "event or comment"
#define HELP_ES_SWITCH "on or off"
#define HELP_ES_HTTP2 "auto, hold or http/1.1"
#define HELP_ES_ERROR_FORM "status or event"
#define HELP_ES_REPLAY "none, all, or a number of events from 1 to 1000000"

/**
 * Read a value.
 *
 * @param value  in the unit of its field: microseconds, bytes, a number, or the
 *               index of a word
 * @return NULL, or what the directive takes, for after its name
 *
 * Context: ANY.
 */
const char *es_values_read(apr_int64_t *value, es_unit_t unit,
                           const char *text);

#endif
