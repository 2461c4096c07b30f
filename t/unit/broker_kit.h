/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A broker that follows a script, for what a real one hardly does. It
 * is a process that listens on 127.0.0.1, and answers each command by the first
 * rule whose text the command begins with, or as a primary that is up.
 *
 *     static const broker_rule_t rules[] = {{"PING", "-LOADING x\r\n"}, {0}};
 *
 *     broker_listen(&broker);
 *     broker_serve(&broker, rules);
 *     ...
 *     assert_true(broker_saw(&broker, "AUTH secret"));
 *     broker_end(&broker);
 *
 * All functions are static, as each test is a program.
 */
#ifndef T_UNIT_BROKER_KIT_H
#define T_UNIT_BROKER_KIT_H

#include "t/unit/unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "cluster/link.h"
#include "cluster/parser.h"
#include "t/unit/skip.h"

#define NEEDS_HIREDIS                            \
    do {                                         \
        if (!es_cluster_link_is_built()) {       \
            SKIP_SINCE("built without hiredis"); \
        }                                        \
    } while (0)

#define BROKER_UNUSED __attribute__((unused))
#define BROKER_LOG_SIZE 65536
#define BROKER_RUN "0123456789abcdef0123456789abcdef01234567"

/* Instead of a reply: */
#define BROKER_HANG "hang"     /* none, ever; the connection stays */
#define BROKER_CLOSE "close"   /* the end of the connection */
#define BROKER_FLOOD "flood"   /* bytes without an end */
#define BROKER_IGNORE "ignore" /* none; the next command is read */

typedef struct broker_rule_t {
    const char *command; /* how the command begins, words with one blank */
    const char *reply;   /* bytes, or one of those above */
} broker_rule_t;

typedef struct broker_t {
    int fd; /* listens */
    int port;
    pid_t pid;
    char *log; /* shared: a line for each command, then NUL */
} broker_t;

static const broker_rule_t broker_defaults[] = {
    {"AUTH", "+OK\r\n"},
    {"SELECT", "+OK\r\n"},
    {"CLIENT SETNAME", "+OK\r\n"},
    {"ROLE", "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n"},
    {"INFO server", "$59\r\n# Server\r\nrun_id:" BROKER_RUN "\r\n\r\n"},
    {"PING", "+PONG\r\n"},
    {"ECHO", "$4\r\necho\r\n"},
    {NULL, NULL},
};

static BROKER_UNUSED void broker_listen_with(broker_t *broker, int backlog)
{
    struct sockaddr_in addr;
    socklen_t len = sizeof(addr);

    memset(&addr, 0, sizeof(addr));
    addr.sin_family = AF_INET;
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    broker->pid = 0;
    broker->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(broker->fd, (struct sockaddr *)&addr, len), 0);
    assert_int_equal(listen(broker->fd, backlog), 0);
    assert_int_equal(getsockname(broker->fd, (struct sockaddr *)&addr, &len),
                     0);
    broker->port = ntohs(addr.sin_port);
    broker->log = mmap(NULL, BROKER_LOG_SIZE, PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(broker->log, MAP_FAILED);
}

static BROKER_UNUSED void broker_listen(broker_t *broker)
{
    broker_listen_with(broker, 20);
}

/* ---- in the broker's process -------------------------------------------- */

static const char *broker_reply_to(const broker_rule_t *rules,
                                   const char *command)
{
    for (; rules && rules->command; rules++) {
        if (!strncmp(command, rules->command, strlen(rules->command))) {
            return rules->reply;
        }
    }
    return NULL;
}

static void broker_write(int fd, const char *data, apr_size_t size)
{
    while (size != 0) {
        ssize_t n = send(fd, data, size, MSG_NOSIGNAL);

        if (n <= 0) {
            _exit(0);
        }
        data += n;
        size -= (apr_size_t)n;
    }
}

static void broker_flood(int fd)
{
    static char bytes[65536];

    broker_write(fd, "$200000000\r\n", 12);
    for (;;) {
        broker_write(fd, bytes, sizeof(bytes));
    }
}

static void broker_answer(int fd, const broker_rule_t *rules,
                          const char *command)
{
    const char *reply = broker_reply_to(rules, command);

    if (reply == NULL) {
        reply = broker_reply_to(broker_defaults, command);
    }
    if (reply == NULL) {
        reply = "-ERR unknown command\r\n";
    }
    if (!strcmp(reply, BROKER_HANG)) {
        for (;;) {
            pause();
        }
    }
    else if (!strcmp(reply, BROKER_CLOSE)) {
        _exit(0);
    }
    else if (!strcmp(reply, BROKER_FLOOD)) {
        broker_flood(fd);
    }
    else if (strcmp(reply, BROKER_IGNORE)) {
        broker_write(fd, reply, strlen(reply));
    }
}

