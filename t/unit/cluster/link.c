/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of cluster/link.c, link_open.c and socket.c with brokers that follow a
 * script. With real ones: t/94-cluster-link.t. */
#include "t/unit/broker_kit.h"

#include <poll.h>
#include <pthread.h>

#include "base/clock.h"
#include "cluster/link.h"

#define BROKERS 4
#define SECOND APR_USEC_PER_SEC
#define SHORT (SECOND / 5)
/* What does not end by itself is ended by the deadline of the test; a slow
 * machine adds seconds. */
#define SOON (20 * SECOND)

static broker_t brokers[BROKERS];
static int count;
static volatile int stopping;
static es_cluster_link_params_t params;
static es_cluster_link_t *conn;
static char why[ES_CLUSTER_LINK_WHY_SIZE];

static int start(void **state)
{
    (void)state;
    memset(&params, 0, sizeof(params));
    params.connect_timeout = 10 * SECOND;
    params.stopping = &stopping;
    stopping = 0;
    count = 0;
    conn = NULL;
    return 0;
}

static int stop(void **state)
{
    es_cluster_link_close(conn);
    while (count > 0) {
        broker_end(&brokers[--count]);
    }
    return unit_after_each(state);
}

/* One more broker; its URL becomes that of params. */
static broker_t *serve(const broker_rule_t *rules)
{
    broker_t *broker = &brokers[count++];

    broker_listen(broker);
    broker_serve(broker, rules);
    return broker;
}

static void set_url(const char *text)
{
    assert_null(es_cluster_url_parse(&params.url, text, pool));
}

static const char *url_of(const broker_t *broker)
{
    return apr_psprintf(pool, "redis://127.0.0.1:%d", broker->port);
}

static apr_status_t open_within(apr_interval_time_t time)
{
    return es_cluster_link_open(&conn, &params, es_clock_now() + time, why,
                                sizeof(why));
}

static apr_status_t open_at(const broker_t *broker)
{
    set_url(url_of(broker));
    return open_within(SOON);
}

/* A link to a broker with these rules. */
static broker_t *opened(const broker_rule_t *rules)
{
    broker_t *broker = serve(rules);

    if (open_at(broker) != APR_SUCCESS) {
        print_error("%s\n", why);
        fail();
    }
    return broker;
}

static void add(const char *word)
{
    es_slice_t words[] = {es_slice_of(word), es_slice_of("x")};

    assert_int_equal(es_cluster_link_add(conn, 2, words), APR_SUCCESS);
}

static apr_status_t receive_within(apr_interval_time_t time)
{
    es_cluster_reply_t *reply;
    apr_status_t rv =
        es_cluster_link_receive(conn, &reply, es_clock_now() + time);

    assert_true((rv == APR_SUCCESS) == (reply != NULL));
    es_cluster_reply_free(reply);
    return rv;
}

static void why_has(const char *part)
{
    if (!strstr(why, part)) {
        print_error("\"%s\" has no \"%s\"\n", why, part);
        fail();
    }
}

/* ---- the login ----------------------------------------------------------- */

FACTS(a_link_knows_its_broker)
{
    broker_t *broker;

    NEEDS_HIREDIS;
    broker = opened(NULL);
    assert_string_equal(es_cluster_link_run(conn), BROKER_RUN);
    assert_string_equal(es_cluster_link_address(conn),
                        apr_psprintf(pool, "127.0.0.1:%d", broker->port));
    assert_string_equal(es_cluster_link_why(conn), "");
    assert_string_equal(why, "");
    assert_int_equal(es_cluster_link_expected(conn), 0);
    assert_true(broker_saw(broker, "CLIENT SETNAME mod_eventstream"));
    assert_false(broker_saw(broker, "AUTH"));
    add("ECHO");
    assert_int_equal(es_cluster_link_expected(conn), 1);
    assert_int_equal(receive_within(SOON), APR_SUCCESS);
    assert_int_equal(es_cluster_link_expected(conn), 0);
}

