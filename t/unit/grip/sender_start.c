/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of grip/sender.c: a sender that cannot start gives back all that it has
 * opened. */
#include "t/unit/unit.h"

#include <dirent.h>
#include <unistd.h>

#include "t/unit/deny_threads.h"
#include "grip/sender.h"

static int count_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int count = 0;

    assert_non_null(dir);
    while (readdir(dir) != NULL) {
        count++;
    }
    closedir(dir);
    return count;
}

/* A hub with one proxy; no event is published, so nothing is posted. */
static void hub_make(es_sender_hub_t *hub)
{
    es_grip_t *grip = apr_pcalloc(pool, sizeof(*grip));
    es_proxy_t *proxy = apr_pcalloc(pool, sizeof(*proxy));

    memset(hub, 0, sizeof(*hub));
    proxy->name = "proxy";
    proxy->publish_uri = "http://127.0.0.1:9/publish/";
    grip->proxies = apr_array_make(pool, 1, sizeof(es_proxy_t *));
    APR_ARRAY_PUSH(grip->proxies, es_proxy_t *) = proxy;
    hub->name = "hub";
    hub->grip = grip;
}

static es_outbox_shm_t *outbox_shm_make(const int *wake_fds)
{
    es_outbox_shm_t *outbox_shm;
    void *mem = apr_pcalloc(pool, es_outbox_shm_size(1));

    assert_int_equal(es_outbox_shm_format(mem, 1), APR_SUCCESS);
    assert_int_equal(es_outbox_shm_attach(&outbox_shm, mem, 1, wake_fds, pool),
                     APR_SUCCESS);
    return outbox_shm;
}

FACTS(a_failed_start_gives_back_all_descriptors)
{
    es_sender_params_t params = {0};
    es_sender_hub_t hub;
    es_sender_t *sender;
    int wake_fd = dup(0);
    int before;

    hub_make(&hub);
    params.outbox_shm = outbox_shm_make(&wake_fd);
    params.child = 1;
    params.hubs = &hub;
    params.nhubs = 1;
    unit_deny_threads();
    /* libraries open descriptors at their first use, and keep them */
    assert_int_not_equal(es_sender_start(&sender, &params, pool), APR_SUCCESS);
    before = count_descriptors();
    assert_int_not_equal(es_sender_start(&sender, &params, pool), APR_SUCCESS);
    assert_int_equal(count_descriptors(), before);
    unit_allow_threads();
    close(wake_fd);
}

static const struct CMUnitTest tests[] = {
    UNIT(a_failed_start_gives_back_all_descriptors),
};

UNIT_MAIN(tests)
