/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A link to a broker, led by a test. Each line of stdin is an order, and is
 * answered by one line:
 *
 *     open MS URL [password=... ca=FILE cert=FILE key=FILE
 *                            verify=0 reply_max=N]
 *                            ok RUN ADDRESS
 *     call MS WORD...        what the broker answers: text, number, error, nil,
 *                            list, followed by it
 *     many MS N WORD...      N times, pipelined: ok N
 *     get MS                 the next reply, as of call
 *     close                  ok
 *
 * or by the name of a status, followed by the sentence. MS is the deadline.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <apr_general.h>
#include <apr_pools.h>
#include <apr_strings.h>

#include "base/clock.h"
#include "cluster/link.h"

#define WORDS_MAX 64
#define LINE_SIZE 65536
#define SHOWN_MAX 200

static apr_pool_t *pool;
static es_cluster_link_t *conn;

static const char *name_of(apr_status_t rv)
{
    switch (rv) {
    case APR_SUCCESS: return "ok";
    case APR_TIMEUP: return "timeup";
    case APR_EOF: return "eof";
    case APR_ENOSPC: return "enospc";
    case APR_EACCES: return "eacces";
    case APR_EMISMATCH: return "emismatch";
    case APR_EBUSY: return "ebusy";
    case APR_ENOENT: return "enoent";
    case APR_ENOTIMPL: return "enotimpl";
    case APR_EGENERAL: return "egeneral";
    default: return "error";
    }
}

static void answer_failed(apr_status_t rv, const char *why)
{
    printf("%s %s\n", name_of(rv), why);
}

static void answer(const es_cluster_reply_t *reply)
{
    es_slice_t text = es_cluster_reply_text(reply);

    if (es_cluster_reply_is_nil(reply)) {
        puts("nil");
    }
    else if (es_cluster_reply_is_array(reply)) {
        printf("list %d\n", es_cluster_reply_count(reply));
    }
    else if (es_cluster_reply_is_error(reply)) {
        printf("error %.*s\n", SHOWN_MAX, text.data);
    }
    else if (text.len > SHOWN_MAX) {
        printf("long %" APR_SIZE_T_FMT "\n", text.len);
    }
    else if (text.len != 0) {
        printf("text %s\n", text.data);
    }
    else {
        printf("number %" APR_INT64_T_FMT "\n", es_cluster_reply_number(reply));
    }
}

static apr_time_t after(const char *ms)
{
    return es_clock_now() + apr_atoi64(ms) * 1000;
}

static void set_option(es_cluster_link_params_t *params, const char *word)
{
    if (!strncmp(word, "password=", 9)) {
        params->password = apr_pstrdup(pool, word + 9);
    }
    else if (!strncmp(word, "ca=", 3)) {
        params->ca_file = apr_pstrdup(pool, word + 3);
    }
    else if (!strncmp(word, "cert=", 5)) {
        params->cert_file = apr_pstrdup(pool, word + 5);
    }
    else if (!strncmp(word, "key=", 4)) {
        params->key_file = apr_pstrdup(pool, word + 4);
    }
    else if (!strncmp(word, "verify=", 7)) {
        params->verify = atoi(word + 7);
    }
    else if (!strncmp(word, "reply_max=", 10)) {
        params->reply_max = (apr_size_t)apr_atoi64(word + 10);
    }
}

static void on_open(int argc, char **argv)
{
    static es_cluster_link_params_t params;
    char why[ES_CLUSTER_LINK_WHY_SIZE];
    apr_status_t rv;
    const char *err;
    int i;

    memset(&params, 0, sizeof(params));
    params.verify = 1;
    params.connect_timeout = 5 * APR_USEC_PER_SEC;
    err = es_cluster_url_parse(&params.url, argv[2], pool);
    if (err) {
        printf("url %s\n", err);
        return;
    }
    for (i = 3; i < argc; i++) {
        set_option(&params, argv[i]);
    }
    es_cluster_link_close(conn);
    rv = es_cluster_link_open(&conn, &params, after(argv[1]), why, sizeof(why));
    if (rv != APR_SUCCESS) {
        answer_failed(rv, why);
        return;
    }
    printf("ok %s %s\n", es_cluster_link_run(conn),
           es_cluster_link_address(conn));
}

static apr_status_t add(int argc, char **argv)
{
    es_slice_t words[WORDS_MAX];
    int i;

    for (i = 0; i < argc; i++) {
        words[i] = es_slice_of(argv[i]);
    }
    return es_cluster_link_add(conn, argc, words);
}

static void on_get(const char *ms)
{
    es_cluster_reply_t *reply;
    apr_status_t rv = es_cluster_link_receive(conn, &reply, after(ms));

    if (rv != APR_SUCCESS) {
        answer_failed(rv, es_cluster_link_why(conn));
        return;
    }
    answer(reply);
    es_cluster_reply_free(reply);
}

static void on_call(int argc, char **argv)
{
    apr_status_t rv = add(argc - 2, argv + 2);

    if (rv != APR_SUCCESS) {
        answer_failed(rv, es_cluster_link_why(conn));
        return;
    }
    on_get(argv[1]);
}

static void on_many(int argc, char **argv)
{
    apr_time_t by = after(argv[1]);
    int count = atoi(argv[2]), i;
    apr_status_t rv = APR_SUCCESS;

    for (i = 0; i < count && rv == APR_SUCCESS; i++) {
        rv = add(argc - 3, argv + 3);
    }
    for (i = 0; i < count && rv == APR_SUCCESS; i++) {
        es_cluster_reply_t *reply;

        rv = es_cluster_link_receive(conn, &reply, by);
        if (es_cluster_reply_is_error(reply)) {
            rv = APR_EGENERAL;
        }
        es_cluster_reply_free(reply);
    }
    if (rv != APR_SUCCESS) {
        answer_failed(rv, es_cluster_link_why(conn));
    }
    else {
        printf("ok %d\n", count);
    }
}

static void obey(int argc, char **argv)
{
    if (argc >= 3 && !strcmp(argv[0], "open")) {
        on_open(argc, argv);
    }
    else if (argc == 1 && !strcmp(argv[0], "close")) {
        es_cluster_link_close(conn);
        conn = NULL;
        puts("ok");
    }
    else if (conn == NULL) {
        puts("no link");
    }
    else if (argc >= 3 && !strcmp(argv[0], "call")) {
        on_call(argc, argv);
    }
    else if (argc >= 4 && !strcmp(argv[0], "many")) {
        on_many(argc, argv);
    }
    else if (argc == 2 && !strcmp(argv[0], "get")) {
        on_get(argv[1]);
    }
    else {
        puts("what?");
    }
}

int main(void)
{
    static char line[LINE_SIZE];
    char *argv[WORDS_MAX], *state;
    int argc;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    setvbuf(stdout, NULL, _IOLBF, 0);
    while (fgets(line, sizeof(line), stdin)) {
        argc = 0;
        argv[argc] = apr_strtok(line, " \n", &state);
        while (argv[argc] && argc < WORDS_MAX - 1) {
            argv[++argc] = apr_strtok(NULL, " \n", &state);
        }
        obey(argc, argv);
    }
    es_cluster_link_close(conn);
    apr_terminate();
    return 0;
}
