/* SPDX-License-Identifier: Apache-2.0 */
/*
 * httpd merges the settings of a Location request by request, and has compiled
 * the value of SetHandler. But the configuration as read is still there, as a
 * tree of lines, in which these searches run. A search looks at the lines next
 * to a SetHandler and around its section. Other sections that cover the same
 * Location are not found; the results are warnings only.
 */
#include "config/directives.h"
#include "config/setters.h"

#include <apr_network_io.h>
#include <apr_strings.h>
#include <apr_uri.h>
#include <http_config.h>

#include "server/advice.h"
#include "server/log.h"
#include "server/settings.h"

static int is_line(const ap_directive_t *line, const char *directive)
{
    return !strcasecmp(line->directive, directive);
}

static const char *first_word(const ap_directive_t *line, apr_pool_t *p)
{
    const char *args = line->args;

    return ap_getword_conf(p, &args);
}

static int publishes(const ap_directive_t *line, apr_pool_t *p)
{
    return is_line(line, "SetHandler") &&
           !strcmp(first_word(line, p), ES_HANDLER_PUBLISH);
}

/* ---- LimitRequestBody --------------------------------------------------- */

typedef struct search_t {
    apr_pool_t *p;
    const ap_directive_t *first; /* SetHandler of the first such place */
    int count;
} search_t;

static const ap_directive_t *siblings_of(const ap_directive_t *line)
{
    return line->parent ? line->parent->first_child : ap_conftree;
}

static int is_limited(const ap_directive_t *line, apr_pool_t *p)
{
    const ap_directive_t *level, *at, *limit = NULL;

    for (level = line; level && !limit; level = level->parent) {
        for (at = siblings_of(level); at; at = at->next) {
            if (is_line(at, "LimitRequestBody")) {
                limit = at; /* the last one of a section wins */
            }
        }
    }
    return !limit || apr_atoi64(first_word(limit, p)) != 0;
}

static void search(search_t *result, const ap_directive_t *line)
{
    for (; line; line = line->next) {
        if (publishes(line, result->p) && is_limited(line, result->p)) {
            result->first = result->first ? result->first : line;
            result->count++;
        }
        search(result, line->first_child);
    }
}

static void log_limits(apr_pool_t *ptemp, server_rec *s)
{
    search_t result = {ptemp, NULL, 0};

    search(&result, ap_conftree);
    if (result.count > 0) {
        es_advise(
            APLOG_NOTICE, s, "ES0110",
            "LimitRequestBody is not 0 where events are published (in %d "
            "section(s), first in %s, line %d): an NDJSON body ends with 413 "
            "at that many bytes; set LimitRequestBody 0 there",
            result.count, result.first->filename, result.first->line_num);
    }
}

/* ---- Virtual hosts that share the hub "default" ------------------------- */

/* What the lines outside of <VirtualHost> have, or those of one of them. */
typedef struct site_t {
    const char *name;                 /* ServerName; NULL = none */
    const ap_directive_t *publishing; /* SetHandler of the first Location */
    int has_hub;                      /* EventStreamUseHub, wherever it is */
} site_t;

static int is_host(const ap_directive_t *line)
{
    return is_line(line, "<VirtualHost");
}

static void look(site_t *site, const ap_directive_t *line, apr_pool_t *p)
{
    for (; line; line = line->next) {
        if (is_line(line, "ServerName")) {
            site->name = first_word(line, p);
        }
        else if (is_line(line, "EventStreamUseHub")) {
            site->has_hub = 1;
        }
        else if (!site->publishing && publishes(line, p)) {
            site->publishing = line;
        }
        if (!is_host(line)) {
            look(site, line->first_child, p);
        }
    }
}

/* "https://www.example.com:443" is the site of "www.example.com". */
static const char *host_of(const char *name, apr_pool_t *p)
{
    const char *scheme = name ? strstr(name, "://") : NULL;
    const char *host = scheme ? scheme + 3 : name;
    const char *port = host ? strrchr(host, ':') : NULL;

    return port ? apr_pstrmemdup(p, host, (apr_size_t)(port - host)) : host;
}

static int is_same_site(const site_t *a, const site_t *b, apr_pool_t *p)
{
    const char *one = host_of(a->name, p);
    const char *other = host_of(b->name, p);

    return one && other && !strcasecmp(one, other);
}

/* Takes a host into the sites, if it publishes into the hub without a word. */
static void add_site(apr_array_header_t *sites, const site_t *site)
{
    int i;

    if (!site->publishing || site->has_hub) {
        return;
    }
    for (i = 0; i < sites->nelts; i++) {
        if (is_same_site(&APR_ARRAY_IDX(sites, i, site_t), site, sites->pool)) {
            return; /* a site has a host for each of its ports */
        }
    }
    APR_ARRAY_PUSH(sites, site_t) = *site;
}

static apr_array_header_t *find_sites(apr_pool_t *ptemp)
{
    apr_array_header_t *sites = apr_array_make(ptemp, 4, sizeof(site_t));
    site_t outside = {0};
    const ap_directive_t *line;

    look(&outside, ap_conftree, ptemp);
    add_site(sites, &outside);
    for (line = ap_conftree; line && !outside.has_hub; line = line->next) {
        if (is_host(line)) {
            site_t host = {0};

            look(&host, line->first_child, ptemp);
            add_site(sites, &host);
        }
    }
    return sites;
}

