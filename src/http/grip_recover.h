/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Recovery: a GRIP proxy in reliable mode asks, at the path that Grip-Link has
 * given it, for what its clients have missed.
 *
 * Such a request has nothing of a client's, no cookie and no login, and comes
 * to a path below that of the stream, for which no Location need be there. So
 * it is answered before httpd looks for one. It is good when
 *
 *   - its Grip-Sig is one that a proxy of the hub has signed,
 *   - the state in its path has our seal: it was made for a client that had
 *     passed all checks.
 */
#ifndef ES_HTTP_GRIP_RECOVER_H
#define ES_HTTP_GRIP_RECOVER_H

#include <httpd.h>

/**
 * Answer it. Context: WORKER, hook quick_handler, first.
 *
 * @param lookup  1 = only asked whether; then it is DECLINED
 * @return DECLINED when the path is not one of ours
 */
int es_grip_recover_handler(request_rec *r, int lookup);

#endif
