/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The command line of eventstream-token. docs/eventstream-token.1 explains it.
 */
#ifndef ET_TOKEN_OPTIONS_H
#define ET_TOKEN_OPTIONS_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <apr_time.h>

/* What the program returns. */
#define ET_TOKEN_OK 0
#define ET_TOKEN_REFUSED 1 /* --show: the token is not valid */
#define ET_TOKEN_USAGE 2   /* also a key that cannot be read */

typedef struct et_token_options_t {
    int shows;
    const char *key;               /* a file; NULL = none */
    int is_jwks;                   /* key is of --jwks */
    const char *kid;               /* NULL = that of the key */
    apr_array_header_t *subscribe; /* const char * */
    apr_array_header_t *publish;
    int is_mercure; /* the lists go into the claim mercure */
    int control;
    const char *user; /* as the next, NULL = none */
    const char *jti;
    const char *iss;
    apr_array_header_t *aud; /* const char * */
    const char *expires;     /* a time; NULL = an hour; none */
    const char *leeway;      /* NULL = 10 s */
    const char *token;       /* NULL = from the input */
} et_token_options_t;

/**
 * Read the command line.
 *
 * @param status  on 0: what the program returns
 * @return 1; 0: help was printed, or what is wrong
 */
int et_token_options_read(et_token_options_t *options, int argc, char **argv,
                          apr_pool_t *p, int *status);

/**
 * Read a time: a number, and s, min, h or d.
 *
 * @return 1, or 0
 */
int et_token_options_time(apr_interval_time_t *out, const char *text);

/** Print to stderr, after the name of the program. */
void et_token_options_complain(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));

#endif
