/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of http/tls_selftest.c: all passes here, and what is wrong is found. */
#include "t/unit/unit.h"

#include "http/tls_capture.c"

static int faults; /* added to the number of the next record to write */

static es_tls_obstacle_t faulty_session(es_tls_capture_t *capture, SSL *ssl,
                                        es_tls_session_t *session)
{
    es_tls_obstacle_t obstacle = es_tls_capture_session(capture, ssl, session);

    if (session->version == ES_TLS_1_2) {
        session->write.number += (apr_uint64_t)faults;
    }
    return obstacle;
}

#define es_tls_capture_session faulty_session
#undef RANDOM
#include "http/tls_selftest.c"

static es_tls_indexes_t process_indexes;

FACTS(all_pass)
{
    const char *failed[ES_TLS_SELFTEST_BITS];
    int bit;

    faults = 0;
    assert_true(es_tls_capture_init(&process_indexes));
    assert_int_equal(es_tls_selftest_run(failed),
                     (1 << ES_TLS_SELFTEST_BITS) - 1);
    for (bit = 0; bit < ES_TLS_SELFTEST_BITS; bit++) {
        assert_null(failed[bit]);
    }
    assert_int_equal(ERR_peek_error(), 0);
}

FACTS(a_number_that_is_wrong_is_found)
{
    const char *failed[ES_TLS_SELFTEST_BITS];
    int bit;

    faults = 1;
    assert_true(es_tls_capture_init(&process_indexes));
    assert_int_equal(
        es_tls_selftest_run(failed),
        ES_TLS_SELFTEST_BIT(ES_TLS_1_3, ES_TLS_AES_128_GCM) |
            ES_TLS_SELFTEST_BIT(ES_TLS_1_3, ES_TLS_AES_256_GCM) |
            ES_TLS_SELFTEST_BIT(ES_TLS_1_3, ES_TLS_CHACHA20_POLY1305));
    for (bit = 0; bit < ES_TLS_AEADS; bit++) {
        assert_string_equal(failed[bit], "seal");
    }
    assert_int_equal(ERR_peek_error(), 0);
}

FACTS(names_are_those_of_the_bits)
{
    assert_int_equal(ES_TLS_SELFTEST_BIT(ES_TLS_1_2, ES_TLS_CHACHA20_POLY1305),
                     1 << 2);
    assert_string_equal(es_tls_selftest_name(2),
                        "TLS 1.2 with ChaCha20-Poly1305");
    assert_int_equal(ES_TLS_SELFTEST_BIT(ES_TLS_1_3, ES_TLS_AES_128_GCM),
                     1 << 3);
    assert_string_equal(es_tls_selftest_name(3), "TLS 1.3 with AES-128-GCM");
}

static const struct CMUnitTest tests[] = {
    UNIT(all_pass),
    UNIT(a_number_that_is_wrong_is_found),
    UNIT(names_are_those_of_the_bits),
};

UNIT_MAIN(tests)
