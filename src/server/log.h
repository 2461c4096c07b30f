/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The error log for the rooms that know httpd: ap_log_* with a tag of ours.
 * Each message has its own tag, which docs/messages.md explains.
 */
#ifndef ES_SERVER_LOG_H
#define ES_SERVER_LOG_H

#include <httpd.h>
#include <http_config.h>
#include <http_log.h>

#include "server/settings.h"

APLOG_USE_MODULE(eventstream);

#define es_slog(level, rv, s, tag, ...) \
    ap_log_error(APLOG_MARK, level, rv, s, tag ": " __VA_ARGS__)

#define es_rlog(level, rv, r, tag, ...) \
    ap_log_rerror(APLOG_MARK, level, rv, r, tag ": " __VA_ARGS__)

/** For code without a server: start-up and process pools. */
#define es_plog(level, rv, p, tag, ...) \
    ap_log_perror(APLOG_MARK, level, rv, p, tag ": " __VA_ARGS__)

#endif
