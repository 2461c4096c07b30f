/* SPDX-License-Identifier: Apache-2.0 */
/* EventStreamPublishRate: a number of events for each second, minute or hour,
 * and how many of them may come at once. */
#include "config/setters.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include "server/settings.h"

#define RATE_MAX 100000
#define BURST_MAX 1000000

/* Rates in the order of the configuration, so that one keeps its number, and
 * what is known of its publishers, over a restart. */
static apr_uint32_t rates;

void es_rate_setters_begin(void)
{
    rates = 0;
}

/* A whole number from 1 to max; *text is advanced. @return 0 if it is none */
static apr_uint64_t take_number(const char **text, apr_int64_t max)
{
    char *end;
    apr_int64_t value = apr_isdigit(**text) ? apr_strtoi64(*text, &end, 10) : 0;

    if (value < 1 || value > max) {
        return 0;
    }
    *text = end;
    return (apr_uint64_t)value;
}

/* "100/s": a number and a unit. */
static const char *read_rate(es_publish_rate_conf_t *conf, const char *word)
{
    static const struct {
        const char *name;
        apr_uint64_t seconds;
    } units[] = {{"/s", 1}, {"/min", 60}, {"/h", 3600}};
    apr_uint64_t events = take_number(&word, RATE_MAX);
    apr_size_t i;

    for (i = 0; events != 0 && i < sizeof(units) / sizeof(units[0]); i++) {
        if (!strcasecmp(word, units[i].name)) {
            apr_uint64_t ticks = units[i].seconds * ES_RATES_TICKS_PER_SEC;

            /* rounded up: never more than the directive says */
            conf->rate.interval = (ticks + events - 1) / events;
            conf->rate.burst = (apr_uint32_t)events;
            return NULL;
        }
    }
    return "takes off, or a rate from 1 to 100000 events such as 100/s, 30/min "
           "or 500/h";
}

static const char *read_burst(es_publish_rate_conf_t *conf, const char *word)
{
    conf->rate.burst = (apr_uint32_t)take_number(&word, BURST_MAX);
    return conf->rate.burst == 0 || *word
               ? "takes a number of events from 1 to 1000000 after burst"
               : NULL;
}

static const char *read_per(es_publish_rate_conf_t *conf, const char *word)
{
    static const char *const words[] = {"user", "address", "all"};

    for (conf->per = ES_RATE_PER_USER; conf->per <= ES_RATE_PER_ALL;
         conf->per++) {
        if (!strcasecmp(word, words[conf->per])) {
            return NULL;
        }
    }
    return "takes per=user, per=address or per=all";
}

/* What follows the rate. */
static const char *read_options(es_publish_rate_conf_t *conf, int argc,
                                char *const argv[])
{
    const char *err = NULL;
    int i;

    for (i = 0; i < argc && !err; i++) {
        if (!strcasecmp(argv[i], "burst") && i + 1 < argc) {
            err = read_burst(conf, argv[++i]);
        }
        else if (!strncasecmp(argv[i], "per=", 4)) {
            err = read_per(conf, argv[i] + 4);
        }
        else {
            err = "takes burst and a number, and per= after the rate";
        }
    }
    if (!err && conf->rate.interval * conf->rate.burst > ES_RATES_FULL_MAX) {
        err = "must admit its burst again within a day";
    }
    return err;
}

static const char *join(apr_pool_t *p, int argc, char *const argv[])
{
    const char *text = argv[0];
    int i;

    for (i = 1; i < argc; i++) {
        text = apr_pstrcat(p, text, " ", argv[i], NULL);
    }
    return text;
}

const char *es_rate_setters_publish(cmd_parms *cmd, void *dir, int argc,
                                    char *const argv[])
{
    es_publish_rate_conf_t *conf = apr_pcalloc(cmd->pool, sizeof(*conf));
    const char *err = es_setters_misplaced(cmd);

    if (err) {
        return err;
    }
    if (argc == 0 || strcasecmp(argv[0], "off") || argc > 1) {
        err = read_rate(conf, argc > 0 ? argv[0] : "");
        err = err ? err : read_options(conf, argc - 1, argv + 1);
        conf->number = ++rates;
    }
    if (err) {
        return apr_psprintf(cmd->pool, "%s %s", cmd->cmd->name, err);
    }
    conf->text = argc > 0 ? join(cmd->pool, argc, argv) : "";
    ((es_dir_t *)dir)->publish_rate = conf;
    return NULL;
}
