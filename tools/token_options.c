/* SPDX-License-Identifier: Apache-2.0 */
/* An option is a row of a table, as those of eventstream-tail. */
#include "tools/token_options.h"

#include <getopt.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

typedef enum kind_t {
    FLAG,  /* an int; the value is 1 */
    TEXT,  /* const char * */
    TEXTS, /* apr_array_header_t * of const char * */
    JWKS,  /* TEXT, and is_jwks */
    HELP,
    RELEASE
} kind_t;

typedef struct row_t {
    const char *name;
    kind_t kind;
    size_t field;
    const char *argument; /* NULL = none */
    const char *help;
} row_t;

#define AT(name) offsetof(et_token_options_t, name)

/* clang-format off */
static const row_t rows[] = {
    {"key", TEXT, AT(key), "FILE",
     "secret, PEM or JWK, as key=file: of EventStreamToken"},
    {"jwks", JWKS, AT(key), "FILE", "a JWK Set, with --show"},
    {"kid", TEXT, AT(kid), "ID", "name the key in the header"},
    {"subscribe", TEXTS, AT(subscribe), "PATTERN",
     "channels that the bearer may subscribe to; several times for several"},
    {"publish", TEXTS, AT(publish), "PATTERN",
     "channels that it may publish to"},
    {"control", FLAG, AT(control), NULL,
     "it may close these channels and read their statistics"},
    {"mercure", FLAG, AT(is_mercure), NULL,
     "the patterns are topic selectors, in the claim of Mercure"},
    {"user", TEXT, AT(user), "NAME", "who the bearer is: sub"},
    {"expires", TEXT, AT(expires), "TIME",
     "as 30s, 5min, 1h or 7d from now (1h), or none"},
    {"jti", TEXT, AT(jti), "ID", "the name of the token"},
    {"iss", TEXT, AT(iss), "TEXT", "the issuer"},
    {"aud", TEXTS, AT(aud), "TEXT", "the audience; several times for several"},
    {"show", FLAG, AT(shows), NULL,
     "print TOKEN, or that of the input, and whether --key admits it"},
    {"leeway", TEXT, AT(leeway), "TIME", "of --show (10s)"},
    {"help", HELP, 0, NULL, "print this"},
    {"version", RELEASE, 0, NULL, "print the version"},
};
/* clang-format on */

#define ROWS ((int)(sizeof(rows) / sizeof(rows[0])))
#define FIRST_ROW 256 /* what getopt_long returns for the row */

void et_token_options_complain(const char *fmt, ...)
{
    va_list args;

    fputs("eventstream-token: ", stderr);
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
}

static void print_help(void)
{
    int i;

    puts("usage: eventstream-token --key FILE [OPTION]...\n"
         "       eventstream-token --show [--key FILE] [OPTION]... [TOKEN]\n"
         "\n"
         "Make a token of EventStreamToken, or show one.\n");
    for (i = 0; i < ROWS; i++) {
        char name[40];

        snprintf(name, sizeof(name), "--%s%s%s", rows[i].name,
                 rows[i].argument ? " " : "",
                 rows[i].argument ? rows[i].argument : "");
        printf("  %-22s %s\n", name, rows[i].help);
    }
}

int et_token_options_time(apr_interval_time_t *out, const char *text)
{
    static const struct {
        const char *name;
        int seconds;
    } units[] = {{"", 1}, {"s", 1}, {"min", 60}, {"h", 3600}, {"d", 86400}};
    char *end;
    long number = strtol(text, &end, 10);
    size_t i;

    for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (end != text && number >= 0 && number <= 1000000000 &&
            !strcmp(end, units[i].name)) {
            *out = apr_time_from_sec((apr_int64_t)number * units[i].seconds);
            return 1;
        }
    }
    return 0;
}

/* ---- Reading ------------------------------------------------------------- */

static void take(et_token_options_t *options, const row_t *row,
                 const char *value)
{
    void *field = (char *)options + row->field;

    switch (row->kind) {
    case FLAG: *(int *)field = 1; break;
    case JWKS: options->is_jwks = 1; /* fall through */
    case TEXT: *(const char **)field = value; break;
    case TEXTS:
        APR_ARRAY_PUSH(*(apr_array_header_t **)field, const char *) = value;
        break;
    default: break;
    }
}

static void fill(struct option *longs)
{
    int i;

    for (i = 0; i < ROWS; i++) {
        longs[i].name = rows[i].name;
        longs[i].has_arg = rows[i].argument ? required_argument : no_argument;
        longs[i].val = FIRST_ROW + i;
    }
}

/* @return 1; 0: the program ends with status */
static int take_row(et_token_options_t *options, int value, int *status)
{
    const row_t *row;

    if (value < FIRST_ROW) {
        *status = ET_TOKEN_USAGE; /* getopt has told why */
        return 0;
    }
    row = &rows[value - FIRST_ROW];
    *status = ET_TOKEN_OK;
    if (row->kind == HELP) {
        print_help();
        return 0;
    }
    if (row->kind == RELEASE) {
        puts("eventstream-token " ES_VERSION);
        return 0;
    }
    take(options, row, optarg);
    return 1;
}

static const char *check(const et_token_options_t *options, int rest)
{
    if (!options->shows && !options->key) {
        return "needs --key FILE; --help tells more";
    }
    if (!options->shows && options->is_jwks) {
        return "--jwks is for --show; --key takes what signs";
    }
    if (rest > (options->shows ? 1 : 0)) {
        return options->shows ? "shows one token" : "takes no argument";
    }
    if (options->is_mercure && options->control) {
        return "the claim of Mercure has no --control";
    }
    return NULL;
}

/* JSON has UTF-8 only. */
static int is_text(int argc, char **argv)
{
    int i;

    for (i = 1; i < argc; i++) {
        if (!es_utf8_is_valid(es_slice_of(argv[i]))) {
            return 0;
        }
    }
    return 1;
}

int et_token_options_read(et_token_options_t *options, int argc, char **argv,
                          apr_pool_t *p, int *status)
{
    struct option longs[sizeof(rows) / sizeof(rows[0]) + 1] = {{0}};
    const char *err;
    int value;

    memset(options, 0, sizeof(*options));
    options->subscribe = apr_array_make(p, 4, sizeof(const char *));
    options->publish = apr_array_make(p, 4, sizeof(const char *));
    options->aud = apr_array_make(p, 1, sizeof(const char *));
    fill(longs);
    if (!is_text(argc, argv)) {
        et_token_options_complain("an argument is not UTF-8");
        *status = ET_TOKEN_USAGE;
        return 0;
    }
    while ((value = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        if (!take_row(options, value, status)) {
            return 0;
        }
    }
    err = check(options, argc - optind);
    if (err) {
        et_token_options_complain("%s", err);
        *status = ET_TOKEN_USAGE;
        return 0;
    }
    options->token = argv[optind];
    return 1;
}
