/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of http/route.c: a Location keeps our handler. */
#include "t/unit/unit.h"

#include <apr_strings.h>

#include "http/route.c"
#include "t/unit/httpd_stub.h"

static request_rec *r;

/* A request to a Location with this SetHandler. */
static core_dir_config *location(const char *handler)
{
    core_dir_config *core;

    r = stub_request(pool);
    core = ap_get_core_module_config(r->per_dir_config);
    core->handler = handler;
    return core;
}

FACTS(a_location_with_one_of_our_handlers_is_ours)
{
    location("eventstream");
    assert_true(es_route_has_cors(r));
    location("eventstream-publish");
    assert_true(es_route_has_cors(r));
}

FACTS(another_location_is_not_ours)
{
    location("eventstreams");
    assert_false(es_route_has_cors(r));
    location(NULL);
    assert_false(es_route_has_cors(r));
    assert_int_equal(es_route_choose(r), DECLINED);
    assert_null(r->handler);
}

FACTS(a_handler_may_be_an_expression)
{
    location(NULL)->expr_handler = stub_expression("eventstream", pool);
    assert_true(es_route_has_cors(r));
    location("eventstream")->expr_handler = stub_expression("other", pool);
    assert_false(es_route_has_cors(r));
}

FACTS(a_rewrite_rule_may_set_one_of_our_handlers)
{
    location("other");
    apr_table_setn(r->notes, "rewrite-forced-handler", "eventstream");
    assert_true(es_route_has_cors(r));
    assert_int_equal(es_route_choose(r), OK);
    assert_string_equal(r->handler, "eventstream");
    location("eventstream");
    apr_table_setn(r->notes, "rewrite-forced-handler", "other");
    assert_int_equal(es_route_choose(r), OK);
    assert_string_equal(r->handler, "eventstream");
}

FACTS(an_expression_that_fails_is_no_handler)
{
    location("eventstream")->expr_handler = stub_expression(NULL, pool);
    assert_false(es_route_has_cors(r));
}

FACTS(our_handler_is_chosen_before_another_is_derived)
{
    location("eventstream");
    assert_int_equal(es_route_choose(r), OK);
    assert_string_equal(r->handler, "eventstream");
}

FACTS(our_handler_is_restored_after_a_rewrite)
{
    location("eventstream");
    r->handler = "eventstream";
    assert_int_equal(es_route_save(r), DECLINED);
    r->handler = "redirect-handler";
    assert_int_equal(es_route_restore(r), DECLINED);
    assert_string_equal(r->handler, "eventstream");
}

/* A request with the query "a=1" and one of our handlers, which a rule rewrites
 * to target?q=1. */
static void rewritten(const char *target)
{
    location("eventstream");
    r->uri = (char *)"/events/x";
    r->args = (char *)"a=1";
    r->handler = "eventstream";
    es_route_save(r);
    r->handler = "redirect-handler";
    r->filename = apr_pstrcat(pool, "redirect:", target, NULL);
    r->args = (char *)"q=1";
    es_route_restore(r);
    assert_string_equal(r->handler, "eventstream");
}

FACTS(the_query_is_restored_with_the_handler)
{
    rewritten("/index.php");
    assert_string_equal(r->args, "a=1");
    rewritten("/events/xy");
    assert_string_equal(r->args, "a=1");
}

FACTS(a_rule_may_change_the_query_of_a_path)
{
    rewritten("/events/x");
    assert_string_equal(r->args, "q=1");
}

FACTS(a_query_that_changed_under_our_handler_is_kept)
{
    location("eventstream");
    r->args = (char *)"a=1";
    r->handler = "eventstream";
    es_route_save(r);
    r->args = (char *)"b=2";
    es_route_restore(r);
    assert_string_equal(r->args, "b=2");
}

/* A request of /events/x?a=1 that a rule of the server maps to this file, with
 * the query "q=1". */
static void mapped(const char *handler, const char *filename)
{
    location(handler);
    r->uri = (char *)"/events/x";
    r->args = (char *)"a=1";
    es_route_save_query(r);
    r->filename = (char *)filename;
    r->path_info = (char *)"/x";
    r->args = (char *)"q=1";
    es_route_restore_query(r);
    r->handler = "eventstream";
    es_route_save(r);
    es_route_restore(r);
}

