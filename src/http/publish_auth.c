/* SPDX-License-Identifier: Apache-2.0 */
/* A request is admitted if one word of EventStreamPublishFrom admits it. */
#include "http/publish.h"

#include <http_core.h>
#include <http_vhost.h>
#include <apr_network_io.h>
#include <apr_strings.h>

#include <arpa/inet.h>

#define LOOPBACK_NET 127

/* Without the directive only requests from this host are admitted. */
static const es_publish_from_t preset = {.local = 1};

/* A request with one of these headers came through a proxy, or from one. */
static const char *const proxy_headers[] = {
    "Grip-Sig", "Forwarded", "X-Forwarded-For", "X-Real-IP", "Via",
};

#define PROXY_HEADERS (sizeof(proxy_headers) / sizeof(proxy_headers[0]))

static int is_loopback6(const struct in6_addr *address)
{
    /* a dual-stack socket shows 127.0.0.0/8 as ::ffff:127.0.0.0/104 */
    return IN6_IS_ADDR_LOOPBACK(address) ||
           (IN6_IS_ADDR_V4MAPPED(address) &&
            address->s6_addr[12] == LOOPBACK_NET);
}

static int is_loopback(const apr_sockaddr_t *address)
{
    switch (address->family) {
    case APR_INET:
        return ntohl(address->sa.sin.sin_addr.s_addr) >> 24 == LOOPBACK_NET;
#if APR_HAVE_IPV6
    case APR_INET6: return is_loopback6(&address->sa.sin6.sin6_addr);
#endif
#if APR_HAVE_SOCKADDR_UN
    case APR_UNIX: return 1;
#endif
    default: return 0;
    }
}

static const char *proxy_header(const request_rec *r)
{
    size_t i;

    for (i = 0; i < PROXY_HEADERS; i++) {
        if (apr_table_get(r->headers_in, proxy_headers[i])) {
            return proxy_headers[i];
        }
    }
    return NULL;
}

static int is_browser(const request_rec *r)
{
    return apr_table_get(r->headers_in, "Origin") ||
           apr_table_get(r->headers_in, "Sec-Fetch-Site");
}

static int is_loopback_name(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;

    return !strcasecmp(host, "localhost") ||
           (inet_pton(AF_INET, host, &v4) == 1 &&
            ntohl(v4.s_addr) >> 24 == LOOPBACK_NET) ||
           (inet_pton(AF_INET6, host, &v6) == 1 && is_loopback6(&v6));
}

/* DNS rebinding: a page's host name was made to resolve to this host. Its
 * requests come from a local browser, which takes them for same-origin. They
 * are recognised by the host name, which is not one of this server's. */
static int is_rebound(request_rec *r)
{
    const char *host = r->hostname;

    return is_browser(r) &&
           (!host ||
            (!is_loopback_name(host) &&
             !ap_matches_request_vhost(r, host, ap_get_server_port(r))));
}

static int is_local(request_rec *r)
{
    return is_loopback(r->connection->client_addr) &&
           is_loopback(r->useragent_addr) && !proxy_header(r) && !is_rebound(r);
}

static int is_in_net(const request_rec *r, const apr_array_header_t *net)
{
    int i;

    for (i = 0; net && i < net->nelts; i++) {
        if (apr_ipsubnet_test(APR_ARRAY_IDX(net, i, apr_ipsubnet_t *),
                              r->useragent_addr)) {
            return 1;
        }
    }
    return 0;
}

/* Some providers let clients in without a name: r->user is "", for example with
 * mod_auth_openidc's "pass" and mod_authn_anon's Anonymous_NoUserID. */
static int is_user(const request_rec *r)
{
    return r->user && *r->user;
}

static const char *describe_user(const request_rec *r)
{
    return is_user(r) ? "a user"
           : r->user  ? "a user with an empty name"
                      : "no user";
}

/* Lets the administrator find out which word would admit the request. */
static const char *describe_request(request_rec *r)
{
    const char *header = proxy_header(r);
    const char *peer = r->connection->client_ip;
    const char *client = r->useragent_ip;

    if (is_rebound(r)) {
        return apr_psprintf(r->pool,
                            "a browser's page of the host %s, which is no "
                            "ServerName or ServerAlias of this server",
                            r->hostname ? r->hostname : "(none)");
    }
    return apr_psprintf(
        r->pool, "client %s%s%s, %s%s, %s", client ? client : "unknown",
        peer && client && strcmp(peer, client) ? " by way of " : "",
        peer && client && strcmp(peer, client) ? peer : "",
        header ? "a proxy's header " : "no proxy's header",
        header ? header : "", describe_user(r));
}

int es_publish_auth_admits(request_rec *r, const es_dir_t *conf,
                           es_problem_t *why)
{
    const es_publish_from_t *from = conf->from ? conf->from : &preset;

    if (from->any || (from->user && is_user(r)) ||
        (from->local && is_local(r)) || is_in_net(r, from->net)) {
        return 1;
    }
    es_problem_set(why, r->pool, HTTP_FORBIDDEN,
                   "Publishing is not allowed from here.");
    if (from->none) {
        why->remedy = "EventStreamPublishFrom none closes this Location.";
        return 0;
    }
    why->remedy = apr_psprintf(
        r->pool, "EventStreamPublishFrom %s does not admit the request: %s.",
        conf->from ? "of this Location" : "local (the preset)",
        describe_request(r));
    return 0;
}