static void broker_take(const broker_t *broker, int fd,
                        const broker_rule_t *rules,
                        const es_cluster_reply_t *words)
{
    char text[512] = "";
    int i;

    for (i = 0; i < es_cluster_reply_count(words); i++) {
        apr_size_t len = strlen(text);

        snprintf(text + len, sizeof(text) - len, "%s%.200s", i ? " " : "",
                 es_cluster_reply_text(es_cluster_reply_at(words, i)).data);
    }
    snprintf(broker->log + strlen(broker->log),
             BROKER_LOG_SIZE - strlen(broker->log), "%s\n", text);
    broker_answer(fd, rules, text);
}

/* A command is an array of strings, as a reply may be. */
static void broker_run(const broker_t *broker, int fd,
                       const broker_rule_t *rules)
{
    es_cluster_parser_t *parser = es_cluster_parser_create(1 << 28);
    es_cluster_reply_t *words;
    const char *why;
    static char bytes[65536];
    ssize_t n;

    for (;;) {
        n = recv(fd, bytes, sizeof(bytes), 0);
        if (n <= 0) {
            _exit(0);
        }
        es_cluster_parser_add(parser, bytes, (apr_size_t)n);
        while (es_cluster_parser_next(parser, &words, &why) == APR_SUCCESS) {
            broker_take(broker, fd, rules, words);
            es_cluster_reply_free(words);
        }
    }
}

/* A process for each connection, which ends with its parent. */
static pid_t broker_fork(void)
{
    pid_t pid = fork();

    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        alarm(120);
    }
    return pid;
}

static void broker_accept(const broker_t *broker, const broker_rule_t *rules)
{
    for (;;) {
        int fd = accept(broker->fd, NULL, NULL);

        while (waitpid(-1, NULL, WNOHANG) > 0) {
        }
        if (fd >= 0 && broker_fork() == 0) {
            broker_run(broker, fd, rules);
        }
        close(fd);
    }
}

/* ---- in the test's ------------------------------------------------------ */

/** Start it; rules may be NULL, and end with an empty one. */
static BROKER_UNUSED void broker_serve(broker_t *broker,
                                       const broker_rule_t *rules)
{
    broker->pid = broker_fork();
    assert_true(broker->pid >= 0);
    if (broker->pid == 0) {
        broker_accept(broker, rules);
    }
}

static BROKER_UNUSED void broker_end(broker_t *broker)
{
    if (broker->pid > 0) {
        kill(broker->pid, SIGKILL);
        waitpid(broker->pid, NULL, 0);
    }
    if (broker->fd >= 0) {
        close(broker->fd);
    }
    munmap(broker->log, BROKER_LOG_SIZE);
}

/** Has a command with these words come? */
static BROKER_UNUSED int broker_saw(const broker_t *broker, const char *command)
{
    const char *line = apr_pstrcat(pool, "\n", command, "\n", NULL);

    return strstr(apr_pstrcat(pool, "\n", broker->log, NULL), line) != NULL;
}

/** End it and the link to it, if there are any. */
static BROKER_UNUSED void broker_leave(broker_t *broker,
                                       es_cluster_link_t **link)
{
    es_cluster_link_close(*link);
    *link = NULL;
    if (broker->pid != 0) {
        broker_end(broker);
    }
}

/** A link to a broker that answers each call of the script with this, instead
 * of the one that there may be. params keeps its address. */
static BROKER_UNUSED void broker_answer_calls(broker_t *broker,
                                              es_cluster_link_params_t *params,
                                              es_cluster_link_t **link,
                                              const char *reply)
{
    broker_rule_t *rules = apr_pcalloc(pool, 2 * sizeof(*rules));
    char why[ES_CLUSTER_LINK_WHY_SIZE];

    broker_leave(broker, link);
    rules[0].command = "EVALSHA";
    rules[0].reply = reply;
    broker_listen(broker);
    broker_serve(broker, rules);
    params->connect_timeout = 10 * APR_USEC_PER_SEC;
    assert_null(es_cluster_url_parse(
        &params->url, apr_psprintf(pool, "redis://127.0.0.1:%d", broker->port),
        pool));
    assert_int_equal(es_cluster_link_open(
                         link, params, es_clock_now() + 20 * APR_USEC_PER_SEC,
                         why, sizeof(why)),
                     0);
}

#endif
