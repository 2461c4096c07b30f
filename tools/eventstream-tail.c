/* SPDX-License-Identifier: Apache-2.0 */
/*
 * eventstream-tail: follow the event streams of a server in a terminal,
 * publish, list channels, revoke users, look at the status, check it. It is a
 * client like any other, and knows of the server what its URLs tell.
 *
 *     options ─► follow ─► stream ─► output
 *                publish            (also channels, revocations)
 *                figures ─► check
 *
 * All but the arrows' ends speak HTTP by http.
 */
#include <stdio.h>
#include <stdlib.h>

#include <apr_general.h>
#include <curl/curl.h>

#include "tools/check.h"
#include "tools/figures.h"
#include "tools/follow.h"
#include "tools/options.h"
#include "tools/publish.h"

static int run(const et_options_t *options, apr_pool_t *p)
{
    switch (options->mode) {
    case ET_PUBLISH: return et_publish(options, p);
    case ET_LIST: return et_publish_list(options, p);
    case ET_REVOKE: return et_publish_revoke(options, p);
    case ET_STATUS: return et_figures_print(options, p);
    case ET_CHECK: return et_check(options, p);
    default: return et_follow(options, p);
    }
}

int main(int argc, char **argv)
{
    et_options_t options;
    apr_pool_t *pool;
    int status;

    if (apr_initialize() != APR_SUCCESS ||
        curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        et_options_complain("cannot start");
        return ET_CHECK_UNKNOWN;
    }
    atexit(apr_terminate);
    apr_pool_create(&pool, NULL);
    if (et_options_read(&options, argc, argv, pool, &status)) {
        status = run(&options, pool);
    }
    curl_global_cleanup();
    return status;
}
