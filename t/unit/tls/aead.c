/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of what a thread's context has in memory when a client has gone. */
#include "tls/aead.c" /* before cmocka's fail() */

#include "t/unit/unit.h"

#include "t/unit/tls_kit.h"

/* Seal text with the key that the context has at present. */
static void seal_with_kept_key(EVP_CIPHER_CTX *ctx, const unsigned char *nonce,
                               unsigned char *text, int len)
{
    int n;

    assert_non_null(ctx);
    assert_true(EVP_CipherInit_ex2(ctx, NULL, NULL, nonce, 1, NULL));
    assert_true(EVP_CipherUpdate(ctx, text, &n, text, len));
    assert_int_equal(n, len);
}

FACTS(the_key_of_a_wiped_session_is_in_no_context)
{
    unsigned char with_key[16], after[16], nonce[ES_TLS_NONCE];
    es_tls_session_t server;
    tls_record_t record;
    es_tls_aead_t aead;
    int suite;

    for (suite = 0; suite < TLS_SUITES; suite++) {
        memset(nonce, 7, sizeof(nonce));
        memset(with_key, 0, sizeof(with_key));
        memset(after, 0, sizeof(after));
        tls_server(&server, &tls_suites[suite]);
        aead = es_tls_suite_at(server.suite)->aead;
        tls_seal(&server, ES_TLS_APPLICATION_DATA, (unsigned char *)"text", 4,
                 &record);
        seal_with_kept_key(kept[aead], nonce, with_key, 16);
        es_tls_session_wipe(&server);
        seal_with_kept_key(kept[aead], nonce, after, 16);
        assert_memory_not_equal(with_key, after, 16);
    }
}

/* A worker wipes sessions, and seals nothing. */
FACTS(a_wipe_makes_no_context)
{
    es_tls_session_t server;

    es_tls_thread_end();
    tls_server(&server, &tls_suites[0]);
    es_tls_session_wipe(&server);
    assert_null(kept[es_tls_suite_at(0)->aead]);
}

static const struct CMUnitTest tests[] = {
    UNIT(the_key_of_a_wiped_session_is_in_no_context),
    UNIT(a_wipe_makes_no_context),
};

int main(void)
{
    int rc = cmocka_run_group_tests(tests, unit_start, unit_stop);

    es_tls_thread_end();
    return rc;
}
