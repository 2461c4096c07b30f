/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/base64.c. */
#include "t/unit/unit.h"

#include "base/base64.h"

static int decodes(const char *text, es_base64_form_t form, es_slice_t *out)
{
    es_slice_t bytes = exact(es_slice_of(text));
    int rc = es_base64_decode(out, bytes, form, pool);

    exact_free(bytes);
    return rc;
}

FACTS(both_alphabets_and_padding_are_decoded)
{
    es_slice_t out;

    assert_true(decodes("", ES_BASE64_ANY, &out));
    assert_slice(out, "");
    assert_true(decodes("Zg==", ES_BASE64_ANY, &out));
    assert_slice(out, "f");
    assert_true(decodes("Zg", ES_BASE64_ANY, &out));
    assert_slice(out, "f");
    assert_true(decodes("Zm9vYmE=", ES_BASE64_ANY, &out));
    assert_slice(out, "fooba");
    assert_true(decodes("+/-_", ES_BASE64_ANY, &out));
    assert_slice(out, "\xfb\xff\xbf");
    assert_true(decodes("AAAA", ES_BASE64_ANY, &out));
    assert_slice(out, "\0\0\0");
}

FACTS(the_url_form_is_one_alphabet_without_padding)
{
    es_slice_t out;

    assert_true(decodes("-_-_", ES_BASE64_URL, &out));
    assert_slice(out, "\xfb\xff\xbf");
    assert_false(decodes("+/-_", ES_BASE64_URL, &out));
    assert_false(decodes("Zg==", ES_BASE64_URL, &out));
}

FACTS(malformed_text_is_refused)
{
    es_slice_t out = S("as it was");

    assert_false(decodes("Z", ES_BASE64_ANY, &out));
    assert_false(decodes("Zm9vY", ES_BASE64_ANY, &out));
    assert_false(decodes("Zm 9", ES_BASE64_ANY, &out));
    assert_false(decodes("Zm9v\n", ES_BASE64_ANY, &out));
    assert_false(decodes("Zg=", ES_BASE64_ANY, &out));
    assert_false(decodes("Zg===", ES_BASE64_ANY, &out));
    assert_false(decodes("====", ES_BASE64_ANY, &out));
    assert_false(decodes("Z===", ES_BASE64_ANY, &out));
    assert_false(decodes("Zh", ES_BASE64_ANY, &out)); /* leftover bits */
    assert_false(decodes("Zm9", ES_BASE64_ANY, &out));
    assert_slice(out, "as it was");
}

FACTS(encoded_bytes_decode_to_the_same_bytes)
{
    es_slice_t all = repeat('\xff', 65), out;
    apr_size_t len;

    for (len = 0; len <= all.len; len++) {
        es_slice_t bytes = exact(es_slice(all.data, len));
        const char *text = es_base64_encode_url(bytes, pool);

        assert_true(decodes(text, ES_BASE64_URL, &out));
        assert_true(es_slice_equal(out, bytes));
        exact_free(bytes);
    }
    assert_string_equal(es_base64_encode_url(S("fooba"), pool), "Zm9vYmE");
    assert_string_equal(es_base64_encode_url(S("\xfb\xff\xbf"), pool), "-_-_");
}

static const struct CMUnitTest tests[] = {
    UNIT(both_alphabets_and_padding_are_decoded),
    UNIT(the_url_form_is_one_alphabet_without_padding),
    UNIT(malformed_text_is_refused),
    UNIT(encoded_bytes_decode_to_the_same_bytes),
};

UNIT_MAIN(tests)
