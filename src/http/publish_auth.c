/* SPDX-License-Identifier: Apache-2.0 */
/* A request is admitted if one word of EventStreamPublishFrom, or for control
 * of EventStreamControlFrom, admits it. */
#include "http/publish.h"

#include <http_core.h>
#include <apr_lib.h>
#include <apr_network_io.h>
#include <apr_strings.h>

#include <arpa/inet.h>

#include "http/token_access.h"

#define LOOPBACK_NET 127

/* Without the directive only requests from this host are admitted. */
static const es_publish_from_t preset = {.local = 1};

/* A request with one of these headers came through a proxy, or from one. The
 * "*" at the end of a name stands for anything. */
static const char *const proxy_headers[] = {
    "CDN-Loop",
    "CF-*",
    "Client-IP",
    "CloudFront-*",
    "Fastly-*",
    "Fly-*",
    "Forwarded",
    "Front-End-Https",
    "Grip-Sig",
    "Incap-Client-IP",
    "Proxy-Client-IP",
    "Surrogate-Capability",
    "Tailscale-*",
    "True-Client-IP",
    "Via",
    "WL-Proxy-*",
    "X-ARR-*",
    "X-Appengine-*",
    "X-Azure-*",
    "X-Client-IP",
    "X-Cluster-Client-IP",
    "X-Envoy-*",
    "X-Forward-For",
    "X-Forwarded*",
    "X-NginX-Proxy",
    "X-Original-*",
    "X-Originating-IP",
    "X-ProxyUser-IP",
    "X-Real-*",
    "X-Remote-Addr",
    "X-Remote-IP",
    "X-Rewrite-URL",
    "X-Varnish",
};

#define PROXY_HEADERS (sizeof(proxy_headers) / sizeof(proxy_headers[0]))

/* What in the request as it was received shows a proxy; "" = nothing does. Only
 * the request that httpd read has the note, if its peer is this host. */
#define PROXY_NOTE "eventstream-proxy"

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

static int is_name_of(const char *pattern, const char *name)
{
    apr_size_t len;

    if (apr_tolower(*pattern) != apr_tolower(*name)) {
        return 0; /* mostly; each request of this host comes here */
    }
    len = strlen(pattern) - 1;
    return pattern[len] == '*' ? !strncasecmp(pattern, name, len)
                               : !strcasecmp(pattern, name);
}

static int is_proxy_header(const char *name)
{
    size_t i;

    for (i = 0; i < PROXY_HEADERS; i++) {
        if (is_name_of(proxy_headers[i], name)) {
            return 1;
        }
    }
    return 0;
}

/* What in the headers, as they are now, shows a proxy; "" = nothing does. */
static const char *find_proxy(const request_rec *r)
{
    const apr_array_header_t *headers = apr_table_elts(r->headers_in);
    int i;

    for (i = 0; i < headers->nelts; i++) {
        const char *name =
            APR_ARRAY_IDX(headers, i, const apr_table_entry_t).key;

        if (is_proxy_header(name)) {
            return apr_psprintf(r->pool, "a proxy's header %.64s", name);
        }
    }
    /* nginx adds no header by its presets, and older versions send this */
    return r->proto_num < HTTP_VERSION(1, 1)
               ? "HTTP/1.0, as proxies send it (a publisher on this host must "
                 "send HTTP/1.1)"
               : "";
}

/* Modules remove headers before our handler runs: mod_headers removes what
 * RequestHeader unset says, mod_remoteip the header that it has read. */
int es_publish_auth_look(request_rec *r)
{
    if (!r->prev && !r->main && is_loopback(r->connection->client_addr)) {
        apr_table_setn(r->notes, PROXY_NOTE, find_proxy(r));
    }
    return DECLINED;
}

/* NULL: httpd has not read the request, or from another host. */
static const char *noted_proxy(const request_rec *r)
{
    while (r->main || r->prev) {
        r = r->main ? r->main : r->prev;
    }
    return apr_table_get(r->notes, PROXY_NOTE);
}

