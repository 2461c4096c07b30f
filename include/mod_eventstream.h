/* SPDX-License-Identifier: Apache-2.0 */
/**
 * mod_eventstream: what other modules may rely on.
 *
 * For now these are the two handler names, for modules that set r->handler
 * themselves.
 */
#ifndef MOD_EVENTSTREAM_H
#define MOD_EVENTSTREAM_H

/** Serve the request as a stream of the channels of its Location. */
#define EVENTSTREAM_HANDLER "eventstream"

/** Publish what the request brings. */
#define EVENTSTREAM_PUBLISH_HANDLER "eventstream-publish"

#endif
