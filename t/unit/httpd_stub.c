/* SPDX-License-Identifier: Apache-2.0 */
/* An expression is the pointer to its value, in the field filename. */
#include "t/unit/httpd_stub.h"

#include <ap_expr.h>
#include <ap_mpm.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <http_protocol.h>
#include <http_request.h>

#define MODULES 2 /* the core module and ours */

httpd_stub_t httpd_stub;
server_rec *ap_server_conf;
module AP_MODULE_DECLARE_DATA core_module = {.module_index = 0};
module AP_MODULE_DECLARE_DATA eventstream_module = {.module_index = 1};

/* ---- The request ------------------------------------------------------- */

static ap_conf_vector_t *vector(apr_pool_t *p, void *core, void *ours)
{
    void **configs = apr_palloc(p, sizeof(*configs) * MODULES);

    configs[0] = core;
    configs[1] = ours;
    return (ap_conf_vector_t *)configs;
}

apr_sockaddr_t *stub_address(const char *ip, apr_pool_t *p)
{
    apr_sockaddr_t *address = NULL;

    if (apr_sockaddr_info_get(&address, ip, APR_UNSPEC, 80, 0, p) !=
        APR_SUCCESS) {
        abort();
    }
    return address;
}

static conn_rec *connection_of(server_rec *s, apr_pool_t *p)
{
    conn_rec *c = apr_pcalloc(p, sizeof(*c));

    c->pool = p;
    c->base_server = s;
    c->client_ip = apr_pstrdup(p, "127.0.0.1");
    c->client_addr = stub_address(c->client_ip, p);
    return c;
}

static server_rec *server_of(apr_pool_t *p)
{
    server_rec *s = apr_pcalloc(p, sizeof(*s));

    s->process = apr_pcalloc(p, sizeof(*s->process));
    s->process->pool = p;
    s->log.level = APLOG_TRACE8;
    s->module_config = vector(p, NULL, apr_pcalloc(p, sizeof(es_settings_t)));
    return s;
}

request_rec *stub_request(apr_pool_t *p)
{
    request_rec *r = apr_pcalloc(p, sizeof(*r));

    memset(&httpd_stub, 0, sizeof(httpd_stub));
    ap_server_conf = server_of(p);
    r->pool = p;
    r->server = ap_server_conf;
    r->connection = connection_of(r->server, p);
    r->useragent_ip = r->connection->client_ip;
    r->useragent_addr = r->connection->client_addr;
    r->proto_num = HTTP_VERSION(1, 1);
    r->method = "GET";
    r->method_number = M_GET;
    r->status = HTTP_OK;
    r->uri = apr_pstrdup(p, "/");
    r->headers_in = apr_table_make(p, 8);
    r->notes = apr_table_make(p, 8);
    r->headers_out = apr_table_make(p, 8);
    r->err_headers_out = apr_table_make(p, 8);
    r->subprocess_env = apr_table_make(p, 8);
    r->per_dir_config = vector(p, apr_pcalloc(p, sizeof(core_dir_config)),
                               apr_pcalloc(p, sizeof(es_dir_t)));
    r->request_config = vector(p, NULL, NULL);
    return r;
}

es_dir_t *stub_conf(request_rec *r)
{
    return es_settings_dir(r);
}

/* ---- Expressions ------------------------------------------------------- */

ap_expr_info_t *stub_expression(const char *value, apr_pool_t *p)
{
    ap_expr_info_t *expression = apr_pcalloc(p, sizeof(*expression));

    expression->filename = value;
    return expression;
}

const char *ap_expr_str_exec(request_rec *r, const ap_expr_info_t *expression,
                             const char **err)
{
    (void)r;
    *err = expression->filename ? NULL : "the expression of the stub fails";
    return expression->filename; /* NULL on failure, as httpd's */
}

void ap_str_toupper(char *s)
{
    for (; *s; s++) {
        *s = apr_toupper(*s);
    }
}

