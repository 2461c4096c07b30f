/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing is sent to another host than that of the URL: redirects are not
 * followed, since the headers may have a key. */
#include "tools/http.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "base/slice.h"

#include "tools/output.h"

#define BODY_MAX (16 * 1024 * 1024)
#define KEY_MAX 8192
#define CONNECT_TIMEOUT 10L
#define ANSWER_TIMEOUT 60L /* of a request that is no stream */
#define SENTENCE_MAX 300

/* ---- Texts --------------------------------------------------------------- */

const char *et_http_escape(const char *text, apr_pool_t *p)
{
    char *to, *start = apr_palloc(p, strlen(text) * 3 + 1);

    for (to = start; *text; text++) {
        if (apr_isalnum(*text) || strchr("-._~", *text)) {
            *to++ = *text;
        }
        else {
            to += snprintf(to, 4, "%%%02X", (unsigned char)*text);
        }
    }
    *to = '\0';
    return start;
}

static const char *add(const char *url, const char *pair, apr_pool_t *p)
{
    if (!*pair) {
        return url;
    }
    return apr_pstrcat(p, url, strchr(url, '?') ? "&" : "?", pair, NULL);
}

const char *et_http_url(const et_options_t *options, const char *url,
                        const char *more, apr_pool_t *p)
{
    int i;

    for (i = 0; i < options->channels->nelts; i++) {
        const char *name = APR_ARRAY_IDX(options->channels, i, const char *);

        url = add(url,
                  apr_pstrcat(p, "channel=", et_http_escape(name, p), NULL), p);
    }
    if (options->hub) {
        url = add(url,
                  apr_pstrcat(p, "hub=", et_http_escape(options->hub, p), NULL),
                  p);
    }
    return add(url, more, p);
}

/* Where httpd itself or another server answers, its text is a page. */
static void find_title(const char **text, size_t *len)
{
    static const char tag[] = "<title>";
    size_t tag_len = sizeof(tag) - 1, i;

    for (i = 0; **text == '<' && i + tag_len < *len; i++) {
        if (!strncasecmp(*text + i, tag, tag_len)) {
            const char *start = *text + i + tag_len;
            const char *end = memchr(start, '<', *len - i - tag_len);

            *text = start;
            *len = end ? (size_t)(end - start) : *len - i - tag_len;
            return;
        }
    }
}

const char *et_http_sentence(const char *text, size_t len, apr_pool_t *p)
{
    const char *end;

    if (len > 0) {
        find_title(&text, &len);
    }
    len = len < SENTENCE_MAX ? len : SENTENCE_MAX;
    end = len > 0 ? memchr(text, '\n', len) : NULL;
    len = end ? (size_t)(end - text) : len;
    if (len > 0 && text[len - 1] == '\r') {
        len--;
    }
    return et_output_escape(es_slice(text, len), p);
}

/* ---- Requests ------------------------------------------------------------ */

/* A key on the command line could be seen by all users.
 * @return NULL, complained */
static const char *read_key(const char *path, apr_pool_t *p)
{
    char text[KEY_MAX];
    FILE *file = fopen(path, "r");
    size_t len;

    if (!file) {
        et_options_complain("cannot read %s: %s", path, strerror(errno));
        return NULL;
    }
    len = fread(text, 1, sizeof(text), file);
    fclose(file);
    while (len > 0 && apr_isspace(text[len - 1])) {
        len--;
    }
    if (len == 0 || len == sizeof(text) || memchr(text, '\n', len)) {
        et_options_complain("%s does not have one key or token", path);
        return NULL;
    }
    return apr_pstrmemdup(p, text, len);
}

