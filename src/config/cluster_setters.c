/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EventStreamCluster. Its URL may contain a password, so no error text here
 * shows the URL; a word that is not known is named up to its "=".
 */
#include "config/setters.h"

#include <apr_file_io.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <http_core.h>

#include "cluster/link.h"
#include "cluster/url.h"
#include "token/key_file.h"
#include "server/log.h"

#define KEY_PRESET "eventstream"
#define KEY_MAX 64
#define MAXLEN_PRESET 100000
#define MAXLEN_MIN 1000
#define MAXLEN_MAX 100000000
#define TIMEOUT_PRESET (5 * APR_USEC_PER_SEC)
#define TIMEOUT_MIN (APR_USEC_PER_SEC / 10)
#define TIMEOUT_MAX (60 * APR_USEC_PER_SEC)

/* One directive while it is read. */
typedef struct words_t {
    cmd_parms *cmd;
    es_cluster_conf_t *conf;
    int has_tls; /* 1 = a word is for TLS only */
} words_t;

/* ---- The words --------------------------------------------------------- */

/* The prefix stands within {} at the broker, where a Redis Cluster looks for
 * its first '}'. */
static const char *set_key(words_t *words, const char *text)
{
    apr_size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789_.:/-");

    if (len == 0 || len > KEY_MAX || text[len] != '\0') {
        return "takes 1 to 64 letters, digits, '_', '.', ':', '/' and '-'";
    }
    words->conf->key = text;
    return NULL;
}

static const char *set_secret(words_t *words, const char *text)
{
    cmd_parms *cmd = words->cmd;
    es_key_file_t file;
    const char *err;

    if (strncasecmp(text, "file:", 5) != 0 || !text[5]) {
        return "takes a file with the password, as file:PATH";
    }
    err = es_key_file_load(&file, text + 5,
                           ap_server_root_relative(cmd->temp_pool, ""),
                           cmd->pool);
    if (!err && (file.content.len == 0 ||
                 memchr(file.content.data, '\0', file.content.len))) {
        err = es_key_file_complain(&file, cmd->pool,
                                   "contains no password, or a NUL");
    }
    if (err) {
        return err;
    }
    if (file.is_public) {
        es_slog(APLOG_WARNING, 0, cmd->server, "ES0801",
                "EventStreamCluster secret=%s: all users of this host can read "
                "the file, and log in to the broker (chmod o-rwx)",
                text);
    }
    words->conf->password =
        apr_pstrmemdup(cmd->pool, file.content.data, file.content.len);
    return NULL;
}

static const char *set_maxlen(words_t *words, const char *text)
{
    char *end;
    apr_int64_t entries = apr_strtoi64(text, &end, 10);

    if (end == text || *end || entries < MAXLEN_MIN || entries > MAXLEN_MAX) {
        return "takes a number of events from 1000 to 100000000";
    }
    words->conf->maxlen = (apr_uint64_t)entries;
    return NULL;
}

static const char *set_acks(words_t *words, const char *text)
{
    words->conf->acks_replica = !strcasecmp(text, "replica");
    return words->conf->acks_replica || !strcasecmp(text, "primary")
               ? NULL
               : "takes primary or replica";
}

static const char *set_timeout(words_t *words, const char *text)
{
    apr_interval_time_t time;

    if (!apr_isdigit(*text) ||
        ap_timeout_parameter_parse(text, &time, "s") != APR_SUCCESS ||
        time < TIMEOUT_MIN || time > TIMEOUT_MAX) {
        return "takes a time from 100ms to 60s";
    }
    words->conf->timeout = time;
    return NULL;
}

/* A file that cannot be read is known now, and not by a link that never comes
 * up. httpd reads its configuration as root; its children read the file again,
 * as User. */
static const char *set_file(words_t *words, const char **field,
                            const char *text)
{
    apr_pool_t *p = words->cmd->pool;
    apr_file_t *fd;
    char reason[120];
    apr_status_t rv;

    words->has_tls = 1;
    if (!*text) {
        return "takes the path of a file";
    }
    *field = ap_server_root_relative(p, text);
    rv = *field
             ? apr_file_open(&fd, *field, APR_FOPEN_READ | APR_FOPEN_NONBLOCK,
                             APR_FPROT_OS_DEFAULT, words->cmd->temp_pool)
             : APR_EBADPATH;
    return rv == APR_SUCCESS
               ? NULL
               : apr_psprintf(p, "cannot be read from %s: %s",
                              *field ? *field : text,
                              apr_strerror(rv, reason, sizeof(reason)));
}

static const char *set_ca(words_t *words, const char *text)
{
    return set_file(words, &words->conf->ca_file, text);
}

static const char *set_cert(words_t *words, const char *text)
{
    return set_file(words, &words->conf->cert_file, text);
}

static const char *set_key_file(words_t *words, const char *text)
{
    return set_file(words, &words->conf->key_file, text);
}

static const char *set_verify(words_t *words, const char *text)
{
    words->has_tls = 1;
    words->conf->verifies = !strcasecmp(text, "on");
    return words->conf->verifies || !strcasecmp(text, "off")
               ? NULL
               : "takes on or off";
}

static const struct {
    const char *name;
    const char *(*set)(words_t *words, const char *text);
} params[] = {
    {"key=", set_key},   {"secret=", set_secret},     {"maxlen=", set_maxlen},
    {"acks=", set_acks}, {"timeout=", set_timeout},   {"ca=", set_ca},
    {"cert=", set_cert}, {"key-file=", set_key_file}, {"verify=", set_verify}};

