/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hiredis parses; it calls us for each element (functions on_...), and we make
 * the reply of it. Nothing else of hiredis is used: its connections know no
 * deadline for names, none for a whole command, and no limit for a reply.
 *
 * What a broker may send is limited: a reply to reply_max bytes, its memory to
 * twice as much, an array to ES_CLUSTER_REPLY_ELEMENTS_MAX elements (so that no
 * memory is taken for what is only announced), a line to LINE_BYTES_MAX, since
 * hiredis looks at an unfinished line from its start each time.
 */
#include "cluster/parser.h"

#include <stdlib.h>
#include <string.h>

#ifdef ES_HAVE_HIREDIS

#include <hiredis/hiredis.h>

#define LINE_BYTES_MAX (64 * 1024)
#define MEMORY_MIN (64 * 1024) /* for any small reply */

struct es_cluster_parser_t {
    redisReader *reader;
    es_cluster_reply_maker_t maker;
    apr_size_t pending;
    apr_size_t reply_max;
};

/* the type of an array's count has grown from version to version */
#if HIREDIS_MAJOR > 0
typedef size_t array_count_t;
#else
typedef int array_count_t;
#endif

int es_cluster_parser_is_built(void)
{
    return 1;
}

/* ---- called by hiredis --------------------------------------------------- */

static void *make(const redisReadTask *task, int kind, es_slice_t text,
                  apr_int64_t number)
{
    es_cluster_parser_t *parser = task->privdata;

    return es_cluster_reply_make(&parser->maker, kind,
                                 task->parent ? task->parent->obj : NULL,
                                 task->idx, text, number);
}

static void *on_string(const redisReadTask *task, char *data, size_t len)
{
    return make(task,
                task->type == REDIS_REPLY_ERROR ? ES_CLUSTER_REPLY_ERROR
                                                : ES_CLUSTER_REPLY_TEXT,
                es_slice(data, len), 0);
}

static void *on_array(const redisReadTask *task, array_count_t count)
{
    return make(task, ES_CLUSTER_REPLY_ARRAY, es_slice("", 0),
                (apr_int64_t)count);
}

static void *on_integer(const redisReadTask *task, long long number)
{
    return make(task, ES_CLUSTER_REPLY_NUMBER, es_slice("", 0), number);
}

static void *on_nil(const redisReadTask *task)
{
    return make(task, ES_CLUSTER_REPLY_NIL, es_slice("", 0), 0);
}

#if HIREDIS_MAJOR > 0
/* Kinds of version 3 of the protocol, which is not asked for. */
static void *on_double(const redisReadTask *task, double number, char *data,
                       size_t len)
{
    (void)number;
    return make(task, ES_CLUSTER_REPLY_TEXT, es_slice(data, len), 0);
}

static void *on_bool(const redisReadTask *task, int is_true)
{
    return make(task, ES_CLUSTER_REPLY_NUMBER, es_slice("", 0), is_true);
}
#endif

static void on_free(void *reply)
{
    (void)reply; /* the maker has it */
}

static redisReplyObjectFunctions functions = {
    .createString = on_string,
    .createArray = on_array,
    .createInteger = on_integer,
    .createNil = on_nil,
#if HIREDIS_MAJOR > 0
    .createDouble = on_double,
    .createBool = on_bool,
#endif
    .freeObject = on_free,
};

/* ---- the parser ---------------------------------------------------------- */

es_cluster_parser_t *es_cluster_parser_create(apr_size_t reply_max)
{
    es_cluster_parser_t *parser = calloc(1, sizeof(*parser));

    if (parser == NULL) {
        return NULL;
    }
    parser->reader = redisReaderCreateWithFunctions(&functions);
    if (parser->reader == NULL) {
        free(parser);
        return NULL;
    }
    parser->reader->privdata = parser;
    parser->reply_max = reply_max;
    parser->maker.memory_max = 2 * reply_max + MEMORY_MIN;
    return parser;
}

void es_cluster_parser_destroy(es_cluster_parser_t *parser)
{
    if (parser != NULL) {
        redisReaderFree(parser->reader);
        es_cluster_reply_free(parser->maker.root);
        free(parser);
    }
}

int es_cluster_parser_add(es_cluster_parser_t *parser, const char *data,
                          apr_size_t size)
{
    parser->pending += size;
    return redisReaderFeed(parser->reader, data, size) == REDIS_OK;
}

apr_size_t es_cluster_parser_pending(const es_cluster_parser_t *parser)
{
    return parser->pending;
}

static int is_endless_line(const redisReader *reader)
{
    return reader->len - reader->pos > LINE_BYTES_MAX &&
           memchr(reader->buf + reader->pos, '\n', LINE_BYTES_MAX) == NULL;
}

static apr_status_t explain(const redisReader *reader, const char **why)
{
    if (reader->err == REDIS_ERR_OOM) {
        *why = "a reply takes too much memory";
        return APR_ENOSPC;
    }
    *why = reader->errstr;
    return APR_EGENERAL;
}

static apr_status_t check_rest(const es_cluster_parser_t *parser,
                               const char **why)
{
    if (parser->pending > parser->reply_max) {
        *why = "a reply is too large";
        return APR_ENOSPC;
    }
    if (is_endless_line(parser->reader)) {
        *why = "a line of a reply is too long";
        return APR_EGENERAL;
    }
    return APR_EAGAIN;
}

apr_status_t es_cluster_parser_next(es_cluster_parser_t *parser,
                                    es_cluster_reply_t **reply,
                                    const char **why)
{
    void *whole = NULL;

    *reply = NULL;
    if (redisReaderGetReply(parser->reader, &whole) != REDIS_OK) {
        return explain(parser->reader, why);
    }
    if (whole == NULL) {
        return check_rest(parser, why);
    }
    *reply = whole;
    parser->maker.root = NULL;
    parser->maker.memory = 0;
    parser->pending = parser->reader->len - parser->reader->pos;
    return APR_SUCCESS;
}

#else

int es_cluster_parser_is_built(void)
{
    return 0;
}

es_cluster_parser_t *es_cluster_parser_create(apr_size_t reply_max)
{
    (void)reply_max;
    return NULL;
}

/* There is never one, so the rest is never called. */
void es_cluster_parser_destroy(es_cluster_parser_t *parser)
{
    (void)parser;
}

int es_cluster_parser_add(es_cluster_parser_t *parser, const char *data,
                          apr_size_t size)
{
    (void)parser;
    (void)data;
    (void)size;
    return 0;
}

apr_size_t es_cluster_parser_pending(const es_cluster_parser_t *parser)
{
    (void)parser;
    return 0;
}

apr_status_t es_cluster_parser_next(es_cluster_parser_t *parser,
                                    es_cluster_reply_t **reply,
                                    const char **why)
{
    (void)parser;
    *reply = NULL;
    *why = "";
    return APR_ENOTIMPL;
}

#endif
