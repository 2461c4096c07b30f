/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Setters of the directives EventStreamGrip…, which belong to a hub: each
 * takes "hub=name" as its first word, and means the hub "default" without it.
 * The hub may be defined further down, so it is looked up when all is read.
 */
#ifndef ES_CONFIG_GRIP_SETTERS_H
#define ES_CONFIG_GRIP_SETTERS_H

#include <stddef.h>

#include <httpd.h>
#include <http_config.h>

#include "server/settings.h"

/** What the value of a directive with one value is. */
typedef enum es_grip_value_t {
    ES_GRIP_SWITCH,   /* on or off, into an int */
    ES_GRIP_ON_ERROR, /* fail or ignore, into an int */
    ES_GRIP_TIME,     /* from 0 to 5 minutes, into an apr_interval_time_t */
    ES_GRIP_WAIT,     /* as that, from 100 ms */
    ES_GRIP_TEXT      /* the beginning of a channel's name */
} es_grip_value_t;

/** What a command_rec of such a directive carries. */
typedef struct es_grip_row_t {
    es_grip_value_t value;
    apr_size_t field; /* offset into es_grip_t */
} es_grip_row_t;

/**
 * EventStreamGrip. The words of the directive are taken out of httpd's tree
 * of the configuration, as mod_info shows that to anybody it is open to.
 */
const char *es_grip_setters_proxy(cmd_parms *cmd, void *dir, int argc,
                                  char *const argv[]);

/** The others, as their es_grip_row_t says. */
const char *es_grip_setters_row(cmd_parms *cmd, void *dir, int argc,
                                char *const argv[]);

/**
 * Give each hub its GRIP settings.
 *
 * @return NULL, or the error with file and line, in p: there is no such hub,
 *         or nothing that EventStreamGripRequired or Reliable could be about
 */
const char *es_grip_setters_check(const es_settings_t *global, apr_pool_t *p);

#endif
