/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests: the output filter OTHERTLS, which stands where TLS does, as that
 * of another module than mod_ssl. It leaves all bytes as they are.
 */
#include <httpd.h>
#include <http_config.h>
#include <util_filter.h>

module AP_MODULE_DECLARE_DATA es_othertls_module;

static apr_status_t pass(ap_filter_t *f, apr_bucket_brigade *bb)
{
    return ap_pass_brigade(f->next, bb);
}

static void register_hooks(apr_pool_t *p)
{
    (void)p;
    ap_register_output_filter("OTHERTLS", pass, NULL, AP_FTYPE_CONNECTION + 5);
}

module AP_MODULE_DECLARE_DATA es_othertls_module = {
    STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, register_hooks, 0};
