/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The setters of the directives that take more than one value. Each has the
 * form that httpd requires, and returns NULL or the error that httpd prints
 * after file and line. What can only be checked once the whole configuration is
 * read is noted by a setter and compared by a check.
 *
 * Context of all: PARENT, while the configuration is read. A child that reads
 * .htaccess calls a setter, too, if AllowOverrideList names its directive. So
 * every setter begins with es_setters_misplaced, which refuses that.
 */
#ifndef ES_CONFIG_SETTERS_H
#define ES_CONFIG_SETTERS_H

#include <stddef.h>

#include <httpd.h>
#include <http_config.h>

#include "base/path.h"
#include "base/template.h"
#include "server/settings.h"

/* ---- The channels of a section: setters.c -------------------------------- */

const char *es_setters_channel(cmd_parms *cmd, void *dir, const char *text);
const char *es_setters_channel_list(cmd_parms *cmd, void *dir,
                                    const char *separator, const char *text);
const char *es_setters_path(cmd_parms *cmd, void *dir, const char *pattern);
const char *es_setters_allow(cmd_parms *cmd, void *dir, const char *pattern);

/* ---- Who may do what: access_setters.c ----------------------------------- */

const char *es_access_setters_publish_from(cmd_parms *cmd, void *dir,
                                           const char *who);
const char *es_access_setters_control_from(cmd_parms *cmd, void *dir,
                                           const char *who);
const char *es_access_setters_publish_key(cmd_parms *cmd, void *dir,
                                          const char *word);
const char *es_access_setters_origin(cmd_parms *cmd, void *dir,
                                     const char *origin);

/* ---- Tokens: token_setters.c -------------------------------------------- */

const char *es_token_setters_token(cmd_parms *cmd, void *dir, int argc,
                                   char *const argv[]);

/* ---- Hubs: hub_setters.c ------------------------------------------------ */

const char *es_hub_setters_use(cmd_parms *cmd, void *dir, const char *name);
const char *es_hub_setters_metrics_channels(cmd_parms *cmd, void *dir,
                                            const char *name);
const char *es_hub_setters_status_publish(cmd_parms *cmd, void *dir,
                                          const char *path);
const char *es_hub_setters_hub(cmd_parms *cmd, void *dir, int argc,
                               char *const argv[]);

/** Forget the noted uses of hubs. Called by es_setters_begin. */
void es_hub_setters_begin(apr_pool_t *pconf);

/**
 * Check that each hub that EventStreamUseHub names exists.
 *
 * @return NULL, or the error with file and line, in p
 */
const char *es_hub_setters_check(const es_settings_t *global, apr_pool_t *p);

/* ---- Of the whole server: server_setters.c ------------------------------ */

const char *es_server_setters_lock_timeout(cmd_parms *cmd, void *dir,
                                           const char *time,
                                           const char *action);

/* ---- How streams leave httpd: stream_setters.c -------------------------- */

const char *es_stream_setters_transparent(cmd_parms *cmd, void *dir,
                                          const char *name);

const char *es_stream_setters_log(cmd_parms *cmd, void *dir, const char *target,
                                  const char *format);

const char *es_stream_setters_presence(cmd_parms *cmd, void *dir,
                                       const char *word, const char *name);

/** Has a section EventStreamPresence on? Context: post_config. */
int es_stream_setters_has_presence(void);

/** Forget the noted names of filters, and that a section has presence. Context:
 * pre_config. */
void es_stream_setters_begin(apr_pool_t *pconf);

/** Log the names that no output filter has. Context: post_config, when all
 * filters are registered. */
void es_stream_setters_warn(server_rec *s);

/* ---- The rate of publishers: rate_setters.c ------------------------------ */

const char *es_rate_setters_publish(cmd_parms *cmd, void *dir, int argc,
                                    char *const argv[]);

/** Count rates from 1 again. Called by es_setters_begin. */
void es_rate_setters_begin(void);

/* ---- For all of them: setters.c ----------------------------------------- */

/** Compiles the expressions of templates; baton is the cmd_parms. */
es_template_compile_fn_t es_setters_compile;

/**
 * The list of a section's own settings, to append to it.
 *
 * @param list  made, if it is NULL
 * @param size  of an element, in bytes
 */
apr_array_header_t *es_setters_list(apr_array_header_t **list, int size,
                                    apr_pool_t *p);

/** Read a number of bytes: digits and an optional k, m or g. */
const char *es_setters_read_bytes(apr_int64_t *out, const char *text);

/**
 * May the current directive stand here? A request reads .htaccess, and what it
 * adds to an array of the configuration would never be freed; other modules,
 * too, may apply directives to a request.
 *
 * @return NULL; or the error in cmd->pool: the configuration has been read, a
 *         directive stands in <Limit> or <LimitExcept>, where it would apply to
 *         all methods, or one of the whole server stands in a section or
 *         <VirtualHost>
 *
 * Context: any.
 */
