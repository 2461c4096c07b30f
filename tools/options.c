/* SPDX-License-Identifier: Apache-2.0 */
/* An option is a row of a table: its name, where its value goes, and the line
 * of --help. */
#include "tools/options.h"

#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>

#define SECONDS_MAX 86400.0 /* also the most events of --count, in thousands */

typedef enum kind_t {
    FLAG,   /* an int; the value is 1 */
    MODE,   /* the mode; argument as TEXT */
    FORM,   /* the form */
    TEXT,   /* const char * */
    TEXTS,  /* apr_array_header_t * of const char * */
    NUMBER, /* double, not negative */
    RANGE,  /* a range with this result */
    HELP,
    RELEASE
} kind_t;

typedef struct row_t {
    const char *name;
    char letter; /* 0 = none */
    kind_t kind;
    int value; /* of MODE, FORM, RANGE */
    size_t field;
    const char *argument; /* NULL = none; "[X]" = optional */
    const char *help;
} row_t;

#define AT(name) offsetof(et_options_t, name)

/* clang-format off */
static const row_t rows[] = {
    {"publish", 'p', MODE, ET_PUBLISH, 0, NULL,
     "publish DATA, or the input, to a publish Location; print the id"},
    {"list", 'l', MODE, ET_LIST, AT(prefix), "[PREFIX]",
     "list channels with their clients, events and last id"},
    {"revoke", 'r', MODE, ET_REVOKE, 0, NULL,
     "end the streams of --user or of the token --jti"},
    {"status", 's', MODE, ET_STATUS, 0, NULL,
     "print the statistics of a status page"},
    {"check", 'C', MODE, ET_CHECK, 0, NULL,
     "check a status page, as a plugin of Nagios"},
    {"channel", 'c', TEXTS, 0, AT(channels), "NAME",
     "add channel=NAME to the query; several times for several"},
    {"hub", 0, TEXT, 0, AT(hub), "NAME", "add hub=NAME to the query"},
    {"data", 'd', FORM, ET_DATA, 0, NULL, "print the data alone"},
    {"json", 'j', FORM, ET_JSON, 0, NULL, "print a JSON object a line"},
    {"time", 't', FLAG, 0, AT(has_time), NULL,
     "begin each line with the time"},
    {"all", 'a', FLAG, 0, AT(has_all), NULL,
     "print control events, too: stream-open, keep-alive, stream-reset"},
    {"count", 'n', NUMBER, 0, AT(count), "COUNT", "end after so many events"},
    {"timeout", 'T', NUMBER, 0, AT(timeout), "SECONDS",
     "end after so long; exit status 3 if --count events have not arrived"},
    {"last-event-id", 'i', TEXT, 0, AT(last_id), "ID",
     "get what was published after this event; earliest: all there is"},
    {"once", 0, FLAG, 0, AT(is_once), NULL,
     "end when the stream ends, do not connect again"},
    {"wait", 0, FLAG, 0, AT(waits), NULL,
     "wait for a server that does not answer yet"},
    {"event", 'e', TEXT, 0, AT(type), "TYPE", "publish an event of this type"},
    {"id", 0, TEXT, 0, AT(id), "ID",
     "publish under an id of your own: again does no harm"},
    {"lines", 0, FLAG, 0, AT(reads_lines), NULL,
     "publish each line of the input as it comes"},
    {"user", 0, TEXT, 0, AT(user), "NAME", "whom to revoke: a user, or"},
    {"jti", 0, TEXT, 0, AT(jti), "ID", "a token with this id"},
    {"for", 0, TEXT, 0, AT(hold), "SECONDS",
     "for so long no new streams; 0: none; always"},
    {"warning", 'w', RANGE, ET_CHECK_WARNING, 0, "KEY=RANGE",
     "warn if the value leaves the range; KEY/s: how much it grows a second"},
    {"critical", 0, RANGE, ET_CHECK_CRITICAL, 0, "KEY=RANGE",
     "the same, critical"},
    {"interval", 0, NUMBER, 0, AT(interval), "SECONDS",
     "over which KEY/s is measured (1)"},
    {"through", 0, TEXT, 0, AT(stream_url), "URL",
     "check that an event gets through: this stream has it ..."},
    {"publish-to", 0, TEXT, 0, AT(publish_url), "URL",
     "... after it was published here, to --channel"},
    {"header", 'H', TEXTS, 0, AT(headers), "'NAME: VALUE'",
     "send this header; several times for several"},
    {"bearer", 0, TEXT, 0, AT(bearer_file), "FILE",
     "send the key or token in this file (EventStreamPublishKey)"},
    {"netrc", 0, FLAG, 0, AT(uses_netrc), NULL,
     "take user and password from ~/.netrc"},
    {"cacert", 0, TEXT, 0, AT(ca_file), "FILE",
     "certificates by which the server's is checked"},
    {"insecure", 'k', FLAG, 0, AT(is_insecure), NULL,
     "do not check the server's certificate"},
    {"verbose", 'v', FLAG, 0, AT(is_verbose), NULL,
     "report connects and ends to stderr"},
    {"help", 'h', HELP, 0, 0, NULL, "print this"},
    {"version", 'V', RELEASE, 0, 0, NULL, "print the version"},
};
/* clang-format on */

