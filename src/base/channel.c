/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set is an array of names in the order in which they were added. From a few
 * names on, a hash table with open addressing finds a name: a bucket contains
 * the name's number in the array, counted from 1, or 0 if it is free. Names
 * come from outside, so the hash is keyed (apr_hash is not): a client that does
 * not know the key cannot choose names that collide.
 */
#include "base/channel.h"

#include <apr_siphash.h>
#include <apr_tables.h>

#include "base/utf8.h"

/* Up to this number, comparing with each name is as fast as hashing. */
#define FEW_NAMES 8
/* Most bytes of es_channel_printable. */
#define SHOWN_MAX 64

struct es_channel_set_t {
    apr_pool_t *p;
    apr_array_header_t *names;            /* of es_slice_t */
    int max;                              /* most names */
    apr_uint32_t *buckets;                /* NULL while names are few */
    apr_uint32_t mask;                    /* number of buckets - 1 */
    unsigned char key[APR_SIPHASH_KSIZE]; /* of the hash */
};

static int is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static int is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

es_slice_t es_channel_trim(es_slice_t name)
{
    while (name.len > 0 && is_blank(name.data[0])) {
        name.data++;
        name.len--;
    }
    while (name.len > 0 && is_blank(name.data[name.len - 1])) {
        name.len--;
    }
    return name;
}

int es_channel_has_blank_end(es_slice_t text)
{
    return es_channel_trim(text).len != text.len;
}

/* 1 when a C1 control character, U+0080 to U+009F, starts at at. */
static int is_c1(es_slice_t text, apr_size_t at)
{
    return text.len - at >= 2 && (unsigned char)text.data[at] == 0xc2 &&
           (unsigned char)text.data[at + 1] < 0xa0;
}

const char *es_channel_printable(es_slice_t name, apr_pool_t *p)
{
    es_slice_t shown = name;
    apr_size_t room;
    apr_size_t good;
    apr_size_t at;
    char *text;

    if (name.len > SHOWN_MAX) {
        shown.len = SHOWN_MAX;
        while (shown.len > SHOWN_MAX - 4 &&
               ((unsigned char)name.data[shown.len] & 0xc0) == 0x80) {
            shown.len--; /* not in the middle of a character */
        }
    }
    room = shown.len + sizeof("...");
    text = apr_pcalloc(p, room);
    for (at = 0; at < shown.len;) {
        good = at + es_utf8_check(es_slice(shown.data + at, shown.len - at));
        for (; at < good; at++) {
            text[at] = is_control(shown.data[at]) ? '?' : shown.data[at];
            if (is_c1(shown, at)) {
                text[at++] = '?';
                text[at] = '?';
            }
        }
        if (at < shown.len) {
            text[at++] = '?';
        }
    }
    if (shown.len < name.len) {
        memcpy(text + shown.len, "...", sizeof("..."));
    }
    return text;
}

int es_channel_check(es_slice_t name, apr_pool_t *p, es_problem_t *why)
{
    apr_size_t at;

    if (name.len == 0) {
        return es_problem_set(why, p, 400, "A channel name is empty.");
    }
    if (name.len > ES_CHANNEL_NAME_MAX) {
        return es_problem_set(
            why, p, 400, "The channel name '%s' has more than %d bytes.",
            es_channel_printable(name, p), ES_CHANNEL_NAME_MAX);
    }
    for (at = 0; at < name.len; at++) {
        if (is_control(name.data[at])) {
            return es_problem_set(why, p, 400,
                                  "The channel name '%s' has a control "
                                  "character at byte %d.",
                                  es_channel_printable(name, p), (int)at + 1);
        }
    }
    at = es_utf8_check(name);
    if (at < name.len) {
        return es_problem_set(why, p, 400,
                              "The channel name '%s' is not valid UTF-8 at "
                              "byte %d.",
                              es_channel_printable(name, p), (int)at + 1);
    }
    if (es_channel_has_blank_end(name)) {
        return es_problem_set(
            why, p, 400, "The channel name '%s' begins or ends with a blank.",
            es_channel_printable(name, p));
    }
    return 1;
}

es_channel_set_t *es_channel_set_create(apr_pool_t *p, int max)
{
    es_channel_set_t *set = apr_pcalloc(p, sizeof(*set));
    const void *addresses[2];

    set->p = p;
    set->names = apr_array_make(p, FEW_NAMES, sizeof(es_slice_t));
    set->max = max;
    /* Addresses differ between requests and are not visible from outside:
     * secret enough for a table of one request. */
    addresses[0] = set;
    addresses[1] = &addresses;
    memcpy(set->key, addresses,
           sizeof(addresses) < sizeof(set->key) ? sizeof(addresses)
                                                : sizeof(set->key));
    return set;
}

/* The bucket of name, or the free one where it belongs. */
static apr_uint32_t *bucket_of(const es_channel_set_t *set, es_slice_t name)
{
    const es_slice_t *names = es_channel_set_names(set);
    apr_uint32_t at =
        (apr_uint32_t)apr_siphash24(name.data, name.len, set->key) & set->mask;

    while (set->buckets[at] != 0 &&
           !es_slice_equal(names[set->buckets[at] - 1], name)) {
        at = (at + 1) & set->mask;
    }
    return &set->buckets[at];
}

