/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of http/body_json_parse.c: in the place of "data" it accepts what
 * jansson accepts, and what jansson refuses only because it decodes it.
 * t/unit/http/body_json.c tests what events become of it.
 */
#include "t/unit/unit.h"

#include "http/body_json_parse.c"

static es_problem_t why;

static int accepts(const char *before, es_slice_t value, const char *after)
{
    char *text = apr_palloc(pool, value.len + 100);
    apr_size_t len = strlen(before);
    es_slice_t whole;
    json_t *root;

    memcpy(text, before, len);
    memcpy(text + len, value.data, value.len);
    len += value.len;
    memcpy(text + len, after, strlen(after));
    whole = exact(es_slice(text, len + strlen(after)));
    root = es_body_json_parse(whole, 1, pool, &why);
    exact_free(whole);
    return root != NULL;
}

static int accepts_data(es_slice_t value)
{
    return accepts("{\"data\":", value, "}");
}

/* May data be this text, by jansson's verdict? Its faults of a kind that data
 * may have end its reading, so then there is no verdict: -1. */
static int verdict_on(es_slice_t value)
{
    json_error_t error;
    json_t *json = json_loadb(value.data, value.len, PARSE_FLAGS, &error);
    int ok = json != NULL;

    json_decref(json);
    if (ok || !may_be_data(&error) ||
        (json_error_code(&error) == json_error_invalid_syntax &&
         strncmp(error.text, HALF_PAIR, sizeof(HALF_PAIR) - 1) != 0)) {
        return ok;
    }
    return -1;
}

/* ---- jansson as the oracle --------------------------------------------- */

static void compare(es_slice_t value)
{
    int verdict = verdict_on(value);

    if (verdict >= 0 && accepts_data(value) != verdict) {
        fail_msg("%.*s: jansson says %d", (int)value.len, value.data, verdict);
    }
}

/* Each text with a byte replaced, inserted or left out. */
FACTS(data_is_checked_as_strictly_as_jansson_checks)
{
    static const char bytes[] =
        "{}[]:,\"\\/u0159aefnrtls.+-E \t\n\r\x01\x7f\x80\xc3\xff";
    static const char *const texts[] = {
        "{\"a\":[1,-2.50e+3,0],\"b\":{}}",
        "[true,false,null,\"\\u00e9\\n\xc3\xa9\"]",
        " [ [ ] , { \"\" : -0.0E-1 } ]\n",
    };
    apr_size_t which, at, len, i;

    for (which = 0; which < sizeof(texts) / sizeof(texts[0]); which++) {
        len = strlen(texts[which]);
        for (at = 0; at < len; at++) {
            char *changed = apr_pstrcat(pool, " ", texts[which], NULL);

            /* the byte before it, twice */
            memmove(changed, changed + 1, at);
            changed[at] = changed[at == 0 ? 1 : at - 1];
            compare(es_slice(changed, len + 1));
            for (i = 0; i + 1 < sizeof(bytes); i++) {
                changed[at] = bytes[i];
                compare(es_slice(changed, len + 1));
            }
            changed = apr_pstrdup(pool, texts[which]);
            for (i = 0; i + 1 < sizeof(bytes); i++) {
                changed[at] = bytes[i];
                compare(es_slice(changed, len));
            }
            compare(es_slice(texts[which], at));
            compare(es_slice(texts[which] + at, len - at));
        }
    }
}

FACTS(data_may_be_what_jansson_cannot_decode)
{
    static const char *const values[] = {
        "9223372036854775808",
        "-9223372036854775809",
        "1e309",
        "[-1e309]",
        "\"\\ud800\"",
        "\"\\udc00\\ud800\"",
        "\"\\ud83dx\"",
        "\"\\ud800\\u0041\"",
        "{\"\\u0000\":1}",
        "{\"a\":1,\"a\":1}",
        "{\"a\":1,\"\\u0061\":1}",
    };
    size_t i;

    for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        assert_int_equal(verdict_on(es_slice_of(values[i])), -1);
        assert_true(accepts_data(es_slice_of(values[i])));
        assert_true(accepts("[{}, {\"data\" :\n", es_slice_of(values[i]),
                            " , \"x\": 1}, {}]"));
        assert_false(accepts("{\"x\":", es_slice_of(values[i]), "}"));
        assert_false(
            accepts("{\"x\":{\"data\":", es_slice_of(values[i]), "}}"));
        assert_false(accepts("[[{\"data\":", es_slice_of(values[i]), "}]]"));
    }
}

/* The walk for "data" does not check what it walks over. */
FACTS(a_body_that_is_no_json_stays_refused)
{
    static const char *const befores[] = {
        "{\"data\"",       "{\"data\",",  "{data:",      "{,\"data\":",
        "{\"data\"::",     "\"data\":",   "[\"data\":",  "{\"data\":1 ",
        "{\"data\":\"",    "{[\"data\":", "}{\"data\":", "]{\"data\":",
        "{\"x\"\"data\":",
    };
    size_t i;

    for (i = 0; i < sizeof(befores) / sizeof(befores[0]); i++) {
        assert_false(accepts(befores[i], S("1e999"), "}"));
        assert_false(accepts(befores[i], S("\"\\ud800\""), "}"));
    }
}

static const struct CMUnitTest tests[] = {
    UNIT(data_is_checked_as_strictly_as_jansson_checks),
    UNIT(data_may_be_what_jansson_cannot_decode),
    UNIT(a_body_that_is_no_json_stays_refused),
};

UNIT_MAIN(tests)
