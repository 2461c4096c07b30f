/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A file with a key, whose content it does not interpret. No error that is
 * returned here contains a byte of it.
 */
#ifndef ES_TOKEN_KEY_FILE_H
#define ES_TOKEN_KEY_FILE_H

#include <apr_pools.h>

#include "base/slice.h"

typedef struct es_key_file_t {
    const char *path;   /* absolute */
    es_slice_t content; /* without line ends at its end; may be empty */
    int is_public;      /* users that are neither owner nor group can read it */
} es_key_file_t;

/**
 * Read a file of at most 64 KB. It is refused if others than its owner can
 * write to it.
 *
 * @param root  a relative path starts here
 * @param p     path and content live here
 * @return NULL, or what is wrong ("cannot …"), in p; it names the file
 *
 * Context: PARENT.
 */
const char *es_key_file_load(es_key_file_t *file, const char *path,
                             const char *root, apr_pool_t *p);

/** "cannot be used: the file PATH WHAT", in p. */
const char *es_key_file_complain(const es_key_file_t *file, apr_pool_t *p,
                                 const char *what);

#endif
