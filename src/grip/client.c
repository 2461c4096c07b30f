/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One multi handle for all lines, one easy handle for each line. Pushpin closes
 * the connection after each answer, other proxies keep it open: libcurl checks
 * whether a kept connection is alive, and if it was not, tries once more on a
 * new one.
 *
 * Options are set once, when a line is opened, except for the body and the
 * headers, which differ from request to request.
 */
#include "grip/client.h"

#include <fcntl.h>
#include <stdlib.h>

#include <sys/socket.h>

#include <curl/curl.h>

/* Most bytes of an answer, which are discarded. */
#define ANSWER_MAX (64 * 1024)
/* A new descriptor has the lowest number that is free. */
#define DESCRIPTORS 1024

struct es_grip_client_t {
    CURLM *multi;
};

struct es_grip_conn_t {
    es_grip_client_t *client;
    CURL *easy;
    struct curl_slist *headers; /* of the request in flight */
    void *owner;
    size_t answered; /* bytes of the answer so far */
    int is_busy;     /* a request is in flight */
};

apr_status_t es_grip_client_setup(void)
{
    /* libcurl counts these calls, so another module may use it, too. OpenSSL
     * 1.1 and later initializes itself once: mod_ssl's setup stays */
    return curl_global_init(CURL_GLOBAL_ALL) == CURLE_OK ? APR_SUCCESS
                                                         : APR_EGENERAL;
}

void es_grip_client_teardown(void)
{
    curl_global_cleanup();
}

static int is_inherited(int fd)
{
    int flags = fcntl(fd, F_GETFD);

    return flags >= 0 && !(flags & FD_CLOEXEC);
}

/* A multi handle has a pair of sockets by which it is woken; before libcurl 8
 * a CGI program inherits both, and could wake the sender all the time. */
static CURLM *open_multi(void)
{
    char was_inherited[DESCRIPTORS];
    CURLM *multi;
    int fd;

    for (fd = 0; fd < DESCRIPTORS; fd++) {
        was_inherited[fd] = (char)is_inherited(fd);
    }
    multi = curl_multi_init();
    for (fd = 0; fd < DESCRIPTORS; fd++) {
        if (!was_inherited[fd] && is_inherited(fd)) {
            (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
        }
    }
    return multi;
}

apr_status_t es_grip_client_open(es_grip_client_t **out, int lines)
{
    es_grip_client_t *client = malloc(sizeof(*client));

    if (client == NULL) {
        return APR_ENOMEM;
    }
    client->multi = open_multi();
    if (client->multi == NULL) {
        free(client);
        return APR_ENOMEM;
    }
    curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, (long)lines);
    *out = client;
    return APR_SUCCESS;
}

void es_grip_client_close(es_grip_client_t *client)
{
    curl_multi_cleanup(client->multi);
    free(client);
}

/* ---- lines ------------------------------------------------------------- */

/** Discard the answer. A long one is cut: its status is known by then. */
static size_t on_answer(char *bytes, size_t size, size_t count, void *arg)
{
    es_grip_conn_t *line = arg;

    (void)bytes;
    line->answered += size * count;
    return line->answered > ANSWER_MAX ? 0 : size * count;
}

/** Programs that httpd starts (CGI, piped logs) must not inherit a socket. */
static curl_socket_t on_socket(void *arg, curlsocktype purpose,
                               struct curl_sockaddr *address)
{
    (void)arg;
    (void)purpose;
    return socket(address->family, address->socktype | SOCK_CLOEXEC,
                  address->protocol);
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

/** libcurl resolves a name in a thread of its own. If the request is cancelled,
 * libcurl does not wait for a thread that hangs: it cleans up when it ends. */
static void do_not_join_resolver(CURL *easy)
{
#if LIBCURL_VERSION_NUM >= 0x075700
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#else
    (void)easy; /* this libcurl waits, and has no option against it */
#endif
}

static void set_options(es_grip_conn_t *line,
                        const es_grip_conn_params_t *params)
{
    CURL *easy = line->easy;

    set_protocols(easy);
    do_not_join_resolver(easy);
    curl_easy_setopt(easy, CURLOPT_URL, params->uri);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "mod_eventstream/" ES_VERSION);
    /* libcurl must not use signals: they belong to httpd */
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                     (long)apr_time_as_msec(params->connect_timeout));
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
                     (long)apr_time_as_msec(params->timeout));
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_answer);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, line);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_socket);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, line);
}

apr_status_t es_grip_conn_open(es_grip_conn_t **out, es_grip_client_t *client,
                               const es_grip_conn_params_t *params)
{
    es_grip_conn_t *line = calloc(1, sizeof(*line));

    if (line == NULL) {
        return APR_ENOMEM;
    }
    line->easy = curl_easy_init();
    if (line->easy == NULL) {
        free(line);
        return APR_ENOMEM;
    }
    line->client = client;
    line->owner = params->owner;
    set_options(line, params);
    *out = line;
    return APR_SUCCESS;
}

