/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of grip/client.c against a server that always gives the same answer. */
#include "t/unit/unit.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "grip/client.h"

typedef struct server_t {
    pid_t pid;
    int port;
    char uri[64];
} server_t;

static int never_readable[2]; /* a pipe */

static int listen_on(int *port)
{
    struct sockaddr_in at = {0};
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    *port = ntohs(at.sin_port);
    return fd;
}

/* Read a request whose body ends with a blank line, then send the answer. */
static void serve(int listener, const char *answer)
{
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        char in[4096];
        ssize_t got;
        size_t len = 0;

        do {
            got = read(fd, in + len, sizeof(in) - 1 - len);
            len += got > 0 ? (size_t)got : 0;
            in[len] = '\0';
        } while (got > 0 && strstr(in, "}\n\n") == NULL);
        if (answer == NULL) {
            pause();
        }
        (void)!write(fd, answer, strlen(answer));
        close(fd);
    }
}

/** @param answer  NULL = none */
static server_t start(const char *answer)
{
    server_t server;
    int listener = listen_on(&server.port);

    snprintf(server.uri, sizeof(server.uri), "http://127.0.0.1:%d/publish/",
             server.port);
    server.pid = fork();
    if (server.pid == 0) {
        serve(listener, answer);
        _exit(0);
    }
    close(listener);
    return server;
}

static void stop(const server_t *server)
{
    kill(server->pid, SIGKILL);
    waitpid(server->pid, NULL, 0);
}

static int post(const char *uri, apr_interval_time_t timeout)
{
    es_grip_conn_params_t params = {0};
    es_grip_client_t *client;
    es_grip_conn_t *line;
    int outcome = -1, turns;
    void *owner = NULL;

    params.uri = uri;
    params.connect_timeout = params.timeout = timeout;
    params.owner = &outcome;
    assert_int_equal(es_grip_client_open(&client, 1), 0);
    assert_int_equal(es_grip_conn_open(&line, client, &params), 0);
    assert_int_equal(es_grip_conn_post(line, "Bearer x", S("{}\n\n")), 0);
    for (turns = 0; turns < 1000 && owner == NULL; turns++) {
        owner = es_grip_client_done(client, &outcome);
        if (owner == NULL) {
            es_grip_client_wait(client, never_readable[0], 100 * 1000);
        }
    }
    assert_ptr_equal(owner, &outcome);
    es_grip_conn_close(line);
    es_grip_client_close(client);
    return outcome;
}

static int post_to(const char *answer, apr_interval_time_t timeout)
{
    server_t server = start(answer);
    int outcome = post(server.uri, timeout);

    stop(&server);
    return outcome;
}

#define LONG (20 * APR_USEC_PER_SEC)

FACTS(a_status_of_2xx_is_taken)
{
    assert_int_equal(post_to("HTTP/1.1 200 OK\r\n\r\nPublished\n", LONG), 0);
    assert_int_equal(post_to("HTTP/1.1 202 OK\r\n\r\n", LONG), 0);
}

FACTS(other_statuses_are_the_outcome)
{
    assert_int_equal(post_to("HTTP/1.1 401 No\r\n\r\n", LONG), 401);
    assert_int_equal(
        post_to("HTTP/1.1 302 No\r\nLocation: http://127.0.0.1:1/\r\n\r\n",
                LONG),
        302);
}

FACTS(an_answer_that_is_not_http_is_a_broken_connection)
{
    assert_int_equal(post_to("", LONG), ES_OUTCOME_BROKEN);
    assert_int_equal(post_to("hello\r\n\r\n", LONG), ES_OUTCOME_BROKEN);
}

FACTS(no_answer_is_a_timeout)
{
    assert_int_equal(post_to(NULL, 200 * 1000), ES_OUTCOME_TIMEOUT);
}

FACTS(a_closed_port_is_not_connected)
{
    char uri[64];
    int port;

    close(listen_on(&port));
    snprintf(uri, sizeof(uri), "http://127.0.0.1:%d/", port);
    assert_int_equal(post(uri, LONG), ES_OUTCOME_CONNECT);
}

FACTS(other_schemes_are_refused)
{
    assert_int_equal(post("file:///etc/passwd", LONG), ES_OUTCOME_BROKEN);
}

FACTS(https_to_a_server_without_tls_times_out)
{
    server_t server = start("HTTP/1.1 200 OK\r\n\r\n");
    char uri[64];

    snprintf(uri, sizeof(uri), "https://127.0.0.1:%d/", server.port);
    /* the server waits for the end of a request and sends nothing */
    assert_int_equal(post(uri, 500 * 1000), ES_OUTCOME_TIMEOUT);
    stop(&server);
}

FACTS(proxies_of_the_environment_are_ignored)
{
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    assert_int_equal(post_to("HTTP/1.1 200 OK\r\n\r\n", LONG), 0);
    unsetenv("http_proxy");
}

FACTS(a_cancelled_request_has_no_outcome)
{
    server_t server = start(NULL);
    es_grip_conn_params_t params = {0};
    es_grip_client_t *client;
    es_grip_conn_t *line;
    int outcome;

    params.uri = server.uri;
    params.connect_timeout = params.timeout = LONG;
    params.owner = &params;
    assert_int_equal(es_grip_client_open(&client, 1), 0);
    assert_int_equal(es_grip_conn_open(&line, client, &params), 0);
    assert_int_equal(es_grip_conn_post(line, NULL, S("{}\n\n")), 0);
    assert_null(es_grip_client_done(client, &outcome));
    es_grip_conn_cancel(line);
    assert_null(es_grip_client_done(client, &outcome));
    es_grip_conn_close(line);
    es_grip_client_close(client);
    stop(&server);
}

static int begin(void **state)
{
    signal(SIGPIPE, SIG_IGN);
    return pipe2(never_readable, O_CLOEXEC) != 0 ||
           es_grip_client_setup() != 0 || unit_start(state);
}

static int end(void **state)
{
    es_grip_client_teardown();
    return unit_stop(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(a_status_of_2xx_is_taken),
        UNIT(other_statuses_are_the_outcome),
        UNIT(an_answer_that_is_not_http_is_a_broken_connection),
        UNIT(no_answer_is_a_timeout),
        UNIT(a_closed_port_is_not_connected),
        UNIT(other_schemes_are_refused),
        UNIT(https_to_a_server_without_tls_times_out),
        UNIT(proxies_of_the_environment_are_ignored),
        UNIT(a_cancelled_request_has_no_outcome),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
