/* SPDX-License-Identifier: Apache-2.0 */
/**
 * SetHandler eventstream: a browser subscribes, and becomes a client.
 */
#ifndef ES_HTTP_SUBSCRIBE_H
#define ES_HTTP_SUBSCRIBE_H

#include <httpd.h>

/** The handler. @return DECLINED when the handler is another */
int es_subscribe_handler(request_rec *r);

/**
 * Serve a request of another handler as a stream of channels that its module
 * has chosen. All else is as in this one.
 *
 * @param channels  count C strings, see es_request_channels_take
 * @return what the handler returns
 *
 * Context: WORKER, not in a subrequest.
 */
int es_subscribe_run(request_rec *r, const char *const *channels, int count);

#endif
