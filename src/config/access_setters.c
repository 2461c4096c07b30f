/* SPDX-License-Identifier: Apache-2.0 */
/* Who may publish and control, and pages of which origins may ask. */
#include "config/setters.h"

#include <apr_strings.h>

#include "base/origin.h"
#include "server/log.h"

static const char *add_net(cmd_parms *cmd, es_publish_from_t *from,
                           const char *who)
{
    char *address = apr_pstrdup(cmd->temp_pool, who);
    char *mask = strchr(address, '/');
    apr_ipsubnet_t *net;
    apr_status_t rv;

    if (mask) {
        *mask++ = '\0';
    }
    rv = apr_ipsubnet_create(&net, address, mask, cmd->pool);
    if (rv != APR_SUCCESS) {
        return apr_psprintf(cmd->pool,
                            "%s takes none, local, user, any or addresses "
                            "such as 10.1.0.0/16, not '%s'",
                            cmd->cmd->name, who);
    }
    APR_ARRAY_PUSH(es_setters_list(&from->net, sizeof(net), cmd->pool),
                   apr_ipsubnet_t *) = net;
    return NULL;
}

static const char *add_from(cmd_parms *cmd, es_publish_from_t *from,
                            const char *who)
{
    if (!strcasecmp(who, "none")) {
        from->none = 1;
    }
    else if (!strcasecmp(who, "any")) {
        from->any = 1;
    }
    else if (!strcasecmp(who, "local")) {
        from->local = 1;
    }
    else if (!strcasecmp(who, "user")) {
        from->user = 1;
    }
    else {
        return add_net(cmd, from, who);
    }
    return NULL;
}

static const char *add_word(cmd_parms *cmd, es_publish_from_t **words,
                            const char *who)
{
    const char *err = es_setters_misplaced(cmd);
    es_publish_from_t *from;

    if (err) {
        return err;
    }
    if (!*words) {
        *words = apr_pcalloc(cmd->pool, sizeof(**words));
    }
    from = *words;
    err = add_from(cmd, from, who);
    if (!err && from->none &&
        (from->any || from->local || from->user || from->net)) {
        return apr_pstrcat(cmd->pool, cmd->cmd->name,
                           " none cannot be combined with other words", NULL);
    }
    return err;
}

const char *es_access_setters_publish_from(cmd_parms *cmd, void *dir,
                                           const char *who)
{
    return add_word(cmd, &((es_dir_t *)dir)->from, who);
}

const char *es_access_setters_control_from(cmd_parms *cmd, void *dir,
                                           const char *who)
{
    return add_word(cmd, &((es_dir_t *)dir)->control, who);
}

/* A word that is no file may be a key, so no message shows it. */
static const char *load_keys(cmd_parms *cmd, es_publish_keys_t *keys,
                             const char *word)
{
    const char *path = word + strlen("file:"), *err;
    int is_public = 0;

    if (strncasecmp(word, "file:", 5) != 0 || !*path) {
        return "takes none, or files with keys as file:PATH";
    }
    err = es_publish_keys_load(keys, path,
                               ap_server_root_relative(cmd->temp_pool, ""),
                               &is_public, cmd->pool);
    if (!err && is_public) {
        es_slog(APLOG_WARNING, 0, cmd->server, "ES0113",
                "EventStreamPublishKey %s: all users of this host can read the "
                "file, and publish with its keys (chmod o-rwx)",
                word);
    }
    return err;
}

const char *es_access_setters_publish_key(cmd_parms *cmd, void *dir,
                                          const char *word)
{
    es_dir_t *settings = dir;
    const char *err = es_setters_misplaced(cmd);
    es_publish_keys_t *keys = settings->keys;

    if (err) {
        return err;
    }
    if (keys && (keys->count == 0 || !strcasecmp(word, "none"))) {
        return "EventStreamPublishKey none cannot be combined with a file";
    }
    if (!keys) {
        keys = settings->keys = apr_pcalloc(cmd->pool, sizeof(*keys));
    }
    err = strcasecmp(word, "none") ? load_keys(cmd, keys, word) : NULL;
    return err ? apr_pstrcat(cmd->pool, cmd->cmd->name, " ", err, NULL) : NULL;
}

const char *es_access_setters_origin(cmd_parms *cmd, void *dir,
                                     const char *origin)
{
    es_dir_t *settings = dir;
    const char *err = es_setters_misplaced(cmd);

    if (!err && strcmp(origin, "*") && strcmp(origin, "null")) {
        err = es_origin_check(origin);
        err = err ? apr_psprintf(cmd->pool,
                                 "EventStreamAllowOrigin takes origins such as "
                                 "https://www.example.com, "
                                 "https://*.example.com, null, or *; '%s': %s",
                                 origin, err)
                  : NULL;
    }
    if (err) {
        return err;
    }
    APR_ARRAY_PUSH(
        es_setters_list(&settings->origins, sizeof(char *), cmd->pool),
        const char *) = origin;
    return NULL;
}