FACTS(it_authenticates_and_selects_first)
{
    broker_t *broker;

    NEEDS_HIREDIS;
    broker = serve(NULL);
    set_url(apr_psprintf(pool, "redis://app:pw@127.0.0.1:%d/7", broker->port));
    assert_int_equal(open_within(SOON), APR_SUCCESS);
    assert_memory_equal(broker->log, "AUTH app pw\nSELECT 7\n", 21);
    es_cluster_link_close(conn);
    params.password = "other"; /* that of secret= wins */
    assert_int_equal(open_within(SOON), APR_SUCCESS);
    assert_true(broker_saw(broker, "AUTH app other"));
    es_cluster_link_close(conn);
    set_url(apr_psprintf(pool, "redis://:pw@127.0.0.1:%d", broker->port));
    params.password = NULL;
    assert_int_equal(open_within(SOON), APR_SUCCESS);
    assert_true(broker_saw(broker, "AUTH pw"));
}

FACTS(no_secret_is_told)
{
    static const broker_rule_t refuses[] = {
        {"AUTH", "-ERR unknown command AUTH, with args: 'un-told-pw1'\r\n"},
        {0}};
    static const broker_rule_t repeats[] = {
        {"SELECT", "-ERR after AUTH un-told-pw1\r\n"}, {0}};
    static const broker_rule_t wrong[] = {
        {"AUTH", "-WRONGPASS invalid username-password pair\r\n"}, {0}};
    const char *format = "redis://:un-told-pw1@127.0.0.1:%d/1";

    NEEDS_HIREDIS;
    set_url(apr_psprintf(pool, format, serve(refuses)->port));
    assert_int_equal(open_within(SOON), APR_EACCES);
    assert_null(strstr(why, "un-told-pw1"));
    why_has("the user or the password is refused (ERR)");
    set_url(apr_psprintf(pool, format, serve(repeats)->port));
    assert_int_equal(open_within(SOON), APR_EGENERAL);
    assert_null(strstr(why, "un-told-pw1"));
    set_url(apr_psprintf(pool, format, serve(wrong)->port));
    assert_int_equal(open_within(SOON), APR_EACCES);
    why_has("WRONGPASS");
    assert_null(conn);
}

typedef struct refusal_t {
    broker_rule_t rules[2];
    apr_status_t rv;
    const char *part; /* of the sentence */
} refusal_t;

static const refusal_t refusals[] = {
    {{{"ROLE", "-NOAUTH Authentication required.\r\n"}},
     APR_EACCES,
     "it wants a password"},
    {{{"ROLE", "-NOPERM this user has no permissions\r\n"}},
     APR_EACCES,
     "its user may do too little: NOPERM this user"},
    {{{"ROLE", "*1\r\n$5\r\nslave\r\n"}}, APR_EMISMATCH, "it is not a primary"},
    {{{"ROLE", "*1\r\n$8\r\nsentinel\r\n"}},
     APR_EMISMATCH,
     "it is not a primary"},
    {{{"ROLE", "+OK\r\n"}}, APR_EMISMATCH, "it is not a primary"},
    {{{"PING", "-LOADING loading the dataset\r\n"}},
     APR_EBUSY,
     "it does not serve now: LOADING loading the dataset"},
    {{{"PING", "-BUSY running a script\r\n"}}, APR_EBUSY, "BUSY"},
    {{{"PING", "-ERR \001\033[31m\r\n"}}, APR_EGENERAL, "it refuses: ERR ??["},
    {{{"INFO", "$4\r\nnone\r\n"}}, APR_EGENERAL, "it has no run_id"},
    {{{"INFO", "$7\r\nrun_id:\r\n"}}, APR_EGENERAL, "it has no run_id"},
    {{{"INFO", ":1\r\n"}}, APR_EGENERAL, "it has no run_id"},
    {{{"SELECT", "-ERR DB index is out of range\r\n"}},
     APR_EGENERAL,
     "the database cannot be selected: ERR DB index"},
    {{{"CLIENT", "-DENIED Redis is running in protected mode\r\n"}},
     APR_EGENERAL,
     "it refuses: DENIED Redis"},
    {{{"CLIENT", "-NOPERM no CLIENT\r\n"}}, APR_SUCCESS, ""},
    {{{"CLIENT", "HTTP/1.1 400 Bad Request\r\n\r\n"}},
     APR_EGENERAL,
     "Protocol error"},
    {{{"CLIENT", BROKER_CLOSE}}, APR_EOF, "closed by the broker"},
    {{{"PING", "+PONG\r\n+PONG\r\n"}}, APR_EGENERAL, "sends unasked"},
};

