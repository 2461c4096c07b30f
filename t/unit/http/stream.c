/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of http/stream.c: the head of a stream. */
#include "t/unit/unit.h"

#include "http/reply.c"
#include "http/stream.c"
#include "t/unit/httpd_stub.h"
#include "t/unit/runtime_stub.h"

static request_rec *r;

/* Streams are not logged here. */
es_stream_line_t *es_log_format_begin(request_rec *of, const char *mode,
                                      apr_size_t sent)
{
    (void)of, (void)mode, (void)sent;
    return NULL;
}

/* Nobody is counted here. */
es_client_presence_t *es_presence_begin(const es_stream_t *stream)
{
    (void)stream;
    return NULL;
}

static const char *out(const char *name)
{
    return apr_table_get(r->headers_out, name);
}

FACTS(the_head_is_for_streams)
{
    r = stub_request(pool);
    es_stream_set_head(r);
    assert_string_equal(r->content_type, "text/event-stream; charset=utf-8");
    assert_string_equal(out("Cache-Control"),
                        "no-cache, no-store, no-transform");
    assert_string_equal(out("X-Accel-Buffering"), "no");
    assert_string_equal(apr_table_get(r->subprocess_env, "no-gzip"), "1");
}

FACTS(the_head_replaces_that_of_an_error)
{
    r = stub_request(pool);
    r->status = 404;
    r->status_line = "404 Not Found";
    es_stream_set_head(r);
    assert_int_equal(r->status, 200);
    assert_null(r->status_line);
}

FACTS(a_stream_has_no_parts)
{
    r = stub_request(pool);
    apr_table_setn(r->headers_in, "Range", "bytes=0-3");
    apr_table_setn(r->headers_in, "If-Range", "\"x\"");
    es_stream_set_head(r);
    assert_null(apr_table_get(r->headers_in, "Range"));
    assert_null(apr_table_get(r->headers_in, "If-Range"));
}

static const struct CMUnitTest tests[] = {
    UNIT(the_head_is_for_streams),
    UNIT(the_head_replaces_that_of_an_error),
    UNIT(a_stream_has_no_parts),
};

UNIT_MAIN(tests)
