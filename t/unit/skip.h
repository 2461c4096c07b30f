/* SPDX-License-Identifier: Apache-2.0 */
/**
 * For a fact that cannot be tried here, since this process may not do what it
 * takes. To return without a check would count as a fact that was found right.
 */
#ifndef T_UNIT_SKIP_H
#define T_UNIT_SKIP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/** End this test as skipped; t/run puts the reason into the line of TAP. */
#define SKIP_SINCE(reason)                     \
    do {                                       \
        print_message("# SKIP: %s\n", reason); \
        skip();                                \
    } while (0)

#endif
