/* SPDX-License-Identifier: Apache-2.0 */
/*
 *     taken lines │ rest of a line: no LF in it │ not looked at │
 *     0           at                            seen            len
 *
 * Taken lines are dropped when the next bytes come: the rest, which is never
 * more than a line, moves to the front. Each byte is searched once, also when
 * they come one by one.
 *
 * In a whole text the next CR and the next LF are both remembered: to look for
 * both again for each line would be quadratic.
 */
#include "base/lines.h"

void es_lines_init(es_lines_t *lines, apr_pool_t *p, apr_size_t max_line,
                   apr_size_t max_piece)
{
    /* and CR LF, so that a line of just max_line has room for its end */
    es_buf_init(&lines->buf, p, max_line + 2 + max_piece);
    lines->at = 0;
    lines->seen = 0;
    lines->max = max_line;
    lines->number = 0;
}

static void drop_taken(es_lines_t *lines)
{
    es_buf_t *buf = &lines->buf;

    if (lines->at > 0) {
        memmove(buf->data, buf->data + lines->at, buf->len - lines->at);
        buf->len -= lines->at;
        lines->seen -= lines->at;
        lines->at = 0;
    }
}

apr_status_t es_lines_add(es_lines_t *lines, es_slice_t bytes)
{
    drop_taken(lines);
    return es_buf_add(&lines->buf, bytes);
}

static es_slice_t without_cr(es_slice_t line)
{
    if (line.len > 0 && line.data[line.len - 1] == '\r') {
        line.len--;
    }
    return line;
}

/* A CR at the end of the rest may be the start of a CR LF. */
static int is_too_long(const es_lines_t *lines, es_slice_t line)
{
    return line.len > lines->max && without_cr(line).len > lines->max;
}

es_line_t es_lines_take(es_lines_t *lines, es_slice_t *line)
{
    const es_buf_t *buf = &lines->buf;
    const char *end;

    if (!es_lines_is_within(lines)) {
        return ES_LINE_NONE;
    }
    end = memchr(buf->data + lines->seen, '\n', buf->len - lines->seen);
    lines->seen = end ? (apr_size_t)(end - buf->data) : buf->len;
    *line = es_slice(buf->data + lines->at, lines->seen - lines->at);
    if (is_too_long(lines, *line)) {
        lines->number++;
        return ES_LINE_TOO_LONG;
    }
    if (!end) {
        return ES_LINE_NONE;
    }
    lines->number++;
    lines->seen++;
    lines->at = lines->seen;
    *line = without_cr(*line);
    return ES_LINE_TAKEN;
}

es_line_t es_lines_last(es_lines_t *lines, es_slice_t *line)
{
    if (!es_lines_is_within(lines)) {
        return ES_LINE_NONE;
    }
    *line = without_cr(
        es_slice(lines->buf.data + lines->at, lines->buf.len - lines->at));
    lines->at = lines->buf.len;
    lines->number++;
    return ES_LINE_TAKEN;
}

int es_lines_is_within(const es_lines_t *lines)
{
    return lines->at < lines->buf.len;
}

/* ---- a whole text ----------------------------------------------------- */

static const char *find(const char *from, const char *end, char c)
{
    const char *hit = memchr(from, c, (apr_size_t)(end - from));

    return hit != NULL ? hit : end;
}

void es_lines_split_init(es_lines_split_t *split, es_slice_t text)
{
    split->at = text.len != 0 ? text.data : "";
    split->end = split->at + text.len;
    split->cr = find(split->at, split->end, '\r');
    split->lf = find(split->at, split->end, '\n');
}

int es_lines_split_next(es_lines_split_t *split, es_slice_t *line)
{
    const char *stop;

    if (split->at == NULL) {
        return 0;
    }
    if (split->cr < split->at) {
        split->cr = find(split->at, split->end, '\r');
    }
    if (split->lf < split->at) {
        split->lf = find(split->at, split->end, '\n');
    }
    stop = split->cr < split->lf ? split->cr : split->lf;
    *line = es_slice(split->at, (apr_size_t)(stop - split->at));
    if (stop == split->end) {
        split->at = NULL;
    }
    else if (stop == split->cr && stop + 1 == split->lf &&
             split->lf != split->end) {
        split->at = stop + 2;
    }
    else {
        split->at = stop + 1;
    }
    return 1;
}

int es_lines_split_is_done(const es_lines_split_t *split)
{
    return split->at == NULL;
}
