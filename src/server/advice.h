/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Advice: what was found in the configuration at the start that an
 * administrator should know. It is logged, and remembered for the status page
 * as long as the configuration is used: until a restart with another one.
 */
#ifndef ES_SERVER_ADVICE_H
#define ES_SERVER_ADVICE_H

#include "server/log.h"

/** Most of them; others are logged only. */
#define ES_ADVICE_MAX 64

typedef struct es_advice_t {
    const char *tag;  /* ES and four digits */
    const char *text; /* may contain any bytes of the configuration */
} es_advice_t;

/** Forget all; those that follow live in pconf. Context: PARENT, post_config,
 * before all that gives advice. */
void es_advice_begin(apr_pool_t *pconf);

/** @param tag  a literal; the text is made like that of a log message. Context:
 * PARENT, post_config. */
void es_advice_add(const char *tag, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** All of them, in the order in which they were found. @return how many.
 * Context: ANY. */
int es_advice_all(const es_advice_t **advice);

/** Log it like es_slog, and remember it. */
#define es_advise(level, s, tag, ...)           \
    do {                                        \
        es_slog(level, 0, s, tag, __VA_ARGS__); \
        es_advice_add(tag, __VA_ARGS__);        \
    } while (0)

#endif
