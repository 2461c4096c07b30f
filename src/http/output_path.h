/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The output path of a request: the filters between our handler and the
 * socket. The delivery writes to the socket without them. So a client can be
 * detached only if each of them passes a stream on as it is, and at once.
 */
#ifndef ES_HTTP_OUTPUT_PATH_H
#define ES_HTTP_OUTPUT_PATH_H

#include <httpd.h>
#include <util_filter.h>

typedef enum es_output_path_t {
    ES_OUTPUT_PLAIN,
    ES_OUTPUT_TLS,    /* sealed by mod_ssl */
    ES_OUTPUT_CHANGED /* through filters that are not known, or with no socket
                       * of its own (HTTP/2) */
} es_output_path_t;

/**
 * The path from a filter on.
 *
 * @param first  r->output_filters, or r->connection->output_filters
 *
 * Context: WORKER.
 */
es_output_path_t es_output_path_find(const request_rec *r,
                                     const ap_filter_t *first);

/** Why the delivery cannot write past the output path. */
typedef enum es_output_reason_t {
    ES_OUTPUT_HTTP2,     /* no socket of its own */
    ES_OUTPUT_OTHER_TLS, /* a filter that stands where TLS does */
    ES_OUTPUT_FILTER,    /* one that is not known as transparent */
    ES_OUTPUT_KEPT,      /* one that has kept or changed what was sent */
    ES_OUTPUT_REASONS
} es_output_reason_t;

/**
 * The reasons, from 0 on; how often a client was held for one is
 * es_stats_path_count.
 *
 * @param text  filled: in words, after "because "; static
 * @return in one word, for programs; NULL: there are no more
 *
 * Context: ANY.
 */
const char *es_output_path_reason(unsigned int reason, const char **text);

/**
 * Is the client of this request held because of its output path? If so, that is
 * counted, and logged once for each filter and child, with the remedy. Call it
 * after the head was sent and flushed.
 *
 * @param sent  bytes of the body that were written to r since its head: a
 *              filter that has kept some of them, or has changed their number,
 *              is no transparent one, whatever its name
 * @param why   on 1: the reason in words, after "because "; static
 * @return 1; 0: no filter is in the way
 *
 * Context: WORKER.
 */
int es_output_path_is_changed(const request_rec *r, apr_size_t sent,
                              const char **why);

/**
 * May a filter of this name be taken as transparent? Not those of mod_ssl: what
 * seals the bytes is never left out.
 */
int es_output_path_may_name(const char *name);

#endif
