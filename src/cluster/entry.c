/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fields of an entry are first collected by name, then those that its kind
 * needs are read. Fields that are not known are ignored, so that a later
 * version may add some; one that occurs twice makes the entry bad.
 */
#include "cluster/entry.h"

#include "base/decimal.h"

/** Fields of an entry. */
enum { P, B, OP, CH, TY, ID, DA, RE, AG, FOR, CONT, RK, RN, RC, FIELDS };

static const char *const names[FIELDS] = {"p",    "b",  "op", "ch", "ty",
                                          "id",   "da", "re", "ag", "for",
                                          "cont", "rk", "rn", "rc"};

typedef struct fields_t {
    es_slice_t value[FIELDS];
    int is_set[FIELDS];
} fields_t;

/** Longest decimal number of a field. */
#define DIGITS_MAX 10
#define RETRY_MAX APR_INT64_C(2147483647)
/* A batch has no more events. */
#define FOLLOW_MAX 16384

static int is_bad(es_cluster_entry_t *entry, const char *why)
{
    entry->kind = ES_CLUSTER_ENTRY_BAD;
    entry->why = why;
    return 0;
}

/* ---- fields -------------------------------------------------------------- */

static int field_of(es_slice_t name)
{
    int field = 0;

    while (field < FIELDS && !es_slice_is(name, names[field])) {
        field++;
    }
    return field;
}

/* @return 0: one occurs twice, or the last has no value */
static int collect(fields_t *fields, const es_cluster_reply_t *list)
{
    int count = es_cluster_reply_count(list);
    int is_ok = count % 2 == 0;
    int i;

    memset(fields, 0, sizeof(*fields));
    for (i = 0; i + 1 < count; i += 2) {
        int field =
            field_of(es_cluster_reply_text(es_cluster_reply_at(list, i)));

        if (field == FIELDS) {
            continue;
        }
        is_ok = is_ok && !fields->is_set[field];
        fields->is_set[field] = 1;
        fields->value[field] =
            es_cluster_reply_text(es_cluster_reply_at(list, i + 1));
    }
    return is_ok;
}

/* A number without sign and leading zero. @return 0: none, or above max */
static int read_number(apr_int64_t *number, es_slice_t text, apr_int64_t max)
{
    apr_int64_t value = 0;
    apr_size_t i;

    if (text.len == 0 || text.len > DIGITS_MAX ||
        (text.len > 1 && text.data[0] == '0')) {
        return 0;
    }
    for (i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return 0;
        }
        value = value * 10 + (text.data[i] - '0');
    }
    *number = value;
    return value <= max;
}

/* ---- what the kinds have ------------------------------------------------- */

/* The next name of text, which is cut; 0 = there is none. */
static int next_name(es_slice_t *text, es_slice_t *name)
{
    const char *end;

    if (text->data == NULL) {
        return 0;
    }
    end = text->len != 0 ? memchr(text->data, '\n', text->len) : NULL;
    *name = *text;
    if (end == NULL) {
        text->data = NULL;
        return 1;
    }
    name->len = (apr_size_t)(end - text->data);
    text->len -= name->len + 1;
    text->data = end + 1;
    return 1;
}

static int read_channels(es_cluster_entry_t *entry, const fields_t *fields,
                         apr_pool_t *p)
{
    es_channel_set_t *set = es_event_channel_set(p);
    es_slice_t rest = fields->value[CH];
    es_problem_t why;
    es_slice_t name;

    if (rest.len == 0) {
        return is_bad(entry, "it has no channel");
    }
    while (next_name(&rest, &name)) {
        int before = es_channel_set_count(set);

        if (!es_channel_check(name, p, &why)) {
            return is_bad(entry, "it has a bad name of a channel");
        }
        if (es_channel_set_add(set, name) != APR_SUCCESS) {
            return is_bad(entry, "it has too many channels");
        }
        if (es_channel_set_count(set) == before) {
            return is_bad(entry, "it has a channel twice");
        }
    }
    es_event_set_channels(&entry->event, set);
    return 1;
}

/* Whom an event revokes, in addition. */
static int read_revoked(es_cluster_entry_t *entry, const fields_t *fields,
                        apr_pool_t *p)
{
    es_cluster_revoked_t *revoked = &entry->revoked;
    int is_user = es_slice_is(fields->value[RK], "user");
    es_problem_t why;

    entry->revokes = 1;
    revoked->kind = is_user ? ES_IDENTITY_USER : ES_IDENTITY_TOKEN;
    revoked->name = fields->value[RN];
    revoked->channel = fields->value[RC];
    revoked->seconds = ES_CLUSTER_REVOKED_ALWAYS;
    if ((!is_user && !es_slice_is(fields->value[RK], "jti")) ||
        revoked->name.len == 0 ||
        revoked->name.len > ES_CLUSTER_REVOKED_NAME_MAX) {
        return is_bad(entry, "it revokes nobody");
    }
    if (revoked->channel.len != 0 &&
        !es_channel_check(revoked->channel, p, &why)) {
        return is_bad(entry, "it has a bad name of a channel");
    }
    return es_slice_is(fields->value[FOR], "always") ||
           read_number(&revoked->seconds, fields->value[FOR],
                       ES_CLUSTER_CLOSE_MAX) ||
           is_bad(entry, "it revokes for no time");
}

