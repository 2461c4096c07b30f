/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The way to the error log: one function pointer. It is set once before
 * threads start and only read afterwards, so it needs no lock.
 */
#include "base/log.h"

#include <stdarg.h>

#include <apr_strings.h>

/* More than httpd's own lines mostly have; longer messages are cut. */
#define TEXT_SIZE 1024

static es_log_fn_t *log_fn;

void es_log_to(es_log_fn_t *fn)
{
    log_fn = fn;
}

void es_log(int level, apr_status_t rv, const char *tag, const char *fmt, ...)
{
    char text[TEXT_SIZE];
    va_list args;

    if (log_fn == NULL) {
        return;
    }
    va_start(args, fmt);
    apr_vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    log_fn(level, rv, tag, text);
}
