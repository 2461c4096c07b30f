/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of http/request_channels.c: the channels of a request. */
#include "t/unit/unit.h"

#include "http/request_channels.c"
#include "t/unit/httpd_stub.h"
#include "t/unit/runtime_stub.h"

static request_rec *r;
static es_dir_t *conf;
static es_request_rights_t rights;
static es_channel_set_t *set;
static es_problem_t why;

/* What the rules of httpd say of each channel. */
static int access_status;

int es_channel_access_admits(request_rec *asked, es_slice_t name)
{
    assert_ptr_equal(asked, r);
    assert_true(name.len > 0);
    return access_status;
}

/* A GET to a Location without channels; the query may be NULL. */
static void request(const char *uri, const char *query)
{
    memset(&runtime_stub, 0, sizeof(runtime_stub));
    memset(&why, 0, sizeof(why));
    access_status = OK;
    r = stub_request(pool);
    r->uri = apr_pstrdup(pool, uri);
    r->args = query ? apr_pstrdup(pool, query) : NULL;
    conf = stub_conf(r);
    conf->max_client_channels = 10;
}

/* %{…} becomes the expression whose value is its text, with "%{}" failing. */
static void *compile(void *baton, const char *text, const char **err)
{
    (void)baton;
    (void)err;
    return stub_expression(strcmp(text, "%{}") ? text : NULL, pool);
}

static es_source_t *add_source(void)
{
    if (!conf->sources) {
        conf->sources = apr_array_make(pool, 2, sizeof(es_source_t));
    }
    return apr_array_push(conf->sources);
}

/* EventStreamChannel */
static void add_template(const char *text)
{
    es_source_t *source = add_source();

    memset(source, 0, sizeof(*source));
    assert_null(
        es_template_parse(&source->template, text, compile, NULL, pool));
}

/* EventStreamChannelList */
static void add_list_source(const char *separator, const char *value)
{
    es_source_t *source = add_source();

    source->template = NULL;
    source->separator = separator;
    source->list = stub_expression(value, pool);
}

/* EventStreamPath */
static void set_path(const char *pattern)
{
    assert_null(es_path_parse(&conf->path, pattern, pool));
}

/* EventStreamAllowChannel */
static void allow(const char *pattern)
{
    const es_template_t *template = NULL;

    if (!conf->allow) {
        conf->allow = apr_array_make(pool, 2, sizeof(template));
    }
    assert_null(
        es_template_parse_allow(&template, pattern, compile, NULL, pool));
    APR_ARRAY_PUSH(conf->allow, const es_template_t *) = template;
}

/* The names of set with '|' between. */
static const char *names(void)
{
    const char *all = "";
    int i;

    for (i = 0; i < es_channel_set_count(set); i++) {
        es_slice_t name = es_channel_set_names(set)[i];

        all = apr_psprintf(pool, "%s%s%.*s", all, i > 0 ? "|" : "",
                           (int)name.len, name.data);
    }
    return all;
}

static int expands(void)
{
    return es_request_channels_expand(r, conf, &set, &why);
}

#define assert_expands(all)                \
    do {                                   \
        assert_true(expands());            \
        assert_string_equal(names(), all); \
    } while (0)

/* ---- Templates and lists ----------------------------------------------- */

FACTS(a_location_without_sources_has_no_channels)
{
    request("/", NULL);
    assert_expands("");
}

FACTS(a_token_has_its_value_from_the_path)
{
    request("/rooms/red/doors", NULL);
    set_path("/rooms/{room}/{what}");
    add_template("{what}-of-{room}");
    assert_expands("doors-of-red");
}

FACTS(a_token_has_its_value_from_the_environment)
{
    request("/", NULL);
    add_template("room-{Room}");
    apr_table_setn(r->subprocess_env, "MATCH_ROOM", "red");
    assert_expands("room-red");
}

FACTS(the_path_wins_over_the_environment)
{
    request("/blue", NULL);
    set_path("/{room}");
    add_template("{room}");
    add_template("{user}");
    apr_table_setn(r->subprocess_env, "MATCH_ROOM", "red");
    apr_table_setn(r->subprocess_env, "MATCH_USER", "al%69ce");
    assert_expands("blue|al%69ce"); /* not decoded once more */
}