FACTS(what_a_broker_refuses_is_told)
{
    apr_size_t i;

    NEEDS_HIREDIS;
    for (i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        const refusal_t *row = &refusals[i];
        broker_t *broker = serve(row->rules);

        set_url(apr_psprintf(pool, "%s/3", url_of(broker)));
        assert_int_equal(open_within(SOON), row->rv);
        assert_true((row->rv == APR_SUCCESS) == (conn != NULL));
        why_has(row->part);
        assert_true(row->rv == APR_SUCCESS ||
                    strstr(why, apr_psprintf(pool, ":%d", broker->port)));
        es_cluster_link_close(conn);
        conn = NULL;
        broker_end(&brokers[--count]);
    }
}

FACTS(a_run_of_any_length_is_cut)
{
    static broker_rule_t rules[] = {{"INFO", NULL}, {0}};

    NEEDS_HIREDIS;
    rules[0].reply =
        apr_psprintf(pool, "$207\r\nrun_id:%s\r\n", repeat('a', 200).data);
    opened(rules);
    assert_in_range(strlen(es_cluster_link_run(conn)), 40, 100);
}

/* ---- time ---------------------------------------------------------------- */

static apr_time_t begun;

static void begin(void)
{
    begun = es_clock_now();
}

static void took(apr_interval_time_t at_least)
{
    assert_true(es_clock_now() - begun >= at_least);
    assert_true(es_clock_now() - begun < SOON);
}

FACTS(a_broker_that_hangs_ends_at_the_deadline)
{
    static const broker_rule_t rules[] = {{"ROLE", BROKER_HANG}, {0}};

    NEEDS_HIREDIS;
    set_url(url_of(serve(rules)));
    begin();
    assert_int_equal(open_within(SHORT), APR_TIMEUP);
    took(SHORT);
    why_has("no answer in time");
    params.connect_timeout = SHORT;
    begin();
    assert_int_equal(open_within(1000 * SECOND), APR_TIMEUP);
    took(SHORT);
}

/* The queue of the listening socket is full, so SYNs are dropped. */
FACTS(an_address_that_drops_packets_ends_at_the_deadline)
{
    broker_t *broker = &brokers[count++];
    struct sockaddr_in addr;
    int fds[4], i;

    NEEDS_HIREDIS;
    broker_listen_with(broker, 0);
    memset(&addr, 0, sizeof(addr));
    addr.sin_family = AF_INET;
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    addr.sin_port = htons((apr_uint16_t)broker->port);
    for (i = 0; i < 4; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(fds[i], (struct sockaddr *)&addr, sizeof(addr));
    }
    set_url(url_of(broker));
    begin();
    assert_int_equal(open_within(SHORT), APR_TIMEUP);
    took(SHORT);
    why_has("no connection in time");
    for (i = 0; i < 4; i++) {
        close(fds[i]);
    }
}

static void *stop_soon(void *arg)
{
    (void)arg;
    usleep(50000);
    __atomic_store_n(&stopping, 1, __ATOMIC_RELAXED);
    return NULL;
}

FACTS(a_stop_ends_each_wait)
{
    static const broker_rule_t rules[] = {{"ROLE", BROKER_HANG}, {0}};
    static const broker_rule_t later[] = {{"ECHO", BROKER_HANG}, {0}};
    pthread_t thread;

    NEEDS_HIREDIS;
    set_url(url_of(serve(rules)));
    params.connect_timeout = 1000 * SECOND;
    pthread_create(&thread, NULL, stop_soon, NULL);
    begin();
    assert_int_equal(open_within(1000 * SECOND), APR_EOF);
    took(0);
    pthread_join(thread, NULL);
    why_has("stopping");

    stopping = 0;
    opened(later);
    add("ECHO");
    pthread_create(&thread, NULL, stop_soon, NULL);
    begin();
    assert_int_equal(receive_within(1000 * SECOND), APR_EOF);
    took(0);
    pthread_join(thread, NULL);
}

FACTS(without_a_wait_it_returns_at_once)
{
    static const broker_rule_t rules[] = {{"ECHO", BROKER_IGNORE}, {0}};
    es_cluster_reply_t *reply;

    NEEDS_HIREDIS;
    opened(rules);
    add("ECHO");
    assert_int_equal(es_cluster_link_receive(conn, &reply, 0), APR_TIMEUP);
    assert_int_equal(receive_within(-SECOND), APR_TIMEUP);
    assert_int_equal(es_cluster_link_send(conn, 0), APR_SUCCESS);
    assert_int_equal(es_cluster_link_expected(conn), 1);
}

