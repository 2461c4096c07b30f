/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What a publish Location serves: publish events, list channels, revoke.
 */
#ifndef ET_PUBLISH_H
#define ET_PUBLISH_H

#include "tools/options.h"

/** --publish; prints the id, or with --json the answer. @return exit status */
int et_publish(const et_options_t *options, apr_pool_t *p);

/** --list; prints a line for each channel. @return exit status */
int et_publish_list(const et_options_t *options, apr_pool_t *p);

/** --revoke; prints whom, and for how long. @return exit status */
int et_publish_revoke(const et_options_t *options, apr_pool_t *p);

/**
 * Publish a text to --publish-to.
 *
 * @return NULL; or what has failed, in p
 */
const char *et_publish_event(const et_options_t *options, const char *text,
                             apr_pool_t *p);

#endif
