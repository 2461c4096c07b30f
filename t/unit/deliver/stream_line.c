/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of deliver/stream_line.c: the end of a line. */
#include "t/unit/unit.h"

#include <stdlib.h>

#include "deliver/stream_line.h"

#define SECOND APR_USEC_PER_SEC

static char got[ES_STREAM_LINE_ROOM];

static es_stream_line_t *line_of(const char *text)
{
    es_stream_line_t *line = es_stream_line_create(es_slice_of(text), SECOND);

    assert_non_null(line);
    return line;
}

/* The line, without its LF. */
static const char *complete(const char *text, const es_stream_end_t *end)
{
    es_stream_line_t *line = line_of(text);
    es_stream_line_t *copy;
    apr_size_t len;

    line->bytes = 1234567890123;
    line->events = 42;
    copy = es_stream_line_copy(line);
    free(line);
    len = es_stream_line_complete(copy, end, got);
    free(copy);
    assert_true(len >= 1 && len <= sizeof(got));
    assert_int_equal(got[len - 1], '\n');
    got[len - 1] = '\0';
    assert_null(strchr(got, '\n'));
    return got;
}

FACTS(marks_are_replaced)
{
    es_slice_t names[2];
    es_stream_end_t end = {0};

    names[0] = es_slice_of("a\"b");
    names[1] = es_slice_of("c\xc3\xa4");
    end.channels = names;
    end.nchannels = 2;
    end.last_id.ms = 17;
    end.last_id.n = 3;
    end.at = 3 * SECOND + 45678;
    end.why = ES_END_LIFETIME;
    assert_string_equal(
        complete("x\t[\1] [\2] \3 \4 \5 \6 \7!", &end),
        "x\t[a\\\"b,c\\xc3\\xa4] [\"a\\\"b\",\"c\xc3\xa4\"] 1234567890123 42 "
        "2.045 17-3 lifetime!");
}

FACTS(what_is_unknown_is_a_dash)
{
    es_stream_end_t end = {0};

    assert_string_equal(complete("[\1] \6 \5 \7", &end), "[] - 0.000 error");
}

FACTS(many_channels_are_cut)
{
    es_slice_t names[64];
    es_stream_end_t end = {0};
    char name[256];
    int i;

    memset(name, 'n', 255);
    name[255] = '\0';
    for (i = 0; i < 64; i++) {
        names[i] = es_slice_of(name);
    }
    end.channels = names;
    end.nchannels = 64;
    assert_true(strlen(complete("\1", &end)) <=
                ES_STREAM_LINE_CHANNELS_MAX + 4);
    assert_string_equal(got + strlen(got) - 4, ",...");
    assert_true(strlen(complete("\2\1\2\1\2\1", &end)) ==
                ES_STREAM_LINE_ROOM - 1);
    end.nchannels = 1;
    end.is_cut = 1;
    (void)complete("\2", &end);
    assert_string_equal(got + strlen(got) - 6, ",\"...\"");
}

FACTS(a_text_is_bounded)
{
    char text[2 * ES_STREAM_LINE_MAX];
    es_stream_line_t *line;

    memset(text, 'x', sizeof(text));
    line = es_stream_line_create(es_slice(text, sizeof(text)), 0);
    assert_int_equal(line->len, ES_STREAM_LINE_MAX);
    free(line);
}

static const char *escape(const char *value, apr_size_t room, int is_json)
{
    apr_size_t len =
        es_stream_line_escape(got, room, es_slice_of(value), is_json);

    assert_true(len <= room);
    got[len] = '\0';
    return got;
}

FACTS(values_are_escaped)
{
    assert_string_equal(escape("a\"\\\n\x01\xc3\xa4\x7f", 99, 0),
                        "a\\\"\\\\\\x0a\\x01\\xc3\\xa4\\x7f");
    assert_string_equal(escape("a\"\\\n\x01\xc3\xa4", 99, 1),
                        "a\\\"\\\\\\u000a\\u0001\xc3\xa4");
    assert_string_equal(escape("\xff", 99, 1), "\\u00ff");
    assert_string_equal(escape("abc\xc3\xa4", 4, 1), "abc");
    assert_string_equal(escape("abc\xc3\xa4", 5, 1), "abc\xc3\xa4");
    assert_string_equal(escape("abc\"", 4, 0), "abc");
}

static const struct CMUnitTest tests[] = {
    UNIT(marks_are_replaced),    UNIT(what_is_unknown_is_a_dash),
    UNIT(many_channels_are_cut), UNIT(a_text_is_bounded),
    UNIT(values_are_escaped),
};

UNIT_MAIN(tests)
