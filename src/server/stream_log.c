/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As httpd's own CustomLog: a file is opened for appending, before the parent
 * forks; a program is started by httpd, which starts it again when it ends. The
 * pool of the configuration closes both at each restart.
 */
#include "server/stream_log.h"

#include <ap_mpm.h>
#include <apr_portable.h>
#include <http_config.h>
#include <http_log.h>

#include "base/context.h"
#include "base/line_queue.h"
#include "server/log.h"
#include "server/settings.h"

#define STOP_WITHIN (APR_USEC_PER_SEC / 2) /* for lines that are left */

static apr_file_t *file; /* in the pool of the configuration; NULL = none */
static int is_on;        /* of this child */

static apr_status_t forget_file(void *unused)
{
    (void)unused;
    file = NULL;
    return APR_SUCCESS;
}

static apr_status_t open_file(const char *target, apr_pool_t *p)
{
    const char *path = ap_server_root_relative(p, target);

    if (!path) {
        return APR_EBADPATH;
    }
    return apr_file_open(&file, path,
                         APR_WRITE | APR_APPEND | APR_CREATE | APR_LARGEFILE,
                         APR_OS_DEFAULT, p);
}

static apr_status_t open_program(const char *program, apr_pool_t *p)
{
    piped_log *piped = ap_open_piped_log(p, program);

    if (!piped) {
        return APR_EGENERAL; /* httpd has logged why */
    }
    file = ap_piped_log_write_fd(piped);
    return APR_SUCCESS;
}

static int is_restart(void)
{
    int generation = 0;

    ap_mpm_query(AP_MPMQ_GENERATION, &generation);
    return generation > 0;
}

int es_stream_log_open(apr_pool_t *pconf, server_rec *s)
{
    const char *target = es_settings_of(s)->stream_log;
    apr_status_t rv;

    ES_CONTEXT(ES_PARENT);
    if (!target) {
        return OK;
    }
    rv = *target == '|' ? open_program(target + 1, pconf)
                        : open_file(target, pconf);
    if (rv != APR_SUCCESS) {
        file = NULL;
        es_slog(APLOG_ERR, rv, s, "ES0026",
                "cannot open EventStreamLog \"%s\"; streams are not logged",
                target);
        return is_restart() ? OK : HTTP_INTERNAL_SERVER_ERROR;
    }
    apr_pool_cleanup_register(pconf, NULL, forget_file, apr_pool_cleanup_null);
    return OK;
}

static apr_status_t stop(void *unused)
{
    (void)unused;
    (void)es_line_queue_stop(STOP_WITHIN); /* what hangs in it ends with us */
    return APR_SUCCESS;
}

void es_stream_log_child_init(apr_pool_t *pchild, server_rec *s)
{
    apr_os_file_t fd;
    apr_status_t rv;

    ES_CONTEXT(ES_CHILD_INIT);
    if (!file) {
        return;
    }
    rv = apr_os_file_get(&fd, file);
    if (rv == APR_SUCCESS) {
        rv = es_line_queue_start(fd, pchild);
    }
    is_on = rv == APR_SUCCESS;
    if (is_on) {
        apr_pool_pre_cleanup_register(pchild, NULL, stop);
    }
    else {
        es_slog(APLOG_ERR, rv, s, "ES0027",
                "cannot start the thread of EventStreamLog; this child logs no "
                "streams");
    }
}

int es_stream_log_is_on(void)
{
    return is_on;
}
