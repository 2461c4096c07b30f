/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The header is a list of ranges, each with parameters; it is read in one pass
 * from left to right. The parser is strict with two exceptions: "q=.2" and more
 * than three digits are accepted, since clients in use send them.
 */
#include "base/accept.h"

#include <string.h>

#include <apr_cstr.h>

#include "base/slice.h"

/* How well a range fits; the greatest value decides. */
enum { FITS_NOT, FITS_ANY, FITS_TYPE, FITS_WHOLE };

static int is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static const char *skip_blanks(const char *at)
{
    while (is_blank(*at)) {
        at++;
    }
    return at;
}

/* RFC 9110 section 5.6.2. */
static int is_token_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static es_slice_t take_token(const char **at)
{
    const char *from = *at;

    while (is_token_byte(**at)) {
        (*at)++;
    }
    return es_slice(from, (apr_size_t)(*at - from));
}

/* Skip to the next ',', or ';' if semicolons is set, outside of quotes. */
static const char *skip_rest(const char *at, int semicolons)
{
    int quoted = 0;

    for (; *at != '\0'; at++) {
        if (*at == '"') {
            quoted = !quoted;
        }
        else if (quoted) {
            at += *at == '\\' && at[1] != '\0';
        }
        else if (*at == ',' || (semicolons && *at == ';')) {
            break;
        }
    }
    return at;
}

static int equals(es_slice_t token, const char *text, apr_size_t len)
{
    return token.len == len && apr_cstr_casecmpn(token.data, text, len) == 0;
}

static int is_star(es_slice_t token)
{
    return equals(token, "*", 1);
}

/* How the range type/subtype fits media_type; a malformed one does not. */
static int fit(es_slice_t type, es_slice_t subtype, const char *media_type)
{
    const char *slash = strchr(media_type, '/');

    if (is_star(type)) {
        return is_star(subtype) ? FITS_ANY : FITS_NOT;
    }
    if (!equals(type, media_type, (apr_size_t)(slash - media_type))) {
        return FITS_NOT;
    }
    if (is_star(subtype)) {
        return FITS_TYPE;
    }
    return equals(subtype, slash + 1, strlen(slash + 1)) ? FITS_WHOLE
                                                         : FITS_NOT;
}

/* Read a weight. @return 1 when above 0, 0 when 0, -1 when malformed */
static int take_weight(const char **at)
{
    const char *c = *at;
    int whole = 0;
    int digits = 0;
    int part = 0; /* 1: a digit after the point is not 0 */

    if (*c == '0' || *c == '1') {
        whole = *c++ == '1';
        digits++;
    }
    if (*c == '.') {
        for (c++; *c >= '0' && *c <= '9'; c++) {
            part |= *c != '0';
            digits++;
        }
    }
    *at = skip_blanks(c);
    if (digits == 0 || (whole && part) ||
        (**at != '\0' && **at != ',' && **at != ';')) {
        return -1;
    }
    return whole || part;
}

/*
 * Read the parameters. The first q is the weight; parameters after it are
 * extensions of older HTTP and may have any name. @return as take_weight
 */
static int take_parameters(const char **at)
{
    int weight = 1;
    int weighed = 0;
    es_slice_t name;

    while (**at == ';') {
        *at = skip_blanks(*at + 1);
        name = take_token(at);
        if (equals(name, "q", 1) && !weighed) {
            if (**at != '=') {
                return -1;
            }
            (*at)++;
            weight = take_weight(at);
            weighed = 1;
        }
        if (weight < 0) {
            return -1;
        }
        *at = skip_rest(*at, 1);
    }
    return weight;
}

/*
 * Read one range, from its first byte up to the comma after it.
 *
 * @param weight  1 or 0
 * @return how it fits media_type
 */
static int take_range(const char **at, const char *media_type, int *weight)
{
    es_slice_t type = take_token(at);
    es_slice_t subtype;
    int fits = FITS_NOT;

    if (type.len != 0 && **at == '/') {
        (*at)++;
        subtype = take_token(at);
        *at = skip_blanks(*at);
        if (subtype.len != 0 && (**at == '\0' || **at == ',' || **at == ';')) {
            *weight = take_parameters(at);
            fits = *weight < 0 ? FITS_NOT : fit(type, subtype, media_type);
        }
    }
    *at = skip_rest(*at, 0);
    return fits;
}

/**
 * Read all ranges.
 *
 * @param best      how the most specific range fits
 * @param admitted  1 = and it does not exclude the type
 * @return how many there are
 */
static int take_ranges(const char *accept, const char *media_type, int *best,
                       int *admitted)
{
    const char *at = accept != NULL ? accept : "";
    int ranges = 0;
    int weight = 0;
    int fits;

    *best = FITS_NOT;
    *admitted = 0;
    for (;;) {
        while (is_blank(*at) || *at == ',') {
            at++; /* elements of a list may be empty */
        }
        if (*at == '\0') {
            return ranges;
        }
        fits = take_range(&at, media_type, &weight);
        ranges++;
        if (fits > *best) {
            *best = fits;
            *admitted = weight;
        }
        else if (fits == *best && fits != FITS_NOT) {
            *admitted |= weight;
        }
    }
}

int es_accept_admits(const char *accept, const char *media_type)
{
    int best, admitted;

    return take_ranges(accept, media_type, &best, &admitted) == 0 || admitted;
}

int es_accept_names(const char *accept, const char *media_type)
{
    int best, admitted;

    (void)take_ranges(accept, media_type, &best, &admitted);
    return best == FITS_WHOLE && admitted;
}