/* The query while httpd has forgotten the sections, before it evaluates <If>.
 * @param handler  of the <Location> */
static const char *query_before_if(const char *handler)
{
    core_dir_config *core = location(handler);

    r->uri = (char *)"/events/x";
    r->args = (char *)"a=1";
    es_route_save_query(r);
    core->handler = NULL;
    r->filename = (char *)"/htdocs/index.php";
    r->args = (char *)"q=1";
    assert_int_equal(es_route_restore_query_of_url(r), DECLINED);
    return r->args;
}

FACTS(the_query_is_restored_after_a_rule_of_the_server)
{
    mapped("eventstream", "/htdocs/index.php");
    assert_string_equal(r->args, "a=1");
    mapped("eventstream", "/x");
    assert_string_equal(r->args, "a=1");
    mapped("eventstream", NULL);
    assert_string_equal(r->args, "a=1");
}

FACTS(the_query_of_a_location_is_restored_before_if)
{
    assert_string_equal(query_before_if("eventstream"), "a=1");
    assert_string_equal(query_before_if("other"), "q=1");
}

FACTS(a_request_without_a_url_has_no_query_to_restore)
{
    location("eventstream");
    r->args = (char *)"a=1";
    es_route_restore_query_of_url(r);
    es_route_restore_query(r);
    assert_string_equal(r->args, "a=1");
}

FACTS(a_rule_of_the_server_may_change_the_query_of_a_path)
{
    mapped("eventstream", "/htdocs/events");
    assert_string_equal(r->args, "q=1");
}

FACTS(a_rule_that_sets_our_handler_may_change_the_query)
{
    mapped(NULL, "/htdocs/index.php");
    assert_string_equal(r->args, "q=1");
}

FACTS(a_query_that_was_never_remembered_is_kept)
{
    location("eventstream");
    r->args = (char *)"a=1";
    r->handler = "eventstream";
    es_route_save(r);
    es_route_restore(r);
    assert_string_equal(r->args, "a=1");
}

FACTS(a_folder_looks_like_a_file_during_fixups)
{
    location("eventstream");
    r->handler = "eventstream";
    r->finfo.filetype = APR_DIR;
    es_route_save(r);
    assert_int_equal(r->finfo.filetype, APR_REG);
    es_route_restore(r);
    assert_int_equal(r->finfo.filetype, APR_DIR);
    r->handler = "redirect-handler";
    es_route_restore(r);
    assert_int_equal(r->finfo.filetype, APR_DIR);
}

FACTS(a_folder_of_another_handler_stays_a_folder)
{
    location("other");
    r->handler = "other";
    r->finfo.filetype = APR_DIR;
    es_route_save(r);
    assert_int_equal(r->finfo.filetype, APR_DIR);
}

FACTS(a_handler_that_is_not_ours_is_left_alone)
{
    location("other");
    r->handler = "other";
    es_route_save(r);
    r->handler = "redirect-handler";
    es_route_restore(r);
    assert_string_equal(r->handler, "redirect-handler");
}

/* A request with this method that httpd serves by what its own GET has found,
 * a Location with one of our handlers. */
static void found_by_get(const char *method)
{
    location("eventstream-publish");
    r->method = "GET";
    r->handler = "eventstream-publish";
    es_route_save(r);
    es_route_restore(r);
    r->method = method;
    es_route_restore(r);
}

FACTS(a_request_that_a_get_was_admitted_for_is_redirected)
{
    found_by_get("POST");
    r->uri = (char *)"/d/a b";
    assert_int_equal(es_route_redirect_handler(r), OK);
    assert_string_equal(httpd_stub.redirected, "/d/a%20b");
    found_by_get("HEAD");
    r->uri = (char *)"/d/a";
    r->args = (char *)"channel=x%20y";
    assert_int_equal(es_route_redirect_handler(r), OK);
    assert_string_equal(httpd_stub.redirected, "/d/a?channel=x%20y");
}