const char *es_setters_misplaced(cmd_parms *cmd);

/** Has the whole configuration been read? Then a request reads .htaccess. */
int es_setters_is_read(void);

/** Forget the noted uses of hubs; from now on directives are taken. Context:
 * pre_config. */
void es_setters_begin(apr_pool_t *pconf);

/** From now on all directives are misplaced. Context: check_config. */
void es_setters_end(void);

/* ---- Words of directives of a hub: words.c ------------------------------ */

/**
 * Remove "hub=name" from the words.
 *
 * @param hub  its name; "default" if there is no such word
 * @return NULL, or what is wrong
 */
const char *es_words_take_hub(const char **hub, int *argc, char *const **argv);

/**
 * Find a ${NAME} that is not set: httpd does not replace it.
 *
 * @return NULL, or what is wrong, in p; the rest of the word may be a secret
 *         and is not in it
 */
const char *es_words_unset(const char *word, apr_pool_t *p);

/* ---- Can each {token} of a template be set? tokens.c ------------------- */

/** Forget the noted templates and paths. Context: pre_config. */
void es_tokens_begin(apr_pool_t *pconf);

/** The regular expression of a section, in p; NULL if it has none. */
const char *es_tokens_regex(const ap_directive_t *section, apr_pool_t *p);

/** Note a template of the current directive. */
void es_tokens_note_template(cmd_parms *cmd, const es_template_t *template);

/** Note a path of the current directive. */
void es_tokens_note_path(cmd_parms *cmd, const es_path_t *path);

/**
 * Compare the noted templates and paths.
 *
 * @return NULL, or the error with file and line, in p
 */
const char *es_tokens_check(apr_pool_t *p);

/* ---- Can each stream have a channel? streams.c ------------------------- */

/** Forget the noted lines. Context: pre_config. */
void es_streams_begin(apr_pool_t *pconf);

/** Note that the current directive gives channels. */
void es_streams_note_source(cmd_parms *cmd);

/**
 * Find a SetHandler eventstream to which no noted line can apply. What is not
 * certain is no error.
 *
 * @return NULL, or the error with file and line, in p
 */
const char *es_streams_check(apr_pool_t *p);

/* ---- Of a hub: grip_setters.c ------------------------------------------ */

/*
 * The directives EventStreamGrip... belong to a hub: each takes "hub=name" as
 * its first word, and applies to the hub "default" without it. The hub may be
 * defined further down, so the check looks it up.
 */

/** The kind of value that such a directive takes. */
typedef enum es_grip_value_t {
    ES_GRIP_SWITCH,   /* on or off, into an int */
    ES_GRIP_ON_ERROR, /* fail or ignore, into an int */
    ES_GRIP_TIME,     /* from 0 to 5 minutes, into an apr_interval_time_t */
    ES_GRIP_WAIT,     /* the same, from 100 ms */
    ES_GRIP_TEXT      /* the prefix of a channel's name */
} es_grip_value_t;

/** The cmd_data of such a directive. */
typedef struct es_grip_row_t {
    es_grip_value_t value;
    apr_size_t field; /* offset into es_grip_t */
} es_grip_row_t;

/**
 * EventStreamGrip. Removes the words of the directive from httpd's tree of the
 * configuration, because mod_info shows that tree to its visitors.
 */
const char *es_grip_setters_proxy(cmd_parms *cmd, void *dir, int argc,
                                  char *const argv[]);

/** The others, by their es_grip_row_t. */
const char *es_grip_setters_row(cmd_parms *cmd, void *dir, int argc,
                                char *const argv[]);

/**
 * Give each hub its GRIP settings.
 *
 * @return NULL, or the error with file and line, in p: no such hub, or
 *         EventStreamGripRequired or EventStreamGripReliable without a proxy
 */
const char *es_grip_setters_check(const es_settings_t *global, apr_pool_t *p);

/* ---- Of a hub: cluster_setters.c ---------------------------------------- */

/**
 * EventStreamCluster. Removes the words of the directive from httpd's tree of
 * the configuration, as es_grip_setters_proxy.
 */
const char *es_cluster_setters_broker(cmd_parms *cmd, void *dir, int argc,
                                      char *const argv[]);

/**
 * Give each hub its EventStreamCluster. Called after es_grip_setters_check.
 *
 * @return NULL, or the error with file and line, in p: no such hub, or one that
 *         is published to GRIP proxies
 */
const char *es_cluster_setters_check(const es_settings_t *global,
                                     apr_pool_t *p);

#endif