FACTS(a_reply_may_come_after_a_timeout)
{
    static const broker_rule_t rules[] = {{"HALF", "$6\r\nab"},
                                          {"REST", "cdef\r\n$3\r\n"},
                                          {"END", "ghi\r\n"},
                                          {0}};
    es_cluster_reply_t *reply;

    NEEDS_HIREDIS;
    opened(rules);
    add("HALF");
    assert_int_equal(receive_within(SHORT), APR_TIMEUP);
    add("REST");
    assert_int_equal(
        es_cluster_link_receive(conn, &reply, es_clock_now() + SOON),
        APR_SUCCESS);
    assert_slice(es_cluster_reply_text(reply), "abcdef");
    es_cluster_reply_free(reply);
    assert_int_equal(receive_within(SHORT), APR_TIMEUP);
    add("END");
    assert_int_equal(
        es_cluster_link_receive(conn, &reply, es_clock_now() + SOON),
        APR_SUCCESS);
    assert_slice(es_cluster_reply_text(reply), "ghi");
    es_cluster_reply_free(reply);
    assert_int_equal(es_cluster_link_expected(conn), 1);
}

/* ---- sending and receiving ----------------------------------------------- */

FACTS(commands_are_pipelined)
{
    broker_t *broker;
    int i;

    NEEDS_HIREDIS;
    broker = opened(NULL);
    for (i = 0; i < 1000; i++) {
        add("ECHO");
    }
    assert_int_equal(es_cluster_link_expected(conn), 1000);
    for (i = 0; i < 1000; i++) {
        assert_int_equal(receive_within(SOON), APR_SUCCESS);
    }
    assert_int_equal(receive_within(0), APR_TIMEUP);
    assert_true(broker_saw(broker, "ECHO x"));
}

FACTS(words_may_have_any_bytes)
{
    const es_slice_t words[] = {S("ECHO"), S("a\r\n$3\r\n"), S(""),
                                repeat('x', 100000)};
    broker_t *broker;

    NEEDS_HIREDIS;
    broker = opened(NULL);
    assert_int_equal(es_cluster_link_add(conn, 4, words), APR_SUCCESS);
    add("PING");
    assert_int_equal(receive_within(SOON), APR_SUCCESS);
    assert_int_equal(receive_within(SOON), APR_SUCCESS);
    assert_non_null(strstr(broker->log, "ECHO a\r\n$3\r\n  xxxx"));
    assert_true(broker_saw(broker, "PING x"));
}

FACTS(the_queue_is_limited)
{
    es_slice_t words[] = {S("ECHO"), repeat('x', 1 << 20)};
    es_slice_t huge[] = {S("ECHO"),
                         es_slice(words[1].data, ES_CLUSTER_LINK_QUEUE_MAX)};
    apr_status_t rv = APR_SUCCESS;
    int i;

    NEEDS_HIREDIS;
    opened(NULL);
    assert_int_equal(es_cluster_link_add(conn, 2, huge), APR_ENOSPC);
    for (i = 0; i < 100 && rv == APR_SUCCESS; i++) {
        rv = es_cluster_link_add(conn, 2, words);
    }
    assert_int_equal(rv, APR_ENOSPC);
    assert_int_equal(es_cluster_link_expected(conn), 63);
    for (i = 0; i < 63; i++) {
        assert_int_equal(receive_within(SOON), APR_SUCCESS);
    }
    add("ECHO"); /* it is of use still */
    assert_int_equal(receive_within(SOON), APR_SUCCESS);
}

FACTS(a_broker_that_reads_nothing_does_not_block)
{
    static const broker_rule_t rules[] = {{"ECHO", BROKER_HANG}, {0}};
    es_slice_t words[] = {S("ECHO"), repeat('x', 32 << 20)};

    NEEDS_HIREDIS;
    opened(rules);
    assert_int_equal(es_cluster_link_events(conn), POLLIN);
    assert_int_equal(es_cluster_link_add(conn, 2, words), APR_SUCCESS);
    assert_int_equal(es_cluster_link_events(conn), POLLIN | POLLOUT);
    begin();
    /* the first command makes it hang, once it was read */
    assert_int_equal(es_cluster_link_send(conn, es_clock_now() + SOON),
                     APR_SUCCESS);
    assert_int_equal(es_cluster_link_events(conn), POLLIN);
    assert_int_equal(es_cluster_link_add(conn, 2, words), APR_SUCCESS);
    assert_int_equal(es_cluster_link_send(conn, es_clock_now() + SHORT),
                     APR_TIMEUP);
    assert_int_equal(es_cluster_link_events(conn), POLLIN | POLLOUT);
    took(SHORT);
}

