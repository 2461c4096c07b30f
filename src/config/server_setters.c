/* SPDX-License-Identifier: Apache-2.0 */
/* Directives of the whole server that take more than one value. */
#include "config/setters.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <http_core.h>

#include "server/settings.h"

#define LOCK_TIMEOUT_MIN (APR_USEC_PER_SEC / 10)
#define LOCK_TIMEOUT_MAX (60 * APR_USEC_PER_SEC)

const char *es_server_setters_lock_timeout(cmd_parms *cmd, void *dir,
                                           const char *time, const char *action)
{
    const char *err = es_setters_misplaced(cmd);
    es_settings_t *global = es_settings_of(cmd->server);
    apr_interval_time_t value;

    (void)dir;
    if (err) {
        return err;
    }
    /* httpd's function reads "soon" as 0 s */
    if (!apr_isdigit(*time) ||
        ap_timeout_parameter_parse(time, &value, "s") != APR_SUCCESS ||
        value < LOCK_TIMEOUT_MIN || value > LOCK_TIMEOUT_MAX) {
        return apr_psprintf(cmd->pool,
                            "EventStreamLockTimeout must be between 100ms and "
                            "60 seconds, not '%s'",
                            time);
    }
    if (action && strcasecmp(action, "kill") != 0) {
        return apr_psprintf(cmd->pool,
                            "EventStreamLockTimeout takes 'kill' after the "
                            "time, not '%s'",
                            action);
    }
    global->lock_timeout_us = value;
    global->lock_kills = action != NULL;
    return NULL;
}