#define ROWS ((int)(sizeof(rows) / sizeof(rows[0])))
/* what getopt_long returns for the row; letters are below */
#define FIRST_ROW 256

void et_options_complain(const char *fmt, ...)
{
    va_list args;

    fputs("eventstream-tail: ", stderr);
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
}

/* ---- Help ---------------------------------------------------------------- */

static const char usage[] =
    "usage: eventstream-tail [OPTION]... URL...\n"
    "       eventstream-tail --publish [OPTION]... URL [DATA]\n"
    "       eventstream-tail --list[=PREFIX] [OPTION]... URL\n"
    "       eventstream-tail --revoke --user=NAME|--jti=ID [OPTION]... URL\n"
    "       eventstream-tail --status|--check [OPTION]... URL\n";

static void print_row(const row_t *row)
{
    char left[64], letter[8] = "";
    const char *argument = row->argument ? row->argument : "";
    const char *equals = !row->argument ? "" : *argument == '[' ? "[=" : "=";

    if (row->letter) {
        snprintf(letter, sizeof(letter), "-%c,", row->letter);
    }
    snprintf(left, sizeof(left), "%3s --%s%s%s", letter, row->name, equals,
             *argument == '[' ? argument + 1 : argument);
    printf("  %-30s %s\n", left, row->help);
}

static void print_help(void)
{
    int i;

    printf("%s\nFollow event streams of mod_eventstream, publish, list "
           "channels, check.\n\n",
           usage);
    for (i = 0; i < ROWS; i++) {
        print_row(&rows[i]);
    }
    puts("\nExit status: 0 done, 1 failed, 2 usage, 3 --timeout; with --check: "
         "0 OK,\n1 WARNING, 2 CRITICAL, 3 UNKNOWN. See eventstream-tail(1).");
}

/* ---- Values -------------------------------------------------------------- */

static int read_number(double *value, const char *text)
{
    char *end;

    *value = strtod(text, &end);
    return end != text && !*end && *value >= 0 && *value <= SECONDS_MAX * 1000;
}

/* A part of a range; an empty one keeps its preset. */
static int read_bound(double *bound, const char *from, const char *to)
{
    char *end;

    if (from == to) {
        return 1;
    }
    *bound = strtod(from, &end);
    return end == to && !isnan(*bound);
}

/* As the guidelines of Nagios have it: MAX, MIN:, MIN:MAX, ~:MAX, and @ before
 * it. */
static int read_range(et_range_t *range, const char *text)
{
    const char *colon;

    range->is_inner = *text == '@';
    text += range->is_inner;
    colon = strchr(text, ':');
    range->min = 0;
    range->max = INFINITY;
    if (!*text || (colon == text && !colon[1])) {
        return 0;
    }
    if (!colon) {
        return read_bound(&range->max, text, text + strlen(text));
    }
    if (*text == '~' && colon == text + 1) {
        range->min = -INFINITY;
    }
    else if (!read_bound(&range->min, text, colon)) {
        return 0;
    }
    return read_bound(&range->max, colon + 1, colon + strlen(colon)) &&
           range->min <= range->max;
}

static int add_range(et_options_t *options, int result, const char *text,
                     apr_pool_t *p)
{
    const char *equals = strchr(text, '=');
    et_range_t range = {.result = result};
    char *key;
    size_t len;

    if (!equals || equals == text || !read_range(&range, equals + 1)) {
        return 0;
    }
    key = apr_pstrmemdup(p, text, (apr_size_t)(equals - text));
    len = strlen(key);
    if (len > 2 && !strcmp(key + len - 2, "/s")) {
        range.is_rate = 1;
        key[len - 2] = '\0';
    }
    range.key = key;
    range.text = equals + 1;
    APR_ARRAY_PUSH(options->ranges, et_range_t) = range;
    return 1;
}

static int set_mode(et_options_t *options, const row_t *row)
{
    if (options->mode != ET_FOLLOW && (int)options->mode != row->value) {
        return 0;
    }
    options->mode = (et_mode_t)row->value;
    return 1;
}

