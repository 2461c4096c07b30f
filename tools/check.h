/* SPDX-License-Identifier: Apache-2.0 */
/**
 * --check: one line for a monitoring system, as its plugins write it, and an
 * exit status of ET_CHECK_...
 */
#ifndef ET_CHECK_H
#define ET_CHECK_H

#include "tools/options.h"

int et_check(const et_options_t *options, apr_pool_t *p);

#endif
