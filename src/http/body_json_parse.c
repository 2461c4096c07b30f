/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "data" may be JSON that jansson refuses, such as 1e400, because jansson
 * decodes it. A body that jansson refuses for this is parsed again, with 0 for
 * each "data", whose grammar is checked here.
 *
 *     [{"data": [1e400], "id": "i"}]  ->  [{"data": 0      , "id": "i"}]
 *
 * The values are found by a walk that checks nothing. But each 0 is one in the
 * place of a valid value, and the walk is right in a valid document. So if
 * jansson accepts the copy, the walk was right in it, and the body is the same
 * document with other values.
 *
 * A name that is written with escapes ("d\u0061ta") is not found; such data is
 * limited to what jansson accepts.
 */
#include "http/body_json_parse.h"

#include "base/json.h"

#define PARSE_FLAGS (JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL)

/* What jansson's text begins with for an escape that is half of a surrogate
 * pair; the code is that of any bad syntax. */
#define HALF_PAIR "invalid Unicode '"

/* ---- Faults ------------------------------------------------------------ */

/* What is wrong with a text, and where. */
typedef struct fault_t {
    apr_uint64_t line; /* from 1, as column */
    int column;        /* in characters */
    const char *reason;
} fault_t;

static const char ends_early[] = "the text ends too early";

/* Not jansson's text, because that quotes the body. */
static const char *reason_of(const json_error_t *error)
{
    switch (json_error_code(error)) {
    case json_error_duplicate_key: return "a name occurs twice in an object";
    case json_error_invalid_utf8: return "not valid UTF-8";
    case json_error_stack_overflow: return "nested too deep";
    case json_error_numeric_overflow:
        return "a number is too large; only 'data' may be any number";
    case json_error_null_byte_in_key:
    case json_error_null_character: return "a name contains NUL";
    case json_error_premature_end_of_input: return ends_early;
    case json_error_end_of_input_expected: return "more text after the end";
    case json_error_out_of_memory: return "too large for the memory there is";
    default: break;
    }
    if (!strncmp(error->text, HALF_PAIR, sizeof(HALF_PAIR) - 1)) {
        return "an escape is half of a surrogate pair; only 'data' may have it";
    }
    return "not valid JSON";
}

/* May the fault be one that "data" may have? */
static int may_be_data(const json_error_t *error)
{
    switch (json_error_code(error)) {
    case json_error_duplicate_key:
    case json_error_numeric_overflow:
    case json_error_null_byte_in_key:
    case json_error_null_character:
    case json_error_invalid_syntax: return 1; /* half of a surrogate pair */
    default: return 0;
    }
}

static json_t *load(es_slice_t text, json_error_t *error, fault_t *fault)
{
    json_t *root = json_loadb(text.data, text.len, PARSE_FLAGS, error);

    if (!root) {
        fault->line = (apr_uint64_t)(error->line < 1 ? 1 : error->line);
        fault->column = error->column < 1 ? 1 : error->column;
        fault->reason = reason_of(error);
    }
    return root;
}

/* ---- Data that jansson refuses ------------------------------------------ */

/* A body while 0 is put in the place of each "data". */
typedef struct replacing_t {
    es_json_text_t text; /* of the body */
    const char *from;    /* up to here it was copied */
    es_slice_t copy;     /* has space for all of the body */
} replacing_t;

static int starts_character(char c)
{
    return ((unsigned char)c & 0xc0) != 0x80;
}

static void copy_up_to(replacing_t *replacing, const char *end)
{
    apr_size_t len = (apr_size_t)(end - replacing->from);

    memcpy((char *)replacing->copy.data + replacing->copy.len, replacing->from,
           len);
    replacing->copy.len += len;
    replacing->from = end;
}

/* Lines and columns stay the same, because the faults that jansson finds after
 * it are told by them. */
