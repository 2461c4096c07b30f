/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A body that is an event's data as it is; all else is in the query. It knows
 * no httpd.
 */
#ifndef ES_HTTP_BODY_RAW_H
#define ES_HTTP_BODY_RAW_H

#include "base/batch.h"

/** One event with body as its data, which may be empty. */
es_batch_read_fn_t es_body_raw;

#endif
