/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Makes pthread_create fail: the default stack of a thread gets a size for
 * which there is no address space. Include it after t/unit/unit.h.
 */
#ifndef T_UNIT_DENY_THREADS_H
#define T_UNIT_DENY_THREADS_H

#include <pthread.h>

static size_t unit_stack_size; /* as it was */

static void unit_set_stack(size_t bytes)
{
    pthread_attr_t attr;

    assert_int_equal(pthread_getattr_default_np(&attr), 0);
    if (unit_stack_size == 0) {
        pthread_attr_getstacksize(&attr, &unit_stack_size);
    }
    assert_int_equal(pthread_attr_setstacksize(&attr, bytes), 0);
    assert_int_equal(pthread_setattr_default_np(&attr), 0);
    pthread_attr_destroy(&attr);
}

/** From now on no thread can be started. */
static void unit_deny_threads(void)
{
    unit_set_stack((size_t)1 << 47);
}

/** Threads can be started again. */
static void unit_allow_threads(void)
{
    unit_set_stack(unit_stack_size);
}

#endif
