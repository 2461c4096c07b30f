/* SPDX-License-Identifier: Apache-2.0 */
/*
 *     EVENTSTREAM WARNING - Clients is 950 (range 900); 950 clients |
 *         Clients=950;900;1000 roundtrip=0.004s
 *
 * What is checked without any range: the server answers and serves events, the
 * links of clustered hubs are up, no limit is nearly used up, and with
 * --through an event gets through. The worst result counts.
 */
#include "tools/check.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <apr_strings.h>
#include <apr_time.h>

#include "tools/figures.h"
#include "tools/follow.h"
#include "tools/http.h"
#include "tools/output.h"

#define ROUND_TRIP_MAX 10.0 /* seconds */
#define ROUND_TRIP_KEY "roundtrip"
/* Of the problems that the line has; further ones are counted. */
#define PROBLEMS_MAX 20
/* From this part of a limit on there is a warning. */
#define NEARLY 0.9

typedef struct check_t {
    const et_options_t *options;
    apr_pool_t *pool;
    et_figures_t before; /* for rates; empty = not read, as the next */
    et_figures_t figures;
    double seconds; /* between the two */
    int result;
    int nproblems;
    const char *problems; /* the first PROBLEMS_MAX of them; "" = none */
    const char *data;     /* for graphs */
    double round_trip;    /* seconds; below 0 = not tried */
} check_t;

static const char *const names[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};

/* What is critical is not hidden by what is not known. */
static int is_worse(int result, int than)
{
    static const int order[] = {0, 1, 3, 2};

    return order[result] > order[than];
}

static void add(check_t *check, int result, const char *problem)
{
    if (is_worse(result, check->result)) {
        check->result = result;
    }
    if (check->nproblems++ < PROBLEMS_MAX) {
        check->problems =
            apr_pstrcat(check->pool, check->problems,
                        *check->problems ? "; " : "", problem, NULL);
    }
}

/* The line is for people. */
static const char *problems_text(const check_t *check)
{
    int more = check->nproblems - PROBLEMS_MAX;

    return more > 0 ? apr_psprintf(check->pool, "%s; and %d more",
                                   check->problems, more)
                    : check->problems;
}

/* ---- Reading ------------------------------------------------------------- */

static int result_of(const et_answer_t *answer)
{
    return answer->error || answer->status >= 500 ? ET_CHECK_CRITICAL
                                                  : ET_CHECK_UNKNOWN;
}

/* @return 0: there is nothing to look at */
static int read_figures(check_t *check, et_figures_t *figures)
{
    const char *url = check->options->words[0];
    et_answer_t answer;
    const char *err =
        et_figures_read(&answer, figures, check->options, url, check->pool);

    if (err) {
        add(check, result_of(&answer),
            apr_psprintf(check->pool, "%s: %s", url, err));
        return 0;
    }
    if (figures->count == 0) {
        add(check, ET_CHECK_CRITICAL,
            "the module is not loaded, or serves no events");
        return 0;
    }
    return 1;
}

static int needs_rates(const et_options_t *options)
{
    int i;

    for (i = 0; i < options->ranges->nelts; i++) {
        if (APR_ARRAY_IDX(options->ranges, i, et_range_t).is_rate) {
            return 1;
        }
    }
    return 0;
}

static int read_all(check_t *check)
{
    apr_time_t began = apr_time_now();

    if (needs_rates(check->options)) {
        if (!read_figures(check, &check->before)) {
            return 0;
        }
        apr_sleep(
            (apr_interval_time_t)(check->options->interval * APR_USEC_PER_SEC));
    }
    if (!read_figures(check, &check->figures)) {
        return 0;
    }
    check->seconds = (double)(apr_time_now() - began) / APR_USEC_PER_SEC;
    return 1;
}

/* ---- Ranges -------------------------------------------------------------- */

/** @return 0: it is not known */
static int value_of(const check_t *check, const et_range_t *range,
                    double *value)
{
    const et_figure_t *now, *then;

    if (!strcasecmp(range->key, ROUND_TRIP_KEY)) {
        *value = check->round_trip;
        return check->round_trip >= 0;
    }
    now = et_figures_find(&check->figures, range->key);
    if (!now || !now->is_number) {
        return 0;
    }
    *value = now->value;
    if (!range->is_rate) {
        return 1;
    }
    then = et_figures_find(&check->before, range->key);
    if (!then || check->seconds <= 0) {
        return 0;
    }
    *value = (now->value - then->value) / check->seconds;
    return 1;
}

static int is_bad(const et_range_t *range, double value)
{
    int is_within = value >= range->min && value <= range->max;

    return range->is_inner ? is_within : !is_within;
}

static void add_data(check_t *check, const et_range_t *range, double value)
{
    int is_warning = range->result == ET_CHECK_WARNING;

    check->data = apr_psprintf(check->pool, "%s '%s%s'=%.6g;%s;%s", check->data,
                               range->key, range->is_rate ? "/s" : "", value,
                               is_warning ? range->text : "",
                               is_warning ? "" : range->text);
}

