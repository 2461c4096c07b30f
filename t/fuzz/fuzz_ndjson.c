/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NDJSON that arrives in pieces; the first byte gives their size. The lines are
 * the same whatever that size; each line is read as an event.
 */
#include "fuzz_event.h"

#include "base/lines.h"
#include "http/body_json.c"
#include "http/body_json_parse.c"

#define LINE_MAX_BYTES 100
#define PIECE_MAX 64

typedef struct expected_t {
    es_slice_t rest;
    apr_uint64_t number;
} expected_t;

static void read_line(es_slice_t line, apr_uint64_t number, apr_pool_t *p)
{
    es_event_t preset = {0};
    es_problem_t why = {0};
    es_batch_t batch = {0};

    preset.retry_ms = -1;
    if (!es_body_json_line_trim(&line)) {
        return;
    }
    if (es_body_json_line(&batch, line, number, &preset, p, &why)) {
        PROMISE(batch.count == 1);
        fuzz_event(&batch.events[0], p);
    }
    else {
        fuzz_refusal(&why);
    }
}

static void check_line(expected_t *expected, const es_lines_t *lines,
                       es_slice_t line, apr_pool_t *p)
{
    es_slice_t wanted = fuzz_line(&expected->rest);

    if (wanted.len > 0 && wanted.data[wanted.len - 1] == '\r' &&
        !(line.len == wanted.len)) {
        wanted.len--;
    }
    PROMISE(es_slice_equal(line, wanted));
    PROMISE(lines->number == ++expected->number);
    read_line(fuzz_exact(line, p), lines->number, p);
}

FUZZ(text, p)
{
    apr_size_t step;
    expected_t expected = {{NULL, 0}, 0};
    es_slice_t rest, line;
    es_lines_t lines;
    es_line_t found = ES_LINE_NONE;

    if (text.len == 0) {
        return;
    }
    step = (unsigned char)text.data[0] % PIECE_MAX + 1;
    rest = es_slice(text.data + 1, text.len - 1);
    expected.rest = rest;
    es_lines_init(&lines, p, LINE_MAX_BYTES, PIECE_MAX);
    while (rest.len > 0 && found != ES_LINE_TOO_LONG) {
        step = rest.len < step ? rest.len : step;
        PROMISE(es_lines_add(&lines, fuzz_exact(es_slice(rest.data, step),
                                                p)) == APR_SUCCESS);
        rest = es_slice(rest.data + step, rest.len - step);
        for (found = es_lines_take(&lines, &line); found == ES_LINE_TAKEN;
             found = es_lines_take(&lines, &line)) {
            PROMISE(line.len <= LINE_MAX_BYTES);
            check_line(&expected, &lines, line, p);
        }
    }
    if (found == ES_LINE_NONE &&
        es_lines_last(&lines, &line) == ES_LINE_TAKEN) {
        check_line(&expected, &lines, line, p);
    }
    PROMISE(found == ES_LINE_TOO_LONG || expected.rest.len == 0);
}