static const char *set_param(words_t *words, const char *word)
{
    apr_pool_t *p = words->cmd->pool;
    const char *end = strchr(word, '=');
    apr_size_t i;

    for (i = 0; i < sizeof(params) / sizeof(params[0]); i++) {
        apr_size_t len = strlen(params[i].name);
        const char *err;

        if (!strncasecmp(word, params[i].name, len)) {
            err = params[i].set(words, word + len);
            return err ? apr_pstrcat(p, params[i].name, " ", err, NULL) : NULL;
        }
    }
    return apr_psprintf(p,
                        "unknown parameter '%.*s'; known are hub= before the "
                        "URL, and key=, secret=, maxlen=, acks=, timeout=, "
                        "ca=, cert=, key-file= and verify= after it",
                        end ? (int)(end - word + 1) : 0, word);
}

/* ---- The directive ----------------------------------------------------- */

static const char *check_built(void)
{
    return es_cluster_link_is_built()
               ? NULL
               : "this module was built without hiredis; install its "
                 "development files (Debian: libhiredis-dev), run configure "
                 "again and build";
}

static const char *check_words(const words_t *words, const char *url_password)
{
    const es_cluster_conf_t *conf = words->conf;

    if (url_password && conf->password) {
        return "the URL has a password, and secret= has one, too; keep "
               "secret=";
    }
    if (words->has_tls && !conf->url->is_tls) {
        return "ca=, cert=, key-file= and verify= are for TLS; the URL must "
               "begin with rediss://";
    }
    if (!conf->cert_file != !conf->key_file) {
        return "cert= needs key-file=, and the other way round";
    }
    return NULL;
}

static const char *read_words(words_t *words, int argc, char *const argv[])
{
    es_cluster_conf_t *conf = words->conf;
    apr_pool_t *p = words->cmd->pool;
    const es_cluster_url_t *url = NULL;
    const char *err = NULL;
    int i;

    for (i = 0; i < argc && !err; i++) {
        err = es_words_unset(argv[i], p);
    }
    err = err ? err : es_cluster_url_parse(&url, argv[0], p);
    err = err ? err : check_built();
    if (err) {
        return err;
    }
    conf->url = url;
    for (i = 1; i < argc && !err; i++) {
        err = set_param(words, argv[i]);
    }
    err = err ? err : check_words(words, url->password);
    conf->password = conf->password ? conf->password : url->password;
    return err;
}

static const es_cluster_conf_t *find(const es_settings_t *global,
                                     const char *hub)
{
    int i;

    for (i = 0; i < global->clusters->nelts; i++) {
        const es_cluster_conf_t *conf =
            APR_ARRAY_IDX(global->clusters, i, const es_cluster_conf_t *);

        if (!strcmp(conf->hub, hub)) {
            return conf;
        }
    }
    return NULL;
}

static es_cluster_conf_t *new_conf(cmd_parms *cmd, const char *hub)
{
    es_cluster_conf_t *conf = apr_pcalloc(cmd->pool, sizeof(*conf));

    conf->hub = hub;
    conf->directive = cmd->directive;
    conf->key = KEY_PRESET;
    conf->verifies = 1;
    conf->maxlen = MAXLEN_PRESET;
    conf->timeout = TIMEOUT_PRESET;
    return conf;
}

static const char *add_cluster(cmd_parms *cmd, int argc, char *const argv[])
{
    es_settings_t *global = es_settings_of(cmd->server);
    const es_cluster_conf_t *other;
    const char *hub, *err = es_words_take_hub(&hub, &argc, &argv);
    words_t words = {cmd, NULL, 0};

    if (err) {
        return err;
    }
    if (argc == 0) {
        return "takes a URL such as redis://broker.example:6379, with "
               "optional hub= before it, and key=, secret=, maxlen=, acks= and "
               "timeout= after it";
    }
    other = find(global, hub);
    if (other) {
        return apr_psprintf(cmd->pool,
                            "hub %s has one already, at line %d of %s; a hub "
                            "has one broker",
                            hub, other->directive->line_num,
                            other->directive->filename);
    }
    words.conf = new_conf(cmd, hub);
    err = read_words(&words, argc, argv);
    if (!err) {
        APR_ARRAY_PUSH(global->clusters, es_cluster_conf_t *) = words.conf;
        cmd->directive->args = apr_psprintf(cmd->pool, "hub=%s %s ...", hub,
                                            words.conf->url->display);
    }
    return err;
}

const char *es_cluster_setters_broker(cmd_parms *cmd, void *dir, int argc,
                                      char *const argv[])
{
    const char *err = es_setters_misplaced(cmd);

    (void)dir;
    cmd->directive->args = "...";
    if (err) {
        return err;
    }
    err = add_cluster(cmd, argc, argv);
    return err ? apr_pstrcat(cmd->pool, cmd->cmd->name, ": ", err, NULL) : NULL;
}

/* ---- The hubs ---------------------------------------------------------- */

static const char *give(const es_settings_t *global,
                        const es_cluster_conf_t *conf, apr_pool_t *p)
{
    es_hub_conf_t *hub = es_settings_hub(global, conf->hub);

    if (!hub) {
        return apr_psprintf(p,
                            "hub=%s: no such hub; define it at server level "
                            "with EventStreamHub %s",
                            conf->hub, conf->hub);
    }
    hub->cluster = conf;
    return NULL;
}

const char *es_cluster_setters_check(const es_settings_t *global, apr_pool_t *p)
{
    int i;

    for (i = 0; i < global->clusters->nelts; i++) {
        const es_cluster_conf_t *conf =
            APR_ARRAY_IDX(global->clusters, i, const es_cluster_conf_t *);
        const char *err = give(global, conf, p);

        if (err) {
            return apr_psprintf(
                p, "%s line %d: %s %s", conf->directive->filename,
                conf->directive->line_num, conf->directive->directive, err);
        }
    }
    return NULL;
}
