/* SPDX-License-Identifier: Apache-2.0 */
/**
 * SetHandler eventstream-publish: the application puts events in. This part
 * knows the request; formats are read by the body readers, es_body_*.h.
 */
#ifndef ES_HTTP_PUBLISH_H
#define ES_HTTP_PUBLISH_H

#include <httpd.h>

/** The handler. @return DECLINED when the handler is another */
int es_publish_handler(request_rec *r);

#endif