FACTS(a_path_that_does_not_match_is_not_found)
{
    request("/a/b", NULL);
    set_path("/{room}");
    add_template("x");
    assert_false(expands());
    assert_int_equal(why.status, HTTP_NOT_FOUND);
}

FACTS(a_parameter_gives_a_channel_for_each_value)
{
    request("/", "t=a&u=x&t=b%20c");
    add_template("news-{?t}");
    assert_expands("news-a|news-b c");
}

FACTS(an_expression_gives_its_value)
{
    request("/", NULL);
    add_template("user-%{REMOTE_USER}");
    assert_expands("user-%{REMOTE_USER}");
}

FACTS(an_expression_that_fails_leaves_its_channel_out)
{
    request("/", NULL);
    add_template("user-%{}");
    add_template("all");
    assert_expands("all");
    assert_int_equal(httpd_stub.log_level, APLOG_WARNING);
    assert_non_null(strstr(httpd_stub.logged, "ES0401: "));
    assert_expands("all");
    assert_int_equal(httpd_stub.logs, 2);
    assert_int_equal(httpd_stub.log_level, APLOG_DEBUG);
}

FACTS(a_value_is_refused_with_a_blank_at_an_end)
{
    request("/", NULL);
    add_template("room-{room}");
    apr_table_setn(r->subprocess_env, "MATCH_ROOM", "office ");
    assert_false(expands());
    assert_int_equal(why.status, HTTP_BAD_REQUEST);
    assert_non_null(strstr(why.sentence, "'room-office '"));
    request("/office ", NULL);
    set_path("/{room}");
    add_template("{room}");
    assert_false(expands());
    assert_int_equal(why.status, HTTP_BAD_REQUEST);
    assert_non_null(strstr(why.sentence, "'office '"));
    assert_int_equal(runtime_stub.reached[ES_LIMIT_CLIENT_CHANNELS], 0);
}

FACTS(a_list_is_split_at_its_separator)
{
    request("/", NULL);
    add_list_source("::", "a:: b:c\t:: :: d");
    assert_expands("a|b:c|d");
}

FACTS(sources_add_up_and_a_name_counts_once)
{
    request("/", NULL);
    add_template("a");
    add_list_source(",", "b,a");
    add_template("b");
    assert_expands("a|b");
}

FACTS(as_many_channels_as_allowed)
{
    request("/", NULL);
    conf->max_client_channels = 2;
    add_list_source(",", "a,b,a");
    assert_expands("a|b");
    assert_int_equal(runtime_stub.reached[ES_LIMIT_CLIENT_CHANNELS], 0);
}

FACTS(one_channel_more_is_refused_and_counted)
{
    request("/", NULL);
    conf->max_client_channels = 2;
    add_list_source(",", "a,b");
    add_template("c");
    assert_false(expands());
    assert_int_equal(why.status, HTTP_BAD_REQUEST);
    assert_string_equal(why.sentence,
                        "Too many channels: at most 2 for a client.");
    assert_int_equal(runtime_stub.reached[ES_LIMIT_CLIENT_CHANNELS], 1);
}

FACTS(a_bad_name_is_refused)
{
    request("/", "t=a%0Ab");
    add_template("{?t}");
    assert_false(expands());
    assert_int_equal(why.status, HTTP_BAD_REQUEST);
}

/* ---- Names that another module has chosen ------------------------------ */

FACTS(given_names_are_trimmed_and_empty_ones_dropped)
{
    static const char *const given[] = {" a ", NULL, "", "b", "a"};

    request("/", NULL);
    assert_true(es_request_channels_take(r, conf, given, 5, &set, &why));
    assert_string_equal(names(), "a|b");
    assert_true(es_request_channels_take(r, conf, NULL, 5, &set, &why));
    assert_string_equal(names(), "");
}

