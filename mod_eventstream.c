/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mod_eventstream: Server-Sent Events from httpd to browsers.
 *
 * The module record and its hooks: what starts when, and in which order hooks
 * run. The only file that knows all rooms.
 *
 *   pre_config     forget what was noted of an earlier configuration, copy its
 *                  handover sockets
 *   check_config   check what depends on the whole configuration
 *   post_config    parent: fill in presets, open the shared memory, find the
 *                  publishers of other modules, test how clients over TLS
 *                  are detached; after mod_ssl has made its contexts
 *   open_logs      parent: open EventStreamLog, or start its program
 *   pre_mpm        parent: mark the files of hubs as in use, after all that may
 *                  keep httpd from starting
 *   child_init     child: close the files, claim a child number, start the
 *                  delivery
 *   post_read_request
 *                  note what shows a proxy, before others remove headers;
 *                  take tokens out of queries, before others log them
 *   quick_handler  answer refusals as events (EventStreamErrorForm); serve
 *                  recovery requests of GRIP proxies, in any Location
 *   translate_name put back what is no token of the section; remember the
 *                  query before mod_rewrite replaces it
 *   map_to_storage restore the query before <If> is evaluated
 *   post_perdir_config
 *                  restore it before access is checked
 *   check_access   let the sub of a token be the user
 *   check_user_id  refuse a request without a token, where that is the login
 *   type_checker   choose our handler before MultiViews chooses a file
 *   fixups         restore our handler if a front controller replaced it
 *   handler        run before that of mod_proxy; redirect what another method
 *                  was admitted for
 *   log_transaction
 *                  write the line of EventStreamPublishLog for a request that
 *                  httpd has refused
 *   child_stopping child: hand clients over to other children, or end them
 *   child_status   parent: track living children, free a dead child's number
 *   monitor        parent: look for a child that holds a lock and does not move
 */
#include <httpd.h>
#include <http_config.h>
#include <http_core.h>
#include <http_main.h>
#include <http_protocol.h>
#include <http_request.h>
#include <ap_mpm.h>
#include <mpm_common.h>
#include <scoreboard.h>

#include "base/clock.h"
#include "base/context.h"
#include "base/log.h"
#include "server/advice.h"
#include "server/figures.h"
#include "server/log.h"
#include "server/retained.h"
#include "server/runtime.h"
#include "server/settings.h"
#include "server/status_hub.h"
#include "server/stream_log.h"
#include "server/ticker.h"
#include "http/body.h"
#include "http/budget.h"
#include "http/channel_access.h"
#include "http/cors.h"
#include "http/error_event.h"
#include "http/grip.h"
#include "http/hooks.h"
#include "http/http2.h"
#include "http/metrics.h"
#include "http/presence.h"
#include "http/publish.h"
#include "http/publish_log.h"
#include "http/status_access.h"
#include "http/status_json.h"
#include "http/status_page.h"
#include "http/subscribe.h"
#include "http/tls_server.h"
#include "http/token_login.h"
#include "http/token_query.h"
#include "config/directives.h"
#include "mod_eventstream.h"

/* The rooms below server log to the main server's error log. */
static void on_log(int level, apr_status_t rv, const char *tag,
                   const char *text)
{
    ap_log_error(APLOG_MARK, level, rv, ap_server_conf, "%s: %s", tag, text);
}

static int on_pre_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp)
{
    (void)plog;
    (void)ptemp;
    es_directives_begin(pconf);
    es_retained_copy_handover();
    return OK;
}

static int on_check_config(apr_pool_t *pconf, apr_pool_t *plog,
                           apr_pool_t *ptemp, server_rec *s)
{
    (void)pconf;
    (void)plog;
    return es_directives_check(ptemp, s);
}

static void measure(int is_first, apr_pool_t *p)
{
    (void)is_first;
    (void)p;
    es_figures_tick(es_clock_now());
}

/* The hub and the thread of the status page and of the metrics exist only where
 * these are configured. */