FACTS(a_link_that_was_closed_stays_closed)
{
    static const broker_rule_t rules[] = {{"ECHO", BROKER_CLOSE}, {0}};
    es_slice_t word = S("PING");

    NEEDS_HIREDIS;
    opened(rules);
    add("ECHO");
    assert_int_equal(receive_within(SOON), APR_EOF);
    assert_non_null(strstr(es_cluster_link_why(conn), "closed by the broker"));
    assert_int_equal(receive_within(SOON), APR_EOF);
    assert_int_equal(es_cluster_link_send(conn, 0), APR_EOF);
    assert_int_equal(es_cluster_link_add(conn, 1, &word), APR_EOF);
}

FACTS(the_end_of_an_idle_link_is_seen)
{
    broker_t *broker;

    NEEDS_HIREDIS;
    broker = opened(NULL);
    assert_int_equal(receive_within(0), APR_TIMEUP);
    broker_end(broker);
    count--;
    assert_int_equal(receive_within(SOON), APR_EOF);
}

FACTS(replies_that_no_one_asked_for_are_an_error)
{
    static const broker_rule_t rules[] = {{"ECHO", "+a\r\n+b\r\n"}, {0}};

    NEEDS_HIREDIS;
    opened(rules);
    add("ECHO");
    assert_int_equal(receive_within(SOON), APR_EGENERAL);
    assert_int_equal(receive_within(SOON), APR_EGENERAL);
    assert_non_null(strstr(es_cluster_link_why(conn), "unasked"));
}

FACTS(a_reply_is_no_larger_than_allowed)
{
    static const broker_rule_t rules[] = {{"ECHO", BROKER_FLOOD}, {0}};

    NEEDS_HIREDIS;
    params.reply_max = 1 << 20;
    opened(rules);
    add("ECHO");
    assert_int_equal(receive_within(SOON), APR_ENOSPC);
    assert_non_null(strstr(es_cluster_link_why(conn), "too large"));
    assert_int_equal(receive_within(SOON), APR_ENOSPC);
}

/* It sends faster than it is read; that must not keep the reader. */
FACTS(a_flood_ends_at_the_deadline)
{
    static const broker_rule_t rules[] = {{"ECHO", BROKER_FLOOD}, {0}};
    int i;

    NEEDS_HIREDIS;
    opened(rules);
    add("ECHO");
    assert_int_equal(es_cluster_link_send(conn, es_clock_now() + SOON),
                     APR_SUCCESS);
    usleep(50000);
    for (i = 0; i < 5; i++) {
        assert_int_equal(receive_within(0), APR_TIMEUP);
    }
    stopping = 1;
    assert_int_equal(receive_within(SOON), APR_EOF);
}

/* ---- sentinels ----------------------------------------------------------- */

#define NOWHERE (BROKERS + 1) /* of a sentinel: it does not know the name */

static char answers[BROKERS][64];
static broker_rule_t sentinel_rules[BROKERS][3];

/* A sentinel that names the broker of this index. */
static void sentinel(int names)
{
    int i = count, port = names == NOWHERE ? 0 : brokers[names].port;

    snprintf(answers[i], sizeof(answers[i]),
             "*2\r\n$9\r\n127.0.0.1\r\n$%d\r\n%d\r\n", port > 9999 ? 5 : 4,
             port);
    if (names == NOWHERE) {
        strcpy(answers[i], "*-1\r\n");
    }
    sentinel_rules[i][0].command = "SENTINEL get-master-addr-by-name es";
    sentinel_rules[i][0].reply = answers[i];
    sentinel_rules[i][1].command = NULL;
    serve(sentinel_rules[i]);
}

