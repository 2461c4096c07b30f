/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What unit tests share: cmocka with the headers that it needs before it, a
 * pool that is cleared after each test, and slices.
 */
#ifndef T_UNIT_UNIT_H
#define T_UNIT_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <apr_general.h>
#include <apr_pools.h>
#include <apr_strings.h>

#include "base/slice.h"

/** The bytes of a string literal; it may contain NUL. */
#define S(literal) es_slice("" literal, sizeof(literal) - 1)

/** A test without state; its name is the fact that it checks. */
#define FACTS(name) static void name(void **state __attribute__((unused)))

/** Assert that the slice has the same bytes as the string literal. */
#define assert_slice(slice, literal) \
    assert_slices(slice, S(literal), #literal, __FILE__, __LINE__)

/** Created before the first test, cleared after each. */
static apr_pool_t *pool;

static inline void assert_slices(es_slice_t is, es_slice_t should,
                                 const char *what, const char *file, int line)
{
    if (!es_slice_equal(is, should)) {
        print_error("got \"%.*s\" (%lu bytes) instead of %s\n", (int)is.len,
                    is.len != 0 ? is.data : "", (unsigned long)is.len, what);
        _fail(file, line);
    }
}

/** A slice of size bytes c. */
static inline es_slice_t repeat(char c, apr_size_t size)
{
    char *bytes = apr_palloc(pool, size + 1);

    memset(bytes, c, size);
    bytes[size] = '\0';
    return es_slice(bytes, size);
}

/**
 * A copy in an allocation of exactly its size, where a sanitizer sees each
 * access beyond it. Free it with exact_free.
 */
static inline es_slice_t exact(es_slice_t slice)
{
    char *bytes = malloc(slice.len + (slice.len == 0));

    assert_non_null(bytes);
    if (slice.len != 0) {
        memcpy(bytes, slice.data, slice.len);
    }
    return es_slice(bytes, slice.len);
}

static inline void exact_free(es_slice_t slice)
{
    free((void *)(uintptr_t)slice.data);
}

static int unit_start(void **state __attribute__((unused)))
{
    return apr_initialize() != APR_SUCCESS ||
           apr_pool_create(&pool, NULL) != APR_SUCCESS;
}

static int unit_stop(void **state __attribute__((unused)))
{
    apr_terminate();
    return 0;
}

static inline int unit_after_each(void **state __attribute__((unused)))
{
    apr_pool_clear(pool);
    return 0;
}

/** A row of the table of tests. */
#define UNIT(name) cmocka_unit_test_teardown(name, unit_after_each)

/** The whole of main. */
#define UNIT_MAIN(tests)                                             \
    int main(void)                                                   \
    {                                                                \
        return cmocka_run_group_tests(tests, unit_start, unit_stop); \
    }

#endif
