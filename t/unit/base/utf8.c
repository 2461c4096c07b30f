/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/utf8.c. */
#include "t/unit/unit.h"

#include "base/utf8.h"

#define assert_valid(literal) \
    assert_int_equal(check(S(literal)), sizeof(literal) - 1)
#define assert_bad_at(literal, at) assert_int_equal(check(S(literal)), at)

/* The text in exact memory, so that a sanitizer sees an overrun. */
static apr_size_t check(es_slice_t text)
{
    es_slice_t bytes = exact(text);
    apr_size_t at = es_utf8_check(bytes);

    assert_int_equal(es_utf8_is_valid(bytes), at == text.len);
    exact_free(bytes);
    return at;
}

/* Encode the code point, also one that UTF-8 forbids. */
static es_slice_t encode(unsigned long c, int size)
{
    static const unsigned char leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    unsigned char *bytes = apr_palloc(pool, 4);
    int i;

    for (i = size - 1; i > 0; i--) {
        bytes[i] = (unsigned char)(0x80 | (c & 0x3f));
        c >>= 6;
    }
    bytes[0] = (unsigned char)(leads[size] | c);
    return es_slice((const char *)bytes, (apr_size_t)size);
}

FACTS(empty_text_is_valid)
{
    assert_valid("");
    assert_true(es_utf8_is_valid(es_slice(NULL, 0)));
}

FACTS(ascii_is_valid_also_nul)
{
    assert_valid("hello\0world\x7f");
}

FACTS(the_ends_of_each_length_are_valid)
{
    assert_valid("\xc2\x80");
    assert_valid("\xdf\xbf");
    assert_valid("\xe0\xa0\x80");
    assert_valid("\xef\xbf\xbf");
    assert_valid("\xf0\x90\x80\x80");
    assert_valid("\xf4\x8f\xbf\xbf");
}

FACTS(both_sides_of_the_surrogates_are_valid)
{
    assert_valid("\xed\x9f\xbf");
    assert_valid("\xee\x80\x80");
}

FACTS(surrogates_are_refused)
{
    assert_bad_at("\xed\xa0\x80", 0);
    assert_bad_at("\xed\xbf\xbf", 0);
    assert_bad_at("a\xed\xa0\xbd\xed\xb8\x80", 1);
}

FACTS(overlong_forms_are_refused)
{
    assert_bad_at("\xc0\x80", 0);
    assert_bad_at("\xc0\xaf", 0);
    assert_bad_at("\xc1\xbf", 0);
    assert_bad_at("\xe0\x80\x80", 0);
    assert_bad_at("\xe0\x9f\xbf", 0);
    assert_bad_at("\xf0\x80\x80\x80", 0);
    assert_bad_at("\xf0\x8f\xbf\xbf", 0);
}

FACTS(code_points_above_10ffff_are_refused)
{
    assert_bad_at("\xf4\x90\x80\x80", 0);
    assert_bad_at("\xf5\x80\x80\x80", 0);
    assert_bad_at("\xf8\x88\x80\x80\x80", 0);
    assert_bad_at("\xfe", 0);
    assert_bad_at("\xff", 0);
}

FACTS(lone_continuation_bytes_are_refused)
{
    assert_bad_at("\x80", 0);
    assert_bad_at("ab\277c", 2);
    assert_bad_at("\xc3\xbc\xbc", 2);
}

FACTS(characters_that_are_cut_off_are_refused_at_their_lead_byte)
{
    assert_bad_at("abc\xc3", 3);
    assert_bad_at("abc\xe2\x82", 3);
    assert_bad_at("abc\xf0\x9f\x98", 3);
    assert_bad_at("\xe2\x82 ", 0);
    assert_bad_at("\xf0\x9f\x98 ", 0);
    assert_bad_at("\xf0\x9f \x80", 0);
}

FACTS(a_bad_byte_is_found_at_each_offset)
{
    char text[70];
    apr_size_t at;

    for (at = 0; at < sizeof(text); at++) {
        memset(text, 'a', sizeof(text));
        text[at] = '\x80';
        assert_int_equal(check(es_slice(text, sizeof(text))), at);
    }
}

