/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pass over /proc gives pid, parent and times of every process, from which
 * the tree is built. A process that ends meanwhile is missing, but its time is
 * in its parent's fields for waited-for children.
 */
#include "bench/procs.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_PROCS 32768

typedef struct {
    pid_t pid;
    pid_t parent;
    uint64_t ticks; /* its own and of waited-for children, user and system */
    int is_in_tree; /* root, or a descendant of it */
} proc_t;

typedef struct {
    proc_t *procs;
    size_t count;
} table_t;

static int read_stat(proc_t *proc, const char *pid)
{
    char path[64];
    char line[1024];
    unsigned long utime;
    unsigned long stime;
    long cutime;
    long cstime;
    const char *rest;
    size_t len;
    FILE *file;
    int parent;

    snprintf(path, sizeof(path), "/proc/%.20s/stat", pid);
    file = fopen(path, "r");
    if (file == NULL) {
        return 0;
    }
    len = fread(line, 1, sizeof(line) - 1, file);
    fclose(file);
    line[len] = '\0';

    /* the name before it may contain blanks and brackets */
    rest = strrchr(line, ')');
    if (rest == NULL ||
        sscanf(rest + 1,
               " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %ld %ld",
               &parent, &utime, &stime, &cutime, &cstime) != 5) {
        return 0;
    }
    proc->pid = (pid_t)atoi(pid);
    proc->parent = (pid_t)parent;
    proc->ticks = utime + stime + (uint64_t)cutime + (uint64_t)cstime;
    return 1;
}

static int is_in_tree(const table_t *table, pid_t pid)
{
    size_t i;

    for (i = 0; i < table->count; i++) {
        if (table->procs[i].pid == pid) {
            return table->procs[i].is_in_tree;
        }
    }
    return 0;
}

/* Pids wrap around, so that a child may precede its parent: repeat. */
static int mark_tree(table_t *table, pid_t root)
{
    int found;
    int more;
    size_t i;

    found = 0;
    for (i = 0; i < table->count; i++) {
        table->procs[i].is_in_tree = table->procs[i].pid == root;
        found += table->procs[i].is_in_tree;
    }
    do {
        more = 0;
        for (i = 0; i < table->count; i++) {
            if (!table->procs[i].is_in_tree &&
                is_in_tree(table, table->procs[i].parent)) {
                table->procs[i].is_in_tree = 1;
                more = 1;
            }
        }
    } while (more);
    return found;
}

static int table_read(table_t *table, pid_t root)
{
    struct dirent *entry;
    DIR *dir;

    table->count = 0;
    table->procs = calloc(MAX_PROCS, sizeof(*table->procs));
    dir = opendir("/proc");
    if (dir == NULL || table->procs == NULL) {
        if (dir != NULL) {
            closedir(dir);
        }
        return 0;
    }
    for (entry = readdir(dir); entry != NULL && table->count < MAX_PROCS;
         entry = readdir(dir)) {
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
            read_stat(&table->procs[table->count], entry->d_name)) {
            table->count++;
        }
    }
    closedir(dir);
    return mark_tree(table, root);
}

int eb_procs_cpu_us(uint64_t *cpu_us, pid_t root)
{
    uint64_t ticks;
    table_t table;
    size_t i;
    int found;

    ticks = 0;
    found = table_read(&table, root);
    for (i = 0; found && i < table.count; i++) {
        if (table.procs[i].is_in_tree) {
            ticks += table.procs[i].ticks;
        }
    }
    free(table.procs);
    *cpu_us = ticks * 1000000 / (uint64_t)sysconf(_SC_CLK_TCK);
    return found ? 0 : -1;
}

static int read_pss(uint64_t *pss_bytes, pid_t pid)
{
    unsigned long long all = 0;
    unsigned long long of_files = 0; /* older kernels do not tell it */
    unsigned long long kib;
    char path[64];
    char line[256];
    FILE *file;
    int found = 0;

    snprintf(path, sizeof(path), "/proc/%ld/smaps_rollup", (long)pid);
    file = fopen(path, "r");
    if (file == NULL) {
        return 0;
    }
    while (fgets(line, sizeof(line), file) != NULL) {
        if (sscanf(line, "Pss: %llu kB", &kib) == 1) {
            all = kib;
            found = 1;
        }
        else if (sscanf(line, "Pss_File: %llu kB", &kib) == 1) {
            of_files = kib;
        }
    }
    fclose(file);
    *pss_bytes += (all - of_files) * 1024;
    return found;
}

int eb_procs_pss_bytes(uint64_t *pss_bytes, pid_t root)
{
    table_t table;
    size_t i;
    int found;

    *pss_bytes = 0;
    found = table_read(&table, root);
    for (i = 0; found && i < table.count; i++) {
        if (table.procs[i].is_in_tree) {
            found = read_pss(pss_bytes, table.procs[i].pid);
        }
    }
    free(table.procs);
    return found ? 0 : -1;
}
