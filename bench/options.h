/* SPDX-License-Identifier: Apache-2.0 */
/**
 * options: a command line of "--name value" pairs, read by a table into the
 * fields of a struct.
 */
#ifndef EB_OPTIONS_H
#define EB_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

/* What the value is, and the type of its field. */
typedef enum {
    EB_OPTIONS_ADDRS,   /* ADDR:PORT[,ADDR:PORT...]; eb_net_addrs_t */
    EB_OPTIONS_TEXT,    /* const char *, points into argv */
    EB_OPTIONS_COUNT,   /* uint32_t */
    EB_OPTIONS_REAL,    /* double */
    EB_OPTIONS_SECONDS, /* with fractions; uint64_t, in nanoseconds */
    EB_OPTIONS_USECS,   /* uint64_t, in nanoseconds */
    EB_OPTIONS_CHOICE,  /* "a|b|c" at the start of help; uint32_t, from 0 */
    EB_OPTIONS_FLAG     /* no value; int, set to 1 */
} eb_options_kind_t;

typedef struct {
    const char *name; /* "--clients" */
    eb_options_kind_t kind;
    size_t offset; /* of the field */
    double min;
    double max;
    const char *help;
} eb_options_row_t;

typedef struct {
    const char *program;
    const eb_options_row_t *rows;
    size_t count;
} eb_options_table_t;

/**
 * Read the command line into the struct at dst, which holds the presets.
 * Errors are logged to stderr.
 *
 * @return 0, or -1: an unknown option, or a bad value
 */
int eb_options_read(void *dst, const eb_options_table_t *table, int argc,
                    char **argv);

/** Print the table to stderr. @return -1 */
int eb_options_usage(const eb_options_table_t *table);

#endif