FACTS(a_character_is_taken_at_each_offset)
{
    char text[70];
    apr_size_t at;

    for (at = 0; at + 3 <= sizeof(text); at++) {
        memset(text, 'a', sizeof(text));
        memcpy(text + at, "\xe2\x82\xac", 3);
        assert_int_equal(check(es_slice(text, sizeof(text))), sizeof(text));
    }
}

FACTS(all_code_points_but_surrogates_are_valid)
{
    unsigned long c;
    int size;

    for (c = 0x80; c <= 0x10ffff; c++) {
        size = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        if (es_utf8_is_valid(encode(c, size)) !=
            !(c >= 0xd800 && c <= 0xdfff)) {
            fail_msg("U+%04lX is judged wrongly", c);
        }
        apr_pool_clear(pool);
    }
}

FACTS(all_pairs_of_bytes_are_checked_as_in_the_rfc)
{
    unsigned int a;
    unsigned int b;
    char pair[2];

    for (a = 0; a < 256; a++) {
        for (b = 0; b < 256; b++) {
            pair[0] = (char)a;
            pair[1] = (char)b;
            assert_int_equal(
                es_utf8_is_valid(es_slice(pair, 2)),
                (a < 0x80 && b < 0x80) ||
                    (a >= 0xc2 && a <= 0xdf && b >= 0x80 && b <= 0xbf));
        }
    }
}

static es_slice_t without_mark(es_slice_t text)
{
    es_slice_t bytes = exact(text);
    apr_size_t left = es_utf8_without_mark(bytes).len;

    exact_free(bytes);
    return es_slice(text.data + text.len - left, left);
}

FACTS(a_byte_order_mark_is_taken_off_once)
{
    assert_slice(without_mark(S("\xef\xbb\xbf{}")), "{}");
    assert_slice(without_mark(S("\xef\xbb\xbf\xef\xbb\xbf")), "\xef\xbb\xbf");
    assert_slice(without_mark(S("\xef\xbb\xbf")), "");
    assert_slice(without_mark(S("\xef\xbb")), "\xef\xbb");
    assert_slice(without_mark(S("a\xef\xbb\xbf")), "a\xef\xbb\xbf");
    assert_slice(without_mark(S("")), "");
}

FACTS(what_is_no_utf8_is_latin1)
{
    char all[128];
    es_slice_t utf8;
    int i;

    utf8 = es_utf8_or_latin1(es_slice_of("caf\xe9-1"), pool);
    assert_slice(utf8, "caf\xc3\xa9-1");
    utf8 = es_utf8_or_latin1(es_slice_of("caf\xc3\xa9-1"), pool);
    assert_slice(utf8, "caf\xc3\xa9-1");
    utf8 = es_utf8_or_latin1(es_slice_of("\xc3\xa9 \xe9"), pool);
    assert_slice(utf8, "\xc3\x83\xc2\xa9 \xc3\xa9");
    utf8 = es_utf8_or_latin1(es_slice(NULL, 0), pool);
    assert_int_equal(utf8.len, 0);
    for (i = 0; i < 128; i++) {
        all[i] = (char)(128 + i);
    }
    utf8 = es_utf8_or_latin1(es_slice(all, 128), pool);
    assert_int_equal(utf8.len, 256);
    assert_true(es_utf8_is_valid(utf8));
    assert_memory_equal(utf8.data + 254, "\xc3\xbf", 2);
}

static const struct CMUnitTest tests[] = {
    UNIT(empty_text_is_valid),
    UNIT(ascii_is_valid_also_nul),
    UNIT(the_ends_of_each_length_are_valid),
    UNIT(both_sides_of_the_surrogates_are_valid),
    UNIT(surrogates_are_refused),
    UNIT(overlong_forms_are_refused),
    UNIT(code_points_above_10ffff_are_refused),
    UNIT(lone_continuation_bytes_are_refused),
    UNIT(characters_that_are_cut_off_are_refused_at_their_lead_byte),
    UNIT(a_bad_byte_is_found_at_each_offset),
    UNIT(a_character_is_taken_at_each_offset),
    UNIT(all_code_points_but_surrogates_are_valid),
    UNIT(a_byte_order_mark_is_taken_off_once),
    UNIT(what_is_no_utf8_is_latin1),
    UNIT(all_pairs_of_bytes_are_checked_as_in_the_rfc),
};

UNIT_MAIN(tests)
