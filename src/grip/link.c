/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A state is a list of lines: version, expiry, hub, keep-alive, its form,
 * retry, from, and one line for each channel. Version 1 has no expiry; such
 * links are read after an update, but not made any more. Neither names nor ids
 * contain a line end. The text is the base64url of the seal, 8 bytes, and the
 * state.
 */
#include "grip/link.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include "base/base64.h"
#include "grip/instruct.h"

#define VERSION "2"
#define VERSION_WITHOUT_EXPIRY "1"
#define STEP_S 3600 /* from one expiry to the next */
#define SEAL_BYTES 8
#define DIGITS_MAX 18 /* so that 64 bits do not overflow */

/* ---- expiry ------------------------------------------------------------ */

apr_int64_t es_grip_link_expiry(apr_int64_t now_s)
{
    return (now_s / STEP_S + 2) * STEP_S;
}

int es_grip_link_is_current(apr_int64_t expires_s, apr_int64_t now_s)
{
    return now_s <= expires_s + ES_GRIP_LINK_LEEWAY_S &&
           expires_s <= es_grip_link_expiry(now_s + ES_GRIP_LINK_LEEWAY_S);
}

/* ---- pack -------------------------------------------------------------- */

es_slice_t es_grip_link_pack(const es_grip_link_t *link, apr_pool_t *p)
{
    const char *text = apr_psprintf(
        p,
        VERSION "\n%" APR_INT64_T_FMT "\n%.*s\n%" APR_INT64_T_FMT
                "\n%d\n%" APR_INT64_T_FMT "\n%.*s",
        link->expires_s, (int)link->hub.len, link->hub.data, link->keepalive_us,
        link->keepalive_as_comment != 0, link->retry_ms, (int)link->from.len,
        link->from.len ? link->from.data : "");
    int i;

    for (i = 0; i < link->count; i++) {
        text = apr_psprintf(p, "%s\n%.*s", text, (int)link->channels[i].len,
                            link->channels[i].data);
    }
    return es_slice_of(text);
}

/* ---- unpack ------------------------------------------------------------ */

/* Remove the first line from rest. @return 0: there is none */
static int take(es_slice_t *rest, es_slice_t *line)
{
    const char *end;

    if (!rest->data) {
        return 0;
    }
    end = rest->len ? memchr(rest->data, '\n', rest->len) : NULL;
    line->data = rest->data;
    line->len = end ? (apr_size_t)(end - rest->data) : rest->len;
    *rest =
        end ? es_slice(end + 1, rest->len - line->len - 1) : es_slice(NULL, 0);
    return 1;
}

static int take_number(es_slice_t *rest, apr_int64_t *out)
{
    es_slice_t line;
    apr_size_t i;

    if (!take(rest, &line) || line.len == 0 || line.len > DIGITS_MAX) {
        return 0;
    }
    for (*out = 0, i = 0; i < line.len; i++) {
        if (!apr_isdigit(line.data[i])) {
            return 0;
        }
        *out = *out * 10 + (line.data[i] - '0');
    }
    return 1;
}

static int take_channels(es_grip_link_t *link, es_slice_t rest, apr_pool_t *p)
{
    es_slice_t *names =
        apr_palloc(p, sizeof(es_slice_t) * ES_INSTRUCT_CHANNELS_MAX);
    int count;

    for (count = 0; rest.data; count++) {
        if (count == ES_INSTRUCT_CHANNELS_MAX || !take(&rest, &names[count]) ||
            names[count].len == 0) {
            return 0;
        }
    }
    link->channels = names;
    link->count = count;
    return count > 0;
}

static int take_expiry(es_grip_link_t *link, es_slice_t *state)
{
    es_slice_t version;

    link->expires_s = 0;
    if (!take(state, &version)) {
        return 0;
    }
    if (es_slice_is(version, VERSION_WITHOUT_EXPIRY)) {
        return 1;
    }
    return es_slice_is(version, VERSION) &&
           take_number(state, &link->expires_s) && link->expires_s > 0;
}

int es_grip_link_unpack(es_grip_link_t *link, es_slice_t state, apr_pool_t *p)
{
    apr_int64_t form;

    if (!take_expiry(link, &state) || !take(&state, &link->hub) ||
        !take_number(&state, &link->keepalive_us) ||
        !take_number(&state, &form) || form > 1 ||
        !take_number(&state, &link->retry_ms) || !take(&state, &link->from)) {
        return 0;
    }
    link->keepalive_as_comment = (int)form;
    return take_channels(link, state, p);
}

/* ---- text -------------------------------------------------------------- */

const char *es_grip_link_write(es_slice_t state, apr_uint64_t seal,
                               apr_pool_t *p)
{
    char *bytes = apr_palloc(p, SEAL_BYTES + state.len);
    int i;

    for (i = 0; i < SEAL_BYTES; i++) {
        bytes[i] = (char)(seal >> (8 * i) & 0xff);
    }
    memcpy(bytes + SEAL_BYTES, state.data, state.len);
    return es_base64_encode_url(es_slice(bytes, SEAL_BYTES + state.len), p);
}

int es_grip_link_read(es_slice_t *state, apr_uint64_t *seal, const char *text,
                      apr_pool_t *p)
{
    es_slice_t bytes;
    int i;

    if (!es_base64_decode(&bytes, es_slice_of(text), ES_BASE64_URL, p) ||
        bytes.len <= SEAL_BYTES) {
        return 0;
    }
    *seal = 0;
    for (i = 0; i < SEAL_BYTES; i++) {
        *seal |= (apr_uint64_t)(unsigned char)bytes.data[i] << (8 * i);
    }
    *state = es_slice(bytes.data + SEAL_BYTES, bytes.len - SEAL_BYTES);
    return 1;
}
