/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Shared by the fuzz targets. A target is a function of any bytes from outside.
 * It calls the code under test and aborts if a promise of that code is not
 * kept. Sanitizers find the other faults.
 *
 *     FUZZ(text, p)
 *     {
 *         es_slice_t line = fuzz_line(&text);
 *
 *         PROMISE(es_utf8_is_valid(line) || !es_channel_check(line, p, &why));
 *     }
 */
#ifndef T_FUZZ_FUZZ_H
#define T_FUZZ_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <apr_general.h>
#include <apr_pools.h>
#include <apr_strings.h>

#include "base/problem.h"
#include "base/slice.h"
#include "base/utf8.h"

#define UNUSED __attribute__((unused))

/** Called by libFuzzer, or by replay.c. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** Aborts unless the fact holds, whatever the input. */
#define PROMISE(fact)                                                    \
    do {                                                                 \
        if (!(fact)) {                                                   \
            fprintf(stderr, "%s:%d: not kept: %s\n", __FILE__, __LINE__, \
                    #fact);                                              \
            abort();                                                     \
        }                                                                \
    } while (0)

/** Defines the target's function; text has no NUL after its last byte. */
#define FUZZ(text, p)                                                         \
    static void fuzz_one(es_slice_t text, apr_pool_t *p);                     \
    int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)              \
    {                                                                         \
        apr_pool_t *pool = fuzz_pool();                                       \
                                                                              \
        fuzz_one(fuzz_exact(es_slice((const char *)data, size), pool), pool); \
        apr_pool_destroy(pool);                                               \
        return 0;                                                             \
    }                                                                         \
    static void fuzz_one(es_slice_t text, apr_pool_t *p)

static inline apr_pool_t *fuzz_pool(void)
{
    static int is_ready;
    apr_pool_t *pool;

    if (!is_ready) {
        is_ready = 1;
        apr_initialize();
    }
    apr_pool_create(&pool, NULL);
    return pool;
}

static inline apr_status_t fuzz_free(void *bytes)
{
    free(bytes);
    return APR_SUCCESS;
}

/* A separate allocation, so that a sanitizer finds each access beyond it. */
static inline char *fuzz_alloc(apr_size_t size, apr_pool_t *pool)
{
    char *bytes = calloc(1, size + (size == 0));

    if (bytes == NULL) {
        abort();
    }
    apr_pool_cleanup_register(pool, bytes, fuzz_free, apr_pool_cleanup_null);
    return bytes;
}

/** A copy of the bytes in an allocation of its own. */
static inline es_slice_t fuzz_exact(es_slice_t slice, apr_pool_t *pool)
{
    char *bytes = fuzz_alloc(slice.len, pool);

    if (slice.len > 0) {
        memcpy(bytes, slice.data, slice.len);
    }
    return es_slice(bytes, slice.len);
}

/** A copy of the bytes up to the first NUL, as a string. */
static inline char *fuzz_string(es_slice_t slice, apr_pool_t *pool)
{
    const char *nul =
        slice.len > 0 ? memchr(slice.data, '\0', slice.len) : NULL;
    apr_size_t len = nul ? (apr_size_t)(nul - slice.data) : slice.len;
    char *bytes = fuzz_alloc(len + 1, pool);

    if (len > 0) {
        memcpy(bytes, slice.data, len);
    }
    bytes[len] = '\0';
    return bytes;
}

/** Takes the first line off *rest, which may be empty then. */
static inline es_slice_t fuzz_line(es_slice_t *rest)
{
    const char *lf = rest->len > 0 ? memchr(rest->data, '\n', rest->len) : NULL;
    es_slice_t line = *rest;

    if (lf == NULL) {
        *rest = es_slice(rest->data + rest->len, 0);
        return line;
    }
    line.len = (apr_size_t)(lf - line.data);
    *rest = es_slice(lf + 1, rest->len - line.len - 1);
    return line;
}

/** A refusal has a status and one sentence that can be shown. */
static inline void fuzz_refusal(const es_problem_t *why)
{
    const char *at;

    PROMISE(why->status >= 400 && why->status < 500);
    PROMISE(why->sentence != NULL && *why->sentence != '\0');
    PROMISE(es_utf8_is_valid(es_slice_of(why->sentence)));
    for (at = why->sentence; *at; at++) {
        PROMISE((unsigned char)*at >= 0x20 && *at != 0x7f);
    }
}

#endif
