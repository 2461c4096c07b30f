/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A body as web forms send it, application/x-www-form-urlencoded: one event.
 *
 *     channel=c&channel=d&event=order&id=mine&retry=3000&data=as+it+is
 *
 * "topic" is another word for "channel" and "type" for "event", as publishers
 * of other systems say. "data" is sent as it is. Of other fields than the
 * channels the first counts; fields that are not known are passed over. It
 * knows no httpd.
 */
#ifndef ES_HTTP_BODY_FORM_H
#define ES_HTTP_BODY_FORM_H

#include "base/batch.h"

/** Reads such a body; see es_batch_read_fn_t. */
es_batch_read_fn_t es_body_form;

#endif
