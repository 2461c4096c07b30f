/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of cluster/resolver.c with a resolver of our own (getaddrinfo is
 * wrapped), which hangs as long as a test wants. */
#include "t/unit/unit.h"

#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <unistd.h>

#include "base/clock.h"
#include "cluster/resolver.h"

#define SECOND APR_USEC_PER_SEC
#define SHORT (SECOND / 10)
#define SOON (20 * SECOND)

int __wrap_getaddrinfo(const char *host, const char *port,
                       const struct addrinfo *hints, struct addrinfo **list);
void __wrap_freeaddrinfo(struct addrinfo *list);
int __real_getaddrinfo(const char *host, const char *port,
                       const struct addrinfo *hints, struct addrinfo **list);
void __real_freeaddrinfo(struct addrinfo *list);

static int hanging;  /* atomic: "hang" hangs while it is 1 */
static int inside;   /* atomic: threads that hang */
static int answered; /* atomic: lists that were freed */
static volatile int stopping;

static struct addrinfo *list_of(int count)
{
    struct addrinfo *list = calloc((size_t)count, sizeof(*list));
    struct sockaddr_in *addrs = calloc((size_t)count, sizeof(*addrs));
    int i;

    for (i = 0; i < count; i++) {
        addrs[i].sin_family = AF_INET;
        addrs[i].sin_port = htons((uint16_t)(i + 1));
        list[i].ai_addr = (struct sockaddr *)&addrs[i];
        list[i].ai_addrlen = sizeof(addrs[i]);
        list[i].ai_next = i + 1 < count ? &list[i + 1] : NULL;
    }
    return list;
}

int __wrap_getaddrinfo(const char *host, const char *port,
                       const struct addrinfo *hints, struct addrinfo **list)
{
    if (hints->ai_flags & AI_NUMERICHOST) {
        return __real_getaddrinfo(host, port, hints, list);
    }
    if (!strcmp(host, "hang")) {
        __atomic_add_fetch(&inside, 1, __ATOMIC_SEQ_CST);
        while (__atomic_load_n(&hanging, __ATOMIC_SEQ_CST)) {
            usleep(1000);
        }
        __atomic_sub_fetch(&inside, 1, __ATOMIC_SEQ_CST);
    }
    if (!strcmp(host, "none")) {
        return EAI_NONAME;
    }
    if (!strcmp(host, "broken")) {
        return EAI_AGAIN;
    }
    *list = list_of(!strcmp(host, "many") ? 100 : 2);
    return 0;
}

void __wrap_freeaddrinfo(struct addrinfo *list)
{
    if (list->ai_addr->sa_family == AF_INET && list->ai_next != NULL) {
        __atomic_add_fetch(&answered, 1, __ATOMIC_SEQ_CST);
        free(list->ai_addr);
        free(list);
        return;
    }
    __real_freeaddrinfo(list);
}

static es_cluster_addresses_t found;

static apr_status_t find(const char *host, apr_interval_time_t time)
{
    return es_cluster_resolver_find(&found, host, 6379, &stopping,
                                    es_clock_now() + time);
}

static void hang(int is_hanging)
{
    __atomic_store_n(&hanging, is_hanging, __ATOMIC_SEQ_CST);
    while (!is_hanging && __atomic_load_n(&inside, __ATOMIC_SEQ_CST) != 0) {
        usleep(1000);
    }
    stopping = 0;
}

FACTS(an_address_needs_no_resolver)
{
    int before = __atomic_load_n(&answered, __ATOMIC_SEQ_CST);
    const struct sockaddr_in *addr =
        (const struct sockaddr_in *)&found.list[0].addr;

    assert_int_equal(find("127.0.0.1", 0), APR_SUCCESS);
    assert_int_equal(found.count, 1);
    assert_int_equal(addr->sin_port, htons(6379));
    assert_int_equal(addr->sin_addr.s_addr, htonl(INADDR_LOOPBACK));
    assert_int_equal(find("::1", 0), APR_SUCCESS);
    assert_int_equal(found.list[0].addr.ss_family, AF_INET6);
    assert_int_equal(__atomic_load_n(&answered, __ATOMIC_SEQ_CST), before);
}

FACTS(a_name_has_addresses)
{
    assert_int_equal(find("name", SOON), APR_SUCCESS);
    assert_int_equal(found.count, 2);
    assert_int_equal(((struct sockaddr_in *)&found.list[1].addr)->sin_port,
                     htons(2));
    assert_int_equal(find("many", SOON), APR_SUCCESS);
    assert_int_equal(found.count, ES_CLUSTER_ADDRESSES_MAX);
}

FACTS(a_name_that_has_none_is_told)
{
    assert_int_equal(find("none", SOON), APR_ENOENT);
    assert_int_equal(find("broken", SOON), APR_EGENERAL);
    assert_int_equal(find(repeat('a', 256).data, SOON), APR_ENOENT);
    assert_int_equal(es_cluster_resolver_find(&found, "name", 0, NULL,
                                              es_clock_now() + SOON),
                     APR_ENOENT);
}

FACTS(a_resolver_that_hangs_ends_at_the_deadline)
{
    apr_time_t start = es_clock_now();

    hang(1);
    assert_int_equal(find("hang", SHORT), APR_TIMEUP);
    assert_true(es_clock_now() - start >= SHORT);
    assert_true(es_clock_now() - start < SOON);
    assert_int_equal(find("name", SOON), APR_SUCCESS); /* others go on */
    hang(0);
}

static void *stop_soon(void *arg)
{
    (void)arg;
    usleep(20000);
    __atomic_store_n(&stopping, 1, __ATOMIC_RELAXED);
    return NULL;
}

FACTS(a_stop_ends_it)
{
    apr_time_t start = es_clock_now();
    pthread_t thread;

    hang(1);
    pthread_create(&thread, NULL, stop_soon, NULL);
    assert_int_equal(find("hang", 1000 * SECOND), APR_EOF);
    assert_true(es_clock_now() - start < SOON);
    pthread_join(thread, NULL);
    hang(0);
}

FACTS(a_limited_number_of_threads_hangs)
{
    apr_time_t until;
    int i;

    hang(1);
    for (i = 0; i < ES_CLUSTER_RESOLVER_THREADS; i++) {
        assert_int_equal(find("hang", 0), APR_TIMEUP);
    }
    assert_int_equal(find("hang", 0), APR_EBUSY);
    assert_int_equal(find("name", SOON), APR_EBUSY);
    assert_int_equal(find("127.0.0.1", 0), APR_SUCCESS);
    hang(0);
    /* the threads count until they have ended */
    until = es_clock_now() + SOON;
    while (find("name", SOON) == APR_EBUSY && es_clock_now() < until) {
        usleep(1000);
    }
    assert_int_equal(find("name", SOON), APR_SUCCESS);
}

static const struct CMUnitTest tests[] = {
    UNIT(an_address_needs_no_resolver),
    UNIT(a_name_has_addresses),
    UNIT(a_name_that_has_none_is_told),
    UNIT(a_resolver_that_hangs_ends_at_the_deadline),
    UNIT(a_stop_ends_it),
    UNIT(a_limited_number_of_threads_hangs),
};

UNIT_MAIN(tests)