static void check_range(check_t *check, const et_range_t *range)
{
    const char *per = range->is_rate ? "/s" : "";
    double value;

    if (!value_of(check, range, &value)) {
        add(check, ET_CHECK_UNKNOWN,
            apr_psprintf(check->pool, "there is no number %s%s", range->key,
                         per));
        return;
    }
    add_data(check, range, value);
    if (is_bad(range, value)) {
        add(check, range->result,
            apr_psprintf(check->pool, "%s%s is %.6g (range %s)", range->key,
                         per, value, range->text));
    }
}

/* ---- Without ranges ------------------------------------------------------ */

static int ends_with(const char *key, const char *end)
{
    size_t len = strlen(key), end_len = strlen(end);

    return len >= end_len && !strcasecmp(key + len - end_len, end);
}

static int is_of_cluster(const char *key)
{
    return !strncasecmp(key, "cluster.", 8) || strstr(key, ".cluster.");
}

static void check_cluster(check_t *check, const et_figure_t *figure)
{
    if (!is_of_cluster(figure->key) || !figure->is_number ||
        figure->value != 0) {
        return;
    }
    if (ends_with(figure->key, ".up")) {
        add(check, ET_CHECK_CRITICAL,
            apr_pstrcat(check->pool, figure->key,
                        ": the link to the broker is down", NULL));
    }
    else if (ends_with(figure->key, ".synced")) {
        add(check, ET_CHECK_WARNING,
            apr_pstrcat(check->pool, figure->key,
                        ": events of other servers are behind", NULL));
    }
}

/* limits.NAME.used and limits.NAME.value */
static void check_limit(check_t *check, const et_figure_t *used)
{
    size_t len = strlen(used->key);
    const et_figure_t *most;

    if (strncasecmp(used->key, "limits.", 7) ||
        !ends_with(used->key, ".used")) {
        return;
    }
    most = et_figures_find(
        &check->figures,
        apr_pstrcat(check->pool,
                    apr_pstrmemdup(check->pool, used->key, len - 4), "value",
                    NULL));
    if (most && most->is_number && most->value > 0 && used->is_number &&
        used->value >= most->value * NEARLY) {
        add(check, ET_CHECK_WARNING,
            apr_psprintf(check->pool, "%s is %.6g of %.6g", used->key,
                         used->value, most->value));
    }
}

static void check_figures(check_t *check)
{
    int i;

    for (i = 0; i < check->figures.count; i++) {
        check_cluster(check, &check->figures.at[i]);
        check_limit(check, &check->figures.at[i]);
    }
}

static void check_round_trip(check_t *check)
{
    double seconds =
        check->options->timeout > 0 ? check->options->timeout : ROUND_TRIP_MAX;
    const char *err =
        et_follow_round_trip(check->options, &seconds, check->pool);

    if (err) {
        add(check, ET_CHECK_CRITICAL,
            apr_pstrcat(check->pool, check->options->stream_url, ": ", err,
                        NULL));
        return;
    }
    check->round_trip = seconds;
    check->data = apr_psprintf(check->pool, "%s " ROUND_TRIP_KEY "_s=%.6fs",
                               check->data, seconds);
}

/* ---- The line ------------------------------------------------------------ */

static const char *clients_text(const check_t *check)
{
    const et_figure_t *clients = et_figures_find(&check->figures, "Clients");

    clients =
        clients ? clients : et_figures_find(&check->figures, "clients.total");
    return clients ? apr_psprintf(check->pool, "%s clients", clients->text)
                   : "";
}

static const char *round_trip_text(const check_t *check)
{
    return check->round_trip < 0
               ? ""
               : apr_psprintf(check->pool, "an event arrives in %.0f ms",
                              check->round_trip * 1000);
}

/* A '|' would end the text, and the line is one line. */
static void print(const check_t *check)
{
    const char *parts[] = {problems_text(check), clients_text(check),
                           round_trip_text(check)};
    const char *text = "", *between = "";
    char *at, *line;
    int i;

    for (i = 0; i < 3; i++) {
        if (*parts[i]) {
            text = apr_pstrcat(check->pool, text, between, parts[i], NULL);
            between = "; ";
        }
    }
    line = apr_pstrdup(check->pool,
                       et_output_escape(es_slice_of(text), check->pool));
    for (at = line; *at; at++) {
        *at = *at == '|' ? '!' : *at;
    }
    printf("EVENTSTREAM %s - %s%s%s\n", names[check->result], line,
           *check->data ? " |" : "", check->data);
}

int et_check(const et_options_t *options, apr_pool_t *p)
{
    check_t check = {.options = options,
                     .pool = p,
                     .problems = "",
                     .data = "",
                     .round_trip = -1};
    int i, has_figures = options->nwords > 0 && read_all(&check);

    if (has_figures) {
        check_figures(&check);
    }
    if (options->stream_url) {
        check_round_trip(&check);
    }
    for (i = 0; i < options->ranges->nelts; i++) {
        const et_range_t *range =
            &APR_ARRAY_IDX(options->ranges, i, et_range_t);

        /* what failed before has been told */
        if (has_figures || check.result == ET_CHECK_OK) {
            check_range(&check, range);
        }
    }
    print(&check);
    return et_output_flush() ? check.result : ET_CHECK_UNKNOWN;
}