/* The brokers from this index on are the sentinels. */
static void set_sentinels(int from)
{
    const char *text = "redis+sentinel://";
    int i;

    for (i = from; i < count; i++) {
        text = apr_psprintf(pool, "%s%s127.0.0.1:%d", text, i > from ? "," : "",
                            brokers[i].port);
    }
    set_url(apr_pstrcat(pool, text, "/es", NULL));
}

static const char *address_of(int broker)
{
    return apr_psprintf(pool, "127.0.0.1:%d", brokers[broker].port);
}

FACTS(a_sentinel_names_the_primary)
{
    NEEDS_HIREDIS;
    serve(NULL);
    sentinel(0);
    set_sentinels(1);
    assert_int_equal(open_within(SOON), APR_SUCCESS);
    assert_string_equal(es_cluster_link_address(conn), address_of(0));
}

FACTS(the_primary_of_most_sentinels_is_taken)
{
    NEEDS_HIREDIS;
    serve(NULL); /* that of a sentinel which is cut off */
    serve(NULL);
    sentinel(0);
    sentinel(1);
    set_sentinels(2);
    params.url = apr_pmemdup(pool, params.url, sizeof(*params.url));
    ((es_cluster_url_t *)(uintptr_t)params.url)->hosts[2] =
        params.url->hosts[1];
    ((es_cluster_url_t *)(uintptr_t)params.url)->nhosts = 3;
    assert_int_equal(open_within(SOON), APR_SUCCESS);
    assert_string_equal(es_cluster_link_address(conn), address_of(1));
    assert_string_equal(brokers[0].log, "");
}

FACTS(one_that_says_it_is_no_primary_is_not_taken)
{
    static const broker_rule_t replica[] = {{"ROLE", "*1\r\n$5\r\nslave\r\n"},
                                            {0}};

    NEEDS_HIREDIS;
    serve(replica);
    serve(NULL);
    sentinel(0);
    sentinel(1);
    set_sentinels(2);
    assert_int_equal(open_within(SOON), APR_SUCCESS);
    assert_string_equal(es_cluster_link_address(conn), address_of(1));
    es_cluster_link_close(conn);
    conn = NULL;
    broker_end(&brokers[--count]);
    set_sentinels(2);
    assert_int_equal(open_within(SOON), APR_EMISMATCH);
    why_has("it is not a primary");
}

FACTS(sentinels_that_are_down_or_hang_are_passed_over)
{
    static const broker_rule_t hangs[] = {{"SENTINEL", BROKER_HANG}, {0}};
    int port;

    NEEDS_HIREDIS;
    serve(NULL);
    sentinel(0);
    serve(hangs);
    port = brokers[1].port;
    set_url(apr_psprintf(pool,
                         "redis+sentinel://127.0.0.1:1,127.0.0.1:%d,"
                         "127.0.0.1:%d/es",
                         brokers[2].port, port));
    params.connect_timeout = SECOND;
    assert_int_equal(open_within(SOON), APR_SUCCESS);
    assert_string_equal(es_cluster_link_address(conn), address_of(0));
}

FACTS(without_a_sentinel_that_knows_the_name_there_is_none)
{
    NEEDS_HIREDIS;
    sentinel(NOWHERE);
    set_sentinels(0);
    assert_int_equal(open_within(SOON), APR_ENOENT);
    why_has("this sentinel does not know the name");
    set_url("redis+sentinel://127.0.0.1:1,127.0.0.1:2/es");
    assert_int_equal(open_within(SOON), APR_FROM_OS_ERROR(ECONNREFUSED));
    why_has("127.0.0.1:2: cannot connect");
}

FACTS(a_sentinel_that_answers_nonsense_is_passed_over)
{
    static const char *const nonsense[] = {
        "+OK\r\n",
        "*0\r\n",
        "*2\r\n$1\r\na\r\n$1\r\nb\r\n",
        "*2\r\n$1\r\na\r\n:70000\r\n",
        "*2\r\n$0\r\n\r\n$4\r\n6379\r\n",
        "*2\r\n$3\r\na\0b\r\n$4\r\n6379\r\n"};
    static broker_rule_t rules[] = {{"SENTINEL", NULL}, {0}};
    apr_size_t i;

    NEEDS_HIREDIS;
    for (i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]) - 1; i++) {
        rules[0].reply = nonsense[i];
        serve(rules);
        set_sentinels(0);
        assert_int_equal(open_within(SOON), APR_EGENERAL);
        why_has("nonsense");
        broker_end(&brokers[--count]);
    }
}

