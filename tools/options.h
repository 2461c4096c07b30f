/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The command line of eventstream-tail. docs/eventstream-tail.1 explains it.
 */
#ifndef ET_OPTIONS_H
#define ET_OPTIONS_H

#include <apr_pools.h>
#include <apr_tables.h>

/* What the program returns, except with --check. */
#define ET_EXIT_OK 0
#define ET_EXIT_FAILED 1
#define ET_EXIT_USAGE 2
#define ET_EXIT_TIMEOUT 3 /* --timeout is over before --count events */

/* What it returns with --check, as plugins of Nagios. */
#define ET_CHECK_OK 0
#define ET_CHECK_WARNING 1
#define ET_CHECK_CRITICAL 2
#define ET_CHECK_UNKNOWN 3

typedef enum et_mode_t {
    ET_FOLLOW,
    ET_PUBLISH,
    ET_LIST,
    ET_REVOKE,
    ET_STATUS,
    ET_CHECK
} et_mode_t;

typedef enum et_form_t {
    ET_FIELDS, /* id, type and data, with tabs in between */
    ET_DATA,
    ET_JSON
} et_form_t;

/** --warning and --critical: a range of a value of the status. */
typedef struct et_range_t {
    const char *key;
    int is_rate;  /* of the value per second */
    int is_inner; /* a value within the range is bad, not one without */
    double min;   /* may be -INFINITY, */
    double max;   /* and INFINITY */
    const char *text;
    int result; /* ET_CHECK_WARNING or ET_CHECK_CRITICAL */
} et_range_t;

typedef struct et_options_t {
    et_mode_t mode;
    const char *const *words; /* what is no option: URLs, data */
    int nwords;
    apr_array_header_t *channels; /* const char * */
    apr_array_header_t *headers;  /* const char * */
    apr_array_header_t *ranges;   /* et_range_t */
    const char *hub;
    const char *last_id;
    const char *type;
    const char *id;
    const char *prefix; /* of --list; "" = all */
    const char *user;   /* of --revoke, as the next two; NULL = not given */
    const char *jti;
    const char *hold; /* seconds, or "always" */
    const char *ca_file;
    const char *bearer_file;
    const char *stream_url;  /* of --through */
    const char *publish_url; /* of --through */
    et_form_t form;
    double count;    /* of events; 0 = no end */
    double timeout;  /* seconds; 0 = none */
    double interval; /* of --check, seconds */
    int is_insecure;
    int uses_netrc;
    int has_all;  /* control events, too */
    int has_time; /* each line begins with the time */
    int is_once;  /* never connect again */
    int waits;    /* for a server that does not answer yet */
    int is_verbose;
    int reads_lines; /* each line of the input is an event */
} et_options_t;

/**
 * Read the command line. Usage, --help and --version are printed.
 *
 * @param exit_status  set if the program ends here
 * @return 1, or 0 with exit_status
 */
int et_options_read(et_options_t *options, int argc, char **argv, apr_pool_t *p,
                    int *exit_status);

/** Print a message and "eventstream-tail: " to stderr. */
void et_options_complain(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));

#endif