FACTS(given_names_are_checked)
{
    static const char *const given[] = {"a", "b\n", "c"};

    request("/", NULL);
    assert_false(es_request_channels_take(r, conf, given, 2, &set, &why));
    assert_int_equal(why.status, HTTP_BAD_REQUEST);
    conf->max_client_channels = 1;
    assert_false(es_request_channels_take(r, conf, given, 3, &set, &why));
    assert_int_equal(runtime_stub.reached[ES_LIMIT_CLIENT_CHANNELS], 1);
}

/* ---- EventStreamAllowChannel ------------------------------------------- */

static int allows(const char *first, const char *second)
{
    es_slice_t both[2] = {es_slice_of(first), es_slice_of(second)};

    es_request_channels_subscribe_rights(&rights, r, conf);
    return es_request_channels_allowed(&rights, both, second ? 2 : 1, &why);
}

FACTS(without_the_directive_all_channels_are_allowed)
{
    request("/", NULL);
    assert_true(allows("a", "b"));
}

FACTS(each_name_must_match_one_of_the_patterns)
{
    request("/", NULL);
    allow("news-*");
    allow("chat");
    assert_true(allows("chat", "news-a"));
    assert_false(allows("news-a", "chats"));
    assert_int_equal(why.status, HTTP_FORBIDDEN);
    assert_string_equal(why.sentence, "Channel not allowed: chats.");
    assert_null(why.remedy); /* a client cannot fill the error log */
    assert_false(allows("x", "y"));
    assert_string_equal(why.sentence, "Channel not allowed: x.");
}

FACTS(the_rules_of_httpd_are_asked_for_what_a_pattern_matches)
{
    request("/", NULL);
    allow("news-*");
    access_status = HTTP_UNAUTHORIZED;
    assert_false(allows("news-a", NULL));
    assert_int_equal(why.status, HTTP_UNAUTHORIZED);
    assert_string_equal(why.sentence, "Channel not allowed: news-a.");
    assert_false(allows("x", NULL));
    assert_int_equal(why.status, HTTP_FORBIDDEN);
    rights.publishes = 1;
    assert_false(es_request_channels_allows(&rights, es_slice_of("news-a")));
    access_status = OK;
    assert_true(es_request_channels_allows(&rights, es_slice_of("news-a")));
}

FACTS(an_empty_list_of_patterns_allows_nothing)
{
    request("/", NULL);
    conf->allow = apr_array_make(pool, 1, sizeof(const es_template_t *));
    assert_false(allows("a", NULL));
}

FACTS(a_pattern_has_values_of_the_request)
{
    request("/*", NULL);
    set_path("/{room}");
    allow("room-{room}");
    allow("%{user}/*");
    apr_table_setn(r->subprocess_env, "MATCH_WHAT", "x\\");
    allow("{what}*");
    assert_true(allows("room-*", "%{user}/a"));
    assert_true(allows("x\\y", "x\\"));
    assert_false(allows("room-a", NULL));
    assert_false(allows("x*", NULL));
}

static int level_at_line(unsigned int line)
{
    ap_expr_info_t expression = {0};

    expression.line_number = line;
    evaluate(r, &expression);
    return httpd_stub.log_level;
}

FACTS(an_expression_that_fails_does_not_hide_another)
{
    request("/", NULL);
    assert_int_equal(level_at_line(7), APLOG_WARNING);
    assert_int_equal(level_at_line(7), APLOG_DEBUG);
    assert_int_equal(level_at_line(8), APLOG_WARNING);
    assert_non_null(strstr(httpd_stub.logged, "line 8"));
}

FACTS(a_pattern_without_its_value_allows_nothing)
{
    request("/a/b", NULL);
    set_path("/{room}");
    apr_table_setn(r->subprocess_env, "MATCH_ROOM", "a");
    allow("{room}*"); /* of the path, which does not match */
    allow("*{what}");
    allow("*%{}");
    assert_false(allows("a", NULL));
    assert_non_null(strstr(httpd_stub.logged, "ES0401: "));
    allow("a");
    assert_true(allows("a", NULL));
}

