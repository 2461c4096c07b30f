/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules are those of system calls that take structs (clone3, openat2): the
 * shorter of both sizes is copied; the rest must be 0 in what is read, and
 * becomes 0 in what is written.
 */
#include "base/abi.h"

#include <string.h>

static es_abi_result_t size_of(apr_size_t *size, const void *theirs,
                               apr_size_t first)
{
    if (!theirs) {
        return ES_ABI_BAD;
    }
    memcpy(size, theirs, sizeof(*size));
    return *size < first || *size > ES_ABI_SIZE_MAX ? ES_ABI_BAD : ES_ABI_OK;
}

static int is_zero(const char *bytes, apr_size_t count)
{
    apr_size_t i;

    for (i = 0; i < count; i++) {
        if (bytes[i] != 0) {
            return 0;
        }
    }
    return 1;
}

es_abi_result_t es_abi_read(void *ours, apr_size_t known, const void *theirs,
                            apr_size_t first)
{
    apr_size_t size;

    if (size_of(&size, theirs, first) != ES_ABI_OK) {
        return ES_ABI_BAD;
    }
    memset(ours, 0, known);
    memcpy(ours, theirs, size < known ? size : known);
    return size <= known || is_zero((const char *)theirs + known, size - known)
               ? ES_ABI_OK
               : ES_ABI_NEWER;
}

es_abi_result_t es_abi_write(void *theirs, const void *ours, apr_size_t known,
                             apr_size_t first)
{
    apr_size_t size;

    if (size_of(&size, theirs, first) != ES_ABI_OK) {
        return ES_ABI_BAD;
    }
    memset(theirs, 0, size);
    memcpy(theirs, ours, size < known ? size : known);
    memcpy(theirs, &size, sizeof(size));
    return ES_ABI_OK;
}