static int read_event(es_cluster_entry_t *entry, const fields_t *fields,
                      apr_pool_t *p)
{
    es_event_t *event = &entry->event;
    es_problem_t why;

    entry->kind = ES_CLUSTER_ENTRY_EVENT;
    event->type = fields->value[TY];
    event->id = fields->value[ID];
    event->data = fields->value[DA];
    event->retry_ms = -1;
    entry->is_again = es_slice_is(fields->value[AG], "1");
    if (fields->is_set[RE] &&
        !read_number(&event->retry_ms, fields->value[RE], RETRY_MAX)) {
        return is_bad(entry, "its retry time is none");
    }
    if (!read_channels(entry, fields, p) ||
        (fields->is_set[RK] && !read_revoked(entry, fields, p))) {
        return 0;
    }
    return es_event_check(event, event->data.len, p, &why) ||
           is_bad(entry, "it is no event that may be published");
}

static int read_close(es_cluster_entry_t *entry, const fields_t *fields,
                      apr_pool_t *p)
{
    entry->kind = ES_CLUSTER_ENTRY_CLOSE;
    if (!read_number(&entry->seconds, fields->value[FOR],
                     ES_CLUSTER_CLOSE_MAX)) {
        return is_bad(entry, "it closes a channel for no time");
    }
    if (!read_channels(entry, fields, p)) {
        return 0;
    }
    return entry->event.nchannels == 1 ||
           is_bad(entry, "it closes more than one channel");
}

static int read_epoch(es_cluster_entry_t *entry, const fields_t *fields)
{
    entry->kind = ES_CLUSTER_ENTRY_EPOCH;
    entry->is_continued = es_slice_is(fields->value[CONT], "1");
    return entry->is_continued || es_slice_is(fields->value[CONT], "0") ||
           is_bad(entry, "it is a marker without cont");
}

static int read_kind(es_cluster_entry_t *entry, const fields_t *fields,
                     apr_pool_t *p)
{
    apr_int64_t follow;

    if (!read_number(&follow, fields->value[B], FOLLOW_MAX)) {
        return is_bad(entry, "its b is no number");
    }
    entry->follow = (apr_uint32_t)follow;
    if (!fields->is_set[OP]) {
        return read_event(entry, fields, p);
    }
    if (es_slice_is(fields->value[OP], "close")) {
        return read_close(entry, fields, p);
    }
    if (es_slice_is(fields->value[OP], "epoch")) {
        return read_epoch(entry, fields);
    }
    return is_bad(entry, "its op is not known; a newer version may know it");
}

void es_cluster_entry_read(es_cluster_entry_t *entry,
                           const es_cluster_reply_t *reply, apr_pool_t *p)
{
    fields_t fields;
    int is_ok;

    memset(entry, 0, sizeof(*entry));
    entry->kind = ES_CLUSTER_ENTRY_FOREIGN;
    entry->why = "another program has written it";
    if (!es_id_parse(&entry->id,
                     es_cluster_reply_text(es_cluster_reply_at(reply, 0)))) {
        return;
    }
    is_ok = collect(&fields, es_cluster_reply_at(reply, 1));
    if (!es_id_parse(&entry->before, fields.value[P]) ||
        es_id_compare(&entry->before, &entry->id) >= 0) {
        return;
    }
    entry->why = NULL;
    if (!is_ok) {
        is_bad(entry, "it has a field twice");
        return;
    }
    read_kind(entry, &fields, p);
}

/* ---- writing ------------------------------------------------------------- */

apr_size_t es_cluster_entry_size(const es_event_t *event)
{
    apr_size_t size =
        event->type.len + event->id.len + event->data.len + ES_DECIMAL_MAX + 1;
    int i;

    for (i = 0; i < event->nchannels; i++) {
        size += event->channels[i].len + 1;
    }
    return size;
}

static char *write_word(es_slice_t *word, es_slice_t value, char *text)
{
    if (value.len != 0) {
        memcpy(text, value.data, value.len);
    }
    *word = es_slice(text, value.len);
    return text + value.len;
}

static char *write_channels(es_slice_t *word, const es_event_t *event,
                            char *text)
{
    char *begin = text;
    int i;

    for (i = 0; i < event->nchannels; i++) {
        if (i > 0) {
            *text++ = '\n';
        }
        memcpy(text, event->channels[i].data, event->channels[i].len);
        text += event->channels[i].len;
    }
    *word = es_slice(begin, (apr_size_t)(text - begin));
    return text;
}

char *es_cluster_entry_write(es_slice_t words[ES_CLUSTER_ENTRY_WORDS],
                             const es_event_t *event, char *text)
{
    text = write_channels(&words[0], event, text);
    text = write_word(&words[1], event->type, text);
    text = write_word(&words[2], event->id, text);
    text = write_word(&words[3], event->data, text);
    words[4] = es_slice(text, 2);
    if (event->retry_ms < 0) {
        memcpy(text, "-1", 2);
        return text + 2;
    }
    words[4].len = es_decimal_write(text, (apr_uint64_t)event->retry_ms);
    return text + words[4].len;
}