static void replace(replacing_t *replacing, es_slice_t value)
{
    char *to = (char *)replacing->copy.data + replacing->copy.len;
    apr_size_t i;

    *to++ = '0';
    for (i = 1; i < value.len; i++) {
        if (starts_character(value.data[i])) {
            *to++ = value.data[i] == '\n' ? '\n' : ' ';
        }
    }
    replacing->copy.len = (apr_size_t)(to - replacing->copy.data);
    replacing->from = value.data + value.len;
}

/* @return NULL; or what is wrong with the data, at replacing->text.at */
static const char *replace_in_event(replacing_t *replacing, int depth)
{
    es_json_text_t *text = &replacing->text;
    const char *err;
    es_slice_t value;

    es_json_text_enter(text);
    while (es_json_text_next(text) == '"') {
        if (!es_slice_is(es_json_text_value(text), "\"data\"")) {
            (void)es_json_text_value(text);
            continue;
        }
        err = es_json_text_checked(&value, text, depth);
        copy_up_to(replacing, value.data);
        if (err) {
            return err;
        }
        replace(replacing, value);
    }
    es_json_text_leave(text);
    return NULL;
}

static const char *replace_all(replacing_t *replacing)
{
    es_json_text_t *text = &replacing->text;
    const char *err = NULL;
    char next = es_json_text_next(text);

    if (next == '{') {
        err = replace_in_event(replacing, 1);
    }
    else if (next == '[') {
        es_json_text_enter(text);
        for (next = es_json_text_next(text);
             !err && next != '\0' && next != ']' && next != '}';
             next = es_json_text_next(text)) {
            if (next == '{') {
                err = replace_in_event(replacing, 2);
            }
            else {
                (void)es_json_text_value(text);
            }
        }
    }
    if (!err) {
        copy_up_to(replacing, text->end);
    }
    return err;
}

static fault_t fault_at(es_slice_t text, const char *at, const char *reason)
{
    const char *end = text.data + text.len;
    const char *c;
    fault_t fault = {1, 0, reason};

    for (c = text.data; c < end && c <= at; c++) {
        if (c < at && *c == '\n') {
            fault.line++;
            fault.column = 0;
        }
        else if (starts_character(*c)) {
            fault.column++;
        }
    }
    if (fault.column == 0) {
        fault.column = 1; /* the text is empty where it ends too early */
    }
    return fault;
}

/* The same as load, but each event's "data" is 0 and may be any JSON. */
static json_t *load_without_data(es_slice_t text, fault_t *fault, apr_pool_t *p)
{
    replacing_t replacing = {es_json_text_of(text), text.data, {NULL, 0}};
    json_error_t error;
    const char *err;
    json_t *root;

    replacing.copy.data = apr_palloc(p, text.len);
    err = replace_all(&replacing);
    root = load(replacing.copy, &error, fault);
    if (!err) {
        return root;
    }
    /* the copy ends before the data that is wrong */
    if (!root && fault->reason == ends_early) {
        *fault = fault_at(text, replacing.text.at, err);
    }
    json_decref(root);
    return NULL;
}

/* ---- Parsing ----------------------------------------------------------- */

static apr_status_t free_json(void *json)
{
    json_decref(json);
    return APR_SUCCESS;
}

json_t *es_body_json_parse(es_slice_t text, apr_uint64_t line, apr_pool_t *p,
                           es_problem_t *why)
{
    const char *nul = memchr(text.data, '\0', text.len);
    json_t *root = NULL;
    json_error_t error;
    fault_t fault;

    if (nul) {
        /* jansson ignores one after a number and after true, false, null */
        fault = fault_at(text, nul, "not valid JSON: a NUL byte");
    }
    else {
        root = load(text, &error, &fault);
        if (!root && may_be_data(&error)) {
            root = load_without_data(text, &fault, p);
        }
    }
    if (!root) {
        es_problem_set(why, p, 400,
                       "JSON, line %" APR_UINT64_T_FMT ", column %d: %s.",
                       line - 1 + fault.line, fault.column, fault.reason);
        return NULL;
    }
    /* the events point to jansson's strings */
    apr_pool_cleanup_register(p, root, free_json, apr_pool_cleanup_null);
    return root;
}
