/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The parser of what a broker sends: bytes in pieces of any size in, replies
 * out. The only file that includes hiredis. Made for cluster/link.c.
 */
#ifndef ES_CLUSTER_PARSER_H
#define ES_CLUSTER_PARSER_H

#include <apr_errno.h>

#include "cluster/reply.h"

typedef struct es_cluster_parser_t es_cluster_parser_t;

/** 1 in a build with hiredis. */
int es_cluster_parser_is_built(void);

/**
 * @param reply_max  bytes of a reply as it is sent
 * @return NULL: no memory, or not built
 */
es_cluster_parser_t *es_cluster_parser_create(apr_size_t reply_max);

/** NULL does nothing; replies stay. */
void es_cluster_parser_destroy(es_cluster_parser_t *parser);

/** Add bytes. @return 0: no memory */
int es_cluster_parser_add(es_cluster_parser_t *parser, const char *data,
                          apr_size_t size);

/**
 * Take the next whole reply.
 *
 * @param reply  the caller's
 * @param why    set on an error: static, or the parser's; contains no more than
 *               one byte of what was sent
 * @return APR_SUCCESS; APR_EAGAIN: add more; APR_ENOSPC: it is too large;
 *         APR_EGENERAL: it is no reply. After an error the parser is of no use.
 */
apr_status_t es_cluster_parser_next(es_cluster_parser_t *parser,
                                    es_cluster_reply_t **reply,
                                    const char **why);

/** Bytes that were added since the last whole reply. */
apr_size_t es_cluster_parser_pending(const es_cluster_parser_t *parser);

#endif