static void open_status(server_rec *s)
{
    int has_page = es_status_access_has(ES_HANDLER_STATUS);

    if ((!has_page && !es_status_access_has(ES_HANDLER_METRICS)) ||
        !es_ticker_open(s)) {
        return;
    }
    es_ticker_add(measure);
    if (has_page) {
        es_status_hub_add(s);
        es_ticker_add(es_status_json_tick);
    }
}

static int on_post_config(apr_pool_t *pconf, apr_pool_t *plog,
                          apr_pool_t *ptemp, server_rec *s)
{
    int rc;

    es_context_enter(ES_PARENT);
    es_log_set_handler(on_log);
    es_directives_finish(s);
    es_publishers_find(pconf, s);
    /* at its start httpd reads the configuration twice; the first is a trial */
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG) {
        return OK;
    }
    es_advice_begin(pconf);
    es_warnings_log(ptemp, s);
    es_tls_server_start(ptemp, s);
    es_http2_log_start(s);
    es_grip_sig_warn(s);
    es_grip_recover_begin();
    es_status_access_find(pconf);
    es_status_access_log(s);
    open_status(s);
    rc = es_runtime_open(pconf, plog, s);
    es_retained_save_at_exit(pconf);
    return rc;
}

static int on_pre_mpm(apr_pool_t *p, ap_scoreboard_e type)
{
    (void)p;
    (void)type;
    return es_retained_use_files(ap_server_conf);
}

static int on_open_logs(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                        server_rec *s)
{
    (void)plog;
    (void)ptemp;
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG) {
        return OK;
    }
    return es_stream_log_open(pconf, s);
}

static void on_child_init(apr_pool_t *pchild, server_rec *s)
{
    es_context_enter(ES_CHILD_INIT);
    es_retained_close_files();
    es_budget_init(pchild, s, (int)es_settings_of(s)->max_held);
    es_stream_log_child_init(pchild, s);
    es_runtime_child_init(pchild, s);
    es_ticker_child_init(pchild, s);
    es_presence_child_init(pchild, s);
    es_context_enter(0); /* under prefork this thread becomes a worker */
}

static void on_child_stopping(apr_pool_t *pchild, int graceful)
{
    (void)pchild;
    es_runtime_child_stopping(graceful);
}

static void on_child_status(server_rec *s, pid_t pid, ap_generation_t gen,
                            int slot, mpm_child_status state)
{
    (void)s;
    (void)slot;
    if (state == MPM_CHILD_STARTED) {
        es_retained_note_child(pid, (int)gen, 1);
    }
    else if (state == MPM_CHILD_EXITED) {
        es_retained_note_child(pid, (int)gen, 0);
        es_runtime_reap(pid);
    }
}

/* Of the parent, about every ten seconds. */
static int on_monitor(apr_pool_t *p, server_rec *s)
{
    (void)p;
    es_runtime_watch_locks(s);
    return OK;
}

static int on_translate(request_rec *r)
{
    es_token_query_restore(r);
    return es_route_save_query(r);
}

static int on_fixups(request_rec *r)
{
    es_token_login_name_guest(r);
    es_request_token_on_error_page(r);
    return es_route_save(r);
}

static int on_access(request_rec *r)
{
    es_token_login_name_user(r);
    if (es_route_has_cors(r)) {
        es_cors_add_headers(r, es_settings_dir(r));
    }
    if (es_route_is_subscribe(r)) {
        es_error_event_prepare(r, es_settings_dir(r));
    }
    return DECLINED;
}

static int on_access_ex(request_rec *r)
{
    return es_route_has_cors(r) && es_cors_is_preflight(r, es_settings_dir(r))
               ? OK
               : DECLINED;
}

/* AddHandler and rules of .htaccess set a handler after access was checked.
 * DirectoryIndex and FallbackResource bring the section that they have found,
 * but not its user. */
static int on_fixups_end(request_rec *r)
{
    es_token_login_name_user(r);
    es_route_restore(r);
    if (es_route_has_chosen_cors(r)) {
        es_cors_add_headers(r, es_settings_dir(r));
    }
    return DECLINED;
}

