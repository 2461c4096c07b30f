/* SPDX-License-Identifier: Apache-2.0 */
/**
 * SetHandler eventstream: a browser subscribes, and becomes a client.
 */
#ifndef ES_SUBSCRIBE_H
#define ES_SUBSCRIBE_H

#include <httpd.h>

/** The handler. @return DECLINED when the handler is another */
int es_subscribe_handler(request_rec *r);

#endif