/* mod_remoteip and its kin replace the address by that of a proxy's client,
 * which may be the same. */
static int has_client_of_proxy(const request_rec *r)
{
    return r->useragent_addr != r->connection->client_addr;
}

int es_publish_auth_shows_proxy(const request_rec *r)
{
    const char *noted = noted_proxy(r);

    return (noted && *noted) || has_client_of_proxy(r) || *find_proxy(r);
}

static int is_direct(const request_rec *r)
{
    const char *proxy = noted_proxy(r);

    return proxy && !*proxy && !has_client_of_proxy(r);
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

static int is_in_names(const apr_array_header_t *names, const char *host)
{
    int i;

    for (i = 0; names && i < names->nelts; i++) {
        if (!ap_strcasecmp_match(host, APR_ARRAY_IDX(names, i, const char *))) {
            return 1;
        }
    }
    return 0;
}

/* ap_matches_request_vhost also compares the port, and no port matches a
 * ServerName without one. Names alone matter: a page cannot choose ours. */
static int is_own_name(const server_rec *s, const char *host)
{
    const server_addr_rec *address;

    for (address = s->addrs; address; address = address->next) {
        if (!strcasecmp(host, address->virthost)) {
            return 1;
        }
    }
    return (s->server_hostname && !strcasecmp(host, s->server_hostname)) ||
           is_in_names(s->names, host) || is_in_names(s->wild_names, host);
}

/* DNS rebinding: a page's host name was made to resolve to this host. Its
 * requests come from a browser on this host or in an admitted network, which
 * takes them for same-origin. They are recognised by the host name, which is
 * not one of this server's. A GET or HEAD may always be one of them: over plain
 * HTTP browsers send no header with it that shows a page. */
static int is_rebound(const request_rec *r)
{
    const char *host = r->hostname;

    return (is_browser(r) || r->method_number == M_GET) &&
           (!host ||
            (!is_loopback_name(host) && !is_own_name(r->server, host)));
}

static int is_local(const request_rec *r)
{
    return is_loopback(r->connection->client_addr) && is_direct(r) &&
           !is_rebound(r);
}

/* A page can rebind a name, but not an address: that is no question of DNS. */
static int is_address(const char *host)
{
    struct in6_addr address;

    return host && (inet_pton(AF_INET, host, &address) == 1 ||
                    inet_pton(AF_INET6, host, &address) == 1);
}

int es_publish_auth_names_server(const request_rec *r)
{
    return !is_rebound(r) || is_address(r->hostname);
}

static int is_in_net(const request_rec *r, const apr_array_header_t *net)
{
    int i;

    for (i = 0; net && i < net->nelts; i++) {
        if (apr_ipsubnet_test(APR_ARRAY_IDX(net, i, apr_ipsubnet_t *),
                              r->useragent_addr)) {
            return es_publish_auth_names_server(r);
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

/* Begins with a comma; "" if the host is this server's. */
static const char *describe_host(const request_rec *r)
{
    if (!is_rebound(r)) {
        return "";
    }
    return apr_psprintf(r->pool,
                        ", a %s of the host %s, which is no ServerName or "
                        "ServerAlias of this server",
                        is_browser(r) ? "browser's page" : "GET or HEAD",
                        r->hostname ? r->hostname : "(none)");
}

/* Lets the administrator find out which word would admit the request. */
static const char *describe_request(const request_rec *r)
{
    const char *proxy = noted_proxy(r);
    const char *client = r->useragent_ip;
    int is_via = has_client_of_proxy(r);

    if (!proxy) {
        proxy = find_proxy(r);
    }
    return apr_psprintf(
        r->pool, "client %s%s%s, %s, %s%s", client ? client : "unknown",
        is_via ? " by way of " : "", is_via ? r->connection->client_ip : "",
        *proxy ? proxy : "no proxy's header", describe_user(r),
        describe_host(r));
}

/* The words that name machines, not visitors. */
static int is_admitted_machine(const request_rec *r,
                               const es_publish_from_t *from)
{
    return (from->local && is_local(r)) || is_in_net(r, from->net);
}

static int is_admitted_by(const request_rec *r, const es_publish_from_t *from)
{
    return from->any || (from->user && is_user(r)) ||
           is_admitted_machine(r, from);
}

static const es_publish_from_t *from_of(const es_dir_t *conf)
{
    return conf->from ? conf->from : &preset;
}

/* Then a key alone decides: no other word is asked. */
static int needs_key(const es_dir_t *conf)
{
    return conf->keys && conf->keys->count > 0 && !from_of(conf)->none;
}

int es_publish_auth_admits(request_rec *r, const es_dir_t *conf,
                           es_problem_t *why)
{
    const es_publish_from_t *from = from_of(conf);

    if (!needs_key(conf) && is_admitted_by(r, from)) {
        return 1;
    }
    if (!from->none && es_token_access_opens(r)) {
        return 1;
    }
    if (needs_key(conf)) {
        return es_publish_key_admits(r, conf->keys, why);
    }
    es_problem_set(why, r->pool, HTTP_FORBIDDEN,
                   "Publishing is not allowed from here.");
    if (from->none) {
        return es_problem_remedy(
            why, ES_REMEDY_PUBLISH_FROM,
            "EventStreamPublishFrom none closes this Location.");
    }
    return es_problem_remedy(
        why, ES_REMEDY_PUBLISH_FROM,
        apr_psprintf(r->pool,
                     "EventStreamPublishFrom %s does not admit the request: "
                     "%s.",
                     conf->from ? "of this Location" : "local (the preset)",
                     describe_request(r)));
}

/* "none" closes to tokens, too; ControlFrom counts where it is set. */
static int is_admitted_by_token(request_rec *r, const es_dir_t *conf)
{
    return !(conf->control ? conf->control->none : from_of(conf)->none) &&
           es_token_access_controls(r);
}

static int is_admitted_by_words(request_rec *r, const es_dir_t *conf)
{
    return conf->control
               ? is_admitted_by(r, conf->control)
               : !needs_key(conf) && is_admitted_machine(r, from_of(conf));
}

int es_publish_auth_controls(request_rec *r, const es_dir_t *conf)
{
    es_problem_t why;

    return is_admitted_by_words(r, conf) || is_admitted_by_token(r, conf) ||
           (!conf->control && needs_key(conf) &&
            es_publish_key_admits(r, conf->keys, &why));
}

int es_publish_auth_admits_control(request_rec *r, const es_dir_t *conf,
                                   es_problem_t *why)
{
    if (is_admitted_by_words(r, conf) ||
        (is_admitted_by_token(r, conf) && es_token_access_opens(r))) {
        return 1;
    }
    if (!conf->control && needs_key(conf)) {
        return es_publish_key_admits(r, conf->keys, why);
    }
    es_problem_set(why, r->pool, HTTP_FORBIDDEN,
                   "Closing channels and reading statistics is not allowed "
                   "from here.");
    if (!conf->control && from_of(conf)->none) {
        return es_problem_remedy(
            why, ES_REMEDY_CONTROL_FROM,
            "EventStreamPublishFrom none closes this Location; "
            "EventStreamControlFrom in its section opens it for closing and "
            "statistics.");
    }
    return es_problem_remedy(
        why, ES_REMEDY_CONTROL_FROM,
        apr_psprintf(r->pool,
                     "EventStreamControlFrom %s does not admit the request: "
                     "%s.",
                     conf->control
                         ? "of this Location"
                         : "(preset: local and the addresses of "
                           "EventStreamPublishFrom, without user and any)",
                     describe_request(r)));
}