/* @return 0: the value is not right */
static int set(et_options_t *options, const row_t *row, const char *text,
               apr_pool_t *p)
{
    void *field = (char *)options + row->field;

    switch (row->kind) {
    case MODE:
        if (row->field) {
            *(const char **)field = text ? text : "";
        }
        return set_mode(options, row);
    case FORM: options->form = (et_form_t)row->value; return 1;
    case FLAG: *(int *)field = 1; return 1;
    case TEXT: *(const char **)field = text; return 1;
    case TEXTS:
        APR_ARRAY_PUSH(*(apr_array_header_t **)field, const char *) = text;
        return 1;
    case NUMBER: return read_number(field, text);
    case RANGE: return add_range(options, row->value, text, p);
    default: return 1;
    }
}

/* ---- The command line ---------------------------------------------------- */

static const row_t *row_of(int code)
{
    int i;

    if (code >= FIRST_ROW && code < FIRST_ROW + ROWS) {
        return &rows[code - FIRST_ROW];
    }
    for (i = 0; i < ROWS; i++) {
        if (rows[i].letter && rows[i].letter == code) {
            return &rows[i];
        }
    }
    return NULL;
}

static void fill_getopt(char *letters, struct option *longs)
{
    int i;

    for (i = 0; i < ROWS; i++) {
        const char *argument = rows[i].argument;
        int takes = !argument          ? no_argument
                    : *argument == '[' ? optional_argument
                                       : required_argument;

        longs[i] = (struct option){rows[i].name, takes, NULL, FIRST_ROW + i};
        if (rows[i].letter) {
            *letters++ = rows[i].letter;
            if (takes == required_argument) {
                *letters++ = ':';
            }
        }
    }
    *letters = '\0';
    memset(&longs[ROWS], 0, sizeof(longs[ROWS]));
}

static int fail_usage(int *exit_status, const et_options_t *options)
{
    fputs(usage, stderr);
    *exit_status = options->mode == ET_CHECK ? ET_CHECK_UNKNOWN : ET_EXIT_USAGE;
    return 0;
}

/* @return 0: the program ends */
static int take(et_options_t *options, int code, apr_pool_t *p,
                int *exit_status)
{
    const row_t *row = row_of(code);

    if (!row) {
        return fail_usage(exit_status, options); /* getopt has told why */
    }
    *exit_status = ET_EXIT_OK;
    if (row->kind == HELP) {
        print_help();
        return 0;
    }
    if (row->kind == RELEASE) {
        puts("eventstream-tail " ES_VERSION);
        return 0;
    }
    if (!set(options, row, optarg, p)) {
        et_options_complain("--%s%s%s does not go%s", row->name,
                            optarg ? "=" : "", optarg ? optarg : "",
                            row->kind == MODE ? " with the mode before" : "");
        return fail_usage(exit_status, options);
    }
    return 1;
}

/* What each mode needs besides options.
 * @return NULL, or what is wrong */
static const char *check(const et_options_t *options)
{
    int most = options->mode == ET_FOLLOW    ? 64
               : options->mode == ET_PUBLISH ? 2
                                             : 1;

    if (options->mode == ET_CHECK && options->stream_url) {
        return !options->publish_url ? "--through needs --publish-to"
               : options->nwords > 1 ? "there are too many words"
                                     : NULL;
    }
    if (options->nwords < 1) {
        return "there is no URL";
    }
    if (options->nwords > most) {
        return "there are too many words";
    }
    if (options->mode == ET_REVOKE && !options->user == !options->jti) {
        return "--revoke needs --user or --jti";
    }
    return options->reads_lines && options->nwords > 1
               ? "--lines reads the input, so DATA is too much"
               : NULL;
}

int et_options_read(et_options_t *options, int argc, char **argv, apr_pool_t *p,
                    int *exit_status)
{
    struct option longs[ROWS + 1];
    char letters[2 * ROWS + 1];
    const char *wrong;
    int code;

    memset(options, 0, sizeof(*options));
    options->channels = apr_array_make(p, 4, sizeof(const char *));
    options->headers = apr_array_make(p, 4, sizeof(const char *));
    options->ranges = apr_array_make(p, 4, sizeof(et_range_t));
    options->interval = 1;
    fill_getopt(letters, longs);
    while ((code = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
        if (!take(options, code, p, exit_status)) {
            return 0;
        }
    }
    options->words = (const char *const *)argv + optind;
    options->nwords = argc - optind;
    wrong = check(options);
    if (wrong) {
        et_options_complain("%s", wrong);
        return fail_usage(exit_status, options);
    }
    return 1;
}