FACTS(a_sentinel_gets_the_password_only_if_it_wants_one)
{
    static broker_rule_t wants[] = {
        {"SENTINEL", "-NOAUTH Authentication required.\r\n"}, {0}};

    NEEDS_HIREDIS;
    serve(NULL);
    sentinel(0);
    set_sentinels(1);
    params.password = "pw";
    assert_int_equal(open_within(SOON), APR_SUCCESS);
    assert_true(broker_saw(&brokers[0], "AUTH pw"));
    assert_false(broker_saw(&brokers[1], "AUTH pw"));
    es_cluster_link_close(conn);
    conn = NULL;
    serve(wants);
    set_sentinels(2);
    assert_int_equal(open_within(SOON), APR_EACCES);
    assert_true(broker_saw(&brokers[2], "AUTH pw"));
    params.password = NULL;
    assert_int_equal(open_within(SOON), APR_EACCES);
}

FACTS(all_sentinels_together_end_at_the_deadline)
{
    static const broker_rule_t hangs[] = {{"SENTINEL", BROKER_HANG}, {0}};

    NEEDS_HIREDIS;
    serve(hangs);
    serve(hangs);
    serve(hangs);
    set_sentinels(0);
    begin();
    assert_int_equal(open_within(SHORT), APR_TIMEUP);
    took(SHORT);
    /* the others had no time, which says nothing about them */
    why_has(address_of(0));
}

/* ---- other addresses ----------------------------------------------------- */

FACTS(a_socket_or_a_port_that_is_not_there_is_told)
{
    NEEDS_HIREDIS;
    set_url("redis+unix:///nowhere/socket");
    assert_int_equal(open_within(SOON), APR_ENOENT);
    why_has("/nowhere/socket: no such");
    set_url("redis://127.0.0.1:1");
    assert_int_equal(open_within(SOON), APR_FROM_OS_ERROR(ECONNREFUSED));
    why_has("127.0.0.1:1: cannot connect: ");
}

FACTS(without_hiredis_no_link_is_opened)
{
    if (es_cluster_link_is_built()) {
        SKIP_SINCE("built with hiredis");
    }
    set_url("redis://127.0.0.1:1");
    assert_int_equal(open_within(SOON), APR_ENOTIMPL);
    why_has("no hiredis");
    assert_null(conn);
    es_cluster_link_close(NULL);
}

#define LINK(name) cmocka_unit_test_setup_teardown(name, start, stop)

static const struct CMUnitTest tests[] = {
    LINK(a_link_knows_its_broker),
    LINK(it_authenticates_and_selects_first),
    LINK(no_secret_is_told),
    LINK(what_a_broker_refuses_is_told),
    LINK(a_run_of_any_length_is_cut),
    LINK(a_broker_that_hangs_ends_at_the_deadline),
    LINK(an_address_that_drops_packets_ends_at_the_deadline),
    LINK(a_stop_ends_each_wait),
    LINK(without_a_wait_it_returns_at_once),
    LINK(a_reply_may_come_after_a_timeout),
    LINK(commands_are_pipelined),
    LINK(words_may_have_any_bytes),
    LINK(the_queue_is_limited),
    LINK(a_broker_that_reads_nothing_does_not_block),
    LINK(a_link_that_was_closed_stays_closed),
    LINK(the_end_of_an_idle_link_is_seen),
    LINK(replies_that_no_one_asked_for_are_an_error),
    LINK(a_reply_is_no_larger_than_allowed),
    LINK(a_flood_ends_at_the_deadline),
    LINK(a_sentinel_names_the_primary),
    LINK(the_primary_of_most_sentinels_is_taken),
    LINK(one_that_says_it_is_no_primary_is_not_taken),
    LINK(sentinels_that_are_down_or_hang_are_passed_over),
    LINK(without_a_sentinel_that_knows_the_name_there_is_none),
    LINK(a_sentinel_that_answers_nonsense_is_passed_over),
    LINK(a_sentinel_gets_the_password_only_if_it_wants_one),
    LINK(all_sentinels_together_end_at_the_deadline),
    LINK(a_socket_or_a_port_that_is_not_there_is_told),
    LINK(without_hiredis_no_link_is_opened),
};

UNIT_MAIN(tests)
