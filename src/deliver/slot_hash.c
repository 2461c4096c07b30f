/* SPDX-License-Identifier: Apache-2.0 */
/* Without random bytes from the system the time must do: the tables work with
 * any key. */
#include "deliver/slot_hash.h"

#include <apr_general.h>
#include <apr_time.h>

apr_uint64_t es_slot_hash_key(void)
{
    apr_uint64_t key;

    if (apr_generate_random_bytes((unsigned char *)&key, sizeof(key)) !=
        APR_SUCCESS) {
        key = (apr_uint64_t)apr_time_now();
    }
    return key;
}
