/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The error log for the rooms that know httpd: ap_log_* with one of our tags.
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

#endif
