/* SPDX-License-Identifier: Apache-2.0 */
/**
 * faulty_request: the requests of faulty_server, over HTTP/1.1 or HTTP/2.
 *
 *     GET /events/NAME                   the stream of channel room-NAME
 *     GET /multi?room=NAME&room=NAME…    the stream of several
 *     POST /publish?channel=room-NAME    the body is the data
 *
 * The head of a request is text as in HTTP/1.1, from the method to the blank
 * line.
 */
#ifndef EB_FAULTY_REQUEST_H
#define EB_FAULTY_REQUEST_H

#include "bench/faulty_stream.h"

/** Is it a POST, and not the request of a stream? */
int eb_faulty_request_publishes(const char *head);

/** Begin the stream. @return 0, or -1: close, this is no request of a stream */
int eb_faulty_request_subscribe(eb_faulty_stream_t *stream, const char *head,
                                size_t len);

/** Store the event, deliver it, and respond. */
void eb_faulty_request_publish(eb_faulty_stream_t *stream, const char *head,
                               const char *data, size_t len);

#endif
