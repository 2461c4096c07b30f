/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A browser sends the origin of a page in one form only: without user, path and
 * the preset port of its scheme, and with an international name as xn--. What
 * has another form would never match, so each message names the right one.
 */
#include "base/origin.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include <apr_lib.h>

#define SCHEME_END "://"
#define ANY_HOST "*."
#define PORT_MAX 65535

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"
#define HOST_BYTES LETTERS DIGITS "-_."

/* The longest text of an IPv6 address, with its NUL. */
#define ADDRESS_SIZE 46

/* Browsers leave out the preset port of a scheme. */
static const struct {
    const char *scheme;
    const char *port;
} presets[] = {{"http", "80"}, {"https", "443"}};

static int is_word(const char *text, size_t len, const char *word)
{
    return len == strlen(word) && !strncasecmp(text, word, len);
}

/* ---- Scheme ------------------------------------------------------------ */

static const char *check_scheme(const char *scheme, size_t len)
{
    if (!len || !apr_isalpha(*scheme) ||
        strspn(scheme, LETTERS DIGITS "+-.") != len) {
        return "it must begin with the scheme of the page, https:// or http://";
    }
    if (is_word(scheme, len, "ws") || is_word(scheme, len, "wss")) {
        return "no page has this scheme; an origin is that of the page, which "
               "begins with https:// or http://";
    }
    return NULL;
}

/* ---- Host -------------------------------------------------------------- */

/* Why an origin cannot contain this byte. */
static const char *check_byte(char c)
{
    switch (c) {
    case '/':
    case '?':
    case '#': return "it must end after host and port, without '/' and a path";
    case '@': return "browsers send no user; remove the part up to '@'";
    case '*':
        return "'*' may stand only once, as the first part of the host: "
               "https://*.example.com";
    case ',':
    case ';':
    case ' ': return "separate origins by blanks outside of quotes";
    case '"':
    case '\'':
        return "it must have no quotes in it; httpd removes only those around "
               "the whole word";
    case '{':
    case '}':
    case '%': return "it takes no tokens, expressions and escapes";
    default:
        return (unsigned char)c >= 0x80
                   ? "browsers send an international name in its form with xn--"
                   : "its host must be a name or an address";
    }
}

static const char *check_name(const char *host, size_t len)
{
    char address[ADDRESS_SIZE];
    struct in_addr v4;

    if (!len || *host == '.' || strstr(host, "..")) {
        return "a part of its host is empty";
    }
    if (host[len - 1] == '.') {
        return "its host must not end with '.'";
    }
    if (strspn(host, DIGITS ".") < len) {
        return NULL;
    }
    if (len >= sizeof(address)) {
        return "its address is not valid";
    }
    memcpy(address, host, len);
    address[len] = '\0';
    return inet_pton(AF_INET, address, &v4) == 1 ? NULL
                                                 : "its address is not valid";
}

/* Of "[address]" with *len bytes; sets *len. */
static const char *check_bracket(const char *host, size_t *len)
{
    const char *close = strchr(host, ']');
    char address[ADDRESS_SIZE];
    struct in6_addr v6;
    size_t size = close ? (size_t)(close - host) - 1 : 0;

    if (!size || size >= sizeof(address)) {
        return "its address is not valid";
    }
    memcpy(address, host + 1, size);
    address[size] = '\0';
    *len = size + 2;
    return inet_pton(AF_INET6, address, &v6) == 1 ? NULL
                                                  : "its address is not valid";
}

/* Sets *len to the length of the host, up to the port or what follows. */
static const char *check_host(const char *host, size_t *len)
{
    const char *err;
    size_t skip = strncmp(host, ANY_HOST, strlen(ANY_HOST)) ? 0 : 2;

    if (*host == '[') {
        return check_bracket(host, len);
    }
    *len = strspn(host + skip, HOST_BYTES);
    if (host[skip + *len] && host[skip + *len] != ':') {
        return check_byte(host[skip + *len]);
    }
    err = check_name(host + skip, *len);
    if (!err && skip && strspn(host + skip, DIGITS ".") == *len) {
        err = "an address has no subdomains";
    }
    *len += skip;
    return err;
}

/* ---- Port -------------------------------------------------------------- */

static const char *check_port(const char *scheme, size_t scheme_len,
                              const char *port)
{
    size_t i, len = strspn(port, DIGITS);
    int value = 0;

    if (port[len]) {
        return apr_isalpha(port[len]) ? "its port must be a number"
                                      : check_byte(port[len]);
    }
    for (i = 0; i < len && value <= PORT_MAX; i++) {
        value = value * 10 + (port[i] - '0');
    }
    if (!len || *port == '0' || value > PORT_MAX) {
        return "its port must be a number from 1 to 65535";
    }
    for (i = 0; i < sizeof(presets) / sizeof(presets[0]); i++) {
        if (is_word(scheme, scheme_len, presets[i].scheme) &&
            !strcmp(port, presets[i].port)) {
            return "browsers leave this port out, because it is the preset of "
                   "the scheme; remove it";
        }
    }
    return NULL;
}

const char *es_origin_check(const char *text)
{
    const char *end = strstr(text, SCHEME_END);
    size_t scheme_len = end ? (size_t)(end - text) : 0, host_len = 0;
    const char *err = check_scheme(text, scheme_len);
    const char *host, *rest;

    if (err) {
        return err;
    }
    host = end + strlen(SCHEME_END);
    err = check_host(host, &host_len);
    if (err) {
        return err;
    }
    rest = host + host_len;
    if (*rest == ':') {
        return check_port(text, scheme_len, rest + 1);
    }
    return *rest ? check_byte(*rest) : NULL;
}

/* ---- Matching ---------------------------------------------------------- */

/* One or more parts of a host, as a client may have sent them. */
static int is_subdomain(const char *text, size_t len)
{
    size_t i;

    for (i = 0; i < len; i++) {
        if (!memchr(HOST_BYTES, text[i], strlen(HOST_BYTES)) ||
            (text[i] == '.' && (i == 0 || text[i - 1] == '.'))) {
            return 0;
        }
    }
    return len != 0 && text[len - 1] != '.';
}

int es_origin_matches(const char *listed, const char *origin)
{
    const char *any = strstr(listed, SCHEME_END ANY_HOST);
    size_t head, tail, len = strlen(origin);

    if (!any) {
        return !strcasecmp(listed, origin);
    }
    head = (size_t)(any - listed) + strlen(SCHEME_END);
    any = listed + head + 1; /* ".example.com:8443" */
    tail = strlen(any);
    return len > head + tail && !strncasecmp(listed, origin, head) &&
           !strcasecmp(origin + len - tail, any) &&
           is_subdomain(origin + head, len - head - tail);
}