/* ---- The server -------------------------------------------------------- */

/* A "*" only where a pattern begins. */
int ap_strcasecmp_match(const char *str, const char *expected)
{
    apr_size_t len = strlen(str), tail = strlen(expected) - 1;

    if (*expected != '*') {
        return strcasecmp(str, expected) != 0;
    }
    return len < tail || strcasecmp(str + len - tail, expected + 1) != 0;
}

apr_status_t ap_mpm_query(int query_code, int *result)
{
    switch (query_code) {
    case AP_MPMQ_MAX_THREADS: *result = httpd_stub.threads; break;
    case AP_MPMQ_IS_THREADED: *result = httpd_stub.is_threaded; break;
    case AP_MPMQ_MAX_DAEMONS: *result = httpd_stub.max_daemons; break;
    case AP_MPMQ_MAX_SPARE_DAEMONS:
        *result = httpd_stub.max_spare_daemons;
        break;
    case AP_MPMQ_MIN_SPARE_THREADS:
        *result = httpd_stub.min_spare_threads;
        break;
    case AP_MPMQ_MAX_SPARE_THREADS:
        *result = httpd_stub.max_spare_threads;
        break;
    default: abort();
    }
    return APR_SUCCESS;
}

/* ---- Redirects --------------------------------------------------------- */

/* Escapes blanks alone. */
char *ap_os_escape_path(apr_pool_t *p, const char *path, int partial)
{
    char *escaped = apr_pcalloc(p, strlen(path) * 3 + 1);
    char *at = escaped;

    (void)partial;
    for (; *path; path++) {
        at = *path == ' ' ? strcpy(at, "%20") + 3 : at + 1;
        if (*path != ' ') {
            at[-1] = *path;
        }
    }
    return escaped;
}

void ap_internal_redirect(const char *new_uri, request_rec *r)
{
    (void)r;
    apr_cpystrn(httpd_stub.redirected, new_uri, sizeof(httpd_stub.redirected));
}

/* ---- The answer -------------------------------------------------------- */

void ap_set_content_type(request_rec *r, const char *type)
{
    r->content_type = type;
}

void ap_set_content_length(request_rec *r, apr_off_t length)
{
    r->clength = length;
}

int ap_rwrite(const void *data, int len, request_rec *r)
{
    (void)r;
    if (httpd_stub.sent_len + (apr_size_t)len >= sizeof(httpd_stub.sent)) {
        abort();
    }
    memcpy(httpd_stub.sent + httpd_stub.sent_len, data, (apr_size_t)len);
    httpd_stub.sent_len += (apr_size_t)len;
    httpd_stub.sent[httpd_stub.sent_len] = '\0';
    return len;
}

int ap_rputc(int c, request_rec *r)
{
    char byte = (char)c;

    return ap_rwrite(&byte, 1, r);
}

/* ---- The error log ----------------------------------------------------- */

static void log_text(int level, const char *fmt, va_list args)
{
    apr_vsnprintf(httpd_stub.logged, sizeof(httpd_stub.logged), fmt, args);
    httpd_stub.log_level = level & APLOG_LEVELMASK;
    httpd_stub.logs++;
}

void ap_log_rerror_(const char *file, int line, int index, int level,
                    apr_status_t rv, const request_rec *r, const char *fmt, ...)
{
    va_list args;

    (void)file;
    (void)line;
    (void)index;
    (void)rv;
    (void)r;
    va_start(args, fmt);
    log_text(level, fmt, args);
    va_end(args);
}

void ap_log_error_(const char *file, int line, int index, int level,
                   apr_status_t rv, const server_rec *s, const char *fmt, ...)
{
    va_list args;

    (void)file;
    (void)line;
    (void)index;
    (void)rv;
    (void)s;
    va_start(args, fmt);
    log_text(level, fmt, args);
    va_end(args);
}