void es_grip_conn_close(es_grip_conn_t *line)
{
    es_grip_conn_cancel(line);
    curl_easy_cleanup(line->easy);
    free(line);
}

/* ---- requests ---------------------------------------------------------- */

/** @return 1; 0: no memory, and all headers are gone */
static int add_header(es_grip_conn_t *line, const char *text)
{
    struct curl_slist *longer = curl_slist_append(line->headers, text);

    if (longer == NULL) {
        curl_slist_free_all(line->headers);
        line->headers = NULL;
        return 0;
    }
    line->headers = longer;
    return 1;
}

static int add_authorization(es_grip_conn_t *line, const char *value)
{
    static const char name[] = "Authorization: ";
    char *text;
    int is_added;

    if (value == NULL) {
        return 1;
    }
    text = malloc(sizeof(name) + strlen(value));
    if (text == NULL) {
        return 0;
    }
    strcpy(text, name);
    strcat(text, value);
    is_added = add_header(line, text);
    free(text);
    return is_added;
}

/** The request has ended, or was never begun. */
static void clear(es_grip_conn_t *line)
{
    curl_easy_setopt(line->easy, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(line->headers);
    line->headers = NULL;
    line->is_busy = 0;
}

apr_status_t es_grip_conn_post(es_grip_conn_t *line, const char *authorization,
                               es_slice_t body)
{
    /* do not wait for 100 Continue, which Pushpin does not send */
    if (!add_header(line, "Content-Type: application/json") ||
        !add_header(line, "Expect:") ||
        !add_authorization(line, authorization)) {
        clear(line);
        return APR_ENOMEM;
    }
    line->answered = 0;
    curl_easy_setopt(line->easy, CURLOPT_HTTPHEADER, line->headers);
    curl_easy_setopt(line->easy, CURLOPT_POSTFIELDSIZE_LARGE,
                     (curl_off_t)body.len);
    curl_easy_setopt(line->easy, CURLOPT_POSTFIELDS, body.data);
    if (curl_multi_add_handle(line->client->multi, line->easy) != CURLM_OK) {
        clear(line);
        return APR_ENOMEM;
    }
    line->is_busy = 1;
    return APR_SUCCESS;
}

void es_grip_conn_cancel(es_grip_conn_t *line)
{
    if (line->is_busy) {
        curl_multi_remove_handle(line->client->multi, line->easy);
        clear(line);
    }
}

static int outcome_of(const es_grip_conn_t *line, CURLcode code)
{
    long status = 0;

    switch (code) {
    case CURLE_OK: break;
    case CURLE_WRITE_ERROR: break; /* a long answer, cut by on_answer */
    case CURLE_COULDNT_RESOLVE_HOST: return ES_OUTCOME_NAME;
    case CURLE_COULDNT_CONNECT: return ES_OUTCOME_CONNECT;
    case CURLE_OPERATION_TIMEDOUT: return ES_OUTCOME_TIMEOUT;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR: return ES_OUTCOME_TLS;
    default: return ES_OUTCOME_BROKEN;
    }
    curl_easy_getinfo(line->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status < 100 || status > 999) {
        return ES_OUTCOME_BROKEN;
    }
    return status / 100 == 2 ? 0 : (int)status;
}

void *es_grip_client_done(es_grip_client_t *client, int *outcome)
{
    int running, left;
    CURLMsg *msg;

    curl_multi_perform(client->multi, &running);
    do {
        msg = curl_multi_info_read(client->multi, &left);
        if (msg != NULL && msg->msg == CURLMSG_DONE) {
            CURL *easy = msg->easy_handle;
            CURLcode code =
                msg->data.result; /* msg lives as long as the handle is in */
            char *mine = NULL;
            es_grip_conn_t *line;

            curl_easy_getinfo(easy, CURLINFO_PRIVATE, &mine);
            line = (es_grip_conn_t *)(void *)mine;
            *outcome = outcome_of(line, code);
            curl_multi_remove_handle(client->multi, easy);
            clear(line);
            return line->owner;
        }
    } while (msg != NULL);
    return NULL;
}

void es_grip_client_wait(es_grip_client_t *client, int fd,
                         apr_interval_time_t timeout)
{
    struct curl_waitfd extra = {0};
    int ready;

    extra.fd = fd;
    extra.events = CURL_WAIT_POLLIN;
    curl_multi_wait(client->multi, &extra, 1, (int)apr_time_as_msec(timeout),
                    &ready);
}