int es_channel_set_contains(const es_channel_set_t *set, es_slice_t name)
{
    const es_slice_t *names = es_channel_set_names(set);
    int i;

    if (set->buckets != NULL) {
        return *bucket_of(set, name) != 0;
    }
    for (i = 0; i < set->names->nelts; i++) {
        if (es_slice_equal(names[i], name)) {
            return 1;
        }
    }
    return 0;
}

/* Make twice as many buckets; at most half of them are taken. */
static void make_buckets(es_channel_set_t *set)
{
    const es_slice_t *names = es_channel_set_names(set);
    apr_uint32_t count =
        set->buckets != NULL ? (set->mask + 1) * 2 : FEW_NAMES * 4;
    int i;

    set->buckets = apr_pcalloc(set->p, count * sizeof(*set->buckets));
    set->mask = count - 1;
    for (i = 0; i < set->names->nelts; i++) {
        *bucket_of(set, names[i]) = (apr_uint32_t)i + 1;
    }
}

apr_status_t es_channel_set_add(es_channel_set_t *set, es_slice_t name)
{
    apr_uint32_t count;

    if (name.len == 0 || es_channel_set_contains(set, name)) {
        return APR_SUCCESS;
    }
    if (set->names->nelts >= set->max) {
        return APR_ENOSPC;
    }
    APR_ARRAY_PUSH(set->names, es_slice_t) = name;
    count = (apr_uint32_t)set->names->nelts;
    if (count <= FEW_NAMES) {
        return APR_SUCCESS;
    }
    if (set->buckets == NULL || count > (set->mask + 1) / 2) {
        make_buckets(set); /* with the new name */
    }
    else {
        *bucket_of(set, name) = count;
    }
    return APR_SUCCESS;
}

const es_slice_t *es_channel_set_names(const es_channel_set_t *set)
{
    return (const es_slice_t *)set->names->elts;
}

int es_channel_set_count(const es_channel_set_t *set)
{
    return set->names->nelts;
}

/* The bytes of a pattern between two stars, '\' resolved. */
typedef struct run_t {
    unsigned char bytes[ES_CHANNEL_NAME_MAX];
    unsigned int len;
    int star; /* 1: a star follows; 0: the pattern ends */
} run_t;

/* Take a run off the pattern. @return 0: no name is long enough for it */
static int run_take(run_t *run, es_slice_t *pattern)
{
    const char *at = pattern->data;
    const char *end = at + pattern->len;

    run->len = 0;
    while (at < end && *at != '*') {
        if (*at == '\\' && at + 1 < end) {
            at++;
        }
        if (run->len == sizeof(run->bytes)) {
            return 0;
        }
        run->bytes[run->len++] = (unsigned char)*at++;
    }
    run->star = at < end;
    at += run->star;
    *pattern = es_slice(at, (apr_size_t)(end - at));
    return 1;
}

static int run_is_at(const run_t *run, const char *at)
{
    return run->len == 0 || memcmp(at, run->bytes, run->len) == 0;
}

/*
 * Find the run in bytes with the algorithm of Knuth, Morris and Pratt, which
 * takes linear time: prefix[i] is the length of the longest shorter prefix of
 * the run that ends at its byte i, too.
 *
 * @return the offset after the first occurrence; 0 = there is none
 */
static apr_size_t run_find(const run_t *run, es_slice_t bytes)
{
    unsigned char prefix[ES_CHANNEL_NAME_MAX];
    unsigned int matched = 0;
    apr_size_t i;

    prefix[0] = 0;
    for (i = 1; i < run->len; i++) {
        while (matched > 0 && run->bytes[i] != run->bytes[matched]) {
            matched = prefix[matched - 1];
        }
        matched += run->bytes[i] == run->bytes[matched];
        prefix[i] = (unsigned char)matched;
    }
    matched = 0;
    for (i = 0; i < bytes.len; i++) {
        while (matched > 0 &&
               (unsigned char)bytes.data[i] != run->bytes[matched]) {
            matched = prefix[matched - 1];
        }
        matched += (unsigned char)bytes.data[i] == run->bytes[matched];
        if (matched == run->len) {
            return i + 1;
        }
    }
    return 0;
}

/* The data of an empty slice may be NULL: C allows no arithmetic with it. */
static es_slice_t not_null(es_slice_t slice)
{
    return slice.len != 0 ? slice : es_slice("", 0);
}

/*
 * The name must start with the first run and end with the last one. Each run
 * in between is matched at its first occurrence, which leaves the most bytes to
 * the runs after it.
 */
int es_channel_match(es_slice_t name, es_slice_t pattern)
{
    run_t run;
    apr_size_t after;

    name = not_null(name);
    pattern = not_null(pattern);
    if (name.len > ES_CHANNEL_NAME_MAX || !run_take(&run, &pattern) ||
        run.len > name.len || !run_is_at(&run, name.data)) {
        return 0;
    }
    name = es_slice(name.data + run.len, name.len - run.len);
    while (run.star) {
        if (!run_take(&run, &pattern) || run.len > name.len) {
            return 0;
        }
        if (!run.star) {
            return run_is_at(&run, name.data + name.len - run.len);
        }
        if (run.len > 0) {
            after = run_find(&run, name);
            if (after == 0) {
                return 0;
            }
            name = es_slice(name.data + after, name.len - after);
        }
    }
    return name.len == 0;
}