static void register_server_hooks(void)
{
    static const char *const after_ssl[] = {"mod_ssl.c", NULL};
    static const char *const after_http2[] = {"mod_http2.c", NULL};

    ap_hook_pre_config(on_pre_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_check_config(on_check_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_config(on_post_config, after_ssl, NULL, APR_HOOK_MIDDLE);
    ap_hook_open_logs(on_open_logs, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_pre_mpm(on_pre_mpm, NULL, NULL, APR_HOOK_REALLY_LAST);
    ap_hook_child_init(on_child_init, after_http2, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_stopping(on_child_stopping, NULL, NULL, APR_HOOK_FIRST);
    ap_hook_child_status(on_child_status, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_monitor(on_monitor, NULL, NULL, APR_HOOK_MIDDLE);
}

static void register_request_hooks(void)
{
    static const char *const before_headers[] = {"mod_headers.c",
                                                 "mod_remoteip.c", NULL};
    static const char *const before_logs[] = {
        "mod_log_forensic.c", "mod_headers.c", "mod_remoteip.c", NULL};
    static const char *const after_rewrite[] = {"mod_rewrite.c", NULL};

    ap_hook_check_access(on_access, NULL, NULL, APR_HOOK_REALLY_FIRST,
                         AP_AUTH_INTERNAL_PER_CONF);
    ap_hook_check_access_ex(on_access_ex, NULL, NULL, APR_HOOK_REALLY_FIRST,
                            AP_AUTH_INTERNAL_PER_CONF);
    ap_hook_post_read_request(es_publish_auth_look, NULL, before_headers,
                              APR_HOOK_REALLY_FIRST);
    ap_hook_post_read_request(es_token_query_take, NULL, before_logs,
                              APR_HOOK_REALLY_FIRST);
    ap_hook_log_transaction(es_token_query_hide, NULL, NULL,
                            APR_HOOK_REALLY_FIRST);
    ap_hook_check_authn(es_token_login_authenticate, NULL, NULL,
                        APR_HOOK_REALLY_FIRST, AP_AUTH_INTERNAL_PER_CONF);
    ap_hook_insert_error_filter(es_request_token_on_error, NULL, NULL,
                                APR_HOOK_MIDDLE);
    ap_hook_quick_handler(es_error_event_handler, NULL, NULL,
                          APR_HOOK_REALLY_FIRST);
    ap_hook_quick_handler(es_grip_recover_handler, NULL, NULL,
                          APR_HOOK_REALLY_FIRST);
    ap_hook_translate_name(on_translate, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_translate_name(es_route_save_query, after_rewrite, NULL,
                           APR_HOOK_FIRST);
    ap_hook_map_to_storage(es_route_restore_query_of_url, NULL, NULL,
                           APR_HOOK_REALLY_FIRST);
    ap_hook_post_perdir_config(es_route_restore_query, NULL, NULL,
                               APR_HOOK_REALLY_FIRST);
    ap_hook_type_checker(es_route_choose, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_fixups(on_fixups, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_fixups(on_fixups_end, NULL, NULL, APR_HOOK_REALLY_LAST);
    ap_hook_handler(es_route_redirect_handler, NULL, NULL,
                    APR_HOOK_REALLY_FIRST);
    ap_hook_handler(es_subscribe_handler, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_handler(es_publish_handler, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_log_transaction(es_publish_log_transaction, NULL, NULL,
                            APR_HOOK_MIDDLE);
    ap_hook_handler(es_metrics_handler, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_handler(es_status_page_handler, NULL, NULL, APR_HOOK_REALLY_FIRST);
}

static void register_hooks(apr_pool_t *p)
{
    es_retained_save_at_exit(p);
    es_require_register(p);
    es_channel_access_register();
    es_api_register();
    es_status_register();
    es_body_stream_register();
    es_tls_server_register();
    register_server_hooks();
    register_request_hooks();
}

/* httpd's own macro is empty on Unix, and all other symbols are hidden. */
extern __attribute__((visibility("default"))) module eventstream_module;

module AP_MODULE_DECLARE_DATA eventstream_module = {
    STANDARD20_MODULE_STUFF,
    es_directives_create_dir,
    es_directives_merge_dir,
    es_directives_create_server,
    NULL,
    es_directives_table,
    register_hooks,
    AP_MODULE_FLAG_NONE,
};
