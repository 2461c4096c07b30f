/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Tokens in queries (EventStreamToken query=NAME). What httpd logs of a request
 * (its first line, its query, the page that it came from) must not have the
 * token. So the parameter is taken out of the request before anything else sees
 * it, and kept here.
 *
 * httpd knows the section of a request late, and mod_status shows its first
 * line early. So the parameters of all sections are taken out at once, and put
 * back where the section has no such directive.
 */
#ifndef ES_HTTP_TOKEN_QUERY_H
#define ES_HTTP_TOKEN_QUERY_H

#include <httpd.h>

#include "base/slice.h"

/** Forget the names. Context: pre_config. */
void es_token_query_begin(void);

/** Note a name that a section has. Context: while the configuration is read. */
void es_token_query_note(const char *name, apr_pool_t *pconf);

/**
 * Take the parameters with a noted name out. Context: hook post_read_request,
 * before modules that log or use the query.
 *
 * @return DECLINED
 */
int es_token_query_take(request_rec *r);

/** Put back what the section of the request does not use. Context: hook
 * translate_name, before all others. */
void es_token_query_restore(request_rec *r);

/**
 * The token of a request in its section: the value of the parameter, decoded.
 * Takes it out, where httpd has found the section after translate_name.
 *
 * @param name   of the section
 * @param count  how often the request has it
 * @return the last of them; data NULL = none
 *
 * Context: WORKER, hooks from check_access on.
 */
es_slice_t es_token_query_value(request_rec *r, const char *name, int *count);

/**
 * Take the values out of the first line of a request that httpd has refused
 * before post_read_request. Context: hook log_transaction, first.
 *
 * @return DECLINED
 */
int es_token_query_hide(request_rec *r);

#endif