static void set_protocols(CURL *easy)
{
#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS,
                     (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
}

/* @return 0, complained */
static int add_headers(struct curl_slist **list, const et_options_t *options,
                       const char *const *headers, apr_pool_t *p)
{
    const char *key;
    int i;

    for (i = 0; i < options->headers->nelts; i++) {
        *list = curl_slist_append(
            *list, APR_ARRAY_IDX(options->headers, i, const char *));
    }
    while (headers && *headers) {
        *list = curl_slist_append(*list, *headers++);
    }
    if (!options->bearer_file) {
        return 1;
    }
    key = read_key(options->bearer_file, p);
    if (key) {
        key = apr_pstrcat(p, "Authorization: Bearer ", key, NULL);
        *list = curl_slist_append(*list, key);
    }
    return key != NULL;
}

CURL *et_http_begin(const et_options_t *options, const char *url,
                    const char *const *headers, struct curl_slist **list,
                    apr_pool_t *p)
{
    CURL *easy = curl_easy_init();

    *list = NULL;
    if (!easy || !add_headers(list, options, headers, p)) {
        curl_easy_cleanup(easy);
        return NULL;
    }
    set_protocols(easy);
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, *list);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "eventstream-tail/" ES_VERSION);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    if (options->uses_netrc) {
        curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_REQUIRED);
    }
    if (options->ca_file) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, options->ca_file);
    }
    if (options->is_insecure) {
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    return easy;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *data)
{
    es_slice_t piece = es_slice(bytes, size * count);

    return es_buf_add(data, piece) == APR_SUCCESS ? piece.len : 0;
}

static void set_body(CURL *easy, const char *method, es_slice_t body,
                     curl_read_callback read_fn, void *data)
{
    if (strcmp(method, "POST") != 0) {
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method); /* no body */
        return;
    }
    if (read_fn) {
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_READFUNCTION, read_fn);
        curl_easy_setopt(easy, CURLOPT_READDATA, data);
        return;
    }
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body.data);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
}

static void perform(et_answer_t *answer, CURL *easy, apr_pool_t *p)
{
    char error[CURL_ERROR_SIZE] = "";
    const char *type = NULL;
    es_buf_t body;
    CURLcode rc;

    es_buf_init(&body, p, BODY_MAX);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &body);
    rc = curl_easy_perform(easy);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &answer->status);
    curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &type);
    curl_easy_getinfo(easy, CURLINFO_TOTAL_TIME, &answer->seconds);
    answer->type = apr_pstrdup(p, type ? type : "");
    answer->body = body.len ? apr_pstrmemdup(p, body.data, body.len) : "";
    answer->len = body.len;
    /* a server may answer before it has read all of the body */
    if (rc != CURLE_OK && (rc != CURLE_SEND_ERROR || answer->status < 200)) {
        answer->error = apr_pstrdup(p, *error ? error : curl_easy_strerror(rc));
    }
}

void et_http_request(et_answer_t *answer, const et_options_t *options,
                     const char *method, const char *url,
                     const char *const *headers, es_slice_t body,
                     curl_read_callback read_fn, void *data, apr_pool_t *p)
{
    struct curl_slist *list;
    CURL *easy = et_http_begin(options, url, headers, &list, p);

    memset(answer, 0, sizeof(*answer));
    answer->type = answer->body = "";
    if (!easy) {
        answer->error = "the request cannot be made";
        return;
    }
    if (!read_fn) {
        curl_easy_setopt(easy, CURLOPT_TIMEOUT,
                         options->timeout > 0 ? (long)options->timeout + 1
                                              : ANSWER_TIMEOUT);
    }
    set_body(easy, method, body, read_fn, data);
    perform(answer, easy, p);
    curl_easy_cleanup(easy);
    curl_slist_free_all(list);
}

int et_http_is_ok(const et_answer_t *answer, const char *url, apr_pool_t *p)
{
    if (answer->error) {
        et_options_complain("%s: %s", url, answer->error);
        return 0;
    }
    if (answer->status < 200 || answer->status > 299) {
        et_options_complain("%s: %ld: %s", url, answer->status,
                            et_http_sentence(answer->body, answer->len, p));
        return 0;
    }
    return 1;
}
