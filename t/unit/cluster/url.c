/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of cluster/url.c. */
#include "t/unit/unit.h"

#include "cluster/url.h"

static const es_cluster_url_t *parsed(const char *text)
{
    const es_cluster_url_t *url = NULL;
    const char *err = es_cluster_url_parse(&url, text, pool);

    if (err) {
        print_error("%s: %s\n", text, err);
    }
    assert_null(err);
    return url;
}

static void refused(const char *text, const char *why)
{
    const es_cluster_url_t *url = NULL;
    const char *err = es_cluster_url_parse(&url, text, pool);

    assert_non_null(err);
    assert_memory_equal(err, "the URL ", 8);
    assert_string_equal(err + 8, why);
    assert_null(url);
}

FACTS(a_host_is_enough)
{
    const es_cluster_url_t *url = parsed("redis://broker.example");

    assert_string_equal(url->hosts[0].host, "broker.example");
    assert_int_equal(url->nhosts, 1);
    assert_int_equal(url->hosts[0].port, 6379);
    assert_int_equal(url->db, 0);
    assert_false(url->is_tls);
    assert_false(url->is_sentinel);
    assert_null(url->user);
    assert_null(url->password);
    assert_null(url->path);
    assert_null(url->name);
}

FACTS(all_parts_are_taken)
{
    const es_cluster_url_t *url =
        parsed("rediss://app:s%40c%3Aret+x:y@10.1.2.3:7000/15");

    assert_true(url->is_tls);
    assert_string_equal(url->user, "app");
    assert_string_equal(url->password, "s@c:ret+x:y");
    assert_string_equal(url->hosts[0].host, "10.1.2.3");
    assert_int_equal(url->hosts[0].port, 7000);
    assert_int_equal(url->db, 15);
}

FACTS(user_and_password_may_be_alone)
{
    const es_cluster_url_t *url = parsed("redis://:secret@h");

    assert_null(url->user);
    assert_string_equal(url->password, "secret");
    url = parsed("redis://app@h/");
    assert_string_equal(url->user, "app");
    assert_null(url->password);
    url = parsed("redis://app:@h/");
    assert_null(url->password);
    /* the last '@' is the end of the password */
    url = parsed("redis://app:a@b@h/");
    assert_string_equal(url->password, "a@b");
}

FACTS(an_address_of_ipv6_has_brackets)
{
    const es_cluster_url_t *url = parsed("redis://u:p@[fd00::1:2]:6380/1");

    assert_string_equal(url->hosts[0].host, "fd00::1:2");
    assert_int_equal(url->hosts[0].port, 6380);
    assert_string_equal(parsed("redis://[::1]")->hosts[0].host, "::1");
    refused("redis://[::1", "has a '[' without a ']'");
    refused("redis://[::g]", "has a bad IPv6 address");
    refused("redis://[::1]6379", "has a bad port");
    refused("redis://::1", "has a bad host");
}

FACTS(sentinels_have_a_name)
{
    const es_cluster_url_t *url =
        parsed("redis+sentinel://:p@a,b:1000,[::1]:2000/my%2Fname/3");

    assert_true(url->is_sentinel);
    assert_false(url->is_tls);
    assert_int_equal(url->nhosts, 3);
    assert_string_equal(url->hosts[0].host, "a");
    assert_int_equal(url->hosts[0].port, 26379);
    assert_int_equal(url->hosts[1].port, 1000);
    assert_string_equal(url->hosts[2].host, "::1");
    assert_int_equal(url->hosts[2].port, 2000);
    assert_string_equal(url->name, "my/name");
    assert_int_equal(url->db, 3);
    assert_true(parsed("rediss+sentinel://a/n")->is_tls);
    refused("redis+sentinel://a,b", "has no name of a primary after its "
                                    "sentinels");
    refused("redis+sentinel://a,b/", "has no name of a primary after its "
                                     "sentinels");
    refused("redis+sentinel://a,,b/n", "has no host");
    refused("redis://a,b", "has several hosts, which only redis+sentinel:// "
                           "may have");
}

FACTS(there_are_at_most_16_hosts)
{
    const es_cluster_url_t *url =
        parsed("redis+sentinel://a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p/name");

    assert_int_equal(url->nhosts, ES_CLUSTER_HOSTS_MAX);
    assert_string_equal(url->hosts[15].host, "p");
    refused("redis+sentinel://a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q/name",
            "has more than 16 hosts");
}