static void log_sites(apr_pool_t *ptemp, server_rec *s)
{
    const apr_array_header_t *sites = find_sites(ptemp);
    const ap_directive_t *first, *second;

    if (sites->nelts < 2) {
        return;
    }
    first = APR_ARRAY_IDX(sites, 0, site_t).publishing;
    second = APR_ARRAY_IDX(sites, 1, site_t).publishing;
    es_advise(
        APLOG_NOTICE, s, "ES0111",
        "%d hosts publish into the hub default (%s, line %d; %s, line %d): "
        "the channels of one are those of the others; give each a hub by "
        "EventStreamUseHub, or write EventStreamUseHub default",
        sites->nelts, first->filename, first->line_num, second->filename,
        second->line_num);
}

/* ---- ChrootDir ----------------------------------------------------------- */

/* Has the URL a name, which a resolver must look up, or a certificate? */
static int needs_files(const char *url, apr_pool_t *p)
{
    apr_uri_t uri;
    apr_ipsubnet_t *address;

    return apr_uri_parse(p, url, &uri) == APR_SUCCESS && uri.hostname &&
           (!strcasecmp(uri.scheme, "https") ||
            apr_ipsubnet_create(&address, uri.hostname, NULL, p) !=
                APR_SUCCESS);
}

/* @return the first proxy that children in a ChrootDir may miss, or NULL */
static const char *find_proxy(const es_settings_t *global, apr_pool_t *p)
{
    int i, k;

    for (i = 0; i < global->hubs->nelts; i++) {
        const es_grip_t *grip =
            APR_ARRAY_IDX(global->hubs, i, es_hub_conf_t).grip;

        for (k = 0; grip && k < grip->proxies->nelts; k++) {
            const char *name =
                APR_ARRAY_IDX(grip->proxies, k, const es_proxy_t *)->name;

            if (needs_files(name, p)) {
                return name;
            }
        }
    }
    return NULL;
}

static void log_chroot(apr_pool_t *ptemp, server_rec *s)
{
    const char *proxy = find_proxy(es_settings_of(s), ptemp);
    const ap_directive_t *line;

    for (line = ap_conftree; proxy && line; line = line->next) {
        if (is_line(line, "ChrootDir")) {
            es_advise(
                APLOG_WARNING, s, "ES0112",
                "ChrootDir %s: children look there for the files of the "
                "resolver (etc/resolv.conf) and the certificates of https; "
                "without them nothing reaches the GRIP proxy %s; put them "
                "there, or give EventStreamGrip an address and http",
                first_word(line, ptemp), proxy);
            return;
        }
    }
}

/* ---- Patterns that match a part of a path -------------------------------- */

/* A group, its options and flags stand before what it matches. */
static const char *skip_groups(const char *regex)
{
    while (*regex == '(') {
        const char *end = regex[1] == '?' ? strpbrk(regex, ":)>") : regex;

        regex = end ? end + 1 : "";
    }
    return regex;
}

static int begins_at_the_start(const char *regex)
{
    regex = skip_groups(regex);
    return *regex == '^' || !strncmp(regex, "\\A", 2);
}

static int ends_at_the_end(const char *regex)
{
    apr_size_t len = strlen(regex);

    while (len > 0 && regex[len - 1] == ')') {
        len--;
    }
    return len >= 2 && (regex[len - 1] == '$'
                            ? regex[len - 2] != '\\'
                            : regex[len - 2] == '\\' && regex[len - 1] == 'z');
}

static int gives_tokens(const char *regex)
{
    return strstr(regex, "(?<") || strstr(regex, "(?P<") ||
           strstr(regex, "(?'");
}

static int is_location(const ap_directive_t *line)
{
    return is_line(line, "<Location") || is_line(line, "<LocationMatch");
}

static int has_line(const ap_directive_t *line, const char *directive)
{
    for (; line; line = line->next) {
        if (is_line(line, directive) ||
            has_line(line->first_child, directive)) {
            return 1;
        }
    }
    return 0;
}

static void log_patterns(const ap_directive_t *line, apr_pool_t *ptemp,
                         server_rec *s)
{
    for (; line; line = line->next) {
        const char *regex =
            is_location(line) ? es_tokens_regex(line, ptemp) : NULL;

        if (regex && gives_tokens(regex) &&
            has_line(line->first_child, "EventStreamChannel") &&
            !(begins_at_the_start(regex) && ends_at_the_end(regex))) {
            es_advise(
                APLOG_NOTICE, s, "ES0114",
                "%s, line %d: \"%s\" also matches within other paths, and "
                "gives their parts to EventStreamChannel, while the "
                "sections that protect a channel's own path do not apply; "
                "begin it with ^ and end it with $",
                line->filename, line->line_num, regex);
        }
        log_patterns(line->first_child, ptemp, s);
    }
}

void es_warnings_log(apr_pool_t *ptemp, server_rec *s)
{
    log_patterns(ap_conftree, ptemp, s);
    log_limits(ptemp, s);
    log_sites(ptemp, s);
    log_chroot(ptemp, s);
    es_stream_setters_warn(s);
}
