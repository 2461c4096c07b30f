/* SPDX-License-Identifier: Apache-2.0 */
/**
 * HTTP requests of eventstream-tail, by libcurl: what all of them have in
 * common, and one that is answered at once.
 */
#ifndef ET_HTTP_H
#define ET_HTTP_H

#include <curl/curl.h>

#include <apr_pools.h>

#include "base/buf.h"
#include "tools/options.h"

/**
 * Make a request with what the options say of all requests: headers, keys,
 * certificates. http and https alone are allowed.
 *
 * @param headers  further headers, const char *; NULL = none
 * @param list     set; freed by the caller after the request
 * @return NULL, complained
 */
CURL *et_http_begin(const et_options_t *options, const char *url,
                    const char *const *headers, struct curl_slist **list,
                    apr_pool_t *p);

/**
 * The URL with the query of --channel and --hub.
 *
 * @param more  further parameters, "a=b&c=d", or ""
 */
const char *et_http_url(const et_options_t *options, const char *url,
                        const char *more, apr_pool_t *p);

/** A text as a value of a query. */
const char *et_http_escape(const char *text, apr_pool_t *p);

/** An answer. */
typedef struct et_answer_t {
    long status;      /* 0 = none */
    const char *type; /* of the body, "" = not told */
    const char *body; /* with '\0' at its end */
    size_t len;
    const char *error; /* why there is none; NULL = there is one */
    double seconds;    /* that it took */
} et_answer_t;

/**
 * Send a request and read its answer, up to 16 MB.
 *
 * @param method   "GET", "POST", "DELETE"
 * @param body     NULL = none; with read_fn the body is read from it
 * @param read_fn  of libcurl, with data; NULL = body
 */
void et_http_request(et_answer_t *answer, const et_options_t *options,
                     const char *method, const char *url,
                     const char *const *headers, es_slice_t body,
                     curl_read_callback read_fn, void *data, apr_pool_t *p);

/**
 * Is it an answer with 2xx? Otherwise it is reported to stderr, with the
 * sentence of the server.
 */
int et_http_is_ok(const et_answer_t *answer, const char *url, apr_pool_t *p);

/** The first line of a text of a server, or the title of a page, for a
 * terminal: at most 300 bytes, escaped by et_output_escape. */
const char *et_http_sentence(const char *text, size_t len, apr_pool_t *p);

#endif
