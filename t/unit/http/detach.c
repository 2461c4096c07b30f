/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of http/detach.c: which clients can be detached, and their head. */
#include "t/unit/unit.h"

#include "http/detach.c"
#include "http/output_path.c"
#include "t/unit/httpd_stub.h"

#include <fcntl.h>

static request_rec *r;
static es_stream_t stream;
static apr_socket_t *conn_socket; /* NULL = none */

apr_socket_t *ap_get_conn_socket(conn_rec *c)
{
    (void)c;
    return conn_socket;
}

/* No client is submitted here. */
es_delivery_t *es_runtime_delivery(apr_uint32_t child)
{
    (void)child;
    return NULL;
}

es_client_t *es_stream_client(es_stream_t *of, es_sink_t *sink,
                              es_client_count_kind_t kind)
{
    (void)of, (void)sink, (void)kind;
    return NULL;
}

#ifdef ES_HAVE_MOD_SSL

static int tls_can; /* what each of these answers */

int es_tls_server_prepare(request_rec *of)
{
    (void)of;
    return tls_can;
}

int es_tls_server_take(request_rec *of, es_tls_session_t *session)
{
    (void)of;
    memset(session, 0, sizeof(*session));
    return tls_can;
}

void es_tls_server_give_back(request_rec *of)
{
    (void)of;
}

void es_tls_server_forget(request_rec *of)
{
    (void)of;
}

#endif

static ap_filter_t *filter(const char *name, ap_filter_t *next)
{
    ap_filter_rec_t *frec = apr_pcalloc(pool, sizeof(*frec));
    ap_filter_t *f = apr_pcalloc(pool, sizeof(*f));

    frec->name = name;
    f->frec = frec;
    f->next = next;
    return f;
}

static int is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

/* A request whose connection has this filter besides httpd's. */
static void request_with(const char *of_connection)
{
    static const es_dir_t conf;
    ap_filter_t *last = filter("core", NULL);

    if (stream.has_copy) {
        close(stream.copy);
    }
    memset(&stream, 0, sizeof(stream));
    r = stub_request(pool);
    stream.r = r;
    stream.conf = &conf;
    assert_int_equal(apr_socket_create(&conn_socket, APR_INET, SOCK_STREAM,
                                       APR_PROTO_TCP, pool),
                     APR_SUCCESS);
    r->connection->output_filters =
        of_connection ? filter(of_connection, last) : last;
    r->output_filters = filter(
        "byterange", filter("http_header", r->connection->output_filters));
}

/* Connection in the head; "" = none. */
static const char *announced(void)
{
    const char *value;

    es_detach_announce(&stream);
    value = apr_table_get(r->headers_out, "Connection");
    return value ? value : "";
}

/* The head and some frames were sent. That no client is made comes after the
 * question whether it may be detached. */
static int is_possible(void)
{
    apr_status_t rv;

    stream.sent = 40;
    r->bytes_sent = 40;
    rv = es_detach(&stream);
    assert_true(rv == APR_ENOTIMPL || rv == APR_ENOMEM);
    assert_null(apr_table_get(r->notes, ES_DETACHED_NOTE));
    return rv == APR_ENOMEM;
}

FACTS(the_head_of_a_plain_client_has_connection_close)
{
    request_with(NULL);
    assert_string_equal(announced(), "close");
    assert_true(is_possible());
    request_with("LOGIO");
    assert_string_equal(announced(), "close");
    assert_true(is_possible());
}

FACTS(an_offer_of_other_protocols_stays)
{
    request_with(NULL);
    apr_table_setn(r->headers_out, "Connection", "Upgrade");
    assert_string_equal(announced(), "Upgrade, close");
}

FACTS(a_client_whose_connection_has_other_filters_keeps_it)
{
    request_with("another");
    assert_string_equal(announced(), "");
    assert_false(is_possible());
}

FACTS(a_client_over_tls_is_detached_if_its_session_can_go_on)
{
    request_with("ssl/tls filter");
#ifdef ES_HAVE_MOD_SSL
    tls_can = 1;
    assert_string_equal(announced(), "close");
    assert_true(is_possible());
    r->output_filters = filter("ssl/tls coalescing filter", r->output_filters);
    assert_true(is_possible());
    r->output_filters = filter("deflate", r->output_filters);
    assert_false(is_possible());
    request_with("ssl/tls filter");
    tls_can = 0;
#endif
    assert_string_equal(announced(), "");
    assert_false(is_possible());
}

FACTS(a_stream_of_http2_has_no_connection_header)
{
    request_with(NULL);
    r->connection->master = apr_pcalloc(pool, sizeof(conn_rec));
    assert_string_equal(announced(), "");
    assert_false(is_possible());
}

FACTS(without_a_socket_nothing_is_detached)
{
    request_with(NULL);
    conn_socket = NULL;
    assert_string_equal(announced(), "");
    assert_false(is_possible());
}

/* mod_deflate, for instance, removes itself when it sees the head. */
FACTS(filters_of_the_request_may_go_so_the_end_is_announced)
{
    ap_filter_t *rest;

    request_with(NULL);
    rest = r->output_filters;
    r->output_filters = filter("deflate", rest);
    assert_string_equal(announced(), "close");
    assert_false(is_possible());
    r->output_filters = rest;
    assert_true(is_possible());
}

/* httpd may close its own while the head is sent. */
FACTS(the_descriptor_is_copied_before_the_head)
{
    int copy;

    request_with(NULL);
    assert_string_equal(announced(), "close");
    assert_true(stream.has_copy);
    copy = stream.copy;
    apr_socket_close(conn_socket);
    assert_true(is_open(copy));
    assert_true(is_possible());
    assert_false(stream.has_copy);
    assert_false(is_open(copy)); /* with the sink, as there is no client */
}

FACTS(a_client_that_is_held_has_no_copy)
{
    int fd;

    request_with("another");
    assert_string_equal(announced(), "");
    assert_false(stream.has_copy);
    request_with(NULL);
    r->output_filters = filter("deflate", r->output_filters);
    assert_string_equal(announced(), "close");
    assert_true(stream.has_copy);
    fd = stream.copy;
    assert_false(is_possible());
    assert_false(stream.has_copy);
    assert_false(is_open(fd));
}

static const struct CMUnitTest tests[] = {
    UNIT(the_head_of_a_plain_client_has_connection_close),
    UNIT(an_offer_of_other_protocols_stays),
    UNIT(a_client_whose_connection_has_other_filters_keeps_it),
    UNIT(a_client_over_tls_is_detached_if_its_session_can_go_on),
    UNIT(a_stream_of_http2_has_no_connection_header),
    UNIT(without_a_socket_nothing_is_detached),
    UNIT(filters_of_the_request_may_go_so_the_end_is_announced),
    UNIT(the_descriptor_is_copied_before_the_head),
    UNIT(a_client_that_is_held_has_no_copy),
};

UNIT_MAIN(tests)
