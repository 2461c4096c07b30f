/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A stub of httpd for the tests of src/http: a request, and the few functions
 * of httpd that the files under test call. They write into httpd_stub what they
 * were called with, and return what a test has put there. Only what is listed
 * here works: nothing is read from a network, and there is one thread.
 */
#ifndef T_UNIT_HTTPD_STUB_H
#define T_UNIT_HTTPD_STUB_H

#include <httpd.h>
#include <http_config.h>
#include <http_core.h>
#include <http_log.h>
#include <http_main.h>

#include "server/settings.h"

typedef struct httpd_stub_t {
    /* set by a test */
    int threads; /* AP_MPMQ_MAX_THREADS, as the next ones by their names */
    int is_threaded;
    int max_daemons;
    int max_spare_daemons;
    int min_spare_threads;
    int max_spare_threads;

    /* what was called */
    char sent[1024]; /* the body of the answer, with a NUL */
    apr_size_t sent_len;
    char logged[1024];    /* the last message */
    int log_level;        /* of that message, APLOG_… */
    int logs;             /* number of messages */
    char redirected[256]; /* the last ap_internal_redirect went there */
} httpd_stub_t;

extern httpd_stub_t httpd_stub;

/**
 * Clear httpd_stub and make a GET of /, in p. It comes from 127.0.0.1; its
 * settings, of the core module and of ours, are all zero.
 */
request_rec *stub_request(apr_pool_t *p);

/** The settings of r's Location, which es_settings_dir returns. */
es_dir_t *stub_conf(request_rec *r);

/** An address as httpd has it; also with a prefix of "::ffff:". */
apr_sockaddr_t *stub_address(const char *ip, apr_pool_t *p);

/** An expression that has this value; with NULL it fails. */
ap_expr_info_t *stub_expression(const char *value, apr_pool_t *p);

#endif