FACTS(a_get_that_a_get_was_admitted_for_is_served)
{
    found_by_get("GET");
    assert_string_equal(r->handler, "eventstream-publish");
    assert_int_equal(es_route_redirect_handler(r), DECLINED);
}

FACTS(a_handler_that_is_set_late_has_a_method_too)
{
    location(NULL);
    r->method = "POST";
    r->handler = "eventstream-publish";
    es_route_restore(r);
    assert_string_equal(r->handler, "eventstream-publish");
    r->method = "PUT";
    es_route_restore(r);
    assert_int_equal(es_route_redirect_handler(r), OK);
}

FACTS(a_request_of_another_handler_is_not_redirected)
{
    location("other");
    assert_int_equal(es_route_redirect_handler(r), DECLINED);
    r->handler = "other";
    es_route_restore(r);
    assert_int_equal(es_route_redirect_handler(r), DECLINED);
}

/* httpd redirects a request with this status to a Location with the handler. */
static void redirected(const char *handler, int status)
{
    request_rec *prev = stub_request(pool);

    prev->status = status;
    location(handler);
    r->prev = stub_request(pool);
    r->prev->status = HTTP_OK;
    r->prev->prev = prev;
    r->method = "GET";
    r->handler = handler;
}

FACTS(a_publish_location_is_no_page_of_an_error)
{
    redirected("eventstream-publish", HTTP_NOT_FOUND);
    assert_false(es_route_has_cors(r));
    assert_int_equal(es_route_choose(r), DECLINED);
    es_route_save(r);
    es_route_restore(r);
    assert_string_equal(r->handler, "default-handler");
}

FACTS(other_redirects_lead_to_a_publish_location)
{
    redirected("eventstream-publish", HTTP_OK);
    assert_true(es_route_has_cors(r));
    es_route_save(r);
    es_route_restore(r);
    assert_string_equal(r->handler, "eventstream-publish");
}

FACTS(a_stream_may_be_the_page_of_an_error)
{
    redirected("eventstream", HTTP_NOT_EXTENDED);
    assert_true(es_route_has_cors(r));
    es_route_save(r);
    es_route_restore(r);
    assert_string_equal(r->handler, "eventstream");
}

static const struct CMUnitTest tests[] = {
    UNIT(a_location_with_one_of_our_handlers_is_ours),
    UNIT(another_location_is_not_ours),
    UNIT(a_handler_may_be_an_expression),
    UNIT(a_rewrite_rule_may_set_one_of_our_handlers),
    UNIT(an_expression_that_fails_is_no_handler),
    UNIT(our_handler_is_chosen_before_another_is_derived),
    UNIT(our_handler_is_restored_after_a_rewrite),
    UNIT(the_query_is_restored_with_the_handler),
    UNIT(a_rule_may_change_the_query_of_a_path),
    UNIT(a_query_that_changed_under_our_handler_is_kept),
    UNIT(the_query_is_restored_after_a_rule_of_the_server),
    UNIT(the_query_of_a_location_is_restored_before_if),
    UNIT(a_request_without_a_url_has_no_query_to_restore),
    UNIT(a_rule_of_the_server_may_change_the_query_of_a_path),
    UNIT(a_rule_that_sets_our_handler_may_change_the_query),
    UNIT(a_query_that_was_never_remembered_is_kept),
    UNIT(a_folder_looks_like_a_file_during_fixups),
    UNIT(a_folder_of_another_handler_stays_a_folder),
    UNIT(a_handler_that_is_not_ours_is_left_alone),
    UNIT(a_request_that_a_get_was_admitted_for_is_redirected),
    UNIT(a_get_that_a_get_was_admitted_for_is_served),
    UNIT(a_handler_that_is_set_late_has_a_method_too),
    UNIT(a_request_of_another_handler_is_not_redirected),
    UNIT(a_publish_location_is_no_page_of_an_error),
    UNIT(other_redirects_lead_to_a_publish_location),
    UNIT(a_stream_may_be_the_page_of_an_error),
};

UNIT_MAIN(tests)