/* ---- A Location that is confined to its channels ------------------------ */

static int may_publish(const char *name)
{
    es_slice_t channel = es_slice_of(name);

    assert_true(es_request_channels_publish_rights(&rights, r, conf, &why));
    return es_request_channels_allowed(&rights, &channel, 1, &why);
}

static void room_request(void)
{
    request("/lobby", "t=x");
    set_path("/{room}");
    add_template("all");
    add_template("room-{room}");
}

FACTS(a_location_with_tokens_publishes_to_its_channels_only)
{
    room_request();
    assert_true(may_publish("room-lobby"));
    assert_true(may_publish("all"));
    assert_false(may_publish("room-office"));
    assert_int_equal(why.status, HTTP_FORBIDDEN);
    assert_string_equal(why.sentence, "Channel not allowed: room-office.");
    assert_non_null(strstr(why.remedy, "EventStreamAllowChannel in the sec"));
    assert_true(allows("room-office", NULL)); /* a stream */
}

FACTS(so_does_one_with_an_expression_or_a_list)
{
    request("/", NULL);
    add_template("user-%{me}");
    assert_true(may_publish("user-%{me}"));
    assert_false(may_publish("user-"));
    request("/", NULL);
    add_template("user-%{}"); /* fails */
    assert_false(may_publish("user-"));
    request("/", NULL);
    add_list_source(",", "a,b");
    assert_true(may_publish("b"));
    assert_false(may_publish("a,b"));
}

FACTS(a_location_without_values_of_the_request_is_not_confined)
{
    request("/", "t=x");
    assert_true(may_publish("a"));
    add_template("all");
    add_template("news-{?t}");
    assert_true(may_publish("a"));
    assert_null(rights.only);
}

FACTS(its_own_patterns_decide_instead)
{
    room_request();
    conf->allow_is_own = 1;
    allow("room-*");
    assert_true(may_publish("room-office"));
    assert_false(may_publish("all"));
    assert_non_null(strstr(why.remedy, "EventStreamAllowChannel"));
}

FACTS(patterns_of_an_outer_section_restrict_in_addition)
{
    room_request();
    allow("room-*");
    assert_true(may_publish("room-lobby"));
    assert_false(may_publish("room-office"));
    assert_false(may_publish("all"));
}

FACTS(a_confined_location_needs_its_channels)
{
    room_request();
    r->uri = apr_pstrdup(pool, "/lobby/x");
    assert_false(es_request_channels_publish_rights(&rights, r, conf, &why));
    assert_int_equal(why.status, HTTP_NOT_FOUND);
    r->uri = apr_pstrdup(pool, "/lobby ");
    assert_false(es_request_channels_publish_rights(&rights, r, conf, &why));
    assert_int_equal(why.status, HTTP_BAD_REQUEST);
}

FACTS(the_channels_of_a_location_are_expanded_once)
{
    room_request();
    assert_true(es_request_channels_publish_rights(&rights, r, conf, &why));
    assert_true(es_request_channels_preset(&rights, &set, &why));
    assert_ptr_equal(set, rights.only);
    assert_string_equal(names(), "all|room-lobby");
}

/* ---- The channels that a query names ----------------------------------- */

static int queries(void)
{
    return es_request_channels_publish_rights(&rights, r, conf, &why) &&
           es_request_channels_queried(&rights, &set, &why);
}

FACTS(the_query_names_channels)
{
    request("/", "channel=b&x=y&channel=a%20c");
    add_template("c");
    assert_true(queries());
    assert_string_equal(names(), "b|a c");
}

FACTS(a_name_in_the_query_is_not_trimmed)
{
    request("/", "channel=a&channel=b%20");
    assert_false(queries());
    assert_int_equal(why.status, HTTP_BAD_REQUEST);
    assert_string_equal(why.sentence,
                        "The channel name 'b ' begins or ends with a blank.");
}

FACTS(without_a_query_they_are_those_of_the_location)
{
    request("/", "x=y");
    add_template("c");
    assert_true(queries());
    assert_string_equal(names(), "c");
}

