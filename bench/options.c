/* SPDX-License-Identifier: Apache-2.0 */
/* Rows are searched by name; the kind decides how the value is stored. */
#include "bench/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/clock.h"
#include "bench/net.h"

static int set_number(void *field, const eb_options_row_t *row,
                      const char *text)
{
    double value;
    char *end;

    value = strtod(text, &end);
    if (end == text || *end != '\0' ||
        !(value >= row->min && value <= row->max)) {
        return -1;
    }
    switch (row->kind) {
    case EB_OPTIONS_REAL: *(double *)field = value; return 0;
    case EB_OPTIONS_SECONDS:
        *(uint64_t *)field = (uint64_t)(value * (double)EB_NS_PER_SEC);
        return 0;
    case EB_OPTIONS_USECS:
        *(uint64_t *)field = (uint64_t)(value * (double)EB_NS_PER_US);
        return 0;
    default:
        *(uint32_t *)field = (uint32_t)value;
        return value == (uint32_t)value ? 0 : -1;
    }
}

/* The choices are the words of help up to the first blank: "raw|json|batch" */
static int set_choice(uint32_t *field, const char *choices, const char *text)
{
    size_t len;

    for (*field = 0;; (*field)++) {
        len = strcspn(choices, "| ");
        if (strlen(text) == len && strncmp(text, choices, len) == 0) {
            return 0;
        }
        if (choices[len] != '|') {
            return -1;
        }
        choices += len + 1;
    }
}

static int set(void *field, const eb_options_row_t *row, const char *text)
{
    switch (row->kind) {
    case EB_OPTIONS_ADDRS: return eb_net_addrs_parse(field, text);
    case EB_OPTIONS_TEXT: *(const char **)field = text; return 0;
    case EB_OPTIONS_CHOICE: return set_choice(field, row->help, text);
    default: return set_number(field, row, text);
    }
}

static const eb_options_row_t *find(const eb_options_table_t *table,
                                    const char *name)
{
    size_t i;

    for (i = 0; i < table->count; i++) {
        if (strcmp(name, table->rows[i].name) == 0) {
            return &table->rows[i];
        }
    }
    return NULL;
}

int eb_options_read(void *dst, const eb_options_table_t *table, int argc,
                    char **argv)
{
    const eb_options_row_t *row;
    void *field;
    int i;

    for (i = 1; i < argc; i++) {
        row = find(table, argv[i]);
        if (row == NULL) {
            return eb_options_usage(table);
        }
        field = (char *)dst + row->offset;
        if (row->kind == EB_OPTIONS_FLAG) {
            *(int *)field = 1;
            continue;
        }
        if (i + 1 == argc || set(field, row, argv[i + 1]) != 0) {
            fprintf(stderr, "%s: bad value for %s\n", table->program,
                    row->name);
            return -1;
        }
        i++;
    }
    return 0;
}

int eb_options_usage(const eb_options_table_t *table)
{
    size_t i;

    fprintf(stderr, "usage: %s --servers ADDR:PORT [options]\n",
            table->program);
    for (i = 0; i < table->count; i++) {
        fprintf(stderr, "  %-16s %s\n", table->rows[i].name,
                table->rows[i].help);
    }
    return -1;
}