FACTS(a_unix_socket_has_a_path)
{
    const es_cluster_url_t *url =
        parsed("redis+unix://app:p@/run/my%20redis/sock?db=4");

    assert_string_equal(url->path, "/run/my redis/sock");
    assert_int_equal(url->nhosts, 0);
    assert_string_equal(url->user, "app");
    assert_string_equal(url->password, "p");
    assert_int_equal(url->db, 4);
    assert_string_equal(parsed("redis+unix:///a/@b")->path, "/a/@b");
    refused("redis+unix://host/path", "has no path of a socket");
    refused("redis+unix:///", "has no path of a socket");
    refused("redis+unix:///a?dbx=1", "has a query that is not db=");
    refused("redis://h?db=1", "has a query, which only redis+unix:// may have");
}

FACTS(a_path_is_no_longer_than_a_socket_can_have)
{
    char *text =
        apr_pstrcat(pool, "redis+unix:///", repeat('a', 106).data, NULL);

    assert_int_equal(strlen(parsed(text)->path), 107);
    refused(apr_pstrcat(pool, text, "a", NULL),
            "has a path that is too long for a socket (107 bytes)");
}

FACTS(ports_and_databases_are_numbers)
{
    assert_int_equal(parsed("redis://h:65535")->hosts[0].port, 65535);
    assert_int_equal(parsed("redis://h:1")->hosts[0].port, 1);
    refused("redis://h:0", "has a bad port");
    refused("redis://h:65536", "has a bad port");
    refused("redis://h:", "has a bad port");
    refused("redis://h:+1", "has a bad port");
    refused("redis://h:99999999999999999999", "has a bad port");
    assert_int_equal(parsed("redis://h/999999")->db, ES_CLUSTER_DB_MAX);
    refused("redis://h/1000000", "has a bad database number");
    refused("redis://h/-1", "has a bad database number");
    refused("redis://h/1/2", "has a bad database number");
    refused("redis+sentinel://h/n/x", "has a bad database number");
}

FACTS(what_is_no_url_is_refused)
{
    const char *schemes = "starts with none of redis://, rediss://, "
                          "redis+sentinel://, rediss+sentinel://, "
                          "redis+unix://";

    refused("", schemes);
    refused("http://h", schemes);
    refused("redis:/h", schemes);
    refused("redis://", "has no host");
    refused("redis:///1", "has no host");
    refused("redis://a b", "has a blank or a control character");
    refused("redis://a\n", "has a blank or a control character");
    refused("redis://h#x", "has a fragment (#); write %23 within a value");
    refused("redis://h_ost!", "has a bad host");
    refused("redis://@h", "has an '@' without a user or a password before it");
    refused("redis://u:%zz@h", "has a bad percent sequence");
    refused("redis://u:%4@h", "has a bad percent sequence");
    refused("redis://u:%00@h", "has a bad percent sequence");
    refused(apr_pstrcat(pool, "redis://", repeat('a', 254).data, NULL),
            "has a bad host");
    refused(apr_pstrcat(pool, "redis://u:", repeat('a', 5000).data, "@h", NULL),
            "is longer than 4,096 bytes");
    assert_int_equal(parsed("REDIS://h")->nhosts, 1);
}

/* Else a part of the password would be the name, which is shown. */
FACTS(a_slash_in_a_password_is_refused)
{
    const char *why =
        "has an '@' after its hosts; a '/' of a password is written %2F";

    refused("redis+sentinel://tok/en@h", why);
    refused("redis+sentinel://tok/en@h/n", why);
    refused("redis://tok/en@h", why);
    refused("redis://:tok/en@h", "has a bad host");
    refused("redis+unix://:tok/en@/run/a", "has no path of a socket");
    assert_string_equal(parsed("redis://:a%2Fb@h")->password, "a/b");
}

FACTS(what_is_shown_has_neither_user_nor_password)
{
    assert_string_equal(parsed("redis://u:p@h:1/2")->display, "redis://h:1/2");
    assert_string_equal(parsed("rediss://h")->display, "rediss://h");
    assert_string_equal(parsed("redis://u:a@b@h/1")->display, "redis://h/1");
    assert_string_equal(parsed("redis+sentinel://u:p@a,b:1/n/2")->display,
                        "redis+sentinel://a,b:1/n/2");
    assert_string_equal(parsed("redis+unix://u:p@/a?db=1")->display,
                        "redis+unix:///a?db=1");
}

static const struct CMUnitTest tests[] = {
    UNIT(a_host_is_enough),
    UNIT(all_parts_are_taken),
    UNIT(user_and_password_may_be_alone),
    UNIT(an_address_of_ipv6_has_brackets),
    UNIT(sentinels_have_a_name),
    UNIT(there_are_at_most_16_hosts),
    UNIT(a_unix_socket_has_a_path),
    UNIT(a_path_is_no_longer_than_a_socket_can_have),
    UNIT(ports_and_databases_are_numbers),
    UNIT(what_is_no_url_is_refused),
    UNIT(a_slash_in_a_password_is_refused),
    UNIT(what_is_shown_has_neither_user_nor_password),
};

UNIT_MAIN(tests)