FACTS(without_any_channel_it_is_refused)
{
    request("/", NULL);
    assert_false(queries());
    assert_int_equal(why.status, HTTP_BAD_REQUEST);
    assert_non_null(strstr(why.sentence, "No channel: "));
}

FACTS(an_empty_name_in_the_query_is_refused)
{
    request("/", "channel=");
    add_template("c");
    assert_false(queries());
    assert_int_equal(why.status, HTTP_BAD_REQUEST);
}

FACTS(channels_of_the_query_must_be_allowed)
{
    request("/", "channel=a&channel=b");
    allow("a");
    assert_false(queries());
    assert_int_equal(why.status, HTTP_FORBIDDEN);
}

FACTS(a_confined_location_knows_no_others)
{
    room_request();
    assert_true(queries());
    assert_string_equal(names(), "all|room-lobby");
    r->args = apr_pstrdup(pool, "channel=all&channel=room-office");
    assert_false(queries());
    assert_int_equal(why.status, HTTP_FORBIDDEN);
}

FACTS(channels_of_the_location_must_be_allowed_too)
{
    request("/", NULL);
    add_template("c");
    allow("a");
    assert_false(queries());
    assert_int_equal(why.status, HTTP_FORBIDDEN);
}

FACTS(a_query_names_channels_whatever_the_path)
{
    request("/a/b", "channel=a");
    set_path("/{room}");
    assert_true(queries());
    request("/a/b", NULL);
    set_path("/{room}");
    assert_false(queries());
    assert_int_equal(why.status, HTTP_NOT_FOUND);
}

static const struct CMUnitTest tests[] = {
    UNIT(a_location_without_sources_has_no_channels),
    UNIT(a_token_has_its_value_from_the_path),
    UNIT(a_token_has_its_value_from_the_environment),
    UNIT(the_path_wins_over_the_environment),
    UNIT(a_path_that_does_not_match_is_not_found),
    UNIT(a_parameter_gives_a_channel_for_each_value),
    UNIT(an_expression_gives_its_value),
    UNIT(an_expression_that_fails_leaves_its_channel_out),
    UNIT(a_value_is_refused_with_a_blank_at_an_end),
    UNIT(a_list_is_split_at_its_separator),
    UNIT(sources_add_up_and_a_name_counts_once),
    UNIT(as_many_channels_as_allowed),
    UNIT(one_channel_more_is_refused_and_counted),
    UNIT(a_bad_name_is_refused),
    UNIT(given_names_are_trimmed_and_empty_ones_dropped),
    UNIT(given_names_are_checked),
    UNIT(without_the_directive_all_channels_are_allowed),
    UNIT(each_name_must_match_one_of_the_patterns),
    UNIT(the_rules_of_httpd_are_asked_for_what_a_pattern_matches),
    UNIT(an_empty_list_of_patterns_allows_nothing),
    UNIT(a_pattern_has_values_of_the_request),
    UNIT(an_expression_that_fails_does_not_hide_another),
    UNIT(a_pattern_without_its_value_allows_nothing),
    UNIT(a_location_with_tokens_publishes_to_its_channels_only),
    UNIT(so_does_one_with_an_expression_or_a_list),
    UNIT(a_location_without_values_of_the_request_is_not_confined),
    UNIT(its_own_patterns_decide_instead),
    UNIT(patterns_of_an_outer_section_restrict_in_addition),
    UNIT(a_confined_location_needs_its_channels),
    UNIT(the_channels_of_a_location_are_expanded_once),
    UNIT(the_query_names_channels),
    UNIT(a_name_in_the_query_is_not_trimmed),
    UNIT(without_a_query_they_are_those_of_the_location),
    UNIT(without_any_channel_it_is_refused),
    UNIT(an_empty_name_in_the_query_is_refused),
    UNIT(channels_of_the_query_must_be_allowed),
    UNIT(a_confined_location_knows_no_others),
    UNIT(channels_of_the_location_must_be_allowed_too),
    UNIT(a_query_names_channels_whatever_the_path),
};

UNIT_MAIN(tests)
