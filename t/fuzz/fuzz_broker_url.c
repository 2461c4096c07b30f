/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text as the URL of a broker. What is shown of it, in logs or as a
 * refusal, never has the password, and is a URL of the same hosts itself.
 */
#include "fuzz.h"

#include "cluster/url.h"

#define SECRET "pa55word"

static void same_hosts(const es_cluster_url_t *a, const es_cluster_url_t *b)
{
    int i;

    PROMISE(a->nhosts == b->nhosts && a->db == b->db);
    PROMISE(a->is_tls == b->is_tls && a->is_sentinel == b->is_sentinel);
    PROMISE(!a->path == !b->path && (!a->path || !strcmp(a->path, b->path)));
    PROMISE(!a->name == !b->name && (!a->name || !strcmp(a->name, b->name)));
    for (i = 0; i < a->nhosts; i++) {
        PROMISE(!strcmp(a->hosts[i].host, b->hosts[i].host));
        PROMISE(a->hosts[i].port == b->hosts[i].port);
    }
}

static void check(const es_cluster_url_t *url, apr_pool_t *p)
{
    const es_cluster_url_t *shown;
    int i;

    PROMISE(url->path ? url->nhosts == 0 : url->nhosts >= 1);
    PROMISE(url->nhosts <= (url->is_sentinel ? ES_CLUSTER_HOSTS_MAX : 1));
    PROMISE(!url->is_sentinel == !url->name);
    PROMISE(url->db >= 0 && url->db <= ES_CLUSTER_DB_MAX);
    PROMISE(!url->user || *url->user);
    PROMISE(!url->password || *url->password);
    for (i = 0; i < url->nhosts; i++) {
        PROMISE(*url->hosts[i].host && strlen(url->hosts[i].host) <= 253);
        PROMISE(url->hosts[i].port >= 1 && url->hosts[i].port <= 65535);
    }
    PROMISE(!es_cluster_url_parse(&shown, url->display, p));
    PROMISE(!shown->user && !shown->password);
    same_hosts(url, shown);
}

/* The URL with a password of ours: redis://:pa55word@… */
static void check_secret(const char *text, apr_pool_t *p)
{
    const char *after = strstr(text, "://");
    const es_cluster_url_t *url;
    const char *err;

    if (!after || strstr(text, SECRET)) {
        return;
    }
    text = apr_psprintf(p, "%.*s:" SECRET "@%s", (int)(after + 3 - text), text,
                        after + 3);
    err = es_cluster_url_parse(&url, text, p);
    PROMISE(!err || !strstr(err, SECRET));
    PROMISE(err || !strstr(url->display, SECRET));
}

FUZZ(text, p)
{
    const char *string = fuzz_string(text, p);
    const es_cluster_url_t *url;
    const char *err = es_cluster_url_parse(&url, string, p);

    PROMISE(!err || !strncmp(err, "the URL ", 8));
    if (!err) {
        check(url, p);
    }
    check_secret(string, p);
}
